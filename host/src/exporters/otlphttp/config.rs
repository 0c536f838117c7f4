//! The exporter's part of the configuration, with every default stated once, here. Keys are the Collector's where it has them.

use std::num::NonZeroUsize;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use crate::contract::{
    ComponentId, Delivery, ExporterAuth, Middleware, OnFull, RetryOnFailure, Secret, SendingQueue, Signal, duration,
};
use crate::net::tls::ClientTls;
use crate::net::{Balancer, Compression, Headers, Pings, Proxy, PushKeys, Target, TargetError, TwoBreakers};

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
    /// `proxy_url`.
    pub proxy: Option<Proxy>,
    /// `balancer_name`.
    pub balancer: Balancer,
    /// How connections are kept.
    pub connections: Connections,
    /// `compression_params: {level}`.
    pub level: i32,
    /// `cookies`.
    pub has_cookies: bool,
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
    /// `max_conns_per_host`.
    pub connections_max: Option<NonZeroUsize>,
    /// `http2_read_idle_timeout` and `http2_ping_timeout`.
    pub pings: Option<Pings>,
}

/// `compression_params`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CompressionParams {
    /// From 1, which is quick, to 9 for `gzip`, `zlib` and `deflate`, and to 22 for `zstd`; 0 is the usual one.
    #[schemars(extend("x-collector" = "same; -2 is refused, 0 is level 1"))]
    pub level: i32,
}

/// `cookies`: on where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CookieKeys {
    /// Whether they are kept.
    pub enabled: bool,
}

impl Default for CookieKeys {
    fn default() -> Self {
        CookieKeys { enabled: true }
    }
}

/// `keepalive`: newer names for four older keys, before which they go.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ClientKeepalive {
    /// `disable_keep_alives`, the other way round.
    pub enabled: Option<bool>,
    /// `idle_conn_timeout` beside this mapping.
    #[serde(deserialize_with = "some_duration")]
    #[schemars(with = "Duration")]
    pub idle_conn_timeout: Option<Duration>,
    /// `max_idle_conns` beside this mapping.
    pub max_idle_conns: Option<usize>,
    /// `max_idle_conns_per_host` beside this mapping.
    pub max_idle_conns_per_host: Option<usize>,
}

fn some_duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    duration::deserialize(deserializer).map(Some)
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
    /// The proxy in front of it, as a URL; without one, what `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` say.
    #[schemars(extend("x-collector" = "same; `socks5` is refused"))]
    #[serde(deserialize_with = "proxy")]
    #[schemars(with = "String")]
    proxy_url: Option<Proxy>,
    /// TLS, for destinations whose URL says `https`.
    tls: ClientTls,
    /// What goes along with each request.
    headers: Headers,
    /// How messages are compressed.
    compression: Compression,
    /// How much it is compressed.
    compression_params: CompressionParams,
    /// What the destination sets is sent back to it.
    #[schemars(extend("x-collector" = "same; they go back to the very host that set them"))]
    cookies: Option<CookieKeys>,
    /// How much would be read at a time.
    #[schemars(extend("x-no-effect" = "an answer is read as it comes: it is short"))]
    read_buffer_size: usize,
    /// How much would be gathered before it is written.
    #[schemars(extend("x-no-effect" = "a batch is written at once, without a copy"))]
    write_buffer_size: usize,
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
    /// Newer names for `disable_keep_alives`, `idle_conn_timeout`, `max_idle_conns` and `max_idle_conns_per_host`.
    keepalive: ClientKeepalive,
    /// Connections of HTTP/1.1 in use at a time to one host, over all its addresses; a batch waits for one. 0 is no bound.
    #[schemars(extend("x-collector" = "same; there of HTTP/2 too"))]
    max_conns_per_host: usize,
    /// A connection of HTTP/2 on which nothing came for this long is pinged; 0 is never.
    #[serde(deserialize_with = "duration::deserialize")]
    http2_read_idle_timeout: Duration,
    /// How long the answer to that ping may take; 0 is 15s.
    #[serde(deserialize_with = "duration::deserialize")]
    http2_ping_timeout: Duration,
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
            proxy_url: None,
            tls: ClientTls::default(),
            headers: Headers::default(),
            compression: Compression::Gzip,
            compression_params: CompressionParams::default(),
            cookies: None,
            read_buffer_size: 0,
            write_buffer_size: 0,
            balancer_name: Balancer::RoundRobin,
            max_idle_conns: 100,
            max_idle_conns_per_host: 100,
            idle_conn_timeout: Duration::from_secs(90),
            disable_keep_alives: false,
            force_attempt_http2: true,
            keepalive: ClientKeepalive::default(),
            max_conns_per_host: 0,
            http2_read_idle_timeout: Duration::ZERO,
            http2_ping_timeout: Duration::ZERO,
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
    #[error(
        "`compression_params`: this `compression` has no level {level}: leave it out, or see the reference for those there are"
    )]
    Level { level: i32 },
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
        let (connections, level) = (connections(&raw), raw.compression_params.level);
        if !raw.compression.has_level(level) {
            return Err(ConfigError::Level { level });
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
            targets,
            encoding: raw.encoding,
            tls: raw.tls.for_tls(),
            headers: raw.headers,
            compression: raw.compression,
            proxy: raw.proxy_url,
            balancer: raw.balancer_name,
            connections,
            level,
            has_cookies: raw.cookies.is_some_and(|cookies| cookies.enabled),
            authenticator,
            delivery,
        })
    }
}

