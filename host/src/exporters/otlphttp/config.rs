//! The exporter's part of the configuration, with every default stated once, here. Keys are the Collector's where it has them.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::contract::{
    ComponentId, Delivery, ExporterAuth, Middleware, OnFull, RetryOnFailure, SendingQueue, Signal, duration,
};
use crate::net::tls::ClientTls;
use crate::net::{Balancer, Compression, Headers, PushKeys, Target, TargetError, TwoBreakers};

/// `exporters: {otlphttp: …}`. What parsed is valid.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(try_from = "RawConfig")]
#[schemars(with = "RawConfig")]
pub struct Config {
    /// Where each signal goes, in their order; `None` where nothing says so.
    pub targets: [Option<Target>; 3],
    /// `encoding`.
    pub encoding: Encoding,
    /// `tls`, for destinations whose URL says `https`.
    pub tls: ClientTls,
    /// `headers`.
    pub headers: Headers,
    /// `compression`.
    pub compression: Compression,
    /// `balancer_name`.
    pub balancer: Balancer,
    /// How connections are kept.
    pub connections: Connections,
    /// `auth`: who signs requests.
    pub authenticator: Option<ComponentId>,
    /// The lane.
    pub delivery: Delivery,
}

/// OTLP/HTTP's two encodings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// Protobuf.
    #[default]
    Proto,
    /// OTLP/JSON.
    Json,
}

/// How connections are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connections {
    /// `disable_keep_alives`, the other way round.
    pub reuse: bool,
    /// `max_idle_conns_per_host`, and no more than `max_idle_conns`.
    pub idle_max: usize,
    /// `idle_conn_timeout`; `None` is as long as the destination lets them.
    pub idle_timeout: Option<Duration>,
    /// `force_attempt_http2`: whether TLS offers HTTP/2.
    pub offer_http2: bool,
}

#[derive(Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct RawConfig {
    /// Where it sends, as a URL; behind it comes `/v1/` and the signal.
    #[schemars(extend("x-collector" = "same; one that ends in a signal's path is refused"))]
    endpoint: String,
    /// Where metrics go, as a whole URL.
    metrics_endpoint: String,
    /// Where traces go, as a whole URL.
    traces_endpoint: String,
    /// Where logs go, as a whole URL.
    logs_endpoint: String,
    /// How messages are written.
    encoding: Encoding,
    /// TLS, for destinations whose URL says `https`.
    tls: ClientTls,
    /// What goes along with each request.
    headers: Headers,
    /// How messages are compressed.
    compression: Compression,
    /// Which of several addresses a request goes to.
    #[schemars(extend("x-collector" = "ours"))]
    balancer_name: Balancer,
    /// Connections of HTTP/1.1 that are kept between requests; 0 is no bound.
    max_idle_conns: usize,
    /// The same for each address; 0 is two.
    #[schemars(extend("x-collector" = "same; 100 by default and not 2"))]
    max_idle_conns_per_host: usize,
    /// How long they are kept; 0 is as long as the destination lets them.
    #[serde(deserialize_with = "duration::deserialize")]
    idle_conn_timeout: Duration,
    /// Whether each request has a connection of its own.
    disable_keep_alives: bool,
    /// Whether TLS offers HTTP/2.
    force_attempt_http2: bool,
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
            metrics_endpoint: String::new(),
            traces_endpoint: String::new(),
            logs_endpoint: String::new(),
            encoding: Encoding::Proto,
            tls: ClientTls::default(),
            headers: Headers::default(),
            compression: Compression::Gzip,
            balancer_name: Balancer::RoundRobin,
            max_idle_conns: 100,
            max_idle_conns_per_host: 100,
            idle_conn_timeout: Duration::from_secs(90),
            disable_keep_alives: false,
            force_attempt_http2: true,
            timeout: Duration::from_secs(30),
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
    #[error(
        "`endpoint` is missing: write `endpoint: http://host:port`, or one of `metrics_endpoint`, `traces_endpoint` and `logs_endpoint`"
    )]
    NoEndpoint,
    #[error("`{key}`: {source}")]
    Endpoint { key: &'static str, source: TargetError },
    #[error(
        "`endpoint` is what stands in front of /v1/{signal}, and ends in it: leave it out here, or write `{signal}_endpoint`"
    )]
    SignalPath { signal: Signal },
    #[error(transparent)]
    Breakers(#[from] TwoBreakers),
}

impl Config {
    /// Where a signal goes; `None` where nothing says so.
    pub fn target(&self, signal: Signal) -> Option<&Target> {
        self.targets[signal as usize].as_ref()
    }
}

impl TryFrom<RawConfig> for Config {
    type Error = ConfigError;

