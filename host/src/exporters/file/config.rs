//! The exporter's part of the configuration, with every default stated once, here. Keys are the Collector's where it has them.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};

use super::groups::Grouping;
use crate::contract::{ComponentId, Delivery, OnFull, RetryOnFailure, SendingQueue, duration};

/// `exporters: {file: …}`. What parsed is valid.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(try_from = "RawConfig")]
#[schemars(with = "RawConfig")]
pub struct Config {
    /// `path`, with `*` where groups have their names.
    pub path: PathBuf,
    /// Whether what stands in a file stays when the exporter begins.
    pub append: bool,
    /// `rotation`.
    pub rotation: Option<Rotation>,
    /// `format`.
    pub format: Format,
    /// `compression`: the level of zstd, of 1 to 11.
    pub zstd: Option<i32>,
    /// `fsync`.
    pub fsync: Fsync,
    /// `flush_interval`.
    pub flush_interval: Duration,
    /// `group_by`.
    pub grouping: Option<Grouping>,
    /// Files that are open at a time.
    pub max_open_files: usize,
    /// The mode of directories that are made, where any are.
    pub directory_mode: Option<u32>,
    /// The lane.
    pub delivery: Delivery,
}

/// How a batch is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// A line of OTLP/JSON.
    #[default]
    Json,
    /// Protobuf behind its length: four bytes, big endian.
    Proto,
}

/// When what was written is on the disk itself, and with it when a batch is settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Fsync {
    /// Before a batch is settled: a power cut loses nothing.
    Always,
    /// Every `flush_interval`: a power cut loses no more than that, a killed process nothing.
    Interval,
    /// When the system likes: a killed process loses nothing.
    Never,
}

/// How each message is compressed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Compression {
    /// Not at all.
    #[default]
    #[serde(alias = "")]
    None,
    /// RFC 8878, each message alone and behind its length.
    Zstd,
}

/// `rotation`, with the Collector's keys and defaults.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Rotation {
    /// How large a file grows, in MiB, unless one batch alone is larger; 0 is 100.
    #[schemars(extend("x-collector" = "same; a batch that is larger has a file of its own, and is not refused"))]
    pub max_megabytes: u32,
    /// For how many days files are kept that were rotated; 0 is for ever.
    pub max_days: u32,
    /// How many files are kept that were rotated; 0 is all.
    pub max_backups: u32,
    /// Whether names of rotated files have the local time instead of UTC.
    pub localtime: bool,
}

impl Default for Rotation {
    fn default() -> Self {
        Rotation { max_megabytes: 0, max_days: 0, max_backups: 100, localtime: false }
    }
}

impl Rotation {
    /// In bytes.
    pub fn size_max(&self) -> u64 {
        let megabytes = if self.max_megabytes == 0 { 100 } else { self.max_megabytes };
        u64::from(megabytes) << 20
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct GroupBy {
    /// Whether each value of a resource attribute has a file of its own.
    enabled: bool,
    /// The attribute whose value stands for `*` in `path`.
    #[serde(alias = "sub_path_resource_attribute")]
    #[schemars(extend("x-collector" = "same; values that lead out of the directory are refused, not changed"))]
    resource_attribute: String,
    /// Files that are open at a time.
    #[schemars(extend("x-collector" = "same; a file that is opened again is not emptied"))]
    max_open_files: usize,
}

impl Default for GroupBy {
    fn default() -> Self {
        GroupBy { enabled: false, resource_attribute: "fileexporter.path_segment".to_owned(), max_open_files: 100 }
    }
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct CompressionParams {
    /// Of zstd: 1, 3, 6 or 11; 0 is 3.
    #[schemars(extend("x-collector" = "same, and always applied; there only with a feature gate"))]
    level: i32,
}

#[derive(Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct RawConfig {
    /// The file that is written.
    path: String,
    /// Whether what stands in the file stays when the exporter begins. Without it: yes where the queue is on disk, else no.
    #[schemars(extend("x-collector" = "same; there `false` without it"))]
    append: Option<bool>,
    /// When the file is renamed and a new one begun. `rotation:` alone switches that on with its defaults.
    #[serde(deserialize_with = "rotation_when_present")]
    rotation: Option<Rotation>,
    /// How a batch is written.
    format: Format,
    #[schemars(skip)]
    encoding: Option<IgnoredAny>,
    /// How each message is compressed.
    compression: Compression,
    /// How well it is compressed.
    compression_params: CompressionParams,
    /// When what was written is on the disk itself. Without it: `always` where the queue is on disk, else `interval`.
    #[schemars(extend("x-collector" = "ours"))]
    fsync: Option<Fsync>,
    /// How often files are synced with `fsync: interval`; 0 is `1s`.
    #[schemars(extend("x-collector" = "same default; there how often a buffer is written, and here there is none"))]
    #[serde(deserialize_with = "duration::deserialize")]
    flush_interval: Duration,
    /// Whether resources go to files of their own.
    group_by: GroupBy,
    /// Whether the directory of the file is made where it is missing; with `group_by` it always is.
    create_directory: bool,
    /// The mode of directories that are made, in octal digits, apart from the umask.
    directory_permissions: Option<String>,
    /// How long one attempt may take; 0 is no bound.
    #[schemars(extend("x-collector" = "ours"))]
    #[serde(deserialize_with = "duration::deserialize")]
    timeout: Duration,
    /// The queue in front of it.
    #[schemars(extend("x-collector" = "ours"))]
    sending_queue: SendingQueue,
    /// What happens after an attempt that failed.
    #[schemars(extend("x-collector" = "ours"))]
    retry_on_failure: RetryOnFailure,
    /// The breaker that decides when to try.
    #[schemars(extend("x-collector" = "ours"))]
    breaker: Option<ComponentId>,
    /// What becomes of a batch that finds the queue full.
    #[schemars(extend("x-collector" = "ours"))]
    on_full: OnFull,
}

impl Default for RawConfig {
    fn default() -> Self {
        RawConfig {
            path: String::new(),
            append: None,
            rotation: None,
            format: Format::Json,
            encoding: None,
            compression: Compression::None,
            compression_params: CompressionParams::default(),
            fsync: None,
            flush_interval: FLUSH_INTERVAL,
            group_by: GroupBy::default(),
            create_directory: false,
            directory_permissions: None,
            timeout: Duration::from_secs(30),
            sending_queue: SendingQueue::default(),
            retry_on_failure: RetryOnFailure::default(),
            breaker: None,
            on_full: OnFull::default(),
        }
    }
}

/// The Collector's.
const FLUSH_INTERVAL: Duration = Duration::from_secs(1);

/// The Collector's `directory_permissions`.
const DIRECTORY_MODE: u32 = 0o755;

/// `rotation:` with nothing behind it switches rotation on with its defaults, as in the Collector.
fn rotation_when_present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Rotation>, D::Error> {
    Ok(Some(Option::deserialize(deserializer)?.unwrap_or_default()))
}

/// A configuration that cannot be.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConfigError {
    #[error("`path` is missing: write `path: /var/lib/telemetry/data.json`")]
    NoPath,
    #[error(
        "`encoding` names an extension that writes telemetry in another form, and there is none here: leave it out, and choose `format: json` or `format: proto`"
    )]
    Encoding,
    #[error(
        "`append: true` and `rotation` exclude each other: leave out `append`, files that rotate are never emptied"
    )]
    AppendAndRotation,
    #[error(
        "`path` has to have exactly one `*` with `group_by`, and not at its beginning: write `path: /var/lib/telemetry/*.json`"
    )]
    Star,
    #[error("`resource_attribute` is empty: name the attribute, or leave it out for `fileexporter.path_segment`")]
    NoAttribute,
    #[error("`max_open_files` has to be positive")]
    NoOpenFiles,
    #[error("`level` {0} of zstd is none of 1, 3, 6 and 11")]
    Level(i32),
    #[error("`directory_permissions` has no effect without `create_directory: true`")]
    NoDirectories,
    #[error("`directory_permissions` {0:?} is not a mode in octal digits: write `directory_permissions: \"0755\"`")]
    Mode(String),
}

