//! What a start finds out without a port and without the store, beyond the form of each component: `validate` finds it too, because both come
//! here. Parts are made as a start makes them, from the same files, and dropped.
//!
//! What is left for a start to find: a port that is taken, a state directory that cannot be used, and state that a plugin does not take.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::batching::BatchingOfPipelines;
use super::components::{Components, ExporterParts};
use super::extensions::{Extensions, topology};
use super::own_telemetry;
use super::references::{Parts, References};
use crate::config::{Component, Error, Family, Node, PipelinePlan, Plan, Problem, Telemetry};
use crate::contract::{ComponentId, Delivery, Durability, Health, Ingest, MemoryGate, Request, Signal, duration};
use crate::families::{ExtensionContext, Listener, MakeError, Oddity, ReceiverContext, schema};
use crate::intake::Listeners;
use crate::net::{ListenError, collide, listening};
use crate::pipeline::BuildError;
use crate::status::Board;
use crate::telemetry::Registry;

/// Everything that is wrong with components that are no plugins.
pub fn check(plan: &Plan, components: &Components) -> Vec<Error> {
    let mut errors = components.faults(plan);
    errors.extend(components.misfits(plan));
    let unread = unread(plan, components);
    let (extensions, broken) = extensions(plan, components, &unread, &mut errors);
    let authenticators = &extensions.authenticators;
    let references = References { plan, components, authenticators, broken: &broken };
    let misled = references.check(&mut errors);
    errors.extend(references.secret_metadata());
    // What does not read, or names somebody who cannot be, is told already.
    let is_whole = |family: Family, component: &Component| {
        let part = (family, component.id.clone());
        !unread.contains(&part) && !misled.contains(&part)
    };
    // Those that another one passes on to are looked at themselves.
    let exporters = plan.exporters.iter().chain(&plan.members).filter(|component| !components.passes_on(component));
    for component in exporters.filter(|component| is_whole(Family::Exporter, component)) {
        let parts = ExporterParts { plan, registry: &Registry::default(), authenticators };
        let made = components.make_exporter(component, &parts);
        errors.extend(made.err().map(|error| error.placed(component, &format!("exporter {}", component.id))));
    }
    let mut ports = Vec::new();
    for component in plan.receivers.iter().filter(|component| is_whole(Family::Receiver, component)) {
        let (registry, memory) = (&Registry::default(), &MemoryGate::default());
        let context = ReceiverContext { ingest: Arc::new(Nobody), registry, authenticators, memory };
        let placed = |error: MakeError| error.placed(component, &format!("receiver {}", component.id));
        errors.extend(components.receiver_obstacles(component, &context).into_iter().map(placed));
        ports.extend(components.make_receiver(component, &context).into_iter().flatten());
    }
    errors.extend(Listeners::join(ports).1.into_iter().filter_map(|error| {
        let component = plan.receivers.iter().find(|component| component.id == error.receiver)?;
        Some(component.node.below(error.keys).plugin_error(&format!("receiver {}: {error}", error.receiver)))
    }));
    for component in plan.connectors.iter().filter(|component| is_whole(Family::Connector, component)) {
        let signals = Signal::ALL.into_iter().filter(|signal| plan.begun_by(&component.id, *signal).next().is_some());
        let made = signals.map(|signal| components.make_connector(plan, &component.id, signal));
        errors.extend(
            made.filter_map(Result::err).map(|error| error.placed(component, &format!("connector {}", component.id))),
        );
    }
    errors.extend(own_telemetry::check(plan));
    errors.extend(listeners(plan, components));
    errors
}

/// Takes nothing: a receiver that is checked is not served.
struct Nobody;

impl Ingest for Nobody {
    fn submit(&self, _: Request) {}
}

/// Components whose own configuration does not read.
fn unread(plan: &Plan, components: &Components) -> Parts {
    let all = components.of_plan(plan);
    let unread = all.filter(|(_, component, about)| !(about.faults)(&component.node).is_empty());
    unread.map(|(family, component, _)| (family, component.id.clone())).collect()
}