    fn try_from(raw: RawConfig) -> Result<Config, ConfigError> {
        let base = parsed("endpoint", &raw.endpoint)?;
        let ends_in = |signal: &Signal| {
            base.as_ref().is_some_and(|base| base.path.trim_end_matches('/').ends_with(&format!("/v1/{signal}")))
        };
        if let Some(signal) = Signal::ALL.into_iter().find(ends_in) {
            return Err(ConfigError::SignalPath { signal });
        }
        let below = |signal: Signal| {
            let mut target = base.clone()?;
            target.path = format!("{}/v1/{signal}", target.path.trim_end_matches('/'));
            Some(target)
        };
        let targets = [
            parsed("metrics_endpoint", &raw.metrics_endpoint)?.or_else(|| below(Signal::Metrics)),
            parsed("traces_endpoint", &raw.traces_endpoint)?.or_else(|| below(Signal::Traces)),
            parsed("logs_endpoint", &raw.logs_endpoint)?.or_else(|| below(Signal::Logs)),
        ];
        if targets.iter().all(Option::is_none) {
            return Err(ConfigError::NoEndpoint);
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
        let connections = Connections {
            reuse: !raw.disable_keep_alives,
            idle_max: idle_max(raw.max_idle_conns, raw.max_idle_conns_per_host),
            idle_timeout: (!raw.idle_conn_timeout.is_zero()).then_some(raw.idle_conn_timeout),
            offer_http2: raw.force_attempt_http2,
        };
        Ok(Config {
            targets,
            encoding: raw.encoding,
            tls: raw.tls.for_tls(),
            headers: raw.headers,
            compression: raw.compression,
            balancer: raw.balancer_name,
            connections,
            authenticator,
            delivery,
        })
    }
}

/// As in Go: zero is no bound for all together, and two for each host.
fn idle_max(all: usize, per_host: usize) -> usize {
    let bound = |number: usize, zero: usize| if number == 0 { zero } else { number };
    bound(per_host, 2).min(bound(all, usize::MAX))
}

fn parsed(key: &'static str, text: &str) -> Result<Option<Target>, ConfigError> {
    match text {
        "" => Ok(None),
        _ => Target::url(text).map(Some).map_err(|source| ConfigError::Endpoint { key, source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<Config, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn signals_have_paths_below_the_base_url_or_urls_of_their_own() -> Result<(), String> {
        let config = parse(r#"{"endpoint": "https://a/otlp/", "logs_endpoint": "http://b:1/in/"}"#)?;
        let shown = |signal| config.target(signal).map(|target| format!("{target}{}", target.path));
        assert_eq!(shown(Signal::Metrics).as_deref(), Some("a:443/otlp/v1/metrics"));
        assert_eq!(shown(Signal::Traces).as_deref(), Some("a:443/otlp/v1/traces"));
        assert_eq!(shown(Signal::Logs).as_deref(), Some("b:1/in/"));
        let config = parse(r#"{"traces_endpoint": "http://b:1/in"}"#)?;
        assert!(config.target(Signal::Metrics).is_none() && config.target(Signal::Traces).is_some());
        Ok(())
    }

    #[test]
    fn defaults_are_the_collectors() -> Result<(), String> {
        let config = parse(r#"{"endpoint": "http://a:1"}"#)?;
        assert_eq!((config.compression, config.encoding), (Compression::Gzip, Encoding::Proto));
        assert_eq!(config.delivery.timeout, Duration::from_secs(30));
        let idle_timeout = Some(Duration::from_secs(90));
        assert_eq!(config.connections, Connections { reuse: true, idle_max: 100, idle_timeout, offer_http2: true });
        Ok(())
    }

    #[test]
    fn errors_say_what_to_write() {
        for (json, words) in [
            (r#"{}"#, "`endpoint` is missing"),
            (r#"{"endpoint": "a:4318"}"#, "write `http://host:port`"),
            (r#"{"endpoint": "http://a:4318/v1/logs/"}"#, "or write `logs_endpoint`"),
            (r#"{"endpoint": "http://a", "logs_endpoint": "ftp://a"}"#, "`logs_endpoint`: scheme `ftp`"),
            (r#"{"endpoint": "http://a", "encoding": "xml"}"#, "unknown variant `xml`"),
            (r#"{"endpoint": "http://a", "compression": "lz4"}"#, "unknown variant `lz4`"),
            (r#"{"endpoint": "http://a", "proxy_url": "http://b"}"#, "unknown field `proxy_url`"),
        ] {
            let error = parse(json).err().unwrap_or_default();
            assert!(error.contains(words), "{json}: {error}");
        }
    }
}
