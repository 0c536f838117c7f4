//! From the file as it stands to the plan: every reference is followed, every type looked up.

use std::collections::{HashMap, HashSet};

use super::breakers;
use super::connections;
use super::error::Error;
use super::host_keys;
use super::known::Known;
use super::manifest::Manifest;
use super::plan::{Component, PipelinePlan, Plan, PluginPlan, ProcessorPlan, SharedProcessor, World};
use super::problem::{Family, Hint, Problem};
use super::raw::{self, Raw, RawComponent, RawPipeline, Reference};
use super::versions::Folder;
use super::warning::Warning;
use crate::contract::{ComponentId, Signal};

/// Checks `raw` and makes the plan. The plan is whole only if no problem was added.
pub(super) fn resolve(raw: &Raw<'_>, manifest: &Manifest, known: &Known<'_>, problems: &mut Vec<Error>) -> Plan {
    check_types(&raw.receivers, Family::Receiver, known.receivers, known, problems);
    check_types(&raw.exporters, Family::Exporter, known.exporters, known, problems);
    check_connectors(raw, manifest, known, problems);
    ambiguous(raw, known, problems);
    breakers::check_types(raw, manifest, known, problems);
    check_plugins(&raw.processors, manifest, known, problems);
    let attached = breakers::attached(raw, manifest, problems);
    let mut resolver =
        Resolver { raw, known, used: Used::default(), processor_homes: HashMap::new(), shared: Vec::new(), problems };
    let mut pipelines: Vec<PipelinePlan> =
        raw.pipelines.iter().filter_map(|pipeline| resolver.pipeline(pipeline)).collect();
    for connector in raw.connectors.iter().filter(|connector| is_plugin(connector, manifest, known.connectors)) {
        pipelines.extend(resolver.pipelines_of(connector, &pipelines));
    }
    resolver.members();
    let is_connecting = |raw: &RawComponent<'_>| is_plugin(raw, manifest, known.connectors);
    connections::check(&pipelines, raw, known.connectors, &is_connecting, resolver.problems);
    resolver.list(&raw.service_extensions, Family::Extension, "`service`");
    let (used, shared) = (resolver.used, resolver.shared);
    let (mut warnings, mut unused) = (Vec::new(), Vec::new());
    let receivers = used.of(raw.receivers.iter(), Family::Receiver, &mut unused);
    let processors = used.of(raw.processors.iter(), Family::Processor, &mut unused);
    let exporters = used.of(raw.exporters.iter(), Family::Exporter, &mut unused);
    let connectors = used.of(raw.connectors.iter(), Family::Connector, &mut unused);
    let (connecting, connectors): (Vec<_>, Vec<_>) =
        connectors.into_iter().partition(|connector| is_plugin(connector, manifest, known.connectors));
    let (breakers, others): (Vec<_>, Vec<_>) =
        raw.extensions.iter().partition(|extension| breakers::is_breaker(extension.id.kind(), manifest));
    let extensions = used.of(others.into_iter(), Family::Extension, &mut unused);
    warnings.extend(unused.iter().map(|(family, component)| Warning::Unused {
        position: component.position.clone(),
        family: *family,
        id: component.id.clone(),
    }));
    let is_ours = |raw: &&RawComponent<'_>| known.processors.contains(&raw.id.kind());
    let (of_process, processors): (Vec<_>, Vec<_>) = processors.into_iter().partition(is_ours);
    let in_pipeline = |raw: &&RawComponent<'_>| pipelines.iter().any(|pipeline| pipeline.exporters.contains(&raw.id));
    let (exporters, members): (Vec<_>, Vec<_>) = exporters.into_iter().partition(in_pipeline);
    let processors: Vec<ProcessorPlan> =
        processors.into_iter().chain(connecting).filter_map(|raw| processor_plan(raw, manifest, problems)).collect();
    let breakers = breakers::plans(&breakers, &attached, manifest, &mut warnings);
    let plugins = processors.iter().map(|processor| &processor.plugin);
    warnings.extend(plugins.chain(breakers.iter().map(|breaker| &breaker.plugin)).flat_map(misnamed));
    Plan {
        of_process: of_process.into_iter().map(RawComponent::component).collect(),
        members: members.into_iter().map(RawComponent::component).collect(),
        breakers,
        receivers: receivers.into_iter().map(RawComponent::component).collect(),
        processors,
        exporters: exporters.into_iter().map(RawComponent::component).collect(),
        extensions: extensions.into_iter().map(RawComponent::component).collect(),
        connectors: connectors.into_iter().map(RawComponent::component).collect(),
        pipelines,
        shared,
        telemetry: raw.telemetry.clone(),
        telemetry_node: raw.telemetry_node.cloned(),
        delivery: raw.delivery.clone(),
        receiver_limits: raw.receiver_limits.clone(),
        unused: unused.into_iter().map(|(family, raw)| (family, raw.component())).collect(),
        warnings,
    }
}

