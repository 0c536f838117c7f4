//! The chunk that a family fills at a time.

use super::text::Places;

/// The chunk that takes a family's new series.
#[derive(Debug)]
pub struct Filling {
    /// Its place.
    pub chunk: u32,
    /// No free place is before this one.
    pub(super) slot: u32,
    /// Where labels stand in its text; forgotten when no series came for a while.
    pub(super) labels: Option<Places>,
    /// Whether a series came since the sweep passed last.
    pub(super) used: bool,
}

impl Filling {
    /// Forgets what only serves to add series, unless some were added since the last call.
    pub fn rest(&mut self) {
        if !std::mem::take(&mut self.used) {
            self.labels = None;
        }
    }
}
