//! How a push exporter's lane works: the part of its configuration that every such exporter has, under the Collector's keys.
//!
//! An exporter's own `Config` has these as fields and hands them to its lane as one [`Delivery`].

use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

use super::{ComponentId, duration};

/// Everything a lane is told.
#[derive(Debug, Clone, Default)]
pub struct Delivery {
    /// `timeout`: of one attempt. Zero is none.
    pub timeout: Duration,
    /// `sending_queue`.
    pub queue: SendingQueue,
    /// `retry_on_failure`.
    pub retry: RetryOnFailure,
    /// `breaker`: the extension that decides when to try.
    pub breaker: Option<ComponentId>,
    /// `on_full`.
    pub on_full: OnFull,
}

/// What becomes of a batch that finds the queue full.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnFull {
    /// The whole request is refused before any plugin has seen it; its sender is told when to come back.
    #[default]
    Refuse,
    /// It is dropped for this exporter alone, and counted: the other exporters' business goes on.
    Drop,
}

/// In what the size of a queue or a batch is counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sizer {
    /// Batches as they come out of a pipeline.
    #[default]
    Requests,
    /// Metric points, spans or log records.
    Items,
    /// Bytes of OTLP.
    Bytes,
}

/// `sending_queue`, with the Collector's keys and defaults.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SendingQueue {
    /// Without a queue, a sender waits for the destination's answer.
    pub enabled: bool,
    /// Attempts under way at a time.
    pub num_consumers: NonZeroU32,
    /// How much the queue holds, in `sizer` units, what is being sent included.
    pub queue_size: NonZeroU64,
    /// The unit.
    pub sizer: Sizer,
    /// Whether a full queue makes senders wait instead of refusing them.
    pub block_on_overflow: bool,
    /// Whether a sender is answered by the destination's answer.
    pub wait_for_result: bool,
    /// The storage extension that keeps the queue on disk; in memory without one.
    pub storage: Option<ComponentId>,
    /// Whether batches are merged and split on their way out.
    #[serde(deserialize_with = "batch_when_present")]
    pub batch: Option<Batching>,
}

impl Default for SendingQueue {
    fn default() -> Self {
        SendingQueue {
            enabled: true,
            num_consumers: const { NonZeroU32::new(10).unwrap() },
            queue_size: const { NonZeroU64::new(1000).unwrap() },
            sizer: Sizer::Requests,
            block_on_overflow: false,
            wait_for_result: false,
            storage: None,
            batch: None,
        }
    }
}

/// `batch:` with nothing behind it switches batching on with its defaults, as in the Collector.
fn batch_when_present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Batching>, D::Error> {
    Ok(Some(Option::<Batching>::deserialize(deserializer)?.unwrap_or_default()))
}

