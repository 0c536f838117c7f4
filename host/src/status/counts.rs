//! The counters of components, as they stand in the registry: which metric is which flow of which family.

use std::collections::BTreeMap;

use crate::contract::Signal;
use crate::telemetry::{Labels, Registry, Value};

/// A family of components that count items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    Receiver,
    Processor,
    Connector,
    Exporter,
}

impl Family {
    /// The label that has the id.
    fn label(self) -> &'static str {
        match self {
            Family::Receiver => "receiver",
            Family::Processor => "processor",
            Family::Connector => "connector",
            Family::Exporter => "exporter",
        }
    }
}

/// Whose counter it is and what it counts: family, id, the place of the flow in [`FLOWS`], the place of the signal in [`Signal::ALL`].
pub type Key = (Family, String, usize, usize);

/// Counters at one moment.
pub type Counts = BTreeMap<Key, u64>;

/// One flow: its name, its family, and its metrics; one for each signal, or one with a label for the signal.
pub struct Flow {
    pub name: &'static str,
    pub family: Family,
    metrics: &'static [&'static str],
}

const fn flow(name: &'static str, family: Family, metrics: &'static [&'static str]) -> Flow {
    Flow { name, family, metrics }
}

/// Every flow, in the order in which it is shown.
pub const FLOWS: &[Flow] = &[
    flow(
        "accepted",
        Family::Receiver,
        &[
            "otelcol_receiver_accepted_metric_points",
            "otelcol_receiver_accepted_spans",
            "otelcol_receiver_accepted_log_records",
        ],
    ),
    flow(
        "refused",
        Family::Receiver,
        &[
            "otelcol_receiver_refused_metric_points",
            "otelcol_receiver_refused_spans",
            "otelcol_receiver_refused_log_records",
        ],
    ),
    flow(
        "failed",
        Family::Receiver,
        &[
            "otelcol_receiver_failed_metric_points",
            "otelcol_receiver_failed_spans",
            "otelcol_receiver_failed_log_records",
        ],
    ),
    flow("incoming", Family::Processor, &["otelcol_processor_incoming_items"]),
    flow("outgoing", Family::Processor, &["otelcol_processor_outgoing_items"]),
    flow("absorbed", Family::Processor, &["otelier_processor_absorbed_items"]),
    flow("emitted", Family::Processor, &["otelier_processor_emitted_items"]),
    flow("dropped", Family::Processor, &["otelier_processor_dropped_items"]),
    flow("unrouted", Family::Connector, &["otelier_connector_unrouted_items"]),
    flow(
        "sent",
        Family::Exporter,
        &["otelcol_exporter_sent_metric_points", "otelcol_exporter_sent_spans", "otelcol_exporter_sent_log_records"],
    ),
    flow(
        "send_failed",
        Family::Exporter,
        &[
            "otelcol_exporter_send_failed_metric_points",
            "otelcol_exporter_send_failed_spans",
            "otelcol_exporter_send_failed_log_records",
        ],
    ),
    flow(
        "enqueue_failed",
        Family::Exporter,
        &[
            "otelcol_exporter_enqueue_failed_metric_points",
            "otelcol_exporter_enqueue_failed_spans",
            "otelcol_exporter_enqueue_failed_log_records",
        ],
    ),
    flow("dropped", Family::Exporter, &["otelier_exporter_dropped_items"]),
];

/// What a label calls a signal.
type SignalName = fn(Signal) -> &'static str;

/// Labels that say which signal, and how.
const SIGNAL_LABELS: [(&str, SignalName); 3] =
    [("otel.signal", Signal::name), ("signal", Signal::name), ("items", Signal::items)];

/// Every flow's counters now. Series that differ in other labels count together.
pub fn counts(registry: &Registry) -> Counts {
    let mut counts = Counts::new();
    for (place, flow) in FLOWS.iter().enumerate() {
        for (of_signal, metric) in flow.metrics.iter().enumerate() {
            for (labels, value) in registry.series(metric) {
                let signal = if flow.metrics.len() > 1 { Some(of_signal) } else { signal(&labels) };
                let (Some(signal), Some(id), Value::Count(count)) = (signal, get(&labels, flow.family.label()), value)
                else {
                    continue;
                };
                *counts.entry((flow.family, id.to_owned(), place, signal)).or_default() += count;
            }
        }
    }
    counts
}

/// The value of a label.
pub fn get<'l>(labels: &'l Labels, name: &str) -> Option<&'l str> {
    labels.iter().find(|(label, _)| label == name).map(|(_, value)| value.as_str())
}

fn signal(labels: &Labels) -> Option<usize> {
    SIGNAL_LABELS.iter().find_map(|(label, written)| {
        let value = get(labels, label)?;
        Signal::ALL.iter().position(|signal| written(*signal) == value)
    })
}
