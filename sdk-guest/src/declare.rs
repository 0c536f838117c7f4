//! What a processor reads and keeps, said once.

use std::time::Duration;

use crate::{Attribute, Failure, Host, Level, Temporality};

/// A declared keying: gives each row a dense code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keying(pub(crate) u32);

impl Keying {
    /// Its number in the contract.
    pub fn number(self) -> u32 {
        self.0
    }
}

impl Attribute {
    /// An attribute of the point, span or record.
    pub fn item(key: impl Into<String>) -> Attribute {
        Attribute { level: Level::Item, key: key.into() }
    }

    /// An attribute of the resource.
    pub fn resource(key: impl Into<String>) -> Attribute {
        Attribute { level: Level::Resource, key: key.into() }
    }
}

/// The declarations, open inside [`Processor::describe`](crate::Processor::describe). Nothing declared: the processor sees no
/// rows and everything passes.
pub struct Declare<'c> {
    pub(crate) host: &'c mut dyn Host,
}

impl Declare<'_> {
    /// Rows are the number points of metrics with these names; `*` and `?` match within a name. At most 1,024 patterns.
    pub fn metrics(&mut self, patterns: Vec<String>) {
        self.host.projection_metrics(patterns);
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

    /// Keys rows by these attributes alone. `durable`: codes keep their meaning over a restart.
    pub fn keep(&mut self, attributes: Vec<Attribute>, durable: bool) -> Keying {
        Keying(self.host.projection_keep(attributes, durable))
    }

    /// Keys rows by all resource, scope and item attributes but these.
    pub fn drop(&mut self, attributes: Vec<Attribute>, durable: bool) -> Keying {
        Keying(self.host.projection_drop(attributes, durable))
    }

    /// Keys rows by the full identity of their input stream; rows of another temporality than `only` have
    /// [`NO_KEY`](crate::NO_KEY).
    pub fn stream(&mut self, only: Option<Temporality>, durable: bool) -> Keying {
        Keying(self.host.projection_stream(only, durable))
    }

    /// The processor keeps state, in this format of its own: opens the storage.
    pub fn state(&mut self, format: u32) {
        self.host.projection_state(format);
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
