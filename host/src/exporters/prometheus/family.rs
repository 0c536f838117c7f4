//! A metric name: what an exposition says about it, and which chunks hold its series.

use std::sync::Arc;

use super::store::filling::Filling;

/// The type a family has in an exposition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FamilyKind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// What a gauge says in its metadata that it was: of no known type.
    Unknown,
    /// `target_info`.
    Target,
    /// Buckets, their sum and count.
    Histogram,
    /// Quantiles, their sum and count.
    Summary,
}

impl FamilyKind {
    /// The suffixes of its samples in the text format, besides those without one; a counter's is part of its name there.
    pub fn suffixes(self) -> &'static [&'static str] {
        match self {
            FamilyKind::Counter => &[],
            FamilyKind::Histogram => &["_bucket", "_sum", "_count"],
            FamilyKind::Summary => &["_sum", "_count"],
            FamilyKind::Gauge | FamilyKind::Unknown | FamilyKind::Target => &[],
        }
    }

    /// The label that its samples carry besides those of their series.
    pub fn own_label(self) -> Option<&'static str> {
        match self {
            FamilyKind::Histogram => Some("le"),
            FamilyKind::Summary => Some("quantile"),
            _ => None,
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
    /// The name of its samples in the Prometheus text format, by which families are kept apart and sorted.
    pub text_name: Arc<str>,
    /// The name without a counter's `_total`: what OpenMetrics calls the family.
    pub base: Arc<str>,
    /// Its type.
    pub kind: FamilyKind,
    /// The description of the first metric of this name that has one.
    pub help: String,
    /// The unit's words, when `base` ends with an underscore and them; else empty.
    pub unit: String,
    /// The unit's words, of the first metric of this name that has a unit.
    pub unit_words: String,
    /// The metric it came from, in the sender's words, for those who have to find it.
    pub source: String,
}

impl Meta {
    /// The names that are this family's alone in OpenMetrics: its own, and those of the samples it might have.
    pub fn open_metrics_names(&self) -> Vec<String> {
        let (name, suffixes): (&str, &[&str]) = match self.kind {
            FamilyKind::Counter => (&self.base, &["_total", "_created"]),
            FamilyKind::Histogram => (&self.base, &["_bucket", "_sum", "_count", "_created"]),
            FamilyKind::Summary => (&self.base, &["_sum", "_count", "_created"]),
            FamilyKind::Target => (self.base.strip_suffix("_info").unwrap_or(&self.base), &["_info"]),
            FamilyKind::Gauge | FamilyKind::Unknown => (&self.base, &[]),
        };
        std::iter::once(name.to_owned()).chain(suffixes.iter().map(|suffix| format!("{name}{suffix}"))).collect()
    }
}

/// A family and where its series are.
#[derive(Debug)]
pub struct Family {
    /// What is said about it; shared with scrapes that are under way.
    pub meta: Arc<Meta>,
    /// Tells it from families that have its place later.
    pub id: u64,
    /// Who sent the first metric of this name.
    pub sender: String,
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
    pub fn new(meta: Meta, id: u64, sender: String) -> Family {
        Family {
            meta: Arc::new(meta),
            id,
            sender,
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
