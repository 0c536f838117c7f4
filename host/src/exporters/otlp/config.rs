//! The exporter's part of the configuration, with every default stated once, here. Keys are the Collector's where it has them.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::contract::{
    ComponentId, Delivery, ExporterAuth, Middleware, OnFull, RetryOnFailure, SendingQueue, duration,
};
use crate::net::tls::ClientTls;
use crate::net::{Balancer, Compression, Headers, Pings, PushKeys, Target, TargetError, TwoBreakers, UserAgent};

/// `exporters: {otlp: …}`. What parsed is valid.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(try_from = "RawConfig")]
#[schemars(with = "RawConfig")]
pub struct Config {
    /// `endpoint`.
    pub target: Target,
    /// `None` is a connection without TLS.
    pub tls: Option<ClientTls>,
    /// `headers`.
    pub headers: Headers,
    /// `compression`.
    pub compression: Compression,
    /// `keepalive`.
    pub keepalive: Option<Pings>,
    /// `balancer_name`.
    pub balancer: Balancer,
    /// `wait_for_ready`.
    pub wait_for_ready: bool,
    /// `user_agent`; empty for our own.
    pub user_agent: UserAgent,
    /// `authority`: what the destination is called in requests, in place of the endpoint.
    pub authority: Option<String>,
    /// `auth`: who signs requests.
    pub authenticator: Option<ComponentId>,
    /// The lane.
    pub delivery: Delivery,
}

#[derive(Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct RawConfig {
    /// Where it sends: `host:port`, also with `https://` or `dns:///` in front, or a unix socket as `unix:///path`.
    #[schemars(extend("x-collector" = "same; `http://` is refused where a Collector would use TLS"))]
    endpoint: String,
    /// TLS; on unless `insecure` says otherwise.
    tls: Option<ClientTls>,
    /// What goes along with each request.
    headers: Headers,
    /// How messages are compressed: `gzip`, `zstd`, `snappy` or `none`.
    compression: Compression,
    /// Pings on quiet connections; none without it.
    keepalive: Option<Pings>,
    /// Which of several addresses a request goes to.
    #[schemars(extend("x-collector" = "same; others than round_robin and pick_first are refused"))]
    balancer_name: Balancer,
    /// What the destination is called in requests, in place of the endpoint.
    authority: Option<String>,
    /// Whether a batch waits within its `timeout` for a destination that cannot be reached, before the attempt has failed.
    wait_for_ready: bool,
    /// What requests say who sends, before a `user-agent` in `headers`.
    #[schemars(extend("x-collector" = "same; there gRPC's own name stands behind it"))]
    user_agent: UserAgent,
    /// How much would be read at a time.
    #[schemars(extend("x-no-effect" = "an answer is read as it comes: it is short"))]
    read_buffer_size: usize,
    /// How much would be gathered before it is written.
    #[schemars(extend("x-no-effect" = "a batch is written at once, without a copy"))]
    write_buffer_size: usize,
    /// How long one attempt may take; 0 is no bound.
    #[serde(deserialize_with = "duration::deserialize")]
    timeout: Duration,
    /// The queue in front of it.
    sending_queue: SendingQueue,
    /// What happens after an attempt that failed.
    retry_on_failure: RetryOnFailure,
    /// The breaker that decides when to try.
    #[schemars(extend("x-collector" = "ours"))]
    breaker: Option<ComponentId>,
    /// Who signs requests: `{authenticator: <extension>}`. The id of a breaker alone is the same as `breaker`.
    #[schemars(extend("x-collector" = "same; the id of a breaker alone is ours"))]
    auth: Option<ExporterAuth>,
    /// Extensions between it and its destination: a breaker, as under `breaker`, and an authenticator, as under `auth`.
    #[schemars(extend("x-collector" = "same; an id alone is ours"))]
    #[allow(dead_code, reason = "they stand under `breaker` and `auth` by then")]
    middlewares: Vec<Middleware>,
    /// What becomes of a batch that finds the queue full.
    #[schemars(extend("x-collector" = "ours"))]
    on_full: OnFull,
}

