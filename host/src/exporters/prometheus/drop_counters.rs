//! How many points were dropped: in the host's ledger `otelier_exporter_dropped_items`, by exact reason, and in the log, each reason
//! once in a while with what to do about it.

use std::time::Duration;

use super::drops::{Drops, Reason};
use crate::contract::{ComponentId, Consumed, Signal};
use crate::telemetry::{Counter, Registry};

/// How long nothing more is logged of a reason.
pub const LOG_PAUSE: Duration = Duration::from_secs(600);

impl Drops {
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
}
