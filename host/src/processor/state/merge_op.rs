//! What is made of two numbers.

/// What is made of the number that is stored and the one that comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MergeOp {
    /// Their sum.
    Add,
    /// The lesser.
    Min,
    /// The greater.
    Max,
}

impl MergeOp {
    /// Sums saturate.
    pub(super) fn of_integers(self, stored: i64, value: i64) -> i64 {
        match self {
            MergeOp::Add => stored.saturating_add(value),
            MergeOp::Min => stored.min(value),
            MergeOp::Max => stored.max(value),
        }
    }

    /// The lesser of anything and NaN is the other one, and so is the greater.
    pub(super) fn of_doubles(self, stored: f64, value: f64) -> f64 {
        let stays = match self {
            MergeOp::Add => return stored + value,
            _ if stored.is_nan() => false,
            _ if value.is_nan() => true,
            MergeOp::Min => stored.total_cmp(&value).is_le(),
            MergeOp::Max => stored.total_cmp(&value).is_ge(),
        };
        if stays { stored } else { value }
    }
}