impl Default for RawConfig {
    fn default() -> Self {
        RawConfig {
            endpoint: String::new(),
            tls: None,
            headers: Headers::default(),
            compression: Compression::Gzip,
            keepalive: None,
            balancer_name: Balancer::RoundRobin,
            authority: None,
            wait_for_ready: false,
            user_agent: UserAgent::default(),
            read_buffer_size: 0,
            write_buffer_size: 0,
            timeout: Duration::from_secs(5),
            sending_queue: SendingQueue::default(),
            retry_on_failure: RetryOnFailure::default(),
            breaker: None,
            auth: None,
            middlewares: Vec::new(),
            on_full: OnFull::default(),
        }
    }
}

/// A configuration that cannot be.
#[derive(Debug, thiserror::Error)]
enum ConfigError {
    #[error("`endpoint` is missing: write `endpoint: host:port`")]
    NoEndpoint,
    #[error("`endpoint`: {0}")]
    Endpoint(#[from] TargetError),
    #[error(
        "`endpoint`: with `http://` a Collector uses TLS all the same, unless `tls` has `insecure: true` and no CA: write `tls: {{insecure: true}}` for no TLS, or leave `http://` out"
    )]
    Scheme,
    #[error("`compression`: gRPC knows `gzip`, `zstd`, `snappy` and `none`")]
    Compression,
    #[error("`authority` is no host name: write `host` or `host:port`")]
    Authority,
    #[error(transparent)]
    Breakers(#[from] TwoBreakers),
}

impl TryFrom<RawConfig> for Config {
    type Error = ConfigError;

    fn try_from(raw: RawConfig) -> Result<Config, ConfigError> {
        if raw.endpoint.is_empty() {
            return Err(ConfigError::NoEndpoint);
        }
        let target = Target::grpc(&raw.endpoint)?;
        let tls = tls_of(&target, raw.tls)?;
        if matches!(raw.compression, Compression::SnappyFramed | Compression::Zlib | Compression::Deflate) {
            return Err(ConfigError::Compression);
        }
        let authority = raw.authority.filter(|authority| !authority.is_empty());
        if authority.as_ref().is_some_and(|text| text.parse::<http::uri::Authority>().is_err()) {
            return Err(ConfigError::Authority);
        }
        let push = PushKeys {
            timeout: raw.timeout,
            queue: raw.sending_queue,
            retry: raw.retry_on_failure,
            breaker: raw.breaker,
            on_full: raw.on_full,
            auth: raw.auth,
        };
        let (delivery, authenticator) = push.resolve()?;
        Ok(Config {
            target,
            tls,
            headers: raw.headers,
            compression: raw.compression,
            keepalive: raw.keepalive,
            balancer: raw.balancer_name,
            wait_for_ready: raw.wait_for_ready,
            user_agent: raw.user_agent,
            authority,
            authenticator,
            delivery,
        })
    }
}