/// Files of a plugin's folder that are not considered.
fn misnamed(plugin: &PluginPlan) -> Vec<Warning> {
    let files = plugin.folder.iter().flat_map(Folder::misnamed);
    let warning =
        |file| Warning::Misnamed { position: plugin.file_position.clone(), plugin: plugin.name.clone(), file };
    files.map(warning).collect()
}

fn check_types(
    components: &[RawComponent<'_>],
    family: Family,
    types: &[&str],
    known: &Known<'_>,
    problems: &mut Vec<Error>,
) {
    for component in components {
        let kind = component.id.kind();
        if !types.contains(&kind) {
            let hint = known.type_hint(family, kind, types.iter().copied());
            problems.push(Error::new(component.position, Problem::UnknownType { family, kind: kind.to_owned(), hint }));
        }
    }
}

/// A connector has a type of its own, or is a plugin.
fn check_connectors(raw: &Raw<'_>, manifest: &Manifest, known: &Known<'_>, problems: &mut Vec<Error>) {
    let Some(plugins) = &manifest.plugins else { return };
    for connector in raw.connectors.iter().filter(|connector| !known.connectors.contains(&connector.id.kind())) {
        match plugins.get(connector.id.kind()) {
            Some(Some(plugin)) if plugin.world != World::Processor => {
                problems.push(Error::new(connector.position, breakers::wrong_world(plugin)));
            }
            Some(_) => {}
            None => {
                check_types(std::slice::from_ref(connector), Family::Connector, known.connectors, known, problems);
            }
        }
    }
}

/// Whether a component that is none of `types` is a plugin of the manifest.
fn is_plugin(raw: &RawComponent<'_>, manifest: &Manifest, types: &[&str]) -> bool {
    let kind = raw.id.kind();
    !types.contains(&kind) && manifest.plugins.as_ref().is_some_and(|plugins| plugins.contains_key(kind))
}

fn check_plugins(processors: &[RawComponent<'_>], manifest: &Manifest, known: &Known<'_>, problems: &mut Vec<Error>) {
    let Some(plugins) = &manifest.plugins else { return };
    for processor in processors.iter().filter(|processor| !known.processors.contains(&processor.id.kind())) {
        let kind = processor.id.kind();
        match plugins.get(kind) {
            Some(Some(plugin)) if plugin.world != World::Processor => {
                problems.push(Error::new(processor.position, breakers::wrong_world(plugin)));
            }
            Some(_) => {}
            None => {
                let is_processor =
                    |plugin: &Option<PluginPlan>| plugin.as_ref().is_none_or(|plugin| plugin.world == World::Processor);
                let processors = plugins.iter().filter(|(_, plugin)| is_processor(plugin));
                let hint = known.type_hint(Family::Processor, kind, processors.map(|(name, _)| name.as_str()));
                let kind = kind.to_owned();
                let problem = match hint {
                    // A Collector has it: it is not the manifest that lacks something.
                    Hint::Instead(_) => Problem::UnknownType { family: Family::Processor, kind, hint },
                    hint => Problem::UnknownPlugin { kind, plugins: manifest.plugins_name(), hint },
                };
                problems.push(Error::new(processor.position, problem));
            }
        }
    }
}

/// Ids that stand for two components where pipelines name them.
fn ambiguous(raw: &Raw<'_>, known: &Known<'_>, problems: &mut Vec<Error>) {
    for connector in &raw.connectors {
        // A plugin is told by its id, wherever it stands.
        let processors = if known.connectors.contains(&connector.id.kind()) { &Vec::new() } else { &raw.processors };
        let families =
            [(Family::Receiver, &raw.receivers), (Family::Exporter, &raw.exporters), (Family::Processor, processors)];
        for (other, components) in families {
            if components.iter().any(|component| component.id == connector.id) {
                problems
                    .push(Error::new(connector.position, Problem::Ambiguous { id: connector.id.to_string(), other }));
            }
        }
    }
}

fn processor_plan(raw: &RawComponent<'_>, manifest: &Manifest, problems: &mut Vec<Error>) -> Option<ProcessorPlan> {
    let storage = host_keys::storage(raw, problems);
    let component = Component { id: raw.id.clone(), node: raw.node.of_plugin() };
    let plugin = manifest.plugins.as_ref()?.get(raw.id.kind())?.clone()?;
    Some(ProcessorPlan { component, plugin, storage })
}

struct Resolver<'a> {
    raw: &'a Raw<'a>,
    known: &'a Known<'a>,
    used: Used,
    /// Which pipeline each processor stands in.
    processor_homes: HashMap<ComponentId, ComponentId>,
    shared: Vec<SharedProcessor>,
    problems: &'a mut Vec<Error>,
}

impl<'a> Resolver<'a> {
    /// `None` for one of no signal, whose lists are followed all the same.
    fn pipeline(&mut self, raw: &'a RawPipeline<'a>) -> Option<PipelinePlan> {
        let user = format!("pipeline `{}`", raw.id);
        for (references, family) in [(&raw.receivers, Family::Receiver), (&raw.exporters, Family::Exporter)] {
            if references.as_ref().is_some_and(Vec::is_empty) {
                let problem = Problem::EmptyPipeline { pipeline: raw.id.to_string(), family };
                self.problems.push(Error::new(raw.position, problem));
            }
        }
        let processors = raw.processors.as_deref().unwrap_or_default();
        self.assign_homes(processors, &raw.id);
        let receivers = self.list(raw.receivers.as_deref().unwrap_or_default(), Family::Receiver, &user);
        let (begun_by, receivers) = receivers.into_iter().partition(|id| self.is_connector(id));
        let processors = self.list(processors, Family::Processor, &user).into_iter();
        let (of_process, processors) = processors.partition(|id| self.known.processors.contains(&id.kind()));
        let exporters = self.list(raw.exporters.as_deref().unwrap_or_default(), Family::Exporter, &user);
        let (ended_by, exporters) = exporters.into_iter().partition(|id| self.is_connector(id));
        let (id, durability, position) = (raw.id.clone(), raw.durability, raw.position.clone());
        let signal = raw.signal?;
        Some(PipelinePlan {
            id,
            signal,
            receivers,
            begun_by,
            processors,
            of_process,
            exporters,
            ended_by,
            durability,
            of_connector: None,
            position,
        })
    }

    /// The pipelines that stand for a connector that is a plugin: one for each signal that it makes metrics of.
    fn pipelines_of(&mut self, connector: &'a RawComponent<'a>, pipelines: &[PipelinePlan]) -> Vec<PipelinePlan> {
        let (id, mut own) = (&connector.id, Vec::new());
        for signal in [Signal::Traces, Signal::Logs] {
            let ends = |pipeline: &PipelinePlan| pipeline.signal == signal && pipeline.ended_by.contains(id);
            if !pipelines.iter().any(ends) {
                continue;
            }
            let name = format!("{}/connector:{id}", signal.name());
            let is_taken = pipelines.iter().any(|pipeline| pipeline.id.to_string() == name);
            let Some(pipeline) = name.parse::<ComponentId>().ok().filter(|_| !is_taken) else {
                let problem = Problem::ConnectorsName { pipeline: name, connector: id.to_string() };
                self.problems.push(Error::new(connector.position, problem));
                continue;
            };
            self.assign_homes(&[Reference { id: id.clone(), position: connector.position }], &pipeline);
            own.push(PipelinePlan {
                id: pipeline,
                signal,
                receivers: Vec::new(),
                begun_by: vec![id.clone()],
                processors: vec![id.clone()],
                of_process: Vec::new(),
                exporters: Vec::new(),
                ended_by: vec![id.clone()],
                durability: None,
                of_connector: Some(id.clone()),
                position: connector.position.clone(),
            });
        }
        own
    }

    /// Exporters that another one in some pipeline names.
    fn members(&mut self) {
        let raw = self.raw;
        let is_used = |component: &&RawComponent<'_>| {
            self.known.groups.contains(&component.id.kind())
                && self.used.0.contains(&(Family::Exporter, component.id.clone()))
        };
        for group in raw.exporters.iter().filter(is_used).collect::<Vec<_>>() {
            let references = raw::members(group.node, self.problems);
            self.list(&references, Family::Exporter, &format!("exporter `{}`", group.id));
        }
    }

    /// Follows each reference of one list.
    fn list(&mut self, references: &[Reference<'_>], family: Family, user: &str) -> Vec<ComponentId> {
        let mut ids: Vec<ComponentId> = Vec::with_capacity(references.len());
        for Reference { id, position } in references {
            if ids.contains(id) {
                let problem = Problem::ListedTwice { user: user.to_owned(), family, id: id.to_string() };
                self.problems.push(Error::new(position, problem));
            } else if let Some(problem) = self.undefined(id, family, user) {
                self.problems.push(Error::new(position, problem));
            }
            let stands_between = matches!(family, Family::Receiver | Family::Exporter) && self.is_connector(id);
            self.used.0.insert((if stands_between { Family::Connector } else { family }, id.clone()));
            ids.push(id.clone());
        }
        ids
    }

    fn is_connector(&self, id: &ComponentId) -> bool {
        self.raw.connectors.iter().any(|connector| connector.id == *id)
    }

    fn undefined(&self, id: &ComponentId, family: Family, user: &str) -> Option<Problem> {
        let defined = match family {
            Family::Receiver => &self.raw.receivers,
            Family::Processor => &self.raw.processors,
            Family::Exporter => &self.raw.exporters,
            Family::Extension => &self.raw.extensions,
            Family::Connector => &self.raw.connectors,
        };
        // Connectors stand in pipelines as receivers and exporters.
        let between = matches!(family, Family::Receiver | Family::Exporter);
        let is_connector = between && (self.is_connector(id) || self.raw.unread.contains(&Family::Connector));
        if is_connector || self.raw.unread.contains(&family) || defined.iter().any(|component| component.id == *id) {
            return None;
        }
        let id = id.to_string();
        let names: Vec<String> = defined.iter().map(|component| component.id.to_string()).collect();
        let hint = Hint::new(&id, names.iter().map(String::as_str));
        Some(Problem::Undefined { user: user.to_owned(), family, id, hint })
    }

    /// A processor that keeps state belongs to one pipeline. Which ones do, the plugins say later.
    fn assign_homes(&mut self, processors: &[Reference<'_>], pipeline: &ComponentId) {
        for Reference { id, position } in processors {
            let home = self.processor_homes.entry(id.clone()).or_insert_with(|| pipeline.clone());
            if home != pipeline {
                let (first, second) = (home.clone(), pipeline.clone());
                self.shared.push(SharedProcessor { id: id.clone(), first, second, position: (*position).clone() });
            }
        }
    }
}

/// What is referred to.
#[derive(Default)]
struct Used(HashSet<(Family, ComponentId)>);

impl Used {
    /// The components that are used; the others go to `unused`.
    fn of<'a>(
        &self,
        components: impl Iterator<Item = &'a RawComponent<'a>>,
        family: Family,
        unused: &mut Vec<(Family, &'a RawComponent<'a>)>,
    ) -> Vec<&'a RawComponent<'a>> {
        let is_used = |component: &&RawComponent<'_>| self.0.contains(&(family, component.id.clone()));
        let (used, others): (Vec<_>, Vec<_>) = components.partition(is_used);
        unused.extend(others.into_iter().map(|component| (family, component)));
        used
    }
}