/// The extensions that can be made, and those that cannot.
fn extensions(plan: &Plan, components: &Components, unread: &Parts, errors: &mut Vec<Error>) -> (Extensions, Parts) {
    let (mut extensions, mut broken) = (Extensions::default(), unread.clone());
    let (registry, health) = (&Registry::default(), &Health::default());
    let (topology, memory) = (&topology(plan), &MemoryGate::default());
    let board = &Board::new(registry, health, topology);
    let context = ExtensionContext { registry, health, topology, memory, board };
    for component in &plan.extensions {
        let part = (Family::Extension, component.id.clone());
        if unread.contains(&part) {
            continue;
        }
        match components.make_extension(Family::Extension, component, &context) {
            Ok(made) => extensions.add(&component.id, made, registry),
            Err(error) => {
                errors.push(error.placed(component, &format!("extension {}", component.id)));
                broken.insert(part);
            }
        }
    }
    (extensions, broken)
}

/// What is probably not meant.
pub fn warnings(plan: &Plan, components: &Components) -> Vec<String> {
    let of_type = components.of_plan(plan).flat_map(|(family, component, about)| {
        let told = move |Oddity { keys, words }: Oddity| {
            let words = format!("{family} {}: {words}", component.id);
            component.node.below(keys).plugin_error(&words).to_string()
        };
        (about.oddities)(&component.node).into_iter().map(told)
    });
    let of_batches = BatchingOfPipelines::of(plan, components).warnings;
    let more = without_effect(plan, components).into_iter().chain(unused_lanes(plan, components)).chain(of_batches);
    of_type.chain(more).collect()
}

/// Keys that are read, because a Collector has them, and that change nothing here.
fn without_effect(plan: &Plan, components: &Components) -> Vec<String> {
    let of_components = components.of_plan(plan).flat_map(|(family, component, about)| {
        idle_keys(&format!("{family} {}", component.id), &component.node, &(about.schema)())
    });
    let of_telemetry = plan.telemetry_node.iter();
    let of_telemetry = of_telemetry.flat_map(|node| idle_keys("service.telemetry", node, &schema::of::<Telemetry>()));
    of_components.chain(of_telemetry).collect()
}

fn idle_keys(who: &str, node: &Node, schema: &serde_json::Value) -> Vec<String> {
    let told = |(keys, reason): (Vec<&str>, &str)| {
        let node = keys.iter().try_fold(node, |node, key| node.get(key))?;
        let words = format!("{who}: `{}` has no effect here: {reason}", keys.join("."));
        Some(node.plugin_error(&words).to_string())
    };
    schema::without_effect(schema).into_iter().filter_map(told).collect()
}

/// What a destination of another exporter says of a lane that it does not have.
fn unused_lanes(plan: &Plan, components: &Components) -> Vec<String> {
    let told = plan.members.iter().filter_map(|component| {
        let Delivery { queue, retry, breaker, .. } = components.delivery(component)?;
        let keys = [
            ("sending_queue", queue != Default::default()),
            ("retry_on_failure", retry != Default::default()),
            ("breaker", breaker.is_some()),
        ];
        let unused: Vec<String> = keys.iter().filter(|(_, is_set)| *is_set).map(|(key, _)| format!("`{key}`")).collect();
        let words = format!(
            "exporter {}: its {} counts for nothing: it stands in no pipeline, and the exporter that passes batches on to it has a lane of its own; set it there",
            component.id,
            unused.join(", ")
        );
        (!unused.is_empty()).then(|| component.node.plugin_error(&words).to_string())
    });
    told.collect()
}

/// Pipelines whose senders wait for the disk, and whose exporters keep what waits for them in memory: a line for each exporter.
pub fn memory_behind_sync(plan: &Plan, components: &Components, stateful: &HashSet<ComponentId>) -> Vec<String> {
    let is_in_memory = |component: &&Component| {
        components.delivery(component).is_some_and(|delivery| delivery.queue.storage.is_none() && !delivery.waits())
    };
    let is_synced = |pipeline: &PipelinePlan| {
        let default = || pipeline.processors.iter().any(|id| stateful.contains(id));
        pipeline.durability.map_or_else(default, |durability| durability == Durability::Sync)
    };
    // A request is answered as the strictest of its pipelines says.
    let beside = plan.beside().into_iter();
    let synced: Vec<&PipelinePlan> = beside
        .filter(|(_, beside)| beside.iter().any(|other| is_synced(other)))
        .map(|(pipeline, _)| pipeline)
        .collect();
    let behind = |component: &&Component| synced.iter().any(|pipeline| pipeline.exporters.contains(&component.id));
    let told = plan.exporters.iter().filter(is_in_memory).filter(behind).map(|component| {
        let words = format!(
            "exporter {}: what waits in its queue is in memory and goes with a killed process, although its senders wait until their data is on disk; `sending_queue: {{storage: …}}` keeps it there too",
            component.id
        );
        component.node.plugin_error(&words).to_string()
    });
    told.collect()
}

