//! How a push exporter's lane works: the part of its configuration that every such exporter has, under the Collector's keys.
//!
//! An exporter's own `Config` has these as fields and hands them to its lane as one [`Delivery`].

use std::fmt;
use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use schemars::JsonSchema;
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::{ComponentId, Metadata, duration};

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

impl Delivery {
    /// Whether senders wait for what the destination says.
    pub fn waits(&self) -> bool {
        self.queue.wait_for_result || !self.queue.enabled
    }
}

/// What becomes of a batch that finds the queue full.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnFull {
    /// The whole request is refused before any plugin has seen it; its sender is told when to come back.
    #[default]
    Refuse,
    /// It is dropped for this exporter alone, and counted: the other exporters' business goes on.
    Drop,
}

/// In what the size of a queue or a batch is counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "RawQueue")]
#[schemars(with = "RawQueue")]
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
    pub batch: Option<Batching>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct RawQueue {
    /// Without a queue, a sender waits for the destination's answer.
    enabled: bool,
    /// Attempts under way at a time.
    num_consumers: NonZeroU32,
    /// How much the queue holds, in `sizer` units, what is being sent included.
    queue_size: NonZeroU64,
    /// The unit of `queue_size`; `requests` without it.
    sizer: Option<Sizer>,
    /// Whether a full queue makes senders wait instead of refusing them.
    block_on_overflow: bool,
    /// Whether a sender is answered by the destination's answer.
    #[schemars(extend("x-collector" = "same; refused behind a plugin that keeps state"))]
    wait_for_result: bool,
    /// The storage extension that keeps the queue on disk; in memory without one.
    #[schemars(extend("x-collector" = "same; the extension is `rocksdb` or `file_storage`"))]
    storage: Option<ComponentId>,
    /// Whether batches are merged and split on their way out. `batch:` alone switches that on with its defaults.
    #[serde(deserialize_with = "batch_when_present")]
    batch: Option<RawBatching>,
}

impl Default for RawQueue {
    fn default() -> Self {
        RawQueue {
            enabled: true,
            num_consumers: const { NonZeroU32::new(10).unwrap() },
            queue_size: const { NonZeroU64::new(1000).unwrap() },
            sizer: None,
            block_on_overflow: false,
            wait_for_result: false,
            storage: None,
            batch: None,
        }
    }
}

impl TryFrom<RawQueue> for SendingQueue {
    type Error = BatchingError;

    fn try_from(raw: RawQueue) -> Result<SendingQueue, BatchingError> {
        let (sizer, queue_size) = (raw.sizer.unwrap_or_default(), raw.queue_size);
        let batch = raw.batch.map(|batch| batch.resolve(raw.sizer)).transpose()?;
        if let Some(batch) = &batch {
            batch.fits(sizer, queue_size)?;
        }
        Ok(SendingQueue {
            enabled: raw.enabled,
            num_consumers: raw.num_consumers,
            queue_size,
            sizer,
            block_on_overflow: raw.block_on_overflow,
            wait_for_result: raw.wait_for_result,
            storage: raw.storage,
            batch,
        })
    }
}

impl Default for SendingQueue {
    fn default() -> Self {
        let RawQueue { enabled, num_consumers, queue_size, block_on_overflow, wait_for_result, storage, .. } =
            RawQueue::default();
        let sizer = Sizer::default();
        SendingQueue {
            enabled,
            num_consumers,
            queue_size,
            sizer,
            block_on_overflow,
            wait_for_result,
            storage,
            batch: None,
        }
    }
}

/// `batch:` with nothing behind it switches batching on with its defaults, as in the Collector.
fn batch_when_present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<RawBatching>, D::Error> {
    deserializer.deserialize_any(BatchVisitor).map(Some)
}

struct BatchVisitor;

