//! One request: a batch in its encoding and packing, and its answer.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::SystemTime;

use ::http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue, USER_AGENT};
use ::http::{Method, Request, Uri};
use bytes::Bytes;

use super::config::{Config, Encoding};
use super::cookies::Cookies;
use super::hosts::Hosts;
use super::redirect::{self, Redirect};
use super::status;
use crate::contract::{Batch, Client, Credentials, FailureClass, Outcome};
use crate::net::tls::{Expiry, TlsError};
use crate::net::{Channel, Compression, Headers, Outgoing, Proxies, ProxyError, Target, bounded, failed};
use crate::otlp::json;

/// The client behind one `otlphttp` exporter.
pub struct OtlpHttpClient {
    /// By signal.
    routes: [Option<Route>; 3],
    hosts: Hosts,
    /// Of every request.
    headers: HeaderMap,
    encoding: Encoding,
    compression: Compression,
    level: i32,
    cookies: Option<Cookies>,
    credentials: Credentials,
    destination: String,
    /// Of all signals, where they have one in common.
    server: Option<(String, u16)>,
}

/// Where one signal goes.
struct Route {
    uri: Uri,
    /// Signals that go to one host share its connections.
    channel: Arc<Channel>,
}

/// An exporter that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Of certificates.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Of a proxy that the environment names.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// A URL that no request can name.
    #[error("`endpoint`: {0}")]
    Uri(#[from] ::http::Error),
}

impl OtlpHttpClient {
    /// A client that nothing is connected with yet; files of TLS are read here.
    pub fn new(config: Config, credentials: Credentials) -> Result<OtlpHttpClient, ClientError> {
        OtlpHttpClient::behind(config, credentials, Proxies::of_process())
    }

    /// The same in an environment that names these proxies.
    pub fn behind(
        config: Config,
        credentials: Credentials,
        proxies: &'static Proxies,
    ) -> Result<OtlpHttpClient, ClientError> {
        let hosts = Hosts::new(&config, proxies);
        let mut routes = [None, None, None];
        let mut shown: Vec<String> = Vec::new();
        for (route, target) in routes.iter_mut().zip(&config.targets) {
            let Some(target) = target else { continue };
            let text = format!("{}://{target}", scheme(target));
            if !shown.contains(&text) {
                shown.push(text);
            }
            let uri = Uri::builder().scheme(scheme(target)).authority(authority(target)).path_and_query(&target.path);
            *route = Some(Route { uri: uri.build()?, channel: hosts.channel(target)? });
        }
        let headers = request_headers(&config.headers, config.encoding, config.compression);
        let mut servers = config.targets.iter().flatten().map(|target| (target.host.clone(), target.port));
        let server = servers.next().filter(|server| servers.all(|other| other == *server));
        let Config { encoding, compression, level, has_cookies, .. } = config;
        let cookies = has_cookies.then(Cookies::default);
        let destination = shown.join(", ");
        Ok(OtlpHttpClient {
            routes,
            hosts,
            headers,
            encoding,
            compression,
            level,
            cookies,
            credentials,
            destination,
            server,
        })
    }

    /// When the certificate ends that it shows, if it shows any.
    pub fn expiry(&self) -> Option<Expiry> {
        self.hosts.expiry()
    }

    async fn post(&self, batch: &Batch) -> Outcome {
        let Some(route) = &self.routes[batch.signal as usize] else {
            // The configuration's check has this exporter in no pipeline of such a signal.
            return failed(FailureClass::Permanent, format!("no endpoint takes {}", batch.signal));
        };
        let mut headers = self.headers.clone();
        if let Some(credentials) = &self.credentials
            && let Err(reason) = credentials.authenticate(&batch.metadata, &mut headers)
        {
            return failed(FailureClass::Unavailable, format!("not signed in: {}", bounded(&reason)));
        }
        let body = match self.body(batch).await {
            Ok(body) => body,
            Err(outcome) => return outcome,
        };
        self.deliver(route, &headers, &body).await
    }

