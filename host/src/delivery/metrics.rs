//! What a lane counts, under the Collector's names where it has them.

use crate::contract::{ComponentId, FailureClass, Signal, Sizer};
use crate::telemetry::{Counter, Gauge, Registry};

/// The metrics of one lane.
#[derive(Debug)]
pub struct LaneMetrics {
    /// Items that found the queue full.
    pub enqueue_failed: [Counter; 3],
    /// Items of partial successes that the destination refused.
    pub rejected: [Counter; 3],
    /// Items sent again after nobody knew whether they had arrived.
    pub uncertain: [Counter; 3],
    /// Items dropped, with `on_full: drop`.
    pub dropped_full: [Counter; 3],
    /// Attempts that failed, by class.
    pub failures: [Counter; FailureClass::ALL.len()],
    /// Attempts after the first.
    pub retries: Counter,
    /// Batches that were in the queue at start.
    pub restored: Counter,
    /// What is held, in the queue's unit.
    pub queue_size: Gauge,
    /// What can be held, in the queue's unit.
    pub queue_capacity: Gauge,
    /// Batches that are being sent, or wait to be sent again.
    pub in_flight: [Gauge; 3],
    /// What is held by what drains, in seconds.
    pub backlog_s: Gauge,
}

impl LaneMetrics {
    /// Registers all of them for one exporter.
    pub fn new(id: &ComponentId, sizer: Sizer, registry: &Registry) -> LaneMetrics {
        let id = id.to_string();
        let labels = [("exporter", id.as_str())];
        let per_signal = |names: [&'static str; 3], help| names.map(|name| registry.counter(name, help, &labels));
        let by_items = |name, help| {
            Signal::ALL.map(|signal| {
                let labels = [("exporter", id.as_str()), ("items", signal.items())];
                registry.counter(name, help, &labels)
            })
        };
        let dropped = Signal::ALL.map(|signal| {
            let labels = [("exporter", id.as_str()), ("items", signal.items()), ("reason", "queue_full")];
            registry.counter("otelier_exporter_dropped_items", "Items an exporter dropped, by reason.", &labels)
        });
        let failures = FailureClass::ALL.map(|class| {
            let labels = [("exporter", id.as_str()), ("class", class.name())];
            registry.counter("otelier_exporter_failed_attempts", "Attempts to send that failed, by class.", &labels)
        });
        let unit = match sizer {
            Sizer::Requests => "requests",
            Sizer::Items => "items",
            Sizer::Bytes => "bytes",
        };
        let sized = [("exporter", id.as_str()), ("sizer", unit)];
        LaneMetrics {
            enqueue_failed: per_signal(ENQUEUE_FAILED, "Items that found no room in the queue."),
            rejected: by_items("otelier_exporter_rejected_items", "Items of partial successes that were refused."),
            uncertain: by_items(
                "otelier_exporter_uncertain_items",
                "Items sent again though nobody knows whether they had arrived: possible duplicates.",
            ),
            dropped_full: dropped,
            failures,
            retries: registry.counter("otelier_exporter_retries", "Attempts to send after the first.", &labels),
            restored: registry.counter(
                "otelier_exporter_restored_batches",
                "Batches that were in the queue when the process started.",
                &labels,
            ),
            queue_size: registry.gauge("otelcol_exporter_queue_size", "What the queue holds.", &sized),
            queue_capacity: registry.gauge("otelcol_exporter_queue_capacity", "What the queue can hold.", &sized),
            in_flight: Signal::ALL.map(|signal| {
                let labels = [("exporter", id.as_str()), ("data_type", signal.name())];
                registry.gauge("otelcol_exporter_in_flight_requests", IN_FLIGHT_HELP, &labels)
            }),
            backlog_s: registry.gauge(
                "otelier_exporter_backlog_seconds",
                "How long the queue takes to drain at the rate of the last seconds; a day where it is more, or nothing drains.",
                &labels,
            ),
        }
    }

    /// One signal's counter.
    pub fn add(counters: &[Counter; 3], signal: Signal, items: u64) {
        if let Some(counter) = counters.get(signal as usize) {
            counter.add(items);
        }
    }
}

/// Counts writes to the store that failed, and syncs, of one of those who write: `commit` for trips, `delivery` for what became of batches.
pub fn failed_writes(writer: &str, registry: &Registry) -> Counter {
    registry.counter("otelier_store_failed_writes", "Writes to the store that failed.", &[("writer", writer)])
}

const IN_FLIGHT_HELP: &str = "Batches that are being sent, waits between attempts included.";

const ENQUEUE_FAILED: [&str; 3] = [
    "otelcol_exporter_enqueue_failed_metric_points",
    "otelcol_exporter_enqueue_failed_spans",
    "otelcol_exporter_enqueue_failed_log_records",
];