impl<'de> Visitor<'de> for BatchVisitor {
    type Value = RawBatching;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping")
    }

    /// Then the queue's `sizer` counts for nothing, as in the Collector.
    fn visit_unit<E: de::Error>(self) -> Result<RawBatching, E> {
        Ok(RawBatching { sizer: Some(Sizer::Items), ..RawBatching::default() })
    }

    fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<RawBatching, A::Error> {
        RawBatching::deserialize(de::value::MapAccessDeserializer::new(map))
    }
}

/// `sending_queue.batch`.
#[derive(Debug, Clone, PartialEq, Eq)]
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

#[derive(Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct RawBatching {
    /// A batch is sent when it has waited this long.
    #[serde(deserialize_with = "duration::nonzero")]
    flush_timeout: Duration,
    /// A batch is sent when it has this much, in `sizer` units.
    min_size: u64,
    /// A batch has at most this much; zero is no bound.
    max_size: u64,
    /// Items or bytes; without it the queue's unit where that is one of them, and items otherwise.
    #[schemars(extend("x-collector" = "same: the queue's, where only that one has one"))]
    sizer: Option<Sizer>,
    /// What keeps batches apart.
    partition: Partition,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Partition {
    /// Names of request metadata: batches that differ in one of them are never merged.
    #[schemars(extend("x-collector" = "same; what is never kept of a request is refused"))]
    metadata_keys: Vec<String>,
}

impl Default for RawBatching {
    fn default() -> Self {
        RawBatching {
            flush_timeout: Duration::from_millis(200),
            min_size: 8192,
            max_size: 0,
            sizer: None,
            partition: Partition::default(),
        }
    }
}

impl Default for Batching {
    fn default() -> Self {
        let RawBatching { flush_timeout, min_size, max_size, .. } = RawBatching::default();
        Batching { flush_timeout, min_size, max_size, sizer: Sizer::Items, metadata_keys: Vec::new() }
    }
}

/// A queue that cannot be.
#[derive(Debug, thiserror::Error)]
enum BatchingError {
    #[error("`max_size` {max} is less than `min_size` {min}: raise it, or leave it out for no bound")]
    Sizes { min: u64, max: u64 },
    #[error(
        "`sizer` of a batch is `items` or `bytes`, and where it has none it is the queue's: write `batch: {{sizer: items}}`"
    )]
    Sizer,
    #[error(
        "`queue_size` {queue} is less than the `min_size` {min} of a batch: the queue never holds one; raise `queue_size`, or lower `min_size`"
    )]
    NeverFull { queue: u64, min: u64 },
    #[error("`metadata_keys` has `{key}`, which is not kept of a request")]
    Metadata { key: String },
}

/// How many items a request would have to have on average, beyond which a queue is told to be too short for its batches.
const ITEMS_OF_REQUEST: u64 = 10;

impl Batching {
    /// A batch that its queue can never hold would always wait for `flush_timeout`. An item has a byte at least.
    fn fits(&self, queue: Sizer, queue_size: NonZeroU64) -> Result<(), BatchingError> {
        let (queue_size, min) = (queue_size.get(), self.min_size);
        let is_comparable = matches!((queue, self.sizer), (Sizer::Bytes, _) | (Sizer::Items, Sizer::Items));
        match is_comparable && min > queue_size {
            true => Err(BatchingError::NeverFull { queue: queue_size, min }),
            false => Ok(()),
        }
    }
}

impl SendingQueue {
    /// What is probably not meant: a queue that never fills a batch, or of so few requests that only large ones do.
    pub fn warning(&self) -> Option<String> {
        let batch = self.batch.as_ref().filter(|batch| batch.sizer == Sizer::Items)?;
        // Its own `batch` would have been refused.
        if let Err(error) = batch.fits(self.sizer, self.queue_size) {
            return Some(error.to_string());
        }
        let (queue, min) = (self.queue_size.get(), batch.min_size);
        let items = min.div_ceil(queue);
        (self.sizer == Sizer::Requests && items > ITEMS_OF_REQUEST).then(|| {
            format!(
                "`queue_size`: {queue} requests make a batch of {min} items only where they have {items} items each or more; others wait for `flush_timeout`, and the queue is full meanwhile: raise `queue_size`, or count it by `sizer: items`"
            )
        })
    }
}

