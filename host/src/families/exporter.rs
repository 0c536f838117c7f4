//! Exporters.

use std::sync::Arc;
use std::time::Duration;

use super::component::{About, ComponentType};
use super::make_error::MakeError;
use crate::config::{Component, Node};
use crate::contract::{Authenticators, Client, ComponentId, Delivery, Exporter, Signal};
use crate::telemetry::Registry;

/// A type of exporters.
pub trait ExporterType: ComponentType {
    /// Whether its configuration names other exporters, under `exporters`: they need to stand in no pipeline of their own.
    const HAS_DESTINATIONS: bool = false;

    /// Makes what stands at the end of its lane. Files that the configuration names are read here; nothing is opened before it is bound.
    fn make(id: &ComponentId, config: Self::Config, context: &ExporterContext<'_>) -> Result<FarEnd, MakeError>;

    /// How its lane works, where it pushes.
    fn delivery(_config: &Self::Config) -> Option<Delivery> {
        None
    }

    /// Why it is of no use in a pipeline of that signal: what comes behind its id.
    fn misfit(_config: &Self::Config, _signal: Signal, _pipeline: &ComponentId) -> Option<String> {
        None
    }
}

/// What stands at the end of a lane.
pub enum FarEnd {
    /// An exporter that holds its data in memory.
    Local(Box<dyn Exporter>),
    /// A client that pushes, and how its lane works.
    Push(Arc<dyn Client>, Box<Delivery>),
}

/// What an exporter is made with.
pub struct ExporterContext<'c> {
    /// Where it counts.
    pub registry: &'c Registry,
    /// Who is who.
    pub authenticators: &'c Authenticators,
    /// Makes an exporter that it names.
    pub destination: &'c dyn Fn(&ComponentId) -> Result<Destination, MakeError>,
}

/// An exporter that another one passes batches on to.
pub struct Destination {
    /// Its id.
    pub id: ComponentId,
    /// What sends to it.
    pub client: Arc<dyn Client>,
    /// Of one attempt. Zero is none.
    pub timeout: Duration,
}

/// A type of exporters in its table.
#[derive(Debug, Clone, Copy)]
pub struct ExporterEntry {
    /// What it says of itself.
    pub about: About,
    /// See [`ExporterType::HAS_DESTINATIONS`].
    pub has_destinations: bool,
    /// Makes what stands at the end of its lane.
    pub make: fn(&Component, &ExporterContext<'_>) -> Result<FarEnd, MakeError>,
    /// How its lane works; `None` where it does not push, or its configuration does not read.
    pub delivery: fn(&Node) -> Option<Delivery>,
    /// See [`ExporterType::misfit`].
    pub misfit: fn(&Node, Signal, &ComponentId) -> Option<String>,
}

impl ExporterEntry {
    /// The entry of a type.
    pub const fn of<T: ExporterType>() -> ExporterEntry {
        ExporterEntry {
            about: About::of::<T>(),
            has_destinations: T::HAS_DESTINATIONS,
            make: |component, context| T::make(&component.id, component.node.parse()?, context),
            delivery: |node| T::delivery(&node.parse().ok()?),
            misfit: |node, signal, pipeline| T::misfit(&node.parse().ok()?, signal, pipeline),
        }
    }
}
