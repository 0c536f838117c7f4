//! What comes of a call that counts.

use crate::contract::Batch;
use crate::otlp::columns::Bitmap;
use crate::storage::Write;

/// What became of one batch.
#[derive(Debug, Default)]
pub struct Processed {
    /// Batches to send on: what is left of the one that came, then what was emitted.
    pub batches: Vec<Batch>,
    /// Changes to commit with the trip.
    pub writes: Vec<Write>,
    /// Items of the batch that came.
    pub items: u64,
    /// Of those, dropped by the plugin.
    pub dropped: u64,
    /// Of those, absorbed into its state.
    pub absorbed: u64,
    /// Of those, passed unread because of a bound on metrics.
    pub unread: u64,
    /// Items emitted.
    pub emitted: u64,
    /// Whether the flush is to be called again.
    pub more: bool,
    /// Whether the plugin was called: it is not for a batch without rows.
    pub called: bool,
    /// The rows that were dropped and those that were absorbed, where two versions are compared.
    pub rows: Option<(Bitmap, Bitmap)>,
}
