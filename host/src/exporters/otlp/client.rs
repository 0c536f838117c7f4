//! One call: a batch in gRPC's framing, and its answer.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use ::http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, TE, USER_AGENT};
use ::http::{Method, Request, Uri};
use bytes::Bytes;

use super::config::Config;
use super::status::{self, PREFIX_BYTES};
use crate::contract::{Batch, Client, Credentials, FailureClass, Outcome, Signal};
use crate::net::tls::{Expiry, TlsClient, TlsError};
use crate::net::{
    Channel, Compression, Headers, Options, Outgoing, Protocol, Proxies, ProxyError, Through, bounded, failed,
};

const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// The client behind one `otlp` exporter.
pub struct OtlpClient {
    channel: Channel,
    /// By signal.
    methods: [Uri; 3],
    /// Of every call.
    headers: HeaderMap,
    compression: Compression,
    credentials: Credentials,
    destination: String,
    /// `None` for a unix socket.
    server: Option<(String, u16)>,
    expiry: Option<Expiry>,
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
    /// A host that no request can name.
    #[error("`endpoint`: {0}")]
    Uri(#[from] ::http::Error),
}

impl OtlpClient {
    /// A client that nothing is connected with yet; files of TLS are read here.
    pub fn new(config: Config, credentials: Credentials) -> Result<OtlpClient, ClientError> {
        OtlpClient::behind(config, credentials, Proxies::of_process())
    }

    /// The same in an environment that names these proxies. As in gRPC's own clients it is that of `https` for all, and always a tunnel.
    pub fn behind(config: Config, credentials: Credentials, proxies: &Proxies) -> Result<OtlpClient, ClientError> {
        let Config {
            target,
            tls,
            headers,
            compression,
            keepalive,
            balancer,
            authority,
            user_agent,
            wait_for_ready,
            delivery,
            ..
        } = config;
        let (scheme, shown) = if tls.is_some() { ("https", "grpcs") } else { ("http", "grpc") };
        let shown = if target.socket.is_some() { "unix" } else { shown };
        let destination = format!("{shown}://{target}");
        let authority = authority.unwrap_or_else(|| target.authority());
        let method = |signal| Uri::builder().scheme(scheme).authority(&*authority).path_and_query(path(signal)).build();
        let [metrics, traces, logs] = Signal::ALL;
        let methods = [method(metrics)?, method(traces)?, method(logs)?];
        let through = proxies.in_front_of(&target, true)?;
        let of_proxy = tls.clone().unwrap_or_default();
        let through = through.map(|proxy| Through::new(proxy, &of_proxy, &target, true)).transpose()?;
        let tls = tls.map(|tls| TlsClient::new(&tls, &target.host, &["h2"])).transpose()?.map(Arc::new);
        let expiry = tls.as_ref().and_then(|tls| tls.expiry());
        let options = Options {
            protocol: Protocol::Http2,
            tls,
            through,
            balancer,
            wait_for_ready,
            connections_max: None,
            pings: keepalive,
            reuse: true,
            idle_max: 0,
            idle_timeout: None,
        };
        let headers = call_headers(user_agent.header(), &headers, compression, delivery.timeout);
        let server = target.socket.is_none().then(|| (target.host.clone(), target.port));
        Ok(OtlpClient {
            channel: Channel::new(target, options),
            methods,
            headers,
            compression,
            credentials,
            destination,
            server,
            expiry,
        })
    }

    /// When the certificate ends that it shows, if it shows any.
    pub fn expiry(&self) -> Option<Expiry> {
        self.expiry.clone()
    }

