//! `service.telemetry`: what the host says about itself, in the Collector's words.

use std::fmt;

use schemars::JsonSchema;
use serde::de::{self, Deserializer};
use serde::{Deserialize, Serialize};

/// Where the metrics endpoint listens, unless told otherwise; the Collector's choice.
const HOST: &str = "127.0.0.1";
const PORT: u16 = 8888;

/// The host's own logs and metrics.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Telemetry {
    /// What is written to standard error.
    pub logs: LogSettings,
    /// What the metrics endpoint shows.
    pub metrics: MetricSettings,
}

/// What is written to standard error.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LogSettings {
    /// The least severity that is written.
    pub level: LogLevel,
    /// For people or for machines.
    pub encoding: LogEncoding,
}

/// The least severity that is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Everything.
    Debug,
    /// What an operator wants to see once.
    #[default]
    Info,
    /// What may need a hand.
    Warn,
    /// What does need one.
    Error,
}

impl LogLevel {
    /// All of them.
    pub const ALL: [LogLevel; 4] = [LogLevel::Debug, LogLevel::Info, LogLevel::Warn, LogLevel::Error];

    /// As in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            LogLevel::Debug => "debug",
            LogLevel::Info => "info",
            LogLevel::Warn => "warn",
            LogLevel::Error => "error",
        }
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogEncoding {
    /// For people.
    #[default]
    Console,
    /// One JSON object per line.
    Json,
}

/// What the metrics endpoint shows, and where.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "RawMetricSettings")]
#[schemars(with = "RawMetricSettings")]
pub struct MetricSettings {
    /// How much.
    pub level: MetricLevel,
    /// `host:port` of the Prometheus endpoint; `None` when it is off, by level `none` or an empty list of readers.
    pub address: Option<String>,
}

impl Default for MetricSettings {
    fn default() -> Self {
        MetricSettings { level: MetricLevel::default(), address: Some(format!("{HOST}:{PORT}")) }
    }
}

/// How much the metrics endpoint shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MetricLevel {
    /// Nothing; there is no endpoint.
    None,
    /// What every operator needs.
    Basic,
    /// The usual.
    #[default]
    Normal,
    /// Everything.
    Detailed,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawMetricSettings {
    /// How much.
    #[schemars(extend("x-collector" = "same; only `none` makes a difference"))]
    #[serde(default)]
    level: MetricLevel,
    /// Where the Prometheus endpoint listens: `host:port`.
    #[schemars(extend("x-collector" = "same, as it was"))]
    #[serde(default, deserialize_with = "address")]
    address: Option<String>,
    /// The same in the newer form; an empty list is none.
    #[schemars(extend("x-collector" = "same; one, that pulls"))]
    #[serde(default, deserialize_with = "readers")]
    #[schemars(with = "Option<Vec<Reader>>")]
    readers: Option<Readers>,
}

impl TryFrom<RawMetricSettings> for MetricSettings {
    type Error = &'static str;

    fn try_from(raw: RawMetricSettings) -> Result<Self, &'static str> {
        let address = match (raw.address, raw.readers) {
            (Some(_), Some(_)) => return Err("`address` and `readers` both say where metrics go; keep one of them"),
            (Some(address), None) => Some(address),
            (None, Some(Readers::Off)) => None,
            (None, Some(Readers::Prometheus(address))) => Some(address),
            (None, None) => MetricSettings::default().address,
        };
        Ok(MetricSettings { level: raw.level, address: address.filter(|_| raw.level != MetricLevel::None) })
    }
}

/// The Collector's newer form, of which one Prometheus reader is supported.
enum Readers {
    Off,
    Prometheus(String),
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Reader {
    /// Metrics are fetched.
    pull: Pull,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Pull {
    /// By whom.
    exporter: PullExporter,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PullExporter {
    /// By Prometheus.
    prometheus: Prometheus,
}

#[derive(Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Prometheus {
    /// Where it listens.
    host: String,
    /// At which port.
    port: u16,
}

impl Default for Prometheus {
    fn default() -> Self {
        Prometheus { host: HOST.to_owned(), port: PORT }
    }
}

fn readers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Readers>, D::Error> {
    let mut readers = Vec::<Reader>::deserialize(deserializer)?;
    let reader = readers.pop();
    if !readers.is_empty() {
        return Err(de::Error::custom("only one reader is supported; keep the one with `pull.exporter.prometheus`"));
    }
    let Some(Reader { pull: Pull { exporter: PullExporter { prometheus } } }) = reader else {
        return Ok(Some(Readers::Off));
    };
    let host = if prometheus.host.contains(':') && !prometheus.host.starts_with('[') {
        format!("[{}]", prometheus.host)
    } else {
        prometheus.host
    };
    Ok(Some(Readers::Prometheus(format!("{host}:{}", prometheus.port))))
}

/// `host:port`. Without a host, as in `:8888`, all interfaces, as in the Collector.
fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    match text.rsplit_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok() => {
            let host = if host.is_empty() { "0.0.0.0" } else { host };
            Ok(Some(format!("{host}:{port}")))
        }
        _ => Err(de::Error::custom(format_args!("`{text}` is no address; write `host:port` such as `{HOST}:{PORT}`"))),
    }
}