/// Exporters whose attempts may take more than half of the time in which the next data comes: a line each. Data comes at an interval where a
/// processor flushes.
pub fn slow_attempts(
    plan: &Plan,
    components: &Components,
    flush_every: &HashMap<ComponentId, Duration>,
) -> Vec<String> {
    let told = plan.exporters.iter().filter_map(|component| {
        let timeout = components.delivery(component)?.timeout;
        let in_front = plan.pipelines.iter().filter(|pipeline| pipeline.exporters.contains(&component.id));
        let flushing = in_front.flat_map(|pipeline| &pipeline.processors);
        let (processor, interval) = flushing
            .filter_map(|id| Some((id, *flush_every.get(id)?)))
            .min_by_key(|(_, interval)| *interval)
            .filter(|(_, interval)| timeout > *interval / 2)?;
        let words = format!(
            "exporter {}: an attempt may take {}, more than half of the {} after which {processor} emits again, so one that hangs makes batches wait; lower `timeout`",
            component.id,
            duration::shown(timeout),
            duration::shown(interval),
        );
        Some(component.node.below(&["timeout"]).plugin_error(&words).to_string())
    });
    told.collect()
}

/// Pipelines of one receiver in which a plugin keeps state and an exporter lets senders wait.
pub fn waiting_behind_state(plan: &Plan, components: &Components, stateful: &HashSet<ComponentId>) -> Vec<Error> {
    let waits = |id: &ComponentId| {
        let component = plan.exporters.iter().find(|component| component.id == *id);
        component.and_then(|component| components.delivery(component)).is_some_and(|delivery| delivery.waits())
    };
    let wrong = plan.waiting_behind_state(stateful, waits).into_iter().map(|(pipeline, exporter)| {
        let reason = BuildError::waits_behind_state(pipeline, exporter).to_string();
        Error { position: pipeline.position.clone(), problem: Problem::Invalid { reason } }
    });
    wrong.collect()
}

/// Something that listens: who, where that is said, and where it is.
struct Listening<'p> {
    who: String,
    node: Option<&'p Node>,
    endpoint: String,
    is_shared: bool,
}

/// Listeners that are in each other's way. Whether ports that can share one address may do so is looked at where they are joined.
fn listeners(plan: &Plan, components: &Components) -> Vec<Error> {
    let mut errors = Vec::new();
    let mut open: Vec<(String, Vec<SocketAddr>, Option<String>)> = Vec::new();
    for Listening { who, node, endpoint, is_shared } in listening_parts(plan, components) {
        let words = match listening(&endpoint) {
            // Its `transport` says whether it may; two at one path are one listener.
            Err(ListenError::Path { .. }) if is_shared => continue,
            Err(error) => format!("{who}: `{endpoint}`: {error}"),
            Ok(addresses) => {
                let shared = is_shared.then(|| endpoint.clone());
                let is_in_the_way = |(_, others, other): &&(String, Vec<SocketAddr>, Option<String>)| {
                    collide(others, &addresses) && !(shared.is_some() && *other == shared)
                };
                let other = open.iter().find(is_in_the_way).map(|(other, ..)| other.clone());
                open.push((who.clone(), addresses, shared));
                let Some(other) = other else { continue };
                format!("{who}: `{endpoint}`: {other} listens there too; set another `endpoint` for one of them")
            }
        };
        // Where nothing is said, the default is in the way of something that has its place.
        errors.extend(node.map(|node| node.plugin_error(&words)));
    }
    errors
}

fn listening_parts<'p>(plan: &'p Plan, components: &'p Components) -> impl Iterator<Item = Listening<'p>> {
    let own = plan.telemetry.metrics.addresses.iter().map(|endpoint| Listening {
        who: "service.telemetry.metrics".into(),
        node: plan.telemetry_node.as_ref(),
        endpoint: endpoint.clone(),
        is_shared: false,
    });
    let parts = components.of_plan(plan).flat_map(|(family, component, about)| {
        let part = move |listener: Listener| Listening {
            who: format!("{family} {}", component.id),
            node: Some(component.node.below(listener.keys)),
            endpoint: listener.endpoint,
            is_shared: listener.is_shared,
        };
        (about.listeners)(&component.node).into_iter().map(part)
    });
    own.chain(parts)
}
