//! Why points are dropped, and how many were.

use crate::contract::{ComponentId, Consumed};
use crate::telemetry::{Counter, Registry};

/// Why a point has no place in the exposition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// A histogram, exponential histogram or summary: not supported yet.
    UnsupportedKind,
    /// Spans or log records.
    UnsupportedSignal,
    /// A sum that says neither delta nor cumulative.
    UnspecifiedTemporality,
    /// Another metric has the name with another type.
    TypeConflict,
    /// No character of the metric's name can stand in Prometheus.
    InvalidName,
    /// `series_max` is reached.
    SeriesLimit,
    /// Older than the point already shown.
    OutOfOrder,
    /// The point carries no number.
    NoValue,
    /// A delta that is not a number, or negative on a monotonic sum: it would spoil the total for good.
    InvalidDelta,
}

impl Reason {
    /// All reasons; on a tie the earlier one is reported.
    pub const ALL: [Reason; 9] = [
        Reason::UnsupportedKind,
        Reason::UnsupportedSignal,
        Reason::UnspecifiedTemporality,
        Reason::TypeConflict,
        Reason::InvalidName,
        Reason::SeriesLimit,
        Reason::OutOfOrder,
        Reason::NoValue,
        Reason::InvalidDelta,
    ];

    /// The value of the `reason` label.
    pub fn name(self) -> &'static str {
        match self {
            Reason::UnsupportedKind => "unsupported_kind",
            Reason::UnsupportedSignal => "unsupported_signal",
            Reason::UnspecifiedTemporality => "unspecified_temporality",
            Reason::TypeConflict => "type_conflict",
            Reason::InvalidName => "invalid_name",
            Reason::SeriesLimit => "series_limit",
            Reason::OutOfOrder => "out_of_order",
            Reason::NoValue => "no_value",
            Reason::InvalidDelta => "invalid_delta",
        }
    }
}

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

    /// Puts a batch of `points` items into the ledger's words: the most frequent reason stands for all.
    pub fn consumed(&self, points: u64) -> Consumed {
        let dropped = self.0.iter().sum::<u64>();
        let mut most = ("", 0);
        for (reason, count) in Reason::ALL.iter().zip(self.0) {
            if count > most.1 {
                most = (reason.name(), count);
            }
        }
        Consumed { items: points.saturating_sub(dropped), dropped, reason: most.0 }
    }
}

/// The exporter's own counters, one for each reason.
#[derive(Debug)]
pub struct DropCounters([Counter; Reason::ALL.len()]);

impl DropCounters {
    /// Registers all of them, so that a reason that never occurred reads zero.
    pub fn new(id: &ComponentId, registry: &Registry) -> DropCounters {
        let id = id.to_string();
        DropCounters(Reason::ALL.map(|reason| {
            registry.counter(
                "otelier_exporter_prometheus_dropped_points",
                "Points that the Prometheus exporter could not show, by reason.",
                &[("exporter", &id), ("reason", reason.name())],
            )
        }))
    }

    /// Adds the drops of one batch.
    pub fn add(&self, drops: &Drops) {
        for (counter, count) in self.0.iter().zip(drops.0) {
            counter.add(count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_reason_is_reported() {
        let mut drops = Drops::default();
        assert_eq!(drops.consumed(5), Consumed { items: 5, dropped: 0, reason: "" });
        drops.add(Reason::TypeConflict, 2);
        drops.add(Reason::SeriesLimit, 3);
        assert_eq!(drops.consumed(10), Consumed { items: 5, dropped: 5, reason: "series_limit" });
    }

    #[test]
    fn reasons_are_listed_in_the_order_of_their_numbers() {
        for (index, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index);
        }
    }
}