/// `sending_queue.batch`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "RawBatching")]
pub struct Batching {
    /// A batch is sent when it has waited this long.
    pub flush_timeout: Duration,
    /// A batch is sent when it has this much, in `sizer` units.
    pub min_size: u64,
    /// A batch has at most this much; zero is no bound.
    pub max_size: u64,
    /// Items or bytes.
    pub sizer: Sizer,
    /// Names of request metadata: batches that differ in one of them are never merged.
    pub metadata_keys: Vec<String>,
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawBatching {
    #[serde(deserialize_with = "duration::nonzero")]
    flush_timeout: Duration,
    min_size: u64,
    max_size: u64,
    sizer: Sizer,
    partition: Partition,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Partition {
    metadata_keys: Vec<String>,
}

impl Default for RawBatching {
    fn default() -> Self {
        RawBatching {
            flush_timeout: Duration::from_millis(200),
            min_size: 8192,
            max_size: 0,
            sizer: Sizer::Items,
            partition: Partition::default(),
        }
    }
}

impl Default for Batching {
    fn default() -> Self {
        let RawBatching { flush_timeout, min_size, max_size, sizer, .. } = RawBatching::default();
        Batching { flush_timeout, min_size, max_size, sizer, metadata_keys: Vec::new() }
    }
}

/// A batch that cannot be.
#[derive(Debug, thiserror::Error)]
enum BatchingError {
    #[error("`max_size` {max} is less than `min_size` {min}: raise it, or leave it out for no bound")]
    Sizes { min: u64, max: u64 },
    #[error("`sizer` of a batch is `items` or `bytes`")]
    Sizer,
}

impl TryFrom<RawBatching> for Batching {
    type Error = BatchingError;

    fn try_from(raw: RawBatching) -> Result<Batching, BatchingError> {
        let RawBatching { flush_timeout, min_size, max_size, sizer, partition } = raw;
        if max_size > 0 && max_size < min_size {
            return Err(BatchingError::Sizes { min: min_size, max: max_size });
        }
        if sizer == Sizer::Requests {
            return Err(BatchingError::Sizer);
        }
        // Header names are compared as they arrive, which is in lower case.
        let metadata_keys = partition.metadata_keys.iter().map(|key| key.to_ascii_lowercase()).collect();
        Ok(Batching { flush_timeout, min_size, max_size, sizer, metadata_keys })
    }
}

/// `retry_on_failure`, with the Collector's keys and defaults.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetryOnFailure {
    /// Without it one failure is the last.
    pub enabled: bool,
    /// The wait after the first failure.
    #[serde(deserialize_with = "duration::nonzero")]
    pub initial_interval: Duration,
    /// How far a wait may be from what it should be, as a share of it: 0 to 1.
    #[serde(deserialize_with = "share")]
    pub randomization_factor: f64,
    /// By how much each wait is longer than the one before: at least 1.
    #[serde(deserialize_with = "at_least_one")]
    pub multiplier: f64,
    /// The longest wait.
    #[serde(deserialize_with = "duration::nonzero")]
    pub max_interval: Duration,
    /// When it is given up; zero is never.
    #[serde(deserialize_with = "duration::deserialize")]
    pub max_elapsed_time: Duration,
}

impl Default for RetryOnFailure {
    fn default() -> Self {
        RetryOnFailure {
            enabled: true,
            initial_interval: Duration::from_secs(5),
            randomization_factor: 0.5,
            multiplier: 1.5,
            max_interval: Duration::from_secs(30),
            max_elapsed_time: Duration::from_secs(300),
        }
    }
}

fn share<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let share = f64::deserialize(deserializer)?;
    if (0.0..=1.0).contains(&share) { Ok(share) } else { Err(de::Error::custom("must be between 0 and 1")) }
}

fn at_least_one<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let factor = f64::deserialize(deserializer)?;
    if factor >= 1.0 && factor.is_finite() { Ok(factor) } else { Err(de::Error::custom("must be at least 1")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_the_collectors() -> Result<(), serde_json::Error> {
        let queue: SendingQueue = serde_json::from_str("{}")?;
        assert!(queue.enabled && !queue.block_on_overflow && !queue.wait_for_result && queue.batch.is_none());
        assert_eq!((queue.num_consumers.get(), queue.queue_size.get(), queue.sizer), (10, 1000, Sizer::Requests));
        let queue: SendingQueue = serde_json::from_str(r#"{"batch": null, "sizer": "bytes"}"#)?;
        assert_eq!(queue.batch, Some(Batching::default()));
        assert_eq!(queue.batch.map(|batch| (batch.min_size, batch.max_size)), Some((8192, 0)));
        let retry: RetryOnFailure = serde_json::from_str(r#"{"max_elapsed_time": 0}"#)?;
        assert_eq!(retry, RetryOnFailure { max_elapsed_time: Duration::ZERO, ..RetryOnFailure::default() });
        Ok(())
    }

    #[test]
    fn what_cannot_be_says_so() {
        for (json, words) in [
            (r#"{"batch": {"min_size": 10, "max_size": 5}}"#, "less than `min_size` 10"),
            (r#"{"batch": {"sizer": "requests"}}"#, "`items` or `bytes`"),
            (r#"{"num_consumers": 0}"#, "nonzero"),
            (r#"{"sizer": "kilos"}"#, "unknown variant `kilos`"),
        ] {
            let error = serde_json::from_str::<SendingQueue>(json).err().map(|error| error.to_string());
            assert!(error.as_ref().is_some_and(|error| error.contains(words)), "{json}: {error:?}");
        }
        for json in [r#"{"multiplier": 0.5}"#, r#"{"randomization_factor": 1.5}"#, r#"{"initial_interval": "0s"}"#] {
            assert!(serde_json::from_str::<RetryOnFailure>(json).is_err(), "{json}");
        }
    }
}
