//! The tables of all families together: which types of components there are, and how each is checked and made.

use std::collections::HashSet;
use std::sync::Arc;

use anyhow::Result;

use crate::config::{BuiltInPlugin, Component, Error, Family, Known, Plan, Warning};
use crate::contract::{Authenticators, Batching, ComponentId, Connector, Delivery, Signal};
use crate::families::{
    About, ConnectorContext, ConnectorEntry, Destination, ExporterContext, ExporterEntry, Extension, ExtensionContext,
    ExtensionEntry, FarEnd, MakeError, ProcessorEntry, ReceiverContext, ReceiverEntry, Role,
};
use crate::intake::Port;
use crate::telemetry::Registry;
use crate::{connectors, exporters, extensions, processors, receivers};

/// Every type of components but plugins.
pub struct Components {
    receivers: &'static [ReceiverEntry],
    processors: &'static [ProcessorEntry],
    exporters: Vec<ExporterEntry>,
    extensions: &'static [ExtensionEntry],
    connectors: &'static [ConnectorEntry],
    names: Names,
}

/// What types are called, by family.
struct Names {
    receivers: Vec<&'static str>,
    processors: Vec<&'static str>,
    exporters: Vec<&'static str>,
    extensions: Vec<&'static str>,
    connectors: Vec<&'static str>,
    /// Exporters that name others.
    groups: Vec<&'static str>,
}

fn names<'a>(abouts: impl Iterator<Item = &'a About>) -> Vec<&'static str> {
    abouts.flat_map(|about| about.names).copied().collect()
}

impl Components {
    /// Those of the host, and more exporters.
    pub fn with(more: &[ExporterEntry]) -> Components {
        let exporters: Vec<ExporterEntry> = exporters::TYPES.iter().chain(more).copied().collect();
        let names = Names {
            receivers: names(receivers::TYPES.iter().map(|entry| &entry.about)),
            processors: names(processors::TYPES.iter().map(|entry| &entry.about)),
            exporters: names(exporters.iter().map(|entry| &entry.about)),
            extensions: names(extensions::TYPES.iter().map(|entry| &entry.about)),
            connectors: names(connectors::TYPES.iter().map(|entry| &entry.about)),
            groups: names(exporters.iter().filter(|entry| entry.has_destinations).map(|entry| &entry.about)),
        };
        Components {
            receivers: receivers::TYPES,
            processors: processors::TYPES,
            exporters,
            extensions: extensions::TYPES,
            connectors: connectors::TYPES,
            names,
        }
    }

    /// For the configuration to check names against.
    pub fn known<'a>(&'a self, plugins: &'a [BuiltInPlugin]) -> Known<'a> {
        let Names { receivers, processors, exporters, extensions, connectors, groups } = &self.names;
        Known { receivers, processors, exporters, extensions, connectors, groups, plugins }
    }

    /// Each family with what its types say of themselves.
    pub fn catalogue(&self) -> [(Family, Vec<&About>); 5] {
        [
            (Family::Receiver, self.receivers.iter().map(|entry| &entry.about).collect()),
            (Family::Processor, self.processors.iter().map(|entry| &entry.about).collect()),
            (Family::Exporter, self.exporters.iter().map(|entry| &entry.about).collect()),
            (Family::Extension, self.extensions.iter().map(|entry| &entry.about).collect()),
            (Family::Connector, self.connectors.iter().map(|entry| &entry.about).collect()),
        ]
    }

    /// What the type of a component says of itself; `None` for a plugin.
    pub fn about(&self, family: Family, id: &ComponentId) -> Option<&About> {
        match family {
            Family::Receiver => self.receiver(id).map(|entry| &entry.about),
            Family::Processor => self.processor(id).map(|entry| &entry.about),
            Family::Exporter => self.exporter(id).map(|entry| &entry.about),
            Family::Extension => self.extension(id).map(|entry| &entry.about),
            Family::Connector => self.connector(id).map(|entry| &entry.about),
        }
    }

    fn connector(&self, id: &ComponentId) -> Option<&ConnectorEntry> {
        self.connectors.iter().find(|entry| entry.about.is_called(id.kind()))
    }

    fn processor(&self, id: &ComponentId) -> Option<&ProcessorEntry> {
        self.processors.iter().find(|entry| entry.about.is_called(id.kind()))
    }

