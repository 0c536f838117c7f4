//! One version into every place of its plugin, or into none.

use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use crate::clock::Clock;
use crate::contract::{PolicyError, PolicySource};
use crate::delivery::Gate;
use crate::pipeline::Place;
use crate::pipeline::swap::Swapped;
use crate::plugins::AnyPlugin;
use crate::processor::{InstanceError, Plugin, Setup, Snapshot, Successor};

/// Longer than a worker waits for the moment of a swap. One that searches a batch may take longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why a version was not put into place.
#[derive(Debug, thiserror::Error)]
pub enum SwapError {
    /// It does not work with a processor's configuration, or not on its state.
    #[error("processor {part}: {source}")]
    Instance {
        /// The processor.
        part: String,
        /// Why.
        source: Box<InstanceError>,
    },
    /// It does not work with a breaker's configuration.
    #[error("breaker {part}: {source}")]
    Policy {
        /// The breaker.
        part: String,
        /// Why.
        source: PolicyError,
    },
    /// A lane has no room for what the old version has to emit.
    #[error("processor {part}: the exporters behind it have been full for long; try again when they take data")]
    NoRoom {
        /// The processor.
        part: String,
    },
    /// The worker did not find the time.
    #[error("processor {part}: its pipeline has been busy for {PATIENCE:?}; try again")]
    Busy {
        /// The processor.
        part: String,
    },
    /// The process ends.
    #[error("the collector is shutting down")]
    GoingDown,
}

/// Where a policy decides.
pub struct GatePlace {
    /// The name of its plugin in the manifest.
    pub plugin: String,
    /// The gate.
    pub gate: Gate,
    /// For people: the breaker and its exporter.
    pub part: String,
}

/// The places of all plugins.
pub struct Swapping {
    pub places: Vec<Place>,
    pub gates: Vec<GatePlace>,
    pub clock: Clock,
}

impl Swapping {
    /// Replaces `old` by `new` wherever the plugin stands. Returns the longest time that batches of a place waited. After an error `old`
    /// runs everywhere.
    pub fn replace(&self, plugin: &str, old: &AnyPlugin, new: &AnyPlugin) -> Result<Duration, SwapError> {
        match (old, new) {
            (AnyPlugin::Processor(old), AnyPlugin::Processor(new)) => self.replace_processors(plugin, old, new),
            (_, AnyPlugin::Policy(new)) => self.replace_policies(plugin, new),
            // What a manifest's entry is of does not change while it is read.
            (AnyPlugin::Policy(_), AnyPlugin::Processor(_)) => Ok(Duration::ZERO),
        }
    }

    fn replace_policies(&self, plugin: &str, new: &Arc<dyn PolicySource>) -> Result<Duration, SwapError> {
        let mut prepared = Vec::new();
        for place in self.gates.iter().filter(|place| place.plugin == plugin) {
            let wrong = |source| SwapError::Policy { part: place.part.clone(), source };
            prepared.push((&place.gate, place.gate.prepare(new).map_err(wrong)?));
        }
        for (gate, next) in prepared {
            next.into_iter().for_each(|next| gate.replace(next));
        }
        Ok(Duration::ZERO)
    }

    fn replace_processors(
        &self,
        plugin: &str,
        old: &Arc<dyn Plugin>,
        new: &Arc<dyn Plugin>,
    ) -> Result<Duration, SwapError> {
        let places: Vec<&Place> = self.places.iter().filter(|place| place.plugin == plugin).collect();
        let mut prepared = Vec::with_capacity(places.len());
        for place in places {
            prepared.push((place, self.prepare(place, new)?));
        }
        let (mut done, mut longest) = (Vec::new(), Duration::ZERO);
        for (place, successor) in prepared {
            match swap(place, successor) {
                Ok(pause) => longest = longest.max(pause),
                Err(error) => {
                    done.into_iter().for_each(|place| self.restore(place, old));
                    return Err(error);
                }
            }
            done.push(place);
        }
        Ok(longest)
    }

    fn prepare(&self, place: &Place, plugin: &Arc<dyn Plugin>) -> Result<Successor, SwapError> {
        let setup = Setup { plugin: Arc::clone(plugin), ..place.setup.clone() };
        let part = || place.part.clone();
        Successor::prepare(setup, self.clock.now())
            .map_err(|source| SwapError::Instance { part: part(), source: Box::new(source) })
    }

    fn restore(&self, place: &Place, old: &Arc<dyn Plugin>) {
        let restored = self.prepare(place, old).and_then(|successor| swap(place, successor));
        if let Err(error) = restored {
            tracing::error!(
                processor = place.part,
                "the new version runs here, though it was refused elsewhere: {error}"
            );
        }
    }
}

/// Reads the state that the successor starts on, while batches go on. Without it, the start reads the store.
fn read_ahead(place: &Place, successor: &mut Successor) {
    if !successor.is_stateful() {
        return;
    }
    let Ok(Some(mark)) = place.handle.mark(place.slot).recv_timeout(PATIENCE) else { return };
    match Snapshot::read(&place.setup.store, &place.setup.namespace(), mark) {
        Ok(Some(snapshot)) => successor.rest_on(snapshot),
        Ok(None) => {}
        Err(error) => tracing::warn!(processor = place.part, %error, "state cannot be read ahead of a swap"),
    }
}

fn swap(place: &Place, mut successor: Successor) -> Result<Duration, SwapError> {
    let part = || place.part.clone();
    read_ahead(place, &mut successor);
    let told = place.handle.swap(place.slot, successor);
    let swapped = match told.recv_timeout(PATIENCE) {
        Err(RecvTimeoutError::Timeout) => {
            place.handle.withdraw(place.slot);
            // It may have come to its place just now.
            told.recv().map_err(|_| SwapError::GoingDown)?
        }
        Err(RecvTimeoutError::Disconnected) => return Err(SwapError::GoingDown),
        Ok(swapped) => swapped,
    };
    match swapped {
        Swapped::Done { pause, retired } => {
            drop(retired);
            Ok(pause)
        }
        Swapped::Refused(source) => Err(SwapError::Instance { part: part(), source }),
        Swapped::NoRoom => Err(SwapError::NoRoom { part: part() }),
        Swapped::Withdrawn => Err(SwapError::Busy { part: part() }),
    }
}
