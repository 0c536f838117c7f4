//! A pipeline, the connectors that end it, and what goes out of it.

use std::ops::Range;
use std::sync::Arc;

use crate::contract::{Batch, Connector, Durability};
use crate::delivery::Lane;
use crate::telemetry::Counter;

/// One pipeline of a worker.
pub struct Pipeline {
    /// Its name, as `metrics/edge`.
    pub id: String,
    /// Its processors, as places in the worker's steps.
    pub steps: Range<usize>,
    /// Its exporters.
    pub lanes: Vec<Lane>,
    /// The connectors that end it.
    pub exits: Vec<Exit>,
    /// The pipelines behind these, each once, as places in the worker's pipelines.
    pub behind: Vec<usize>,
    /// Its exporters and those of the pipelines behind it, each once.
    pub reached: Vec<Lane>,
    /// When senders are answered: as the strictest of the pipelines says that get something of it.
    pub durability: Durability,
}

/// A connector that ends a pipeline.
pub struct Exit {
    /// What stands there.
    pub connector: Arc<dyn Connector>,
    /// The pipelines that it begins, as places in the worker's pipelines.
    pub behind: Vec<usize>,
    /// Items that none of them gets.
    pub unrouted: Counter,
}

/// What goes out of a pipeline and those behind it.
pub struct Outgoing<'p> {
    /// The lanes that it reaches.
    lanes: &'p [Lane],
    /// What each of them gets, in that order.
    pub batches: Vec<Vec<Batch>>,
}

impl<'p> Outgoing<'p> {
    /// Nothing yet.
    pub fn of(pipeline: &'p Pipeline) -> Outgoing<'p> {
        Outgoing { lanes: &pipeline.reached, batches: vec![Vec::new(); pipeline.reached.len()] }
    }

    /// A lane gets these too.
    pub fn add(&mut self, lane: &Lane, batches: &[Batch]) {
        let place = self.lanes.iter().position(|reached| reached.id() == lane.id());
        if let Some(out) = place.and_then(|place| self.batches.get_mut(place)) {
            out.extend_from_slice(batches);
        }
    }
}
