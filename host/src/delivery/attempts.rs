//! What becomes of batches at the end of a lane: how long they wait in front of an exporter, how long an attempt to send one takes, and what has
//! arrived.

use std::time::Duration;

use crate::contract::{ComponentId, Failure, Outcome, Signal, SpanEnd};
use crate::telemetry::{Counter, Histogram, Registry};

/// The metrics of one exporter that know where it sends.
pub struct Attempts {
    /// Items the destination has taken.
    pub sent: [Counter; 3],
    /// Items it refused for good, and items given up.
    pub send_failed: [Counter; 3],
    waits: [Histogram; 3],
    delivered: [Histogram; 3],
    exporter: String,
    server_address: Option<String>,
    registry: Registry,
}

impl Attempts {
    /// Of an exporter that sends to that host and port; to none where it is in memory, or has several.
    pub fn new(id: &ComponentId, server: Option<(String, u16)>, registry: &Registry) -> Attempts {
        let exporter = id.to_string();
        let (server_address, server_port) = server.map(|(address, port)| (address, port.to_string())).unzip();
        let of = [("server.address", &server_address), ("server.port", &server_port)];
        let known = of.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?)));
        let labels: Vec<(&str, &str)> = [("exporter", exporter.as_str())].into_iter().chain(known).collect();
        let sent = SENT.map(|name| registry.counter(name, "Items the destination took.", &labels));
        let send_failed = SEND_FAILED.map(|name| registry.counter(name, "Items that could not be sent.", &labels));
        let waits = |signal: Signal| {
            let labels = [("exporter", exporter.as_str()), ("data_type", signal.name())];
            registry.histogram("otelier_exporter_queue_wait_seconds", WAIT_HELP, &labels)
        };
        let delivered = |signal| attempts(registry, &exporter, signal, server_address.as_deref(), None);
        let (waits, delivered) = (Signal::ALL.map(waits), Signal::ALL.map(delivered));
        Attempts { sent, send_failed, waits, delivered, server_address, registry: registry.clone(), exporter }
    }

    /// What is sent first has waited so long.
    pub fn waited(&self, signal: Signal, wait: Duration) {
        self.waits[signal as usize].record(wait);
    }

    /// An attempt that took so long.
    pub fn ended(&self, signal: Signal, outcome: &Outcome, took: Duration) {
        match outcome {
            Outcome::Delivered | Outcome::Partial { .. } => self.taken(signal, took),
            Outcome::Failed(failure) => self.failed(signal, Some(failure), took),
        }
    }

    /// One after which the destination had the batch.
    pub fn taken(&self, signal: Signal, took: Duration) {
        self.delivered[signal as usize].record(took);
    }

    /// What there is to say of a batch that was sent, or not.
    pub fn span(&self, signal: Signal, items: u64, destination: Option<String>, error: Option<String>) -> SpanEnd {
        SpanEnd::default()
            .with("exporter", self.exporter.as_str())
            .with("data_type", signal.name())
            .with("items", items)
            .with_some("server.address", self.server_address.as_deref())
            .with_some("destination", destination)
            .failed(error)
    }

    /// One after which it had not; there are as many kinds of failures as codes. Without a failure that has a code it is `_OTHER`, in
    /// OpenTelemetry's words.
    pub fn failed(&self, signal: Signal, failure: Option<&Failure>, took: Duration) {
        let error_type = failure.map_or("_OTHER", |failure| failure.code().name());
        let server_address = self.server_address.as_deref();
        attempts(&self.registry, &self.exporter, signal, server_address, Some(error_type)).record(took);
    }
}

const WAIT_HELP: &str =
    "How long batches waited in the exporter's queue until they were sent first; the oldest of those that are merged.";
const ATTEMPT_HELP: &str = "How long an attempt to send a batch took.";

fn attempts(
    registry: &Registry,
    exporter: &str,
    signal: Signal,
    server_address: Option<&str>,
    error_type: Option<&str>,
) -> Histogram {
    let of = [("server.address", server_address), ("error.type", error_type)];
    let known = of.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let labels: Vec<(&str, &str)> =
        [("exporter", exporter), ("data_type", signal.name())].into_iter().chain(known).collect();
    registry.histogram("otelier_exporter_attempt_duration_seconds", ATTEMPT_HELP, &labels)
}

const SENT: [&str; 3] =
    ["otelcol_exporter_sent_metric_points", "otelcol_exporter_sent_spans", "otelcol_exporter_sent_log_records"];
const SEND_FAILED: [&str; 3] = [
    "otelcol_exporter_send_failed_metric_points",
    "otelcol_exporter_send_failed_spans",
    "otelcol_exporter_send_failed_log_records",
];
