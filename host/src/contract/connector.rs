//! What stands between pipelines.

use super::Batch;

/// Ends some pipelines, and begins others.
pub trait Connector: Send + Sync + 'static {
    /// What each pipeline behind it gets of a batch that was checked.
    fn route(&self, batch: &Batch) -> Result<Routed, Unroutable>;
}

/// What becomes of a batch.
#[derive(Debug, Clone, Default)]
pub struct Routed {
    /// What each pipeline gets, in the order in which the connector was told of them.
    pub parts: Vec<Option<Batch>>,
    /// Items that no pipeline gets.
    pub unrouted: u64,
}

/// A batch that cannot be read, although it was checked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unreadable batch at byte {offset}: {reason}")]
pub struct Unroutable {
    /// Offset into the batch.
    pub offset: usize,
    /// What is wrong there.
    pub reason: &'static str,
}