impl RawBatching {
    /// As in the Collector: a batch is counted as its queue is, where only that one says how.
    fn resolve(self, queue: Option<Sizer>) -> Result<Batching, BatchingError> {
        let RawBatching { flush_timeout, min_size, max_size, sizer, partition } = self;
        let sizer = sizer.or(queue).unwrap_or(Sizer::Items);
        if let Some(key) = partition.metadata_keys.iter().find(|key| Metadata::is_never_kept(key)) {
            return Err(BatchingError::Metadata { key: key.clone() });
        }
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
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RetryOnFailure {
    /// Without it one failure is the last.
    pub enabled: bool,
    /// The wait after the first failure.
    #[schemars(extend("x-collector" = "same, 0 refused"))]
    #[serde(deserialize_with = "duration::nonzero")]
    pub initial_interval: Duration,
    /// How far a wait may be from what it should be, as a share of it: 0 to 1.
    #[serde(deserialize_with = "share")]
    pub randomization_factor: f64,
    /// By how much each wait is longer than the one before: at least 1.
    #[schemars(extend("x-collector" = "same, below 1 refused"))]
    #[serde(deserialize_with = "at_least_one")]
    pub multiplier: f64,
    /// The longest wait.
    #[schemars(extend("x-collector" = "same, 0 refused"))]
    #[serde(deserialize_with = "duration::nonzero")]
    pub max_interval: Duration,
    /// When it is given up; zero is never.
    #[schemars(extend("x-collector" = "same; one below the intervals is let in"))]
    #[serde(deserialize_with = "duration::deserialize")]
    pub max_elapsed_time: Duration,
    /// How many attempts there are at the most, the first one included; zero is no limit. A restart begins to count anew.
    #[schemars(extend("x-collector" = "ours"))]
    pub max_attempts: u32,
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
            max_attempts: 0,
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
        let queue: SendingQueue = serde_json::from_str(r#"{"batch": null, "sizer": "bytes", "queue_size": 9000}"#)?;
        assert_eq!(queue.batch, Some(Batching::default()));
        assert_eq!(queue.batch.as_ref().map(|batch| (batch.min_size, batch.max_size)), Some((8192, 0)));
        assert_eq!(queue.batch.map(|batch| batch.sizer), Some(Sizer::Items), "of `batch` without anything");
        let queue: SendingQueue = serde_json::from_str(r#"{"batch": {}, "sizer": "bytes", "queue_size": 9000}"#)?;
        assert_eq!(queue.batch.map(|batch| batch.sizer), Some(Sizer::Bytes));
        let queue: SendingQueue = serde_json::from_str(r#"{"batch": {}, "queue_size": 100}"#)?;
        assert!(queue.warning().is_some_and(|words| words.contains("82 items each")), "{:?}", queue.warning());
        assert_eq!(SendingQueue { queue_size: NonZeroU64::MAX, ..queue }.warning(), None);
        let retry: RetryOnFailure = serde_json::from_str(r#"{"max_elapsed_time": 0}"#)?;
        assert_eq!(retry, RetryOnFailure { max_elapsed_time: Duration::ZERO, ..RetryOnFailure::default() });
        Ok(())
    }

    #[test]
    fn what_cannot_be_says_so() {
        for (json, words) in [
            (r#"{"batch": {"min_size": 10, "max_size": 5}}"#, "less than `min_size` 10"),
            (r#"{"batch": {"sizer": "requests"}}"#, "`items` or `bytes`"),
            (r#"{"sizer": "requests", "batch": {"min_size": 5}}"#, "write `batch: {sizer: items}`"),
            (r#"{"sizer": "items", "queue_size": 100, "batch": {"min_size": 8192}}"#, "the queue never holds one"),
            (r#"{"sizer": "bytes", "queue_size": 100, "batch": {"sizer": "items"}}"#, "the queue never holds one"),
            (r#"{"batch": {"partition": {"metadata_keys": ["Authorization"]}}}"#, "not kept of a request"),
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
