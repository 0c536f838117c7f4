//! The Collector's top level, read as it stands: shapes and ids are right after this, references are not checked yet.

use serde::de::DeserializeOwned;

use super::error::Error;
use super::fields::{self, Fields};
use super::node::{Entry, Node};
use super::plan::{Component, DeliveryLimits, ReceiverLimits};
use super::position::Position;
use super::problem::{Family, Hint, Problem};
use super::telemetry::Telemetry;
use crate::contract::Durability;
use crate::contract::{ComponentId, Signal};

/// One file, read.
pub(super) struct Raw<'a> {
    pub receivers: Vec<RawComponent<'a>>,
    pub processors: Vec<RawComponent<'a>>,
    pub exporters: Vec<RawComponent<'a>>,
    pub extensions: Vec<RawComponent<'a>>,
    pub service_extensions: Vec<Reference<'a>>,
    pub pipelines: Vec<RawPipeline<'a>>,
    /// They stand in pipelines as receivers and exporters.
    pub connectors: Vec<RawComponent<'a>>,
    /// Families whose section is misspelt or no mapping: what it would define is not known, and nobody is blamed for naming it.
    pub unread: Vec<Family>,
    pub telemetry: Telemetry,
    pub telemetry_node: Option<&'a Node>,
    pub delivery: DeliveryLimits,
    pub receiver_limits: ReceiverLimits,
}

/// A component as its section defines it.
pub(super) struct RawComponent<'a> {
    pub id: ComponentId,
    /// Of its key.
    pub position: &'a Position,
    pub node: &'a Node,
}

impl RawComponent<'_> {
    pub fn component(&self) -> Component {
        Component { id: self.id.clone(), node: self.node.clone() }
    }
}

/// A component as a list names it.
pub(super) struct Reference<'a> {
    pub id: ComponentId,
    pub position: &'a Position,
}

/// A pipeline with unchecked references.
pub(super) struct RawPipeline<'a> {
    pub id: ComponentId,
    /// `None` where the id names none, which is told.
    pub signal: Option<Signal>,
    /// Of its key.
    pub position: &'a Position,
    /// A list that is missing is empty; one that could not be read is `None`, so that it is not called empty as well.
    pub receivers: Option<Vec<Reference<'a>>>,
    pub processors: Option<Vec<Reference<'a>>>,
    pub exporters: Option<Vec<Reference<'a>>>,
    pub durability: Option<Durability>,
}

const TOP_KEYS: [&str; 6] = ["receivers", "processors", "exporters", "extensions", "connectors", "service"];
const SERVICE_KEYS: [&str; 5] = ["delivery", "extensions", "pipelines", "receivers", "telemetry"];

/// Where a key belongs that stands at the top.
fn of_service(key: &str) -> Option<&'static str> {
    match key {
        "pipelines" | "telemetry" => Some("service"),
        _ => of_pipelines(key),
    }
}

/// Where a key belongs that stands under `service`: a pipeline's id has its place.
fn of_pipelines(key: &str) -> Option<&'static str> {
    let kind = key.split('/').next().unwrap_or_default();
    Signal::ALL.iter().any(|signal| signal.name() == kind).then_some("service.pipelines")
}

/// Reads the whole file.
pub(super) fn read<'a>(root: &'a Node, problems: &mut Vec<Error>) -> Raw<'a> {
    let top = Fields::with_misplaced(root, &TOP_KEYS, of_service, problems);
    let service = top.required("service", problems);
    let service = service.map(|node| Fields::with_misplaced(node, &SERVICE_KEYS, of_pipelines, problems));
    let is_unread = |family: &Family| {
        let section = family.section();
        top.means(section) || top.get(section).is_some_and(|node| !node.is_mapping())
    };
    let unread = Family::ALL.into_iter().filter(is_unread).collect();
    let part = |key| service.as_ref().and_then(|fields: &Fields<'a>| fields.get(key));
    Raw {
        receivers: components(&top, Family::Receiver, problems),
        processors: components(&top, Family::Processor, problems),
        exporters: components(&top, Family::Exporter, problems),
        extensions: components(&top, Family::Extension, problems),
        connectors: components(&top, Family::Connector, problems),
        service_extensions: part("extensions").and_then(|node| references(node, problems)).unwrap_or_default(),
        pipelines: service.as_ref().map(|fields| pipelines(fields, problems)).unwrap_or_default(),
        delivery: part("delivery").map(|node| parsed(node, problems)).unwrap_or_default(),
        receiver_limits: part("receivers").map(|node| parsed(node, problems)).unwrap_or_default(),
        unread,
        telemetry_node: part("telemetry"),
        telemetry: part("telemetry").map(|node| parsed(node, problems)).unwrap_or_default(),
    }
}

