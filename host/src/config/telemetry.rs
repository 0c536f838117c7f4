//! `service.telemetry`: what the host says about itself, in the Collector's words.

mod destination;
mod logs;
mod processors;
mod readers;
mod resource;

use std::fmt;

use schemars::JsonSchema;
use serde::de::{self, Deserializer};
use serde::{Deserialize, Serialize};

pub use logs::{LogOutput, LogSampling, LogSettings};
pub use processors::BatchProcessor;
use processors::{Processor, Sampler};
pub use readers::PeriodicReader;
use readers::{Reader, Readers};
pub use resource::ResourceSettings;

/// Where the metrics endpoint listens, unless told otherwise; the Collector's choice.
const HOST: &str = "127.0.0.1";
const PORT: u16 = 8888;

/// The host's own logs, metrics and traces.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Telemetry {
    /// What is written of the host's own log, and pushed.
    pub logs: LogSettings,
    /// What the metrics endpoint shows, and what is pushed.
    pub metrics: MetricSettings,
    /// What is pushed of the way of requests; nothing without a processor.
    pub traces: TraceSettings,
    /// As whom the collector speaks of itself.
    pub resource: ResourceSettings,
}

/// What the first span of a batch waits for more, unless told otherwise; that of OpenTelemetry's SDKs, as for log records.
const SPANS_DELAY_MS: u64 = 5000;

/// The least severity that is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Everything.
    #[serde(alias = "Debug", alias = "DEBUG")]
    Debug,
    /// What an operator wants to see once.
    #[default]
    #[serde(alias = "Info", alias = "INFO")]
    Info,
    /// What may need a hand.
    #[serde(alias = "Warn", alias = "WARN")]
    Warn,
    /// What does need one.
    #[serde(alias = "Error", alias = "ERROR")]
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

/// What the metrics endpoint shows, and where; and where metrics are pushed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "RawMetricSettings")]
#[schemars(with = "RawMetricSettings")]
pub struct MetricSettings {
    /// How much.
    pub level: MetricLevel,
    /// `host:port` of each Prometheus endpoint; none where it is off, by level `none` or a list of readers without one that pulls.
    pub addresses: Vec<String>,
    /// What pushes.
    pub periodic: Vec<PeriodicReader>,
}

impl Default for MetricSettings {
    fn default() -> Self {
        let addresses = vec![format!("{HOST}:{PORT}")];
        MetricSettings { level: MetricLevel::default(), addresses, periodic: Vec::new() }
    }
}

/// How much the metrics endpoint shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MetricLevel {
    /// Nothing; there is no endpoint.
    #[serde(alias = "None", alias = "NONE")]
    None,
    /// What every operator needs.
    #[serde(alias = "Basic", alias = "BASIC")]
    Basic,
    /// The usual.
    #[default]
    #[serde(alias = "Normal", alias = "NORMAL")]
    Normal,
    /// Everything.
    #[serde(alias = "Detailed", alias = "DETAILED")]
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
    /// The same in the newer form, and where metrics are pushed; an empty list is none.
    #[schemars(extend("x-collector" = "same; others than `prometheus` and `otlp` are refused"))]
    #[serde(default, deserialize_with = "readers")]
    #[schemars(with = "Option<Vec<Reader>>")]
    readers: Option<Readers>,
}

impl TryFrom<RawMetricSettings> for MetricSettings {
    type Error = &'static str;

    fn try_from(raw: RawMetricSettings) -> Result<Self, &'static str> {
        let readers = match (raw.address, raw.readers) {
            (Some(_), Some(_)) => return Err("`address` and `readers` both say where metrics go; keep one of them"),
            (Some(address), None) => Readers { addresses: vec![address], ..Readers::default() },
            (None, Some(readers)) => readers,
            (None, None) => Readers { addresses: MetricSettings::default().addresses, ..Readers::default() },
        };
        let Readers { addresses, periodic } = if raw.level == MetricLevel::None { Readers::default() } else { readers };
        Ok(MetricSettings { level: raw.level, addresses, periodic })
    }
}

fn readers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Readers>, D::Error> {
    Readers::of(Vec::<Reader>::deserialize(deserializer)?).map(Some).map_err(de::Error::custom)
}

/// What is pushed of the way of requests.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(try_from = "RawTraceSettings")]
#[schemars(with = "RawTraceSettings")]
pub struct TraceSettings {
    /// The share of trips that have a trace: from 0 to 1.
    pub ratio: f64,
    /// What pushes them; no trip has a trace where there is none.
    pub processors: Vec<BatchProcessor>,
}

impl Default for TraceSettings {
    fn default() -> Self {
        TraceSettings { ratio: 1.0, processors: Vec::new() }
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawTraceSettings {
    /// Whether there are any.
    #[schemars(extend("x-collector" = "same; only `none` makes a difference"))]
    #[serde(default = "basic")]
    level: MetricLevel,
    /// Which trips have a trace; all without it.
    #[serde(default)]
    sampler: Option<Sampler>,
    /// What pushes them; nothing without one.
    #[schemars(extend("x-collector" = "same; others than `batch` to `otlp` are refused"))]
    #[serde(default)]
    processors: Vec<Processor>,
}

fn basic() -> MetricLevel {
    MetricLevel::Basic
}

impl TryFrom<RawTraceSettings> for TraceSettings {
    type Error = &'static str;

    fn try_from(raw: RawTraceSettings) -> Result<Self, &'static str> {
        let RawTraceSettings { level, sampler, processors } = raw;
        let ratio = sampler.map_or(Ok(1.0), Sampler::ratio)?;
        let processors = if level == MetricLevel::None { Vec::new() } else { processors };
        let processors = processors.into_iter().map(|processor| processor.resolve(SPANS_DELAY_MS)).collect();
        Ok(TraceSettings { ratio, processors })
    }
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
