//! The forward connector: every pipeline behind it gets everything, as with the Collector's.

use std::sync::Arc;

use crate::contract::{Batch, Connector, Routed, Unroutable};
use crate::families::{ComponentType, ConnectorContext, ConnectorType, MakeError};

/// `connectors: {forward: }`, which has no settings.
#[derive(Debug, Clone, Copy, Default, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {}

/// The type `forward`.
pub struct Type;

impl ComponentType for Type {
    const NAMES: &'static [&'static str] = &["forward"];
    type Config = Config;
}

impl ConnectorType for Type {
    fn make(Config {}: Config, context: &ConnectorContext<'_>) -> Result<Arc<dyn Connector>, MakeError> {
        Ok(Arc::new(Forward { count: context.behind.len() }))
    }
}

struct Forward {
    /// Of pipelines behind it.
    count: usize,
}

impl Connector for Forward {
    fn route(&self, batch: &Batch) -> Result<Routed, Unroutable> {
        Ok(Routed { parts: vec![Some(batch.clone()); self.count], unrouted: 0 })
    }
}