fn components<'a>(top: &Fields<'a>, family: Family, problems: &mut Vec<Error>) -> Vec<RawComponent<'a>> {
    let Some(section) = top.get(family.section()) else {
        return Vec::new();
    };
    let mut components = Vec::new();
    for Entry { key, position, value } in fields::entries(section, problems) {
        // A body is a mapping or nothing.
        fields::entries(value, problems);
        if let Some(id) = component_id(key, position, problems) {
            components.push(RawComponent { id, position, node: value });
        }
    }
    components
}

/// The exporters that an exporter's own configuration names under `exporters`.
pub(super) fn members<'a>(node: &'a Node, problems: &mut Vec<Error>) -> Vec<Reference<'a>> {
    let entries = fields::entries(node, problems);
    let list = entries.iter().find(|entry| entry.key == Family::Exporter.section()).map(|entry| &entry.value);
    list.and_then(|list| references(list, problems)).unwrap_or_default()
}

/// `None` when the list or one of its ids could not be read.
fn references<'a>(list: &'a Node, problems: &mut Vec<Error>) -> Option<Vec<Reference<'a>>> {
    let before = problems.len();
    let mut references = Vec::new();
    for (text, position) in fields::texts(list, problems) {
        if let Some(id) = component_id(text, position, problems) {
            references.push(Reference { id, position });
        }
    }
    (problems.len() == before).then_some(references)
}

fn component_id(text: &str, position: &Position, problems: &mut Vec<Error>) -> Option<ComponentId> {
    let id = text.parse().map_err(|reason| Problem::Id { id: text.to_owned(), reason });
    id.map_err(|problem| problems.push(Error::new(position, problem))).ok()
}

fn pipelines<'a>(service: &Fields<'a>, problems: &mut Vec<Error>) -> Vec<RawPipeline<'a>> {
    let Some(section) = service.required("pipelines", problems) else {
        return Vec::new();
    };
    let before = problems.len();
    let entries = fields::entries(section, problems);
    if entries.is_empty() && problems.len() == before {
        problems.push(Error::new(section.position(), Problem::NoPipelines));
    }
    entries.iter().filter_map(|entry| pipeline(entry, problems)).collect()
}

fn pipeline<'a>(entry: &'a Entry, problems: &mut Vec<Error>) -> Option<RawPipeline<'a>> {
    let body = Fields::of(&entry.value, &["receivers", "processors", "exporters", "durability"], problems);
    let mut list = |family: Family| match body.get(family.section()) {
        Some(node) => references(node, problems),
        // It is there, and was misspelt.
        None if body.means(family.section()) => None,
        None => Some(Vec::new()),
    };
    let [receivers, processors, exporters] = [Family::Receiver, Family::Processor, Family::Exporter].map(&mut list);
    let durability = body.get("durability").and_then(|node| parsed::<Option<Durability>>(node, problems));
    let id = component_id(&entry.key, &entry.position, problems)?;
    let signal = signal(&id, &entry.position, problems);
    Some(RawPipeline { id, signal, position: &entry.position, receivers, processors, exporters, durability })
}

fn signal(id: &ComponentId, position: &Position, problems: &mut Vec<Error>) -> Option<Signal> {
    let signal = Signal::ALL.into_iter().find(|signal| signal.name() == id.kind());
    if signal.is_none() {
        let hint = Hint::new(id.kind(), Signal::ALL.map(Signal::name));
        let problem = Problem::UnknownSignal { signal: id.kind().to_owned(), pipeline: id.to_string(), hint };
        problems.push(Error::new(position, problem));
    }
    signal
}

fn parsed<T: DeserializeOwned + Default>(node: &Node, problems: &mut Vec<Error>) -> T {
    node.parse().unwrap_or_else(|_| {
        problems.extend(node.faults::<T>());
        T::default()
    })
}
