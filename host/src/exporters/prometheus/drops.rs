//! Why points are dropped, and how many of one batch were.

/// Why a point has no place in the exposition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// A sum or histogram that says neither delta nor cumulative.
    UnspecifiedTemporality,
    /// Another metric has the name with another type.
    TypeConflict,
    /// The metric has no name.
    InvalidName,
    /// `series_max` is reached.
    SeriesLimit,
    /// Older than the point already shown.
    OutOfOrder,
    /// A delta of a time that was counted already.
    Overlap,
    /// A delta of a sum that is not monotonic, where they are not accumulated.
    NonMonotonicDelta,
    /// The point carries no number.
    NoValue,
    /// A delta that is not a number, or negative on a monotonic sum: it would spoil the total for good.
    InvalidDelta,
    /// A histogram whose bounds do not ascend, or whose counts do not fit its bounds or its count.
    InvalidHistogram,
    /// A summary with a quantile that is not between 0 and 1.
    InvalidSummary,
    /// A histogram or summary with too many buckets or quantiles, or too many for the length of its labels.
    BucketLimit,
    /// A label that is too long, or labels that are together.
    LabelsLimit,
    /// The metric's name is too long.
    NameLimit,
}

impl Reason {
    /// All reasons.
    pub const ALL: [Reason; 14] = [
        Reason::UnspecifiedTemporality,
        Reason::TypeConflict,
        Reason::InvalidName,
        Reason::SeriesLimit,
        Reason::OutOfOrder,
        Reason::Overlap,
        Reason::NonMonotonicDelta,
        Reason::NoValue,
        Reason::InvalidDelta,
        Reason::InvalidHistogram,
        Reason::InvalidSummary,
        Reason::BucketLimit,
        Reason::LabelsLimit,
        Reason::NameLimit,
    ];

    /// The value of the `reason` label, and what to do about it.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Reason::UnspecifiedTemporality => {
                ("unspecified_temporality", "the sender must say whether sums and histograms are delta or cumulative")
            }
            Reason::TypeConflict => {
                ("type_conflict", "two metrics come to one name: a warning before this one names them")
            }
            Reason::InvalidName => ("invalid_name", "the sender wrote a metric without a name"),
            Reason::SeriesLimit => ("series_limit", "raise `series_max`, or send fewer attributes"),
            Reason::OutOfOrder => {
                ("out_of_order", "a newer point was there already: do several senders report the same series?")
            }
            Reason::Overlap => (
                "overlap",
                "a delta begins before the one before it ended: was it sent twice, or do several senders report it?",
            ),
            Reason::NonMonotonicDelta => (
                "non_monotonic_delta",
                "Prometheus has no form for deltas that go up and down: let the sender report them cumulative, or set \
                 `non_monotonic_deltas: accumulate`",
            ),
            Reason::NoValue => ("no_value", "the sender wrote points without a value"),
            Reason::InvalidDelta => ("invalid_delta", "deltas must be numbers, and not negative on monotonic sums"),
            Reason::InvalidHistogram => {
                ("invalid_histogram", "bounds must ascend, and counts fit both the bounds and the count")
            }
            Reason::InvalidSummary => ("invalid_summary", "quantiles must be between 0 and 1"),
            Reason::BucketLimit => (
                "bucket_limit",
                "a histogram may have 2048 buckets, and all of its samples 4 MiB of labels: send fewer buckets or shorter attributes",
            ),
            Reason::LabelsLimit => (
                "labels_limit",
                "a label's name may have 1 KiB, its value 8 KiB, all labels of a series 64 KiB: shorten or delete attributes",
            ),
            Reason::NameLimit => {
                ("name_limit", "a metric's name may have 1 KiB: shorten it where it is made (a view of its SDK)")
            }
        }
    }

    /// The value of the `reason` label.
    pub fn name(self) -> &'static str {
        self.words().0
    }
}

/// How many points of one batch were dropped, by reason.
#[derive(Debug, Default)]
pub struct Drops(pub [u64; Reason::ALL.len()]);

impl Drops {
    /// Counts `points` more.
    pub fn add(&mut self, reason: Reason, points: u64) {
        if let Some(count) = self.0.get_mut(reason as usize) {
            *count += points;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_listed_in_the_order_of_their_numbers() {
        for (index, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index);
        }
    }
}
