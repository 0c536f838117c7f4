//! The receiver's part of the configuration, with every default stated once, here.
//!
//! Keys are the Collector's where it has them. What parsed is valid: endpoints, periods and limits carry their proof in
//! their types, and at least one protocol is on.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use super::endpoint::Endpoint;
use crate::contract::{Authentication, InvalidUtf8, duration};
use crate::net::tls::ServerTls;

/// `receivers: {otlp: …}`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Which protocols are on.
    pub protocols: Protocols,
    /// What to do with strings that are not UTF-8.
    #[serde(default)]
    #[schemars(extend("x-collector" = "ours"))]
    pub invalid_utf8: InvalidUtf8,
}

/// The protocols whose key is present; at least one.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(try_from = "RawProtocols")]
#[schemars(with = "RawProtocols")]
pub struct Protocols {
    /// OTLP/gRPC.
    pub grpc: Option<GrpcConfig>,
    /// OTLP/HTTP, protobuf and JSON.
    pub http: Option<HttpConfig>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawProtocols {
    /// OTLP/gRPC.
    #[serde(default, deserialize_with = "on_when_present")]
    grpc: Option<GrpcConfig>,
    /// OTLP/HTTP, protobuf and JSON.
    #[serde(default, deserialize_with = "on_when_present")]
    http: Option<HttpConfig>,
}

/// A receiver without a protocol.
#[derive(Debug, thiserror::Error)]
#[error("no protocol is on: write `grpc:` or `http:` under `protocols`, or both")]
struct NoProtocol;

impl TryFrom<RawProtocols> for Protocols {
    type Error = NoProtocol;

    fn try_from(raw: RawProtocols) -> Result<Self, Self::Error> {
        if raw.grpc.is_none() && raw.http.is_none() {
            return Err(NoProtocol);
        }
        Ok(Protocols { grpc: raw.grpc, http: raw.http })
    }
}

/// `grpc:` with nothing behind it turns the protocol on with its defaults, as in the Collector.
fn on_when_present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Some(Option::<T>::deserialize(deserializer)?.unwrap_or_default()))
}

/// `protocols: {grpc: …}`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GrpcConfig {
    /// Where to listen.
    #[schemars(extend("x-collector" = "same; a port by name and `unix` are refused"))]
    pub endpoint: Endpoint,
    /// The largest message, compressed and decompressed, in MiB.
    #[schemars(extend("x-collector" = "same, 0 refused; 64 by default and not 4"))]
    pub max_recv_msg_size_mib: NonZeroU32,
    /// Requests under way on one connection; a sender waits with the next.
    #[schemars(extend("x-collector" = "same, 0 refused; 100 by default and not unbounded"))]
    pub max_concurrent_streams: NonZeroU32,
    /// Connections at a time; a further one is closed at once and counted.
    #[schemars(extend("x-collector" = "ours"))]
    pub max_connections: NonZeroU32,
    /// How long one request may take to arrive.
    #[schemars(extend("x-collector" = "ours"))]
    #[serde(deserialize_with = "duration::nonzero")]
    pub read_timeout: Duration,
    /// What is done about quiet connections.
    #[schemars(extend("x-collector" = "same; `enforcement_policy` is refused"))]
    pub keepalive: Keepalive,
    /// TLS; without it, none.
    pub tls: Option<ServerTls>,
    /// Who may send; without it, all.
    pub auth: Option<Authentication>,
    /// Whether requests' headers go along with what they brought.
    #[schemars(extend("x-collector" = "same, but for headers with secrets and of the connection: who names those elsewhere is refused"))]
    pub include_metadata: bool,
}

impl Default for GrpcConfig {
    fn default() -> Self {
        GrpcConfig {
            endpoint: Endpoint::loopback(4317),
            max_recv_msg_size_mib: const { NonZeroU32::new(64).unwrap() },
            max_concurrent_streams: MAX_CONCURRENT_STREAMS,
            max_connections: MAX_CONNECTIONS,
            read_timeout: READ_TIMEOUT,
            keepalive: Keepalive::default(),
            tls: None,
            auth: None,
            include_metadata: false,
        }
    }
}

impl GrpcConfig {
    /// The message limit in bytes.
    pub(super) fn message_bytes_max(&self) -> usize {
        usize::try_from(self.max_recv_msg_size_mib.get()).unwrap_or(usize::MAX).saturating_mul(1 << 20)
    }
}

/// `keepalive: …`, nested as the Collector nests it.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Keepalive {
    /// What the server does.
    pub server_parameters: ServerParameters,
}

/// `keepalive: {server_parameters: …}`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ServerParameters {
    /// A connection without a request for this long is told to go away.
    #[schemars(extend("x-collector" = "same, 0 refused"))]
    #[serde(deserialize_with = "duration::nonzero")]
    pub max_connection_idle: Duration,
    /// A connection silent for this long is pinged.
    #[schemars(extend("x-collector" = "same, 0 refused"))]
    #[serde(deserialize_with = "duration::nonzero")]
    pub time: Duration,
    /// A ping unanswered for this long closes the connection.
    #[schemars(extend("x-collector" = "same, 0 refused"))]
    #[serde(deserialize_with = "duration::nonzero")]
    pub timeout: Duration,
}

