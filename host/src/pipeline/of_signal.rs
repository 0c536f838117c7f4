//! The ends of a connector that is a plugin. The plugin itself is the one processor of a pipeline that stands for it.

use std::sync::Arc;

use crate::contract::{Batch, Connector, Routed, Signal, Unroutable};

/// What is of one signal goes on, to every pipeline behind; the rest ends here.
///
/// In front of the plugin that is all there is. Behind it these are the metrics that it made, and the spans or log records that it left alone end.
pub struct OfSignal {
    signal: Signal,
    /// Of pipelines behind it.
    count: usize,
}

impl OfSignal {
    /// A connector to so many pipelines.
    pub fn connector(signal: Signal, count: usize) -> Arc<dyn Connector> {
        Arc::new(OfSignal { signal, count })
    }
}

impl Connector for OfSignal {
    fn route(&self, batch: &Batch) -> Result<Routed, Unroutable> {
        let part = Some(batch).filter(|batch| batch.signal == self.signal);
        Ok(Routed { parts: vec![part.cloned(); self.count], unrouted: 0 })
    }
}
