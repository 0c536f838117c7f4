//! Why points are dropped, and how many were: in the host's ledger `otelier_exporter_dropped_items`, by exact reason, and in
//! the log, each reason once in a while with what to do about it.

use std::time::Duration;

use crate::contract::{ComponentId, Consumed, Signal};
use crate::telemetry::{Counter, Registry};

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
    /// A histogram or summary with too many buckets or quantiles.
    BucketLimit,
    /// Labels that are too long together.
    LabelsLimit,
}

impl Reason {
    /// All reasons.
    pub const ALL: [Reason; 13] = [
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
    ];

    /// The value of the `reason` label, and what to do about it.
    fn words(self) -> (&'static str, &'static str) {
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
            Reason::BucketLimit => ("bucket_limit", "send histograms with fewer buckets"),
            Reason::LabelsLimit => {
                ("labels_limit", "the attributes of a series make more than 64 KiB of labels: shorten or delete some")
            }
        }
    }

    /// The value of the `reason` label.
    pub fn name(self) -> &'static str {
        self.words().0
    }
}

/// How long nothing more is logged of a reason.
pub const LOG_PAUSE: Duration = Duration::from_secs(600);

/// How many points of one batch were dropped, by reason.
#[derive(Debug, Default)]
pub struct Drops([u64; Reason::ALL.len()]);

impl Drops {
    /// Counts `points` more.
    pub fn add(&mut self, reason: Reason, points: u64) {
        if let Some(count) = self.0.get_mut(reason as usize) {
            *count += points;
        }
    }

    /// Puts a batch of `points` items into the ledger's words. The reasons are counted here, so it names none.
    pub fn consumed(&self, points: u64) -> Consumed {
        let dropped = self.0.iter().sum::<u64>();
        Consumed { items: points.saturating_sub(dropped), dropped, reason: "" }
    }
}

/// The exporter's part of the ledger, a counter for each reason, and what was logged of them.
#[derive(Debug)]
pub struct DropCounters {
    id: String,
    counters: [Counter; Reason::ALL.len()],
    logged: [Option<Duration>; Reason::ALL.len()],
}

impl DropCounters {
    /// Registers all of them, so that a reason that never occurred reads zero.
    pub fn new(id: &ComponentId, registry: &Registry) -> DropCounters {
        let id = id.to_string();
        let counters = Reason::ALL.map(|reason| {
            let labels = [("exporter", id.as_str()), ("items", Signal::Metrics.items()), ("reason", reason.name())];
            registry.counter("otelier_exporter_dropped_items", "Items an exporter dropped, by reason.", &labels)
        });
        DropCounters { id, counters, logged: [None; Reason::ALL.len()] }
    }

    /// Adds the drops of one batch, and logs reasons that were not logged lately.
    pub fn add(&mut self, drops: &Drops, now: Duration) {
        let rows = Reason::ALL.into_iter().zip(&self.counters).zip(&mut self.logged).zip(drops.0);
        for (((reason, counter), logged), count) in rows.filter(|(_, count)| *count > 0) {
            counter.add(count);
            if logged.is_none_or(|logged| now.saturating_sub(logged) >= LOG_PAUSE) {
                *logged = Some(now);
                let ((reason, way_out), exporter, total) = (reason.words(), &self.id, counter.get());
                tracing::warn!(exporter, reason, count, total, "items are dropped: {way_out}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_counted_and_logged_now_and_then() {
        let (registry, mut drops) = (Registry::default(), Drops::default());
        assert_eq!(drops.consumed(5), Consumed { items: 5, dropped: 0, reason: "" });
        drops.add(Reason::TypeConflict, 2);
        drops.add(Reason::SeriesLimit, 3);
        assert_eq!(drops.consumed(10), Consumed { items: 5, dropped: 5, reason: "" });
        let Ok(id) = "prometheus".parse() else { return };
        let mut counters = DropCounters::new(&id, &registry);
        for (now, logged) in [(5, 5), (6, 5), (605, 605), (1204, 605)] {
            counters.add(&drops, Duration::from_secs(now));
            assert_eq!(counters.logged[Reason::SeriesLimit as usize], Some(Duration::from_secs(logged)));
        }
        assert_eq!(counters.logged[Reason::NoValue as usize], None);
        assert_eq!(registry.total("otelier_exporter_dropped_items", &[("reason", "series_limit")]), 12);
    }

    #[test]
    fn reasons_are_listed_in_the_order_of_their_numbers() {
        for (index, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index);
        }
    }
}