/// TLS is on unless `insecure` says otherwise; `https://` goes before that. To a Collector `http://` says nothing, and here it may not say
/// something else.
fn tls_of(target: &Target, tls: Option<ClientTls>) -> Result<Option<ClientTls>, ConfigError> {
    let tls = tls.unwrap_or_default();
    match (target.secure, tls.is_off()) {
        (Some(true), _) => Ok(Some(tls.for_tls())),
        (Some(false), false) => Err(ConfigError::Scheme),
        (Some(false) | None, true) => Ok(None),
        (None, false) => Ok(Some(tls)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<Config, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn defaults_are_the_collectors() -> Result<(), String> {
        let config = parse(r#"{"endpoint": "collector:4317"}"#)?;
        assert!(config.tls.is_some(), "TLS unless told otherwise");
        assert_eq!((config.compression, config.balancer), (Compression::Gzip, Balancer::RoundRobin));
        assert_eq!(config.delivery.timeout, Duration::from_secs(5));
        assert!(
            config.user_agent.header().to_str().is_ok_and(|own| own.starts_with("otelier/")) && !config.wait_for_ready
        );
        assert_eq!(parse(r#"{"endpoint": "a:1", "user_agent": "mine"}"#)?.user_agent.header(), "mine");
        assert!(config.delivery.queue.enabled && config.delivery.retry.enabled && config.keepalive.is_none());
        Ok(())
    }

    #[test]
    fn tls_is_off_where_a_collector_has_none() -> Result<(), String> {
        for (json, is_secure) in [
            (r#"{"endpoint": "http://a:1", "tls": {"insecure": true}}"#, false),
            (r#"{"endpoint": "a:1", "tls": {"insecure": true}}"#, false),
            (r#"{"endpoint": "a:1", "tls": {"insecure": true, "ca_file": "ca.pem"}}"#, true),
            (r#"{"endpoint": "a:1", "tls": {"insecure": true, "ca_pem": "x"}}"#, true),
            (r#"{"endpoint": "a:1", "tls": {"insecure": true, "cert_file": "c", "key_file": "k"}}"#, false),
            (r#"{"endpoint": "https://a:1", "tls": {"insecure": true}}"#, true),
            (r#"{"endpoint": "dns:///a:1", "tls": {}}"#, true),
        ] {
            assert_eq!(parse(json)?.tls.is_some(), is_secure, "{json}");
        }
        Ok(())
    }

    #[test]
    fn auth_as_a_text_is_a_breaker() -> Result<(), String> {
        let config = parse(r#"{"endpoint": "a:1", "auth": "circuit_breaker/out"}"#)?;
        assert_eq!(config.delivery.breaker.map(|id| id.to_string()).as_deref(), Some("circuit_breaker/out"));
        assert!(config.authenticator.is_none());
        let config = parse(r#"{"endpoint": "a:1", "auth": {"authenticator": "bearertokenauth"}, "breaker": "b"}"#)?;
        assert_eq!(config.authenticator.map(|id| id.to_string()).as_deref(), Some("bearertokenauth"));
        assert_eq!(config.delivery.breaker.map(|id| id.to_string()).as_deref(), Some("b"));
        Ok(())
    }

    #[test]
    fn errors_say_what_to_write() {
        for (json, words) in [
            (r#"{}"#, "`endpoint` is missing"),
            (r#"{"endpoint": "collector"}"#, "write `host:port`"),
            (r#"{"endpoint": "xds:///a:1"}"#, "scheme `xds` is not supported"),
            (r#"{"endpoint": "unix://"}"#, "not a unix socket"),
            (r#"{"endpoint": "http://a:1"}"#, "a Collector uses TLS all the same"),
            (r#"{"endpoint": "http://a:1", "tls": {"ca_file": "ca.pem"}}"#, "a Collector uses TLS all the same"),
            (r#"{"endpoint": "http://a:1", "tls": {"ca_file": "ca.pem", "insecure": true}}"#, "leave `http://` out"),
            (r#"{"endpoint": "a:1", "compression": "deflate"}"#, "gRPC knows"),
            (r#"{"endpoint": "a:1", "compression": "lz4"}"#, "unknown variant `lz4`"),
            (r#"{"endpoint": "a:1", "balancer_name": "least"}"#, "unknown variant `least`"),
            (r#"{"endpoint": "a:1", "auth": "b", "breaker": "b"}"#, "both name a breaker"),
            (r#"{"endpoint": "a:1", "auth": {"authorizer": "b"}}"#, "unknown field `authorizer`"),
            (r#"{"endpoint": "a:1", "timeout": 5}"#, "needs a unit"),
            (r#"{"endpoint": "a:1", "authority": "a b"}"#, "no host name"),
            (r#"{"endpoint": "a:1", "keepalive": {"time": "0s"}}"#, "longer than zero"),
            (r#"{"endpoint": "a:1", "dialer": {}}"#, "unknown field `dialer`"),
            ("{\"endpoint\": \"a:1\", \"user_agent\": \"a\\nb\"}", "characters that a header cannot carry"),
        ] {
            let error = parse(json).err().unwrap_or_default();
            assert!(error.contains(words), "{json}: {error}");
        }
    }
}
