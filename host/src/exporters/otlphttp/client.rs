//! One request: a batch in its encoding and packing, and its answer.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::SystemTime;

use ::http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue, USER_AGENT};
use ::http::{Method, Request, Uri};
use bytes::Bytes;

use super::config::{Config, Encoding};
use super::status;
use crate::contract::{Batch, Client, Credentials, FailureClass, Outcome};
use crate::net::tls::{Expiry, TlsClient, TlsError};
use crate::net::{Channel, Compression, Headers, Options, Outgoing, Protocol, Target, bounded, failed};
use crate::otlp::json;

/// The client behind one `otlphttp` exporter.
pub struct OtlpHttpClient {
    /// By signal.
    routes: [Option<Route>; 3],
    /// Of every request.
    headers: HeaderMap,
    encoding: Encoding,
    compression: Compression,
    credentials: Credentials,
    destination: String,
    /// Of all signals, where they have one in common.
    server: Option<(String, u16)>,
    expiry: Option<Expiry>,
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
    /// A URL that no request can name.
    #[error("`endpoint`: {0}")]
    Uri(#[from] ::http::Error),
}

impl OtlpHttpClient {
    /// A client that nothing is connected with yet; files of TLS are read here.
    pub fn new(config: Config, credentials: Credentials) -> Result<OtlpHttpClient, ClientError> {
        let mut channels: Vec<(Target, Arc<Channel>)> = Vec::new();
        let mut routes = [None, None, None];
        let mut shown: Vec<String> = Vec::new();
        let mut expiry = None;
        for (route, target) in routes.iter_mut().zip(&config.targets) {
            let Some(target) = target else { continue };
            let host = Target { path: String::new(), ..target.clone() };
            let open = channels.iter().find(|(known, _)| *known == host).map(|(_, channel)| Arc::clone(channel));
            let channel = match open {
                Some(channel) => channel,
                None => {
                    let options = options(&config, &host)?;
                    // All of them show the same certificate.
                    expiry = expiry.or_else(|| options.tls.as_ref().and_then(|tls| tls.expiry()));
                    let channel = Arc::new(Channel::new(host.clone(), options));
                    channels.push((host, Arc::clone(&channel)));
                    shown.push(format!("{}://{target}", scheme(target)));
                    channel
                }
            };
            let uri = Uri::builder().scheme(scheme(target)).authority(authority(target)).path_and_query(&target.path);
            *route = Some(Route { uri: uri.build()?, channel });
        }
        let headers = request_headers(&config.headers, config.encoding, config.compression);
        let mut servers = config.targets.iter().flatten().map(|target| (target.host.clone(), target.port));
        let server = servers.next().filter(|server| servers.all(|other| other == *server));
        let Config { encoding, compression, .. } = config;
        let destination = shown.join(", ");
        Ok(OtlpHttpClient { routes, headers, encoding, compression, credentials, destination, server, expiry })
    }

    /// When the certificate ends that it shows, if it shows any.
    pub fn expiry(&self) -> Option<Expiry> {
        self.expiry.clone()
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
        let mut request = Request::new(Outgoing::new(Bytes::new(), body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = route.uri.clone();
        *request.headers_mut() = headers;
        match route.channel.send(request).await {
            Ok(answer) => status::outcome(&answer, SystemTime::now()),
            Err(broken) => failed(broken.class(), bounded(&broken.to_string())),
        }
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
        let packed = self.compression.pack(message).await;
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

fn options(config: &Config, target: &Target) -> Result<Options, TlsError> {
    let offered: &[&str] = if config.connections.offer_http2 { &["h2", "http/1.1"] } else { &["http/1.1"] };
    let tls = match target.secure {
        Some(true) => Some(Arc::new(TlsClient::new(&config.tls, &target.host, offered)?)),
        _ => None,
    };
    let can_be_http2 = tls.is_some() && config.connections.offer_http2;
    Ok(Options {
        protocol: if can_be_http2 { Protocol::Negotiated } else { Protocol::Http1 },
        tls,
        balancer: config.balancer,
        pings: None,
        reuse: config.connections.reuse,
        idle_max: config.connections.idle_max,
        idle_timeout: config.connections.idle_timeout,
    })
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
