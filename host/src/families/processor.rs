//! Processors that are no plugins: they stand in no batch's way, wherever a pipeline lists them.

use super::component::{About, ComponentType};
use super::extension::{Extension, ExtensionContext};
use super::make_error::MakeError;
use crate::config::{Component, Node};
use crate::contract::{Batching, ComponentId};

/// A type of processors that are no plugins.
pub trait ProcessorType: ComponentType {
    /// Makes what works beside the pipelines; nothing, where it only says how other parts are to work.
    fn make(_id: &ComponentId, _config: Self::Config, _context: &ExtensionContext<'_>) -> Result<Extension, MakeError> {
        Ok(Extension::default())
    }

    /// How exporters of its pipelines merge and split batches, where they do not say so themselves.
    fn batching(_config: &Self::Config) -> Option<Batching> {
        None
    }
}

/// A type of processors in its table.
#[derive(Debug, Clone, Copy)]
pub struct ProcessorEntry {
    /// What it says of itself.
    pub about: About,
    /// Makes one.
    pub make: fn(&Component, &ExtensionContext<'_>) -> Result<Extension, MakeError>,
    /// See [`ProcessorType::batching`].
    pub batching: fn(&Node) -> Option<Batching>,
}

impl ProcessorEntry {
    /// The entry of a type.
    pub const fn of<T: ProcessorType>() -> ProcessorEntry {
        ProcessorEntry {
            about: About::of::<T>(),
            make: |component, context| T::make(&component.id, component.node.parse()?, context),
            batching: |node| T::batching(&node.parse().ok()?),
        }
    }
}
