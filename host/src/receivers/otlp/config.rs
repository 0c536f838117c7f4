//! The receiver's part of the configuration, with every default stated once, here.
//!
//! Keys are the Collector's where it has them. What parsed is valid: endpoints, periods and limits carry their proof in
//! their types, and at least one protocol is on.

use ::http::Uri;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use crate::contract::{InvalidUtf8, Signal};
use crate::intake::{grpc_config, http_config};

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

grpc_config! {
    /// `protocols: {grpc: …}`.
    pub struct GrpcConfig at 4317;
}

http_config! {
    /// `protocols: {http: …}`.
    pub struct HttpConfig at 4318 {
        /// The path to which traces are sent.
        pub traces_url_path: UrlPath = UrlPath::new("/v1/traces"),
        /// The path to which metrics are sent.
        pub metrics_url_path: UrlPath = UrlPath::new("/v1/metrics"),
        /// The path to which logs are sent.
        pub logs_url_path: UrlPath = UrlPath::new("/v1/logs"),
    }
}

impl HttpConfig {
    /// The path of a signal.
    pub fn path(&self, signal: Signal) -> &str {
        match signal {
            Signal::Metrics => &self.metrics_url_path.0,
            Signal::Traces => &self.traces_url_path.0,
            Signal::Logs => &self.logs_url_path.0,
        }
    }
}

/// A path of a URL; a slash at its beginning is added where it is missing, as in the Collector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub struct UrlPath(String);

/// A text that is no path of a URL.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not the path of a URL: write one such as /v1/traces")]
pub struct UrlPathError(String);

impl UrlPath {
    fn new(path: &str) -> UrlPath {
        UrlPath(path.to_owned())
    }
}

impl TryFrom<String> for UrlPath {
    type Error = UrlPathError;

    fn try_from(text: String) -> Result<Self, UrlPathError> {
        let path = if text.starts_with('/') { text.clone() } else { format!("/{text}") };
        let is_path = path.parse::<Uri>().is_ok_and(|uri| uri.query().is_none() && uri.path() == path);
        if is_path { Ok(UrlPath(path)) } else { Err(UrlPathError(text)) }
    }
}

#[cfg(test)]
mod tests {
    use super::{Config, Signal};

    fn parse(json: &str) -> Result<Config, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn a_protocol_is_on_when_its_key_is_present() -> Result<(), String> {
        let config = parse(r#"{"protocols": {"grpc": null}}"#)?;
        let grpc = config.protocols.grpc.ok_or("grpc is off")?;
        assert_eq!(grpc.endpoint.to_string(), "127.0.0.1:4317");
        assert_eq!(grpc.max_recv_msg_size_mib.get(), 64);
        assert!(config.protocols.http.is_none());
        let config = parse(r#"{"protocols": {"http": {"endpoint": ":4318", "idle_timeout": "1m30s"}}}"#)?;
        let http = config.protocols.http.ok_or("http is off")?;
        assert_eq!(http.endpoint.to_string(), ":4318");
        assert_eq!(http.idle_timeout.as_secs(), 90);
        Ok(())
    }

    #[test]
    fn each_signal_has_a_path() -> Result<(), String> {
        let config = parse(r#"{"protocols": {"http": {"traces_url_path": "shop/traces", "logs_url_path": "/logs"}}}"#)?;
        let http = config.protocols.http.ok_or("http is off")?;
        assert_eq!(Signal::ALL.map(|signal| http.path(signal)), ["/v1/metrics", "/shop/traces", "/logs"]);
        Ok(())
    }

    #[test]
    fn errors_say_what_to_write() {
        for (json, text) in [
            (r#"{"protocols": {}}"#, "no protocol is on"),
            (r#"{"protocols": {"grpc": {"user_agent": "x"}}}"#, "unknown field `user_agent`"),
            (r#"{"protocols": {"http": {"compression_algorithms": ["br"]}}}"#, "is not understood here"),
            (r#"{"protocols": {"http": {"transport": "udp"}}}"#, "unknown variant `udp`"),
            (r#"{"protocols": {"http": {"response_headers": {"content-type": "x"}}}}"#, "set by the protocol"),
            (r#"{"protocols": {"grpc": {"endpoint": "4317"}}}"#, "write `host:port`"),
            (r#"{"protocols": {"grpc": {"max_recv_msg_size_mib": 0}}}"#, "nonzero"),
            (r#"{"protocols": {"http": {"read_timeout": "30"}}}"#, "30s"),
            (r#"{"protocols": {"http": {"traces_url_path": "/a b"}}}"#, "not the path of a URL"),
            (r#"{"protocols": {"http": {"logs_url_path": "/logs?a=b"}}}"#, "not the path of a URL"),
            (r#"{"protocols": {"http": {"cors": {"allowed_headers": ["a b"]}}}}"#, "not the name of a header"),
            (r#"{"protocols": {"http": null}, "invalid_utf8": "repair"}"#, "`reject` or `accept`"),
            (r#"{}"#, "missing field `protocols`"),
        ] {
            let error = parse(json).err().unwrap_or_default();
            assert!(error.contains(text), "{json}: {error}");
        }
    }
}
