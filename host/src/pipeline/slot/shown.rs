//! What gauges show of a processor's place: how much it keeps in the store, and whether it is left alone.

use crate::processor::{Kept, Setup};
use crate::telemetry::{Gauge, Registry};

const STATE_HELP: &str = "Bytes that the processor keeps in the store, as an upper bound.";
const STATE_MAX_HELP: &str = "Bytes that the processor may keep in the store: `storage_mib`.";
const LEFT_ALONE_HELP: &str = "Instances of the processor that are left alone, because nothing passes the plugin.";

/// The gauges of one place.
pub struct Shown {
    registry: Registry,
    /// Once there is state.
    state: Option<(Gauge, Gauge)>,
    /// Of all places of the processor.
    left_alone: Gauge,
    is_left_alone: bool,
}

impl Shown {
    /// Nothing is kept, and nobody is left alone.
    pub fn new(setup: &Setup, registry: &Registry) -> Shown {
        let (id, signal) = (setup.id.to_string(), setup.signal.name());
        let labels = [("processor", id.as_str()), ("otel.signal", signal)];
        let left_alone = registry.gauge("otelier_processor_left_alone", LEFT_ALONE_HELP, &labels);
        Shown { registry: registry.clone(), state: None, left_alone, is_left_alone: false }
    }

    /// Whether the place is left alone from now on.
    pub fn left_alone(&mut self, is_left_alone: bool) {
        self.left_alone.add(i64::from(is_left_alone) - i64::from(self.is_left_alone));
        self.is_left_alone = is_left_alone;
    }

    /// What the instance keeps.
    pub fn kept(&mut self, setup: &Setup, kept: Kept) {
        let (bytes, bytes_max) = self.state.get_or_insert_with(|| gauges(setup, &self.registry));
        bytes.set(i64::try_from(kept.bytes).unwrap_or(i64::MAX));
        bytes_max.set(i64::try_from(kept.bytes_max).unwrap_or(i64::MAX));
    }
}

/// Each of several instances has a quota of its own.
fn gauges(setup: &Setup, registry: &Registry) -> (Gauge, Gauge) {
    let (id, signal) = (setup.id.to_string(), setup.signal.name());
    let partition = setup.partition.as_ref().map(|partition| partition.number.to_string());
    let mut labels = vec![("processor", id.as_str()), ("otel.signal", signal)];
    labels.extend(partition.as_ref().map(|number| ("partition", number.as_str())));
    let gauge = |name, help| registry.gauge(name, help, &labels);
    (gauge("otelier_processor_state_bytes", STATE_HELP), gauge("otelier_processor_state_bytes_max", STATE_MAX_HELP))
}
