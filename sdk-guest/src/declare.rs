//! What a processor reads and keeps, said once.

use std::time::Duration;

use crate::{Attribute, Column, Failure, Host, Level, MetricKind, Source, Temporality};

/// A declared keying: gives each row a dense code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keying(pub(crate) u32);

impl Keying {
    /// Its number in the contract.
    pub fn number(self) -> u32 {
        self.0
    }
}

/// A declared column of values that differ from row to row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ValueColumn(pub(crate) u32);

impl Attribute {
    /// An attribute of the point, span or record.
    pub fn item(key: impl Into<String>) -> Attribute {
        Attribute { level: Level::Item, key: key.into() }
    }

    /// An attribute of the resource.
    pub fn resource(key: impl Into<String>) -> Attribute {
        Attribute { level: Level::Resource, key: key.into() }
    }

    /// An attribute of the scope.
    pub fn scope(key: impl Into<String>) -> Attribute {
        Attribute { level: Level::Scope, key: key.into() }
    }
}

/// The declarations, open inside [`Processor::describe`](crate::Processor::describe). Nothing declared: the processor sees no
/// rows and everything passes.
pub struct Declare<'c> {
    pub(crate) host: &'c mut dyn Host,
}

impl Declare<'_> {
    /// Rows are the points of metrics with these names; `*` is any text and `?` one character. At most 1,024 patterns.
    pub fn metrics(&mut self, patterns: Vec<String>) {
        self.host.projection_metrics(patterns);
    }

    /// Metrics that have no points are rows too, each as a point without value, times and attributes would be; they count as no items. What
    /// drops metrics by name or resource wants these.
    pub fn metrics_without_points(&mut self) {
        self.host.projection_column("metrics_without_points");
    }

    /// Points of metrics beyond the host's bounds (names that are too long, more metrics than it can number) are rows as well: their
    /// [`Run`](crate::Run) has a descriptor that [`Batch::descriptor`](crate::Batch::descriptor) does not know. For what needs no names and must
    /// not let anything pass.
    pub fn unnumbered_metrics(&mut self) {
        self.host.projection_column("unnumbered_metrics");
    }

    /// Which kinds of metrics are read; without this call all of them. Points of other kinds pass unread.
    pub fn kinds(&mut self, kinds: &[MetricKind]) {
        self.host.projection_kinds(kinds.to_vec());
    }

    /// Rows are all spans, or all log records.
    pub fn items(&mut self) {
        self.host.projection_items();
    }

    /// Opens [`Batch::values`](crate::Batch::values).
    pub fn values(&mut self) {
        self.host.projection_values();
    }

    /// Opens [`Batch::times`](crate::Batch::times).
    pub fn times(&mut self) {
        self.host.projection_times();
    }

    /// Opens [`Batch::start_times`](crate::Batch::start_times).
    pub fn start_times(&mut self) {
        self.host.projection_start_times();
    }

    /// Opens [`Batch::column`](crate::Batch::column) for this column.
    pub fn column(&mut self, column: Column) {
        self.host.projection_column(column.name());
    }

    /// Opens [`Batch::bounds`](crate::Batch::bounds) and [`Batch::buckets`](crate::Batch::buckets).
    pub fn buckets(&mut self) {
        self.host.projection_column("buckets");
    }

    /// Opens [`Batch::positive_buckets`](crate::Batch::positive_buckets) and
    /// [`Batch::negative_buckets`](crate::Batch::negative_buckets).
    pub fn exponential_buckets(&mut self) {
        self.host.projection_column("exponential_buckets");
    }

    /// Opens [`Batch::quantiles`](crate::Batch::quantiles).
    pub fn quantiles(&mut self) {
        self.host.projection_column("quantiles");
    }

    /// Opens [`Batch::exemplars`](crate::Batch::exemplars).
    pub fn exemplars(&mut self) {
        self.host.projection_column("exemplars");
    }

    /// Opens [`Batch::values_of`](crate::Batch::values_of) for a source whose values differ from row to row, such as a log
    /// record's body. At most 16.
    pub fn value_of(&mut self, source: impl Into<Source>) -> ValueColumn {
        ValueColumn(self.host.projection_value_of(source.into()))
    }

    /// Opens [`Batch::attributes`](crate::Batch::attributes) for a level: resource, scope or item. For a plugin that does not know their keys
    /// before; else a keying or [`value_of`](Declare::value_of) reads less.
    pub fn attributes(&mut self, level: Level) {
        self.host.projection_column(match level {
            Level::Resource => "resource.attributes",
            Level::Scope => "scope.attributes",
            Level::Item | Level::Metadata => "attributes",
        });
    }

    /// Keys rows by these attributes and fields alone.
    pub fn key_by(&mut self, sources: Vec<Source>, durable: bool) -> Keying {
        Keying(self.host.projection_key_by(sources, durable))
    }

    /// Keys rows by these attributes alone. `durable`: codes keep their meaning over a restart.
    pub fn keep(&mut self, attributes: Vec<Attribute>, durable: bool) -> Keying {
        Keying(self.host.projection_keep(attributes, durable))
    }

    /// Keys rows by all resource, scope and item attributes but these, and by the scope's name and version.
    pub fn drop(&mut self, attributes: Vec<Attribute>, durable: bool) -> Keying {
        Keying(self.host.projection_drop(attributes, durable))
    }

    /// Keys rows by the full identity of their input stream; rows of another temporality than `only` have
    /// [`NO_KEY`](crate::NO_KEY).
    pub fn stream(&mut self, only: Option<Temporality>, durable: bool) -> Keying {
        Keying(self.host.projection_stream(only, durable))
    }

    /// Values that are written alike are one key of that keying: integer 200 and text `200`. The key has the type that came first, and the host
    /// says so in its log. For what is shown as text in the end.
    pub fn alike(&mut self, keying: Keying) {
        self.host.projection_alike(keying.0);
    }

    /// The processor keeps state, in this format of its own: opens the storage.
    pub fn state(&mut self, format: u32) {
        self.host.projection_state(format);
        reserve(self.host.projection_expected_memory());
    }

    /// Calls [`Processor::flush`](crate::Processor::flush) at this interval: 10 ms to 49 days.
    pub fn flush_every(&mut self, interval: Duration) -> Result<(), Failure> {
        match u32::try_from(interval.as_millis()) {
            Ok(milliseconds @ 10..) => {
                self.host.projection_flush_every(milliseconds);
                Ok(())
            }
            _ => Err(Failure::refused(format!("an interval of {interval:?} is not between 10 ms and 49 days"))),
        }
    }
}

/// Gets memory from the system until there are so many bytes, and leaves it to the allocator: nobody waits for `describe`, and batches may wait
/// for `start`.
#[cfg(target_arch = "wasm32")]
fn reserve(bytes: u64) {
    const PAGE: usize = 64 << 10;
    let present = core::arch::wasm32::memory_size(0) * PAGE;
    // The allocator needs some for itself, and no more than was expected may be there in the end: that would be a trap.
    let missing = usize::try_from(bytes).unwrap_or(usize::MAX).saturating_sub(present + PAGE);
    let mut memory: Vec<u8> = Vec::new();
    if missing > 0 && memory.try_reserve_exact(missing).is_ok() {
        memory.resize(missing, 1);
        std::hint::black_box(&memory);
    }
}

/// A native process has its memory from elsewhere.
#[cfg(not(target_arch = "wasm32"))]
fn reserve(_: u64) {}
