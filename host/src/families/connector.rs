//! Connectors.

use std::sync::Arc;

use super::component::{About, ComponentType};
use super::make_error::MakeError;
use crate::config::Component;
use crate::contract::{ComponentId, Connector};

/// A type of connectors.
pub trait ConnectorType: ComponentType {
    /// Makes what stands between pipelines of one signal.
    fn make(config: Self::Config, context: &ConnectorContext<'_>) -> Result<Arc<dyn Connector>, MakeError>;
}

/// What a connector is made with.
pub struct ConnectorContext<'c> {
    /// Its id.
    pub id: &'c ComponentId,
    /// The pipelines that it begins, in the order of the configuration.
    pub behind: &'c [ComponentId],
}

/// Makes a connector of a type, from a configuration that is not read yet.
pub type Make = fn(&Component, &ConnectorContext<'_>) -> Result<Arc<dyn Connector>, MakeError>;

/// A type of connectors in its table.
#[derive(Debug, Clone, Copy)]
pub struct ConnectorEntry {
    /// What it says of itself.
    pub about: About,
    /// Makes one.
    pub make: Make,
}

impl ConnectorEntry {
    /// The entry of a type.
    pub const fn of<T: ConnectorType>() -> ConnectorEntry {
        ConnectorEntry { about: About::of::<T>(), make: |component, context| T::make(component.node.parse()?, context) }
    }
}