impl TryFrom<RawConfig> for Config {
    type Error = ConfigError;

    fn try_from(raw: RawConfig) -> Result<Config, ConfigError> {
        if raw.encoding.is_some() {
            return Err(ConfigError::Encoding);
        }
        if raw.path.is_empty() {
            return Err(ConfigError::NoPath);
        }
        if raw.append == Some(true) && raw.rotation.is_some() {
            return Err(ConfigError::AppendAndRotation);
        }
        let is_kept = raw.sending_queue.storage.is_some();
        let zstd = zstd_level(raw.compression, raw.compression_params.level)?;
        let directory_mode = directory_mode(&raw)?;
        let grouping = grouping(&raw)?;
        let default = if is_kept { Fsync::Always } else { Fsync::Interval };
        let flush_interval = if raw.flush_interval.is_zero() { FLUSH_INTERVAL } else { raw.flush_interval };
        let delivery = Delivery {
            timeout: raw.timeout,
            queue: raw.sending_queue,
            retry: raw.retry_on_failure,
            breaker: raw.breaker,
            on_full: raw.on_full,
        };
        Ok(Config {
            path: raw.path.into(),
            append: raw.rotation.is_some() || raw.append.unwrap_or(is_kept),
            rotation: raw.rotation,
            format: raw.format,
            zstd,
            fsync: raw.fsync.unwrap_or(default),
            flush_interval,
            max_open_files: if grouping.is_some() { raw.group_by.max_open_files } else { 1 },
            grouping,
            directory_mode,
            delivery,
        })
    }
}

fn zstd_level(compression: Compression, level: i32) -> Result<Option<i32>, ConfigError> {
    match (compression, level) {
        (Compression::None, _) => Ok(None),
        (Compression::Zstd, 0) => Ok(Some(3)),
        (Compression::Zstd, 1 | 3 | 6 | 11) => Ok(Some(level)),
        (Compression::Zstd, other) => Err(ConfigError::Level(other)),
    }
}

fn grouping(raw: &RawConfig) -> Result<Option<Grouping>, ConfigError> {
    let GroupBy { enabled, resource_attribute, max_open_files } = &raw.group_by;
    if !enabled {
        return Ok(None);
    }
    if resource_attribute.is_empty() {
        return Err(ConfigError::NoAttribute);
    }
    if *max_open_files == 0 {
        return Err(ConfigError::NoOpenFiles);
    }
    match raw.path.split('*').collect::<Vec<_>>().as_slice() {
        [prefix, suffix] if !prefix.is_empty() => Ok(Some(Grouping::new(prefix, suffix, resource_attribute))),
        _ => Err(ConfigError::Star),
    }
}

fn directory_mode(raw: &RawConfig) -> Result<Option<u32>, ConfigError> {
    let makes = raw.create_directory || raw.group_by.enabled;
    let mode = match raw.directory_permissions.as_deref().filter(|text| !text.is_empty()) {
        None => DIRECTORY_MODE,
        Some(_) if !raw.create_directory => return Err(ConfigError::NoDirectories),
        Some(text) => {
            let mode = u32::from_str_radix(text.trim_start_matches("0o"), 8).ok().filter(|mode| *mode <= 0o777);
            mode.ok_or_else(|| ConfigError::Mode(text.to_owned()))?
        }
    };
    Ok(makes.then_some(mode))
}