fn connections(raw: &RawConfig) -> Connections {
    let keepalive = &raw.keepalive;
    let idle_timeout = keepalive.idle_conn_timeout.unwrap_or(raw.idle_conn_timeout);
    let all = keepalive.max_idle_conns.unwrap_or(raw.max_idle_conns);
    let per_host = keepalive.max_idle_conns_per_host.unwrap_or(raw.max_idle_conns_per_host);
    let time = raw.http2_read_idle_timeout;
    let timeout = if raw.http2_ping_timeout.is_zero() { HTTP2_PING_TIMEOUT } else { raw.http2_ping_timeout };
    Connections {
        reuse: keepalive.enabled.unwrap_or(!raw.disable_keep_alives),
        idle_max: idle_max(all, per_host),
        idle_timeout: (!idle_timeout.is_zero()).then_some(idle_timeout),
        offer_http2: raw.force_attempt_http2,
        connections_max: NonZeroUsize::new(raw.max_conns_per_host),
        pings: (!time.is_zero()).then_some(Pings { time, timeout, permit_without_stream: true }),
    }
}

/// Go's own default.
const HTTP2_PING_TIMEOUT: Duration = Duration::from_secs(15);

/// An empty text is none.
fn proxy<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Proxy>, D::Error> {
    let text = Option::<Secret>::deserialize(deserializer)?;
    let text = text.as_ref().map(Secret::reveal).filter(|text| !text.is_empty());
    text.map(Proxy::url).transpose().map_err(serde::de::Error::custom)
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
        let usual = Connections {
            reuse: true,
            idle_max: 100,
            idle_timeout,
            offer_http2: true,
            connections_max: None,
            pings: None,
        };
        assert_eq!(config.connections, usual);
        Ok(())
    }

    #[test]
    fn newer_names_go_before_older_ones() -> Result<(), String> {
        let config = parse(
            r#"{"endpoint": "http://a:1", "max_idle_conns": 7, "idle_conn_timeout": "1s",
                "keepalive": {"enabled": false, "idle_conn_timeout": "5s", "max_idle_conns_per_host": 3},
                "http2_read_idle_timeout": "10s", "max_conns_per_host": 4, "cookies": {},
                "compression": "zstd", "compression_params": {"level": 19}}"#,
        )?;
        let Connections { reuse, idle_max, idle_timeout, connections_max, pings, .. } = config.connections;
        assert_eq!((reuse, idle_max, idle_timeout), (false, 3, Some(Duration::from_secs(5))));
        assert_eq!(connections_max.map(NonZeroUsize::get), Some(4));
        assert_eq!(pings.map(|pings| (pings.time, pings.timeout)), Some((Duration::from_secs(10), HTTP2_PING_TIMEOUT)));
        assert_eq!((config.level, config.has_cookies), (19, true));
        assert!(!parse(r#"{"endpoint": "http://a:1", "cookies": {"enabled": false}}"#)?.has_cookies);
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
            (r#"{"endpoint": "http://a", "compression_params": {"level": 10}}"#, "has no level 10"),
            (r#"{"endpoint": "http://a", "compression": "snappy", "compression_params": {"level": 1}}"#, "no level 1"),
            (r#"{"endpoint": "http://a", "compression": "lz4"}"#, "unknown variant `lz4`"),
            (
                r#"{"endpoint": "http://a", "proxy_url": "socks5://u:p@b"}"#,
                "proxies of scheme `socks5` are not supported",
            ),
        ] {
            let error = parse(json).err().unwrap_or_default();
            assert!(error.contains(words), "{json}: {error}");
        }
    }
}
