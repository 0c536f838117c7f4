//! The form of a report. As JSON it is what `otelier status --json` prints, one object a line: fields are added, and keep their meaning.

use serde::{Deserialize, Serialize};

/// Everything about a running host at one moment. Times are RFC 3339 in UTC.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The version of the binary.
    pub version: String,
    /// `starting`, `running` or `stopping`.
    pub phase: String,
    /// When the collector began, once its plugins were compiled.
    pub started: String,
    /// Seconds since then.
    pub uptime_seconds: u64,
    /// Over how many seconds every `per_second` is taken: up to ten, fewer soon after the start.
    pub rate_seconds: f64,
    /// Whether requests can be taken, and what is wrong with which part.
    pub health: HealthShown,
    /// In the order of the configuration.
    pub pipelines: Vec<PipelineShown>,
    /// By id.
    pub receivers: Vec<Part>,
    /// By id.
    pub processors: Vec<Part>,
    /// By id.
    pub connectors: Vec<Part>,
    /// By id.
    pub exporters: Vec<Part>,
    /// Ids, in the order of the configuration.
    pub extensions: Vec<String>,
    /// By name.
    pub plugins: Vec<PluginShown>,
    /// What could not be delivered and is kept.
    pub dead_letters: DeadLettersShown,
    /// The last warning and the last error of each component, newest first.
    pub last_errors: Vec<LastError>,
}

/// How the process is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct HealthShown {
    /// Whether requests can be taken: what `/readyz` says.
    pub ready: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub obstacle: Option<String>,
    /// What is wrong at the moment.
    pub troubles: Vec<TroubleShown>,
}

/// What is wrong with a part.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TroubleShown {
    /// Such as `exporter:otlp`, `aggregate in metrics` or `store`.
    pub part: String,
    /// `degraded` or `failed`.
    pub severity: String,
    /// For people.
    pub message: String,
    /// Since when.
    pub since: String,
}

/// A pipeline and its components, by id.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PipelineShown {
    /// Its id.
    pub id: String,
    /// Receivers, and connectors that begin it.
    pub receivers: Vec<String>,
    /// In the order in which a batch passes them.
    pub processors: Vec<String>,
    /// Exporters, and connectors that end it.
    pub exporters: Vec<String>,
}

/// A component that counts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// Its id.
    pub id: String,
    /// What went through it.
    pub flows: Vec<Flow>,
    /// Of an exporter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<Queue>,
    /// Of an exporter that names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breaker: Option<Breaker>,
}

/// One counter of a component.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Flow {
    /// `accepted`, `refused`, `failed`, `incoming`, `outgoing`, `absorbed`, `emitted`, `dropped`, `unrouted`, `sent`, `send_failed` or
    /// `enqueue_failed`.
    pub what: String,
    /// `metrics`, `traces` or `logs`.
    pub signal: String,
    /// Items since the start.
    pub total: u64,
    /// Items a second over the last [`Report::rate_seconds`].
    pub per_second: f64,
}

/// What waits for an exporter.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Queue {
    /// What `size` and `capacity` are in: `requests`, `items` or `bytes`.
    pub sizer: String,
    /// Waiting and being sent.
    pub size: u64,
    /// At most; nothing where the exporter has no bound of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capacity: Option<u64>,
    /// Batches that are being sent, waits between attempts included.
    pub in_flight: u64,
    /// For how long the first of those that are not being sent has waited; after a restart, since then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest_seconds: Option<f64>,
    /// Whether it is on disk.
    pub persistent: bool,
}

/// The gate in front of an exporter.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Breaker {
    /// The extension.
    pub id: String,
    /// `closed`, `half_open` or `open`.
    pub state: String,
    /// Attempts that were made to wait, since the start.
    pub rejected: u64,
}

/// A plugin that runs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PluginShown {
    /// Its name in the manifest.
    pub name: String,
    /// The hash of its file, in hexadecimal: its version.
    pub sha256: String,
    /// Its file.
    pub file: String,
    /// Since when this version runs.
    pub since: String,
    /// Which command chose it, where it is not the one that the manifest names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chosen_by: Option<String>,
}

/// What could not be delivered.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct DeadLettersShown {
    /// How many are kept.
    pub count: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// A line of the log.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LastError {
    /// Whose it is, such as `exporter:otlp`; `collector` where no component is named.
    pub component: String,
    /// `warn` or `error`.
    pub level: String,
    /// When it was logged.
    pub time: String,
    /// Its words, up to 1,024 bytes.
    pub message: String,
}
