//! `batch`, with the Collector's keys: exporters of its pipelines merge and split batches as it says, where they do not say so themselves by
//! `sending_queue.batch`.
//!
//! A batch that waits in memory is lost with the process, so nothing is gathered before the commit: an exporter gathers what waits in its
//! queue.

use std::collections::HashSet;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::contract::{Batching, Metadata, Sizer, duration};
use crate::families::{ComponentType, MetadataUse, ProcessorType, Stability};

/// `batch: …`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(try_from = "RawConfig")]
#[schemars(with = "RawConfig")]
pub struct Config(Batching);

#[derive(Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct RawConfig {
    /// A batch is sent when it has waited this long; 0 sends each at once, split where it is too large.
    #[serde(deserialize_with = "duration::deserialize")]
    timeout: Duration,
    /// A batch is sent when it has so many metric points, spans or log records; 0 sends each at once.
    send_batch_size: u32,
    /// A batch has at most so many; 0 is no bound.
    send_batch_max_size: u32,
    /// Names of request metadata: batches that differ in one of them are never merged.
    #[schemars(extend("x-collector" = "same; what is never kept of a request is refused"))]
    metadata_keys: Vec<String>,
    /// How many combinations of such metadata there may be.
    #[schemars(extend("x-no-effect" = "batches of any number of combinations wait in one queue, which is bounded"))]
    metadata_cardinality_limit: u32,
}

impl Default for RawConfig {
    fn default() -> Self {
        RawConfig {
            timeout: Duration::from_millis(200),
            send_batch_size: 8192,
            send_batch_max_size: 0,
            metadata_keys: Vec::new(),
            metadata_cardinality_limit: 1000,
        }
    }
}

/// A batch that cannot be.
#[derive(Debug, thiserror::Error)]
enum BatchError {
    #[error(
        "`send_batch_max_size` {max} is less than `send_batch_size` {size}: raise it, or leave it out for no bound"
    )]
    Sizes { size: u32, max: u32 },
    #[error("`metadata_keys` has `{0}` twice: case does not count")]
    Twice(String),
    #[error("`metadata_keys` has `{0}`, which is not kept of a request")]
    NeverKept(String),
}

impl TryFrom<RawConfig> for Config {
    type Error = BatchError;

    fn try_from(raw: RawConfig) -> Result<Config, BatchError> {
        let RawConfig { timeout, send_batch_size: size, send_batch_max_size: max, metadata_keys, .. } = raw;
        if max > 0 && max < size {
            return Err(BatchError::Sizes { size, max });
        }
        let mut seen = HashSet::new();
        // Header names are compared as they arrive, which is in lower case.
        let metadata_keys: Vec<String> = metadata_keys.iter().map(|key| key.to_ascii_lowercase()).collect();
        for key in &metadata_keys {
            if Metadata::is_never_kept(key) {
                return Err(BatchError::NeverKept(key.clone()));
            }
            if !seen.insert(key) {
                return Err(BatchError::Twice(key.clone()));
            }
        }
        let usual = Batching { max_size: max.into(), metadata_keys, sizer: Sizer::Items, ..Batching::default() };
        Ok(Config(match timeout {
            Duration::ZERO => Batching { min_size: 0, ..usual },
            flush_timeout => Batching { flush_timeout, min_size: size.into(), ..usual },
        }))
    }
}

/// The type `batch`.
#[derive(Debug)]
pub struct Type;

impl ComponentType for Type {
    const NAMES: &'static [&'static str] = &["batch"];
    const STABILITY: Stability = Stability::Stable;
    type Config = Config;

    fn metadata(Config(batching): &Config) -> Vec<MetadataUse> {
        let names = batching.metadata_keys.iter().cloned();
        names.map(|name| MetadataUse { key: "metadata_keys", name }).collect()
    }
}

impl ProcessorType for Type {
    fn batching(Config(batching): &Config) -> Option<Batching> {
        Some(batching.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<Batching, String> {
        serde_json::from_str(json).map(|Config(batching)| batching).map_err(|error| error.to_string())
    }

    #[test]
    fn defaults_are_the_collectors() -> Result<(), String> {
        let batching = parse("{}")?;
        assert_eq!((batching.flush_timeout, batching.min_size), (Duration::from_millis(200), 8192));
        assert_eq!((batching.max_size, batching.sizer), (0, Sizer::Items));
        Ok(())
    }

    #[test]
    fn without_a_time_or_a_size_nothing_waits() -> Result<(), String> {
        for json in [r#"{"timeout": "0s", "send_batch_max_size": 10000}"#, r#"{"send_batch_size": 0}"#] {
            assert_eq!(parse(json)?.min_size, 0, "{json}");
        }
        Ok(())
    }

    #[test]
    fn errors_say_what_to_write() {
        for (json, words) in [
            (r#"{"send_batch_max_size": 10}"#, "`send_batch_max_size` 10 is less than `send_batch_size` 8192"),
            (r#"{"metadata_keys": ["X-Tenant", "x-tenant"]}"#, "has `x-tenant` twice"),
            (r#"{"metadata_keys": ["authorization"]}"#, "not kept of a request"),
            (r#"{"timeout": 5}"#, "needs a unit"),
            (r#"{"size": 5}"#, "unknown field `size`"),
        ] {
            let error = parse(json).err().unwrap_or_default();
            assert!(error.contains(words), "{json}: {error}");
        }
    }
}
