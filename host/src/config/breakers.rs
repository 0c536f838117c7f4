//! Extensions that are breakers: their type is a plugin of the manifest, and exporters name them by `breaker: <id>`, or `auth: <id>`.
//!
//! Exporters are read by their factories, later. These keys of theirs are looked at here, because only here every extension is known.

use std::collections::HashSet;

use super::error::Error;
use super::known::Known;
use super::manifest::Manifest;
use super::node::{Node, Value};
use super::plan::{BreakerPlan, PluginPlan, World};
use super::problem::{Family, Hint, Problem};
use super::raw::{Raw, RawComponent};
use super::warning::Warning;
use crate::contract::ComponentId;

/// Whether an extension's type is a plugin for breakers.
pub(super) fn is_breaker(kind: &str, manifest: &Manifest) -> bool {
    plugin(kind, manifest).is_some_and(|plugin| plugin.world == World::BreakerPolicy)
}

/// Every extension is of a type that the host knows, or of a breaker's.
pub(super) fn check_types(raw: &Raw<'_>, manifest: &Manifest, known: &Known<'_>, problems: &mut Vec<Error>) {
    for extension in &raw.extensions {
        let kind = extension.id.kind();
        // A plugin whose entry could not be read is not blamed again; nor is anything when there is no manifest.
        let unread = manifest.plugins.as_ref().is_none_or(|plugins| plugins.get(kind).is_some_and(Option::is_none));
        if known.extensions.contains(&kind) || is_breaker(kind, manifest) || unread {
            continue;
        }
        let problem = match plugin(kind, manifest) {
            Some(plugin) => wrong_world(plugin),
            None => {
                let plugins = manifest.plugins.iter().flatten().map(|(name, _)| name.as_str());
                let breakers = plugins.filter(|name| is_breaker(name, manifest));
                let types = known.extensions.iter().copied().chain(breakers);
                let hint = known.type_hint(Family::Extension, kind, types);
                Problem::UnknownType { family: Family::Extension, kind: kind.to_owned(), hint }
            }
        };
        problems.push(Error::new(extension.position, problem));
    }
}

/// A plugin where one of another kind belongs.
pub(super) fn wrong_world(plugin: &PluginPlan) -> Problem {
    let (is, belongs) = plugin.world.place();
    Problem::WrongWorld { plugin: plugin.name.clone(), is, belongs }
}

/// The breakers that exporters name. One that is not defined is a problem.
pub(super) fn attached(raw: &Raw<'_>, manifest: &Manifest, problems: &mut Vec<Error>) -> HashSet<ComponentId> {
    let mut attached = HashSet::new();
    for exporter in &raw.exporters {
        let auth = exporter.node.get("auth");
        // Some configurations of the Collector attach such an extension where authentication stands.
        if let Some(id) = auth.and_then(|auth| auth.get("authenticator")).and_then(id_at)
            && is_breaker(id.kind(), manifest)
        {
            attached.insert(id);
        }
        for node in [exporter.node.get("breaker"), auth].into_iter().flatten() {
            // What is no id, the exporter itself complains of.
            let Some(id) = id_at(node) else { continue };
            if let Some(problem) = wrong(exporter, &id, raw, manifest) {
                problems.push(Error::new(node.position(), problem));
            }
            attached.insert(id);
        }
    }
    attached
}

fn wrong(exporter: &RawComponent<'_>, id: &ComponentId, raw: &Raw<'_>, manifest: &Manifest) -> Option<Problem> {
    let exporter = exporter.id.to_string();
    if raw.extensions.iter().any(|extension| extension.id == *id) {
        let known = manifest.plugins.as_ref().is_some_and(|plugins| plugins.get(id.kind()).is_none_or(Option::is_some));
        let problem = Problem::NoBreaker { exporter, id: id.to_string() };
        return (known && !is_breaker(id.kind(), manifest)).then_some(problem);
    }
    let breakers = raw.extensions.iter().filter(|extension| is_breaker(extension.id.kind(), manifest));
    let names: Vec<String> = breakers.map(|extension| extension.id.to_string()).collect();
    let id = id.to_string();
    let hint = Hint::new(&id, names.iter().map(String::as_str));
    Some(Problem::UndefinedBreaker { exporter, id, hint })
}

/// The breakers with their plugins; a warning for each that no exporter names.
pub(super) fn plans(
    breakers: &[&RawComponent<'_>],
    attached: &HashSet<ComponentId>,
    manifest: &Manifest,
    warnings: &mut Vec<Warning>,
) -> Vec<BreakerPlan> {
    let unattached = breakers.iter().filter(|breaker| !attached.contains(&breaker.id));
    warnings.extend(unattached.map(|raw| Warning::Unattached { position: raw.position.clone(), id: raw.id.clone() }));
    let plan = |raw: &&RawComponent<'_>| {
        Some(BreakerPlan { component: raw.component(), plugin: plugin(raw.id.kind(), manifest)?.clone() })
    };
    breakers.iter().filter_map(plan).collect()
}

fn plugin<'m>(name: &str, manifest: &'m Manifest) -> Option<&'m PluginPlan> {
    manifest.plugins.as_ref()?.get(name)?.as_ref()
}

/// An id that is written as such.
pub(super) fn id_at(node: &Node) -> Option<ComponentId> {
    match &node.value {
        Value::Text(text) => text.parse().ok(),
        _ => None,
    }
}