    async fn call(&self, batch: &Batch) -> Outcome {
        let mut headers = self.headers.clone();
        if let Some(credentials) = &self.credentials
            && let Err(reason) = credentials.authenticate(&batch.metadata, &mut headers)
        {
            return failed(FailureClass::Unavailable, format!("not signed in: {}", bounded(&reason)));
        }
        let message = match packing(self.compression).pack(batch.bytes.clone()).await {
            Ok(message) => message,
            Err(error) => {
                return failed(FailureClass::Unavailable, format!("cannot compress the batch: {error}"));
            }
        };
        let Ok(length) = u32::try_from(message.len()) else {
            let reason = format!("the batch has {} bytes, more than gRPC can frame", message.len());
            return failed(FailureClass::Permanent, reason);
        };
        let mut request = Request::new(Outgoing::new(prefix(self.compression, length), message));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.methods[batch.signal as usize].clone();
        *request.headers_mut() = headers;
        match self.channel.send(request).await {
            Ok(answer) => status::outcome(&answer),
            Err(broken) => failed(broken.class(), bounded(&broken.to_string())),
        }
    }
}

impl Client for OtlpClient {
    fn send<'c>(&'c self, batch: &'c Batch) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'c>> {
        Box::pin(self.call(batch))
    }

    fn destination(&self) -> String {
        self.destination.clone()
    }

    fn server(&self) -> Option<(String, u16)> {
        self.server.clone()
    }
}

fn path(signal: Signal) -> &'static str {
    match signal {
        Signal::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
        Signal::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        Signal::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    }
}

/// What gRPC's peers understand by the name: snappy in frames, where HTTP's mean one block.
fn packing(compression: Compression) -> Compression {
    match compression {
        Compression::Snappy => Compression::SnappyFramed,
        other => other,
    }
}

/// The flag that says whether the message is compressed, and its length.
fn prefix(compression: Compression, length: u32) -> Bytes {
    let mut prefix = [0; PREFIX_BYTES];
    let [flag, rest @ ..] = &mut prefix;
    *flag = u8::from(compression != Compression::None);
    *rest = length.to_be_bytes();
    Bytes::copy_from_slice(&prefix)
}

fn call_headers(
    user_agent: HeaderValue,
    configured: &Headers,
    compression: Compression,
    timeout: Duration,
) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(USER_AGENT, user_agent);
    configured.apply(&mut headers);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(TE, HeaderValue::from_static("trailers"));
    if let Some(encoding) = compression.encoding() {
        headers.insert(GRPC_ENCODING, HeaderValue::from_static(encoding));
    }
    // At most eight digits, by gRPC's rules: a day in milliseconds, and more is as good as none.
    let timeout_ms = timeout.as_millis();
    if (1..100_000_000).contains(&timeout_ms)
        && let Ok(value) = HeaderValue::try_from(format!("{timeout_ms}m"))
    {
        headers.insert(GRPC_TIMEOUT, value);
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_is_a_flag_and_a_length() {
        assert_eq!(prefix(Compression::None, 258).as_ref(), b"\0\0\0\x01\x02");
        assert_eq!(prefix(Compression::Zstd, 1).as_ref(), b"\x01\0\0\0\x01");
    }

    #[test]
    fn a_call_says_how_it_is_packed_and_how_long_it_waits() -> Result<(), serde_json::Error> {
        let configured: Headers = serde_json::from_str(r#"{"user-agent": "mine", "x-tenant": "shop"}"#)?;
        let own = HeaderValue::from_static("own");
        let headers = call_headers(own.clone(), &configured, Compression::Gzip, Duration::from_secs(5));
        let value = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        assert_eq!(value("grpc-timeout"), Some("5000m"));
        assert_eq!((value("grpc-encoding"), value("te")), (Some("gzip"), Some("trailers")));
        assert_eq!((value("user-agent"), value("x-tenant")), (Some("mine"), Some("shop")));
        let headers = call_headers(own, &Headers::default(), Compression::None, Duration::ZERO);
        assert_eq!(headers.get(USER_AGENT), Some(&HeaderValue::from_static("own")));
        assert!(!headers.contains_key("grpc-timeout") && !headers.contains_key("grpc-encoding"));
        Ok(())
    }
}
