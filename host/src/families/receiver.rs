//! Receivers.

use std::sync::Arc;

use super::component::{About, ComponentType};
use super::make_error::MakeError;
use crate::config::Component;
use crate::contract::{Authenticators, ComponentId, Ingest, MemoryGate};
use crate::intake::Port;
use crate::telemetry::Registry;

/// A type of receivers.
pub trait ReceiverType: ComponentType {
    /// What one serves, and where. Files that the configuration names are read here; nothing is opened before it is bound.
    fn make(id: &ComponentId, config: Self::Config, context: &ReceiverContext<'_>) -> Result<Vec<Port>, MakeError>;

    /// Everything that is in the way of making one.
    fn obstacles(id: &ComponentId, config: Self::Config, context: &ReceiverContext<'_>) -> Vec<MakeError> {
        Self::make(id, config, context).err().into_iter().collect()
    }
}

/// What a receiver is made with.
pub struct ReceiverContext<'c> {
    /// Where it puts requests.
    pub ingest: Arc<dyn Ingest>,
    /// Where it counts.
    pub registry: &'c Registry,
    /// Who is who.
    pub authenticators: &'c Authenticators,
    /// What requests under way may take.
    pub memory: &'c MemoryGate,
}

/// Makes a receiver of a type, from a configuration that is not read yet.
pub type Make = fn(&Component, &ReceiverContext<'_>) -> Result<Vec<Port>, MakeError>;

/// A type of receivers in its table.
#[derive(Debug, Clone, Copy)]
pub struct ReceiverEntry {
    /// What it says of itself.
    pub about: About,
    /// Makes one.
    pub make: Make,
    /// Everything that is in the way of making one; nothing where its configuration does not read.
    pub obstacles: fn(&Component, &ReceiverContext<'_>) -> Vec<MakeError>,
}

impl ReceiverEntry {
    /// The entry of a type.
    pub const fn of<T: ReceiverType>() -> ReceiverEntry {
        ReceiverEntry {
            about: About::of::<T>(),
            make: |component, context| T::make(&component.id, component.node.parse()?, context),
            obstacles: |component, context| {
                let config = component.node.parse().ok();
                config.map(|config| T::obstacles(&component.id, config, context)).unwrap_or_default()
            },
        }
    }
}