    /// Sends a request, and again where it is redirected to.
    async fn deliver(&self, route: &Route, headers: &HeaderMap, body: &Bytes) -> Outcome {
        let (mut channel, mut uri, mut headers) = (Arc::clone(&route.channel), route.uri.clone(), headers.clone());
        for _ in 0..=redirect::REDIRECTS_MAX {
            let mut request = Request::new(Outgoing::new(Bytes::new(), body.clone()));
            *request.method_mut() = Method::POST;
            *request.uri_mut() = uri.clone();
            *request.headers_mut() = headers.clone();
            if let Some(cookies) = &self.cookies {
                cookies.add_to(request.headers_mut(), &uri, SystemTime::now());
            }
            let answer = match channel.send(request).await {
                Ok(answer) => answer,
                Err(broken) => return failed(broken.class(), bounded(&broken.to_string())),
            };
            if let Some(cookies) = &self.cookies {
                cookies.learn(&answer.headers, &uri, SystemTime::now());
            }
            let Redirect { target, uri: next } = match redirect::followed(&answer, &uri) {
                Ok(Some(redirect)) => redirect,
                Ok(None) => return status::outcome(&answer, SystemTime::now()),
                Err(error) => return failed(FailureClass::Permanent, error.to_string()),
            };
            if !redirect::stays_with(&route.uri, &next) {
                // An authenticator may sign in under any name.
                headers = self.headers.clone();
                redirect::forget_sender(&mut headers);
            }
            channel = match self.hosts.channel(&target) {
                Ok(channel) => channel,
                Err(error) => return failed(FailureClass::Unavailable, format!("redirected to {target}: {error}")),
            };
            uri = next;
        }
        // Without a query, which may be a secret.
        let at_last = format!("{}{}", uri.authority().map_or("", |authority| authority.as_str()), uri.path());
        let reason = format!("it redirects more than {} times, at last to {at_last}", redirect::REDIRECTS_MAX);
        failed(FailureClass::Unavailable, bounded(&reason))
    }

    /// The batch as it goes out.
    async fn body(&self, batch: &Batch) -> Result<Bytes, Outcome> {
        let message = match self.encoding {
            Encoding::Proto => batch.bytes.clone(),
            Encoding::Json => {
                let (signal, bytes) = (batch.signal, batch.bytes.clone());
                let printed = tokio::task::spawn_blocking(move || json::to_json(signal, &bytes)).await;
                let printed = printed.map_err(|error| failed(FailureClass::Unavailable, error.to_string()))?;
                let unreadable = |error| failed(FailureClass::Permanent, format!("the batch is unreadable: {error}"));
                printed.map_err(unreadable)?.into()
            }
        };
        let packed = self.compression.pack_at(self.level, message).await;
        packed.map_err(|error| failed(FailureClass::Unavailable, format!("cannot compress the batch: {error}")))
    }
}

impl Client for OtlpHttpClient {
    fn send<'c>(&'c self, batch: &'c Batch) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'c>> {
        Box::pin(self.post(batch))
    }

    fn destination(&self) -> String {
        self.destination.clone()
    }

    fn server(&self) -> Option<(String, u16)> {
        self.server.clone()
    }
}

fn scheme(target: &Target) -> &'static str {
    if target.secure == Some(true) { "https" } else { "http" }
}

/// The usual port of a scheme is not named.
fn authority(target: &Target) -> String {
    let text = target.authority();
    let usual = if target.secure == Some(true) { ":443" } else { ":80" };
    text.strip_suffix(usual).map_or(text.clone(), str::to_owned)
}

fn request_headers(configured: &Headers, encoding: Encoding, compression: Compression) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(USER_AGENT, HeaderValue::from_static(concat!("otelier/", env!("CARGO_PKG_VERSION"))));
    configured.apply(&mut headers);
    let kind = match encoding {
        Encoding::Proto => "application/x-protobuf",
        Encoding::Json => "application/json",
    };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Some(name) = compression.encoding() {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(name));
    }
    headers
}
