//! What `/status` says, in the form of the Collector's `healthcheckv2`: one status for the process, and with `verbose` one for each
//! pipeline, each component in it, extensions, and the store.

use std::collections::BTreeMap;

use hyper::StatusCode;
use serde_json::{Map, Value, json};

use super::{Answered, JSON};
use crate::clock;
use crate::contract::{Health, Members, Phase, STORE, Severity, Topology, Trouble};

/// The status of a component, or of those below it.
#[derive(Debug, Clone)]
struct Status {
    trouble: Option<Trouble>,
    /// When nothing is wrong.
    since: u64,
    components: BTreeMap<String, Status>,
}

/// The answer to `/status`; `None` for a pipeline that there is not.
pub(super) fn report(health: &Health, topology: &Topology, started: u64, query: &str) -> Option<Answered> {
    let words: Vec<(&str, &str)> = query.split('&').map(|word| word.split_once('=').unwrap_or((word, ""))).collect();
    let is_verbose = words.iter().any(|(key, value)| *key == "verbose" && *value != "false");
    let pipeline = words.iter().find(|(key, _)| *key == "pipeline").map(|(_, value)| value.replace("%2F", "/"));
    let (phase, since) = health.phase();
    let since = since.max(started);
    let process = process(health, topology, since);
    let asked = match pipeline {
        None => &process,
        Some(id) => process.components.get(&format!("pipeline:{id}"))?,
    };
    let mut body = asked.shown(phase, is_verbose);
    body.insert("start_time".to_owned(), clock::date(started).into());
    let status = if phase == Phase::Running { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    Some((status, JSON, format!("{}\n", Value::Object(body))))
}

fn process(health: &Health, topology: &Topology, since: u64) -> Status {
    let mut troubles = health.details();
    let mut components = BTreeMap::new();
    for pipeline in &topology.pipelines {
        components.insert(format!("pipeline:{}", pipeline.id), status(pipeline, &troubles, since));
    }
    let extension = |id: &String| {
        let key = format!("extension:{id}");
        let status = Status::of(troubles.get(&key).into_iter(), since);
        (key, status)
    };
    let extensions: BTreeMap<String, Status> = topology.extensions.iter().map(extension).collect();
    components.insert("extensions".to_owned(), Status::above(extensions, since));
    components.insert(STORE.to_owned(), Status { trouble: troubles.remove(STORE), since, components: BTreeMap::new() });
    Status::above(components, since)
}

fn status(pipeline: &Members, troubles: &BTreeMap<String, Trouble>, since: u64) -> Status {
    let mut components = BTreeMap::new();
    let of = |wanted: &dyn Fn(&str) -> bool| {
        Status::of(troubles.iter().filter(|(part, _)| wanted(part)).map(|(_, trouble)| trouble), since)
    };
    for id in &pipeline.receivers {
        let key = format!("receiver:{id}");
        components.insert(key.clone(), of(&|part| part == key));
    }
    for id in &pipeline.processors {
        components.insert(format!("processor:{id}"), of(&|part| is_of(part, id, &pipeline.id)));
    }
    // Nothing is wrong with what only passes batches on.
    for id in pipeline.begun_by.iter().chain(&pipeline.ended_by) {
        components.insert(format!("connector:{id}"), of(&|_| false));
    }
    for id in &pipeline.exporters {
        let key = format!("exporter:{id}");
        components.insert(key.clone(), of(&|part| part == key));
    }
    Status::above(components, since)
}

/// Workers call a processor `ID in PIPELINE`, with `flushes of` in front and the number of an instance behind it.
fn is_of(part: &str, processor: &str, pipeline: &str) -> bool {
    let part = part.strip_prefix("flushes of ").unwrap_or(part);
    let rest = part.strip_prefix(processor).and_then(|rest| rest.strip_prefix(" in ")?.strip_prefix(pipeline));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(','))
}

impl Status {
    fn of<'t>(troubles: impl Iterator<Item = &'t Trouble>, since: u64) -> Status {
        Status { trouble: worst(troubles).cloned(), since, components: BTreeMap::new() }
    }

    fn above(components: BTreeMap<String, Status>, since: u64) -> Status {
        let trouble = worst(components.values().filter_map(|status| status.trouble.as_ref())).cloned();
        Status { trouble, since, components }
    }

    fn shown(&self, phase: Phase, with_components: bool) -> Map<String, Value> {
        let severity = self.trouble.as_ref().map(|trouble| trouble.severity);
        let name = match (phase, severity) {
            (Phase::Starting, _) => "StatusStarting",
            (Phase::Stopping, _) => "StatusStopping",
            (Phase::Running, None) => "StatusOK",
            (Phase::Running, Some(Severity::Degraded)) => "StatusRecoverableError",
            // Somebody has to mend it, and the process goes on meanwhile.
            (Phase::Running, Some(Severity::Failed)) => "StatusPermanentError",
        };
        let mut shown = Map::new();
        shown.insert("healthy".to_owned(), (severity != Some(Severity::Failed)).into());
        shown.insert("status".to_owned(), name.into());
        let since = self.trouble.as_ref().map_or(self.since, |trouble| trouble.since);
        shown.insert("status_time".to_owned(), clock::date(since).into());
        if let Some(trouble) = &self.trouble {
            shown.insert("error".to_owned(), trouble.message.clone().into());
        }
        if with_components && !self.components.is_empty() {
            let below = self.components.iter().map(|(key, status)| (key.clone(), status.shown(phase, true).into()));
            shown.insert("components".to_owned(), json!(below.collect::<Map<String, Value>>()));
        }
        shown
    }
}

/// The worst, and of those the oldest.
fn worst<'t>(troubles: impl Iterator<Item = &'t Trouble>) -> Option<&'t Trouble> {
    troubles.max_by_key(|trouble| (trouble.severity, std::cmp::Reverse(trouble.since)))
}
