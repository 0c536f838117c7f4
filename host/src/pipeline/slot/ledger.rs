//! What is counted at one processor.

use crate::processor::Setup;
use crate::telemetry::{Counter, Histogram, Registry};

/// Items through one processor: in + emitted = out + absorbed + dropped.
#[derive(Clone)]
pub struct Ledger {
    /// Items that arrived.
    pub incoming: Counter,
    /// Items that went on.
    pub outgoing: Counter,
    /// Items the plugin made.
    pub emitted: Counter,
    /// Items taken into its state.
    pub absorbed: Counter,
    /// Items it dropped.
    pub dropped: Counter,
    /// Items that went on without having been read, because of a bound.
    pub unread: Counter,
    /// Items that went on as they came, because nothing passes the plugin any more.
    pub unprocessed: Counter,
    /// Items dropped because the call trapped.
    pub dropped_trap: Counter,
    /// Items that it emitted without keeping them in any state, and that a processor behind it or the store refused.
    pub dropped_refused: Counter,
    /// Items that it absorbed without keeping them in any state, and that went with its instance.
    pub lost: Counter,
    /// Items on which the plugin breaks: dead letters.
    pub dropped_poison: Counter,
    /// Calls that trapped.
    pub traps: Counter,
    /// How long the plugin was busy with a batch.
    pub calls: Histogram,
    /// How long it was busy with a call of a flush.
    pub flushes: Histogram,
}

impl Ledger {
    pub(super) fn new(setup: &Setup, registry: &Registry) -> Ledger {
        let (id, signal) = (setup.id.to_string(), setup.signal.name());
        let labels = [("processor", id.as_str()), ("otel.signal", signal)];
        let count = |name, help| registry.counter(name, help, &labels);
        let time = |name, help| registry.histogram(name, help, &labels);
        let dropped = |reason| {
            let labels = [("processor", id.as_str()), ("otel.signal", signal), ("reason", reason)];
            registry.counter("otelier_processor_dropped_items", "Items dropped at a processor, by reason.", &labels)
        };
        Ledger {
            incoming: count("otelcol_processor_incoming_items", "Items passed to the processor."),
            outgoing: count("otelcol_processor_outgoing_items", "Items passed on by the processor."),
            emitted: count("otelier_processor_emitted_items", "Items the plugin emitted."),
            absorbed: count("otelier_processor_absorbed_items", "Items the plugin took into its state."),
            dropped: dropped("plugin"),
            unread: count(
                "otelier_processor_unread_items",
                "Items that the plugin should have read and that passed unread, because of a bound on metrics.",
            ),
            unprocessed: count(
                "otelier_processor_unprocessed_items",
                "Items that went on as they came, because the plugin breaks on everything and `on_trap` is `pass`.",
            ),
            dropped_trap: dropped("trap"),
            dropped_refused: dropped("refused"),
            lost: count(
                "otelier_processor_lost_items",
                "Items that a processor without state had absorbed, and that went with its instance before it was flushed.",
            ),
            dropped_poison: dropped("poison"),
            traps: count("otelier_processor_traps", "Calls that ended in a trap."),
            calls: time("otelcol_processor_internal_duration", "How long a call for a batch took, in seconds."),
            flushes: time("otelier_processor_flush_duration_seconds", "How long a call of a flush took."),
        }
    }
}