    fn extension(&self, id: &ComponentId) -> Option<&ExtensionEntry> {
        self.extensions.iter().find(|entry| entry.about.is_called(id.kind()))
    }

    fn receiver(&self, id: &ComponentId) -> Option<&ReceiverEntry> {
        self.receivers.iter().find(|entry| entry.about.is_called(id.kind()))
    }

    fn exporter(&self, id: &ComponentId) -> Option<&ExporterEntry> {
        self.exporters.iter().find(|entry| entry.about.is_called(id.kind()))
    }

    /// Every component of a plan that is no plugin, with what its type says of itself.
    pub fn of_plan<'a>(&'a self, plan: &'a Plan) -> impl Iterator<Item = (Family, &'a Component, &'a About)> {
        let receivers = plan.receivers.iter().map(|component| (Family::Receiver, component));
        let processors = plan.of_process.iter().map(|component| (Family::Processor, component));
        let exporters = plan.exporters.iter().chain(&plan.members).map(|component| (Family::Exporter, component));
        let extensions = plan.extensions.iter().map(|component| (Family::Extension, component));
        let connectors = plan.connectors.iter().map(|component| (Family::Connector, component));
        let all = receivers.chain(processors).chain(exporters).chain(extensions).chain(connectors);
        all.filter_map(|(family, component)| Some((family, component, self.about(family, &component.id)?)))
    }

    /// Puts what stands under the former name of a key under its present one, in every component.
    pub fn modernise(&self, plan: &mut Plan) {
        let Plan { receivers, of_process, exporters, members, extensions, connectors, unused, warnings, .. } = plan;
        let of = |family, components: &'_ mut Vec<Component>, warnings: &mut Vec<Warning>| {
            for component in components {
                let keys = self.about(family, &component.id).map_or(&[][..], |about| about.former_keys);
                component.modernise(family, keys, warnings);
            }
        };
        of(Family::Receiver, receivers, warnings);
        of(Family::Processor, of_process, warnings);
        of(Family::Exporter, exporters, warnings);
        of(Family::Exporter, members, warnings);
        of(Family::Extension, extensions, warnings);
        of(Family::Connector, connectors, warnings);
        for (family, component) in unused {
            let keys = self.about(*family, &component.id).map_or(&[][..], |about| about.former_keys);
            component.modernise(*family, keys, warnings);
        }
    }

    /// Everything that cannot be read, also of components that stand nowhere.
    pub fn faults(&self, plan: &Plan) -> Vec<Error> {
        let used = self.of_plan(plan).map(|(_, component, about)| (component, about));
        let unused =
            plan.unused.iter().filter_map(|(family, component)| Some((component, self.about(*family, &component.id)?)));
        used.chain(unused).flat_map(|(component, about)| (about.faults)(&component.node)).collect()
    }

    /// Exporters that are of no use in a pipeline they stand in.
    pub fn misfits(&self, plan: &Plan) -> Vec<Error> {
        let exporters =
            plan.pipelines.iter().flat_map(|pipeline| pipeline.exporters.iter().map(move |id| (pipeline, id)));
        let wrong = exporters.filter_map(|(pipeline, id)| {
            let component = plan.exporters.iter().find(|component| component.id == *id)?;
            let words = (self.exporter(id)?.misfit)(&component.node, pipeline.signal, &pipeline.id)?;
            Some(component.node.plugin_error(&format!("exporter {id} {words}")))
        });
        wrong.collect()
    }

    /// How many connections of senders and scrapers the plan's listeners take at a time.
    pub fn connections(&self, plan: &Plan) -> usize {
        let listeners = self.of_plan(plan).flat_map(|(_, component, about)| (about.listeners)(&component.node));
        let mut shared = HashSet::new();
        // What several components share is one.
        let once = listeners.filter(|listener| !listener.is_shared || shared.insert(listener.endpoint.clone()));
        once.map(|listener| listener.connections_max).sum()
    }

    /// How exporters behind a processor merge and split batches, as it says; `None` for one that says nothing of it, or does not read.
    pub fn batching(&self, component: &Component) -> Option<Batching> {
        (self.processor(&component.id)?.batching)(&component.node)
    }

    /// How the lane of an exporter works; `None` for one that does not push, or does not read.
    pub fn delivery(&self, component: &Component) -> Option<Delivery> {
        (self.exporter(&component.id)?.delivery)(&component.node)
    }

    /// Whether an exporter can take what another one passes on.
    pub fn is_destination(&self, component: &Component) -> bool {
        !self.passes_on(component) && self.delivery(component).is_some()
    }

    /// Whether an exporter is nothing but those that it passes on to.
    pub fn passes_on(&self, component: &Component) -> bool {
        self.exporter(&component.id).is_some_and(|entry| entry.has_destinations)
    }

    /// The types of extensions that can play a role.
    pub fn types_for(&self, role: Role) -> Vec<&'static str> {
        let entries = self.extensions.iter().filter(|entry| entry.roles.contains(&role));
        entries.filter_map(|entry| entry.about.names.first().copied()).collect()
    }

    /// What a receiver serves, and where.
    pub fn make_receiver(&self, component: &Component, context: &ReceiverContext<'_>) -> Result<Vec<Port>> {
        let entry = self.receiver(&component.id).ok_or_else(|| anyhow::anyhow!(no_type(component)))?;
        (entry.make)(component, context).map_err(|error| anyhow::anyhow!("receiver {}: {error}", component.id))
    }

    /// Everything that is in the way of a receiver.
    pub fn receiver_obstacles(&self, component: &Component, context: &ReceiverContext<'_>) -> Vec<MakeError> {
        self.receiver(&component.id).map(|entry| (entry.obstacles)(component, context)).unwrap_or_default()
    }

    /// Makes what stands at the end of an exporter's lane, and what that passes on to.
    pub fn make_exporter(&self, component: &Component, parts: &ExporterParts<'_>) -> Result<FarEnd, MakeError> {
        let ExporterParts { plan, registry, authenticators } = *parts;
        let destination = |id: &ComponentId| {
            let defined = plan.exporters.iter().chain(&plan.members).find(|exporter| exporter.id == *id);
            let defined = defined.ok_or_else(|| format!("exporter {id} is not defined"))?;
            let refused = || MakeError::from(format!("`{id}` cannot take what {} passes on", component.id));
            match self.exporter(id).filter(|_| self.is_destination(defined)) {
                Some(entry) => {
                    let nobody = |_: &ComponentId| Err(refused());
                    let context = ExporterContext { registry, authenticators, destination: &nobody };
                    match (entry.make)(defined, &context)? {
                        FarEnd::Push(client, delivery) => {
                            Ok(Destination { id: id.clone(), client, timeout: delivery.timeout })
                        }
                        FarEnd::Local(_) => Err(refused()),
                    }
                }
                None => Err(refused()),
            }
        };
        let entry = self.exporter(&component.id).ok_or_else(|| no_type(component))?;
        (entry.make)(component, &ExporterContext { registry, authenticators, destination: &destination })
    }

    /// Makes an extension, or a processor that is no plugin.
    pub fn make_extension(
        &self,
        family: Family,
        component: &Component,
        context: &ExtensionContext<'_>,
    ) -> Result<Extension, MakeError> {
        let make = match family {
            Family::Processor => self.processor(&component.id).map(|entry| entry.make),
            _ => self.extension(&component.id).map(|entry| entry.make),
        };
        make.ok_or_else(|| no_type(component))?(component, context)
    }

    /// Makes what a connector of a plan puts between pipelines of one signal.
    pub fn make_connector(
        &self,
        plan: &Plan,
        id: &ComponentId,
        signal: Signal,
    ) -> Result<Arc<dyn Connector>, MakeError> {
        let component = plan.connectors.iter().find(|component| component.id == *id);
        let component = component.ok_or_else(|| format!("connector {id} is not defined"))?;
        let behind: Vec<ComponentId> = plan.begun_by(id, signal).map(|pipeline| pipeline.id.clone()).collect();
        let entry = self.connector(id).ok_or_else(|| no_type(component))?;
        (entry.make)(component, &ConnectorContext { id, behind: &behind })
    }

    /// Whether a type can play a role.
    pub fn can_be(&self, id: &ComponentId, role: Role) -> bool {
        self.extension(id).is_some_and(|entry| entry.roles.contains(&role))
    }
}

/// What exporters are made with.
#[derive(Clone, Copy)]
pub struct ExporterParts<'p> {
    /// With the exporters that others pass on to.
    pub plan: &'p Plan,
    /// Where they count.
    pub registry: &'p Registry,
    /// Who is who.
    pub authenticators: &'p Authenticators,
}

fn no_type(component: &Component) -> String {
    format!("type {} is in no table", component.id.kind())
}
