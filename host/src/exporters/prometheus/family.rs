//! A metric name: what an exposition says about it, and which chunks hold its series.

use std::sync::Arc;

use super::store::Filling;

/// The type a family has in an exposition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FamilyKind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// `target_info`.
    Target,
    /// Buckets, their sum and count.
    Histogram,
    /// Quantiles, their sum and count.
    Summary,
}

impl FamilyKind {
    /// The suffixes of its samples, besides those without one.
    pub fn suffixes(self) -> &'static [&'static str] {
        match self {
            FamilyKind::Counter => &["_total"],
            FamilyKind::Histogram => &["_bucket", "_sum", "_count"],
            FamilyKind::Summary => &["_sum", "_count"],
            FamilyKind::Gauge | FamilyKind::Target => &[],
        }
    }

    /// Whether one of its series is several samples.
    pub fn is_compound(self) -> bool {
        matches!(self, FamilyKind::Histogram | FamilyKind::Summary)
    }

    /// Whether start times are shown.
    pub fn has_start(self) -> bool {
        self.is_compound() || self == FamilyKind::Counter
    }
}

/// What an exposition says about a family before its samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meta {
    /// The name without `_total`, by which families are kept apart and sorted.
    pub base: Arc<str>,
    /// The name of its samples in the Prometheus text format.
    pub text_name: String,
    /// Its type.
    pub kind: FamilyKind,
    /// The description of the first metric of this name.
    pub help: String,
    /// The unit's words, when `base` ends with them; else empty.
    pub unit: String,
    /// The metric it came from, in the sender's words, for those who have to find it.
    pub source: String,
}

/// A family and where its series are.
#[derive(Debug)]
pub struct Family {
    /// What is said about it; shared with scrapes that are under way.
    pub meta: Arc<Meta>,
    /// Tells it from families that have its place later.
    pub id: u64,
    /// Whether its conflict with another metric was logged.
    pub conflict_logged: bool,
    /// Ordinal and place of its chunks, ascending. Ordinals are never used again.
    pub chunks: Vec<(u64, u32)>,
    /// The ordinal of the next chunk.
    pub next_ordinal: u64,
    /// The chunk that takes new series.
    pub filling: Option<Filling>,
    /// Places of chunks that had many free places; some may be others' by now.
    pub roomy: Vec<u32>,
    /// The place behind the series found last: senders report in the same order again and again.
    pub expected: u32,
}

impl Family {
    /// An empty family.
    pub fn new(meta: Meta, id: u64) -> Family {
        Family {
            meta: Arc::new(meta),
            id,
            conflict_logged: false,
            chunks: Vec::new(),
            next_ordinal: 0,
            filling: None,
            roomy: Vec::new(),
            expected: 0,
        }
    }

    /// Ordinal and place of the chunk behind this ordinal.
    pub fn chunk_from(&self, ordinal: u64) -> Option<(u64, u32)> {
        let index = self.chunks.partition_point(|(other, _)| *other < ordinal);
        self.chunks.get(index).copied()
    }
}