impl Default for ServerParameters {
    fn default() -> Self {
        ServerParameters {
            max_connection_idle: Duration::from_secs(600),
            time: Duration::from_secs(60),
            timeout: Duration::from_secs(20),
        }
    }
}

/// `protocols: {http: …}`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HttpConfig {
    /// Where to listen.
    #[schemars(extend("x-collector" = "same; a port by name and `unix` are refused"))]
    pub endpoint: Endpoint,
    /// The largest body, compressed, decompressed and transcoded, in bytes.
    #[schemars(extend("x-collector" = "same, 0 refused; 64 MiB by default and not 20"))]
    pub max_request_body_size: NonZeroUsize,
    /// Requests under way on one HTTP/2 connection; a sender waits with the next.
    #[schemars(extend("x-collector" = "ours"))]
    pub max_concurrent_streams: NonZeroU32,
    /// Connections at a time; a further one is closed at once and counted.
    #[schemars(extend("x-collector" = "ours"))]
    pub max_connections: NonZeroU32,
    /// How long a new connection may take until its first request header is complete.
    #[schemars(extend("x-collector" = "same, 0 refused"))]
    #[serde(deserialize_with = "duration::nonzero")]
    pub read_header_timeout: Duration,
    /// How long one request body may take to arrive.
    #[schemars(extend("x-collector" = "same, 0 refused"))]
    #[serde(deserialize_with = "duration::nonzero")]
    pub read_timeout: Duration,
    /// How long a connection may go without a request; a later request's header has to arrive within it too.
    #[schemars(extend("x-collector" = "same, 0 refused"))]
    #[serde(deserialize_with = "duration::nonzero")]
    pub idle_timeout: Duration,
    /// TLS; without it, none.
    pub tls: Option<ServerTls>,
    /// Who may send; without it, all.
    #[schemars(extend("x-collector" = "same; `request_params` is refused"))]
    pub auth: Option<Authentication>,
    /// Whether requests' headers go along with what they brought.
    #[schemars(extend("x-collector" = "same, but for headers with secrets and of the connection: who names those elsewhere is refused"))]
    pub include_metadata: bool,
}

impl Default for HttpConfig {
    fn default() -> Self {
        HttpConfig {
            endpoint: Endpoint::loopback(4318),
            max_request_body_size: const { NonZeroUsize::new(64 << 20).unwrap() },
            max_concurrent_streams: MAX_CONCURRENT_STREAMS,
            max_connections: MAX_CONNECTIONS,
            read_header_timeout: Duration::from_secs(10),
            read_timeout: READ_TIMEOUT,
            // Above the 60 s at which SDKs export metrics, so that their connections are still open for the next time.
            idle_timeout: Duration::from_secs(180),
            tls: None,
            auth: None,
            include_metadata: false,
        }
    }
}

const MAX_CONCURRENT_STREAMS: NonZeroU32 = const { NonZeroU32::new(100).unwrap() };
const MAX_CONNECTIONS: NonZeroU32 = const { NonZeroU32::new(1024).unwrap() };
const READ_TIMEOUT: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::Config;

    fn parse(json: &str) -> Result<Config, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn a_protocol_is_on_when_its_key_is_present() -> Result<(), String> {
        let config = parse(r#"{"protocols": {"grpc": null}}"#)?;
        let grpc = config.protocols.grpc.ok_or("grpc is off")?;
        assert_eq!(grpc.endpoint.to_string(), "127.0.0.1:4317");
        assert_eq!(grpc.message_bytes_max(), 64 << 20);
        assert!(config.protocols.http.is_none());
        let config = parse(r#"{"protocols": {"http": {"endpoint": ":4318", "idle_timeout": "1m30s"}}}"#)?;
        let http = config.protocols.http.ok_or("http is off")?;
        assert_eq!(http.endpoint.to_string(), "0.0.0.0:4318");
        assert_eq!(http.idle_timeout.as_secs(), 90);
        Ok(())
    }

    #[test]
    fn errors_say_what_to_write() {
        for (json, text) in [
            (r#"{"protocols": {}}"#, "no protocol is on"),
            (r#"{"protocols": {"grpc": {"read_buffer_size": 1}}}"#, "unknown field `read_buffer_size`"),
            (r#"{"protocols": {"grpc": {"endpoint": "4317"}}}"#, "write `host:port`"),
            (r#"{"protocols": {"grpc": {"max_recv_msg_size_mib": 0}}}"#, "nonzero"),
            (r#"{"protocols": {"http": {"read_timeout": "30"}}}"#, "30s"),
            (r#"{"protocols": {"http": null}, "invalid_utf8": "repair"}"#, "`reject` or `accept`"),
            (r#"{}"#, "missing field `protocols`"),
        ] {
            let error = parse(json).err().unwrap_or_default();
            assert!(error.contains(text), "{json}: {error}");
        }
    }
}
