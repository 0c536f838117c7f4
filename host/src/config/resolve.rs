//! From the file as it stands to the plan: every reference is followed, every type looked up.

use std::collections::{HashMap, HashSet};

use super::Known;
use super::breakers;
use super::error::Error;
use super::manifest::Plugins;
use super::plan::{PipelinePlan, Plan, PluginPlan, ProcessorPlan, SharedProcessor, Warning, World};
use super::problem::{Family, Hint, Problem};
use super::raw::{self, Raw, RawComponent, RawPipeline, Reference};
use super::versions::Folder;
use crate::contract::ComponentId;

/// The one processor type that is no plugin: it looks at the whole process, before a request is read.
const MEMORY_LIMITER: &str = "memory_limiter";
/// The exporter type that names others.
const FALLBACK: &str = "fallback";

/// The manifest as far as it could be read.
pub(super) struct Manifest {
    /// For messages.
    pub path: String,
    /// `None` when the file could not be read at all: then no processor is blamed for it.
    pub plugins: Option<Plugins>,
}

/// Checks `raw` and makes the plan. The plan is whole only if no problem was added.
pub(super) fn resolve(raw: &Raw<'_>, manifest: &Manifest, known: &Known<'_>, problems: &mut Vec<Error>) -> Plan {
    check_types(&raw.receivers, Family::Receiver, known.receivers, problems);
    check_types(&raw.exporters, Family::Exporter, known.exporters, problems);
    breakers::check_types(raw, manifest, known.extensions, problems);
    check_plugins(&raw.processors, manifest, problems);
    let attached = breakers::attached(raw, manifest, problems);
    let mut resolver =
        Resolver { raw, used: Used::default(), processor_homes: HashMap::new(), shared: Vec::new(), problems };
    let pipelines: Vec<PipelinePlan> = raw.pipelines.iter().map(|pipeline| resolver.pipeline(pipeline)).collect();
    resolver.members();
    resolver.list(&raw.service_extensions, Family::Extension, "`service`");
    let (used, shared) = (resolver.used, resolver.shared);
    let mut warnings = Vec::new();
    let receivers = used.of(raw.receivers.iter(), Family::Receiver, &mut warnings);
    let processors = used.of(raw.processors.iter(), Family::Processor, &mut warnings);
    let exporters = used.of(raw.exporters.iter(), Family::Exporter, &mut warnings);
    let (breakers, others): (Vec<_>, Vec<_>) =
        raw.extensions.iter().partition(|extension| breakers::is_breaker(extension.id.kind(), manifest));
    let extensions = used.of(others.into_iter(), Family::Extension, &mut warnings);
    let is_limiter = |raw: &&RawComponent<'_>| raw.id.kind() == MEMORY_LIMITER;
    let limiters = processors.iter().chain(&extensions).copied().filter(is_limiter);
    let memory_limiters = limiters.map(RawComponent::component).collect();
    let in_pipeline = |raw: &&RawComponent<'_>| pipelines.iter().any(|pipeline| pipeline.exporters.contains(&raw.id));
    let (exporters, members): (Vec<_>, Vec<_>) = exporters.into_iter().partition(in_pipeline);
    let processors: Vec<ProcessorPlan> =
        processors.into_iter().filter_map(|raw| processor_plan(raw, manifest)).collect();
    let breakers = breakers::plans(&breakers, &attached, manifest, &mut warnings);
    let plugins = processors.iter().map(|processor| &processor.plugin);
    warnings.extend(plugins.chain(breakers.iter().map(|breaker| &breaker.plugin)).flat_map(misnamed));
    Plan {
        memory_limiters,
        members: members.into_iter().map(RawComponent::component).collect(),
        breakers,
        receivers: receivers.into_iter().map(RawComponent::component).collect(),
        processors,
        exporters: exporters.into_iter().map(RawComponent::component).collect(),
        extensions: extensions.into_iter().map(RawComponent::component).collect(),
        pipelines,
        shared,
        telemetry: raw.telemetry.clone(),
        telemetry_node: raw.telemetry_node.cloned(),
        delivery: raw.delivery.clone(),
        receiver_limits: raw.receiver_limits.clone(),
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

fn check_types(components: &[RawComponent<'_>], family: Family, known: &[&str], problems: &mut Vec<Error>) {
    for component in components {
        let kind = component.id.kind();
        if !known.contains(&kind) {
            let hint = Hint::new(kind, known.iter().copied());
            problems.push(Error::new(component.position, Problem::UnknownType { family, kind: kind.to_owned(), hint }));
        }
    }
}

fn check_plugins(processors: &[RawComponent<'_>], manifest: &Manifest, problems: &mut Vec<Error>) {
    let Some(plugins) = &manifest.plugins else { return };
    for processor in processors.iter().filter(|processor| processor.id.kind() != MEMORY_LIMITER) {
        let kind = processor.id.kind();
        match plugins.get(kind) {
            Some(Some(plugin)) if plugin.world != World::Processor => {
                problems.push(Error::new(processor.position, breakers::wrong_world(plugin, manifest)));
            }
            Some(_) => {}
            None => {
                let is_processor =
                    |plugin: &Option<PluginPlan>| plugin.as_ref().is_none_or(|plugin| plugin.world == World::Processor);
                let processors = plugins.iter().filter(|(_, plugin)| is_processor(plugin));
                let hint = match instead_of(kind) {
                    Some(words) => Hint::Instead(words),
                    None => Hint::new(kind, processors.map(|(name, _)| name.as_str())),
                };
                let problem = Problem::UnknownPlugin { kind: kind.to_owned(), manifest: manifest.path.clone(), hint };
                problems.push(Error::new(processor.position, problem));
            }
        }
    }
}

fn processor_plan(raw: &RawComponent<'_>, manifest: &Manifest) -> Option<ProcessorPlan> {
    let plugin = manifest.plugins.as_ref()?.get(raw.id.kind())?.clone()?;
    Some(ProcessorPlan { component: raw.component(), plugin })
}

/// Without what is no plugin.
fn plugins_of(mut processors: Vec<ComponentId>) -> Vec<ComponentId> {
    processors.retain(|id| id.kind() != MEMORY_LIMITER);
    processors
}

struct Resolver<'a> {
    raw: &'a Raw<'a>,
    used: Used,
    /// Which pipeline each processor stands in.
    processor_homes: HashMap<ComponentId, ComponentId>,
    shared: Vec<SharedProcessor>,
    problems: &'a mut Vec<Error>,
}

impl<'a> Resolver<'a> {
    fn pipeline(&mut self, raw: &'a RawPipeline<'a>) -> PipelinePlan {
        let user = format!("pipeline `{}`", raw.id);
        for (references, family) in [(&raw.receivers, Family::Receiver), (&raw.exporters, Family::Exporter)] {
            if references.as_ref().is_some_and(Vec::is_empty) {
                let problem = Problem::EmptyPipeline { pipeline: raw.id.to_string(), family };
                self.problems.push(Error::new(raw.position, problem));
            }
        }
        let processors = raw.processors.as_deref().unwrap_or_default();
        self.assign_homes(processors, &raw.id);
        PipelinePlan {
            id: raw.id.clone(),
            signal: raw.signal,
            receivers: self.list(raw.receivers.as_deref().unwrap_or_default(), Family::Receiver, &user),
            processors: plugins_of(self.list(processors, Family::Processor, &user)),
            exporters: self.list(raw.exporters.as_deref().unwrap_or_default(), Family::Exporter, &user),
            durability: raw.durability,
            position: raw.position.clone(),
        }
    }

    /// Exporters that a fallback in some pipeline names.
    fn members(&mut self) {
        let raw = self.raw;
        let is_used = |component: &&RawComponent<'_>| {
            component.id.kind() == FALLBACK && self.used.0.contains(&(Family::Exporter, component.id.clone()))
        };
        for fallback in raw.exporters.iter().filter(is_used).collect::<Vec<_>>() {
            let references = raw::members(fallback.node, self.problems);
            self.list(&references, Family::Exporter, &format!("exporter `{}`", fallback.id));
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
            self.used.0.insert((family, id.clone()));
            ids.push(id.clone());
        }
        ids
    }

    fn undefined(&self, id: &ComponentId, family: Family, user: &str) -> Option<Problem> {
        let defined = match family {
            Family::Receiver => &self.raw.receivers,
            Family::Processor => &self.raw.processors,
            Family::Exporter => &self.raw.exporters,
            Family::Extension => &self.raw.extensions,
        };
        if defined.iter().any(|component| component.id == *id) {
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
    /// The components that are used; a warning for each that is not.
    fn of<'a>(
        &self,
        components: impl Iterator<Item = &'a RawComponent<'a>>,
        family: Family,
        warnings: &mut Vec<Warning>,
    ) -> Vec<&'a RawComponent<'a>> {
        let is_used = |component: &&RawComponent<'_>| self.0.contains(&(family, component.id.clone()));
        let (used, unused): (Vec<_>, Vec<_>) = components.partition(is_used);
        warnings.extend(unused.into_iter().map(|component| Warning::Unused {
            position: component.position.clone(),
            family,
            id: component.id.clone(),
        }));
        used
    }
}

/// What does the work of a processor that Collectors have.
fn instead_of(processor: &str) -> Option<&'static str> {
    Some(match processor {
        "batch" => "batches are merged and split by an exporter's `sending_queue: {batch: ...}`",
        "resource" => "the plugin `attributes` edits resources with `level: resource` at an action",
        "metricstransform" | "cumulativetodelta" => "the plugin `aggregate` groups, renames and sums metrics",
        "transform" => "`attributes` and `filter` have the usual part of it, and a plugin of your own the rest",
        _ => return None,
    })
}
