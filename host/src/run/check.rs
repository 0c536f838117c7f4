//! What a start finds out without a port and without the store, beyond the form of each component: `validate` finds it too, because both come
//! here. Parts are made as a start makes them, from the same files, and dropped.
//!
//! What is left for a start to find: a port that is taken, a state directory that cannot be used, and state that a plugin does not take.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;

use super::authenticators;
use super::components;
use crate::config::{Component, Error, Node, PipelinePlan, Plan, Problem};
use crate::contract::{
    Authenticators, ComponentId, Delivery, Durability, Ingest, MemoryGate, NoAuthenticator, Request,
};
use crate::exporters::{fallback, prometheus};
use crate::extensions::{FileStorageConfig, HealthCheckConfig};
use crate::net::{collide, listening};
use crate::pipeline::BuildError;
use crate::receivers::otlp;
use crate::telemetry::Registry;

/// Everything that is wrong. Components whose own configuration does not read are left out: that is told already.
pub fn check(plan: &Plan) -> Vec<Error> {
    let (authenticators, mut errors) = authenticators::check(plan);
    errors.extend(clients(plan, &authenticators));
    errors.extend(plan.receivers.iter().flat_map(|component| receiver(component, &authenticators)));
    errors.extend(listeners(plan));
    errors
}

/// What is probably not meant.
pub fn warnings(plan: &Plan) -> Vec<String> {
    let mut warnings = Vec::new();
    for component in plan.exporters.iter().chain(&plan.members) {
        let told = delivery(component).and_then(|delivery| delivery.queue.warning());
        let node = component.node.below(&["sending_queue"]);
        warnings
            .extend(told.map(|words| node.plugin_error(&format!("exporter {}: {words}", component.id)).to_string()));
    }
    for component in plan.extensions.iter().filter(|component| component.id.kind() == "file_storage") {
        let Ok(config) = component.node.parse::<FileStorageConfig>() else { continue };
        if config.directory.is_some() {
            let words =
                "`directory` is not used: queues are kept in the database of the state directory (`--state-dir`)";
            warnings.push(component.node.plugin_error(words).to_string());
        }
    }
    warnings
}

/// Pipelines whose senders wait for the disk, and whose exporters keep what waits for them in memory: a line for each exporter.
pub fn memory_behind_sync(plan: &Plan, stateful: &HashSet<ComponentId>) -> Vec<String> {
    let is_in_memory = |component: &&Component| {
        delivery(component).is_some_and(|delivery| delivery.queue.storage.is_none() && !delivery.waits())
    };
    let is_synced = |pipeline: &PipelinePlan| {
        let default = || pipeline.processors.iter().any(|id| stateful.contains(id));
        pipeline.durability.map_or_else(default, |durability| durability == Durability::Sync)
    };
    let behind = |component: &&Component| {
        plan.pipelines.iter().any(|pipeline| is_synced(pipeline) && pipeline.exporters.contains(&component.id))
    };
    let told = plan.exporters.iter().filter(is_in_memory).filter(behind).map(|component| {
        let words = format!(
            "exporter {}: what waits in its queue is in memory and goes with a killed process, although its senders wait until their data is on disk; `sending_queue: {{storage: …}}` keeps it there too",
            component.id
        );
        component.node.plugin_error(&words).to_string()
    });
    told.collect()
}

/// Pipelines of one receiver in which a plugin keeps state and an exporter lets senders wait.
pub fn waiting_behind_state(plan: &Plan, stateful: &HashSet<ComponentId>) -> Vec<Error> {
    let waits = |id: &&ComponentId| {
        let component = plan.exporters.iter().find(|component| component.id == **id);
        component.and_then(delivery).is_some_and(|delivery| delivery.waits())
    };
    let wrong = plan.pipelines.iter().filter_map(|pipeline| {
        pipeline.processors.iter().find(|id| stateful.contains(id))?;
        let exporter = plan.beside(pipeline).flat_map(|other| &other.exporters).find(waits)?.clone();
        let reason = BuildError::WaitsBehindState { pipeline: pipeline.id.clone(), exporter }.to_string();
        Some(Error { position: pipeline.position.clone(), problem: Problem::Invalid { reason } })
    });
    wrong.collect()
}

/// How the lane of an exporter that pushes works.
fn delivery(component: &Component) -> Option<Delivery> {
    match component.id.kind() {
        "fallback" => component.node.parse::<fallback::Config>().ok().map(|config| config.delivery()),
        _ => components::push_config(component),
    }
}

fn clients(plan: &Plan, authenticators: &Authenticators) -> Vec<Error> {
    let exporters = plan.exporters.iter().chain(&plan.members);
    let pushing = exporters.filter(|component| components::push_config(component).is_some());
    let wrong = pushing.filter_map(|component| {
        let made = components::far_end(component, &Registry::default(), authenticators, &[]);
        let error = made.err().filter(|error| error.downcast_ref::<NoAuthenticator>().is_none())?;
        // Which exporter, and what is wrong with it.
        let words: Vec<String> = error.chain().take(2).map(ToString::to_string).collect();
        let (node, words) = (&component.node, words.join(": "));
        let node = if words.contains(": tls: ") { node.below(&["tls"]) } else { node };
        Some(node.plugin_error(&words))
    });
    wrong.collect()
}

/// Takes nothing: a receiver that is checked is not served.
struct Nobody;

impl Ingest for Nobody {
    fn submit(&self, _: Request) {}
}

/// Each protocol alone, so that what is wrong has its place.
fn receiver(component: &Component, authenticators: &Authenticators) -> Vec<Error> {
    let config = match component.node.parse::<otlp::Config>() {
        Ok(config) if component.id.kind() == "otlp" => config,
        _ => return Vec::new(),
    };
    let otlp::Protocols { grpc, http } = config.protocols.clone();
    let alone = [("grpc", otlp::Protocols { grpc, http: None }), ("http", otlp::Protocols { grpc: None, http })];
    let wrong = alone
        .into_iter()
        .filter(|(_, protocols)| protocols.grpc.is_some() || protocols.http.is_some())
        .filter_map(|(name, protocols)| {
            let (id, config) = (component.id.clone(), otlp::Config { protocols, ..config.clone() });
            let memory = MemoryGate::default();
            let made =
                otlp::OtlpReceiver::new(id, config, Arc::new(Nobody), &Registry::default(), authenticators, &memory);
            let error = made.err().filter(|error| !matches!(error, otlp::MakeError::Auth(_)))?;
            let words = format!("receiver {}: {error}", component.id);
            let below: &[&str] =
                if words.contains(": tls: ") { &["protocols", name, "tls"] } else { &["protocols", name] };
            Some(component.node.below(below).plugin_error(&words))
        });
    wrong.collect()
}

/// Something that listens: who, where that is said, and where it is.
struct Listener<'p> {
    who: String,
    node: Option<&'p Node>,
    endpoint: String,
}

fn listeners(plan: &Plan) -> Vec<Error> {
    let mut errors = Vec::new();
    let mut open: Vec<(String, Vec<SocketAddr>)> = Vec::new();
    for Listener { who, node, endpoint } in listening_parts(plan) {
        let words = match listening(&endpoint) {
            Err(error) => format!("{who}: `{endpoint}`: {error}"),
            Ok(addresses) => {
                let other = open.iter().find(|(_, others)| collide(others, &addresses)).map(|(other, _)| other.clone());
                open.push((who.clone(), addresses));
                let Some(other) = other else { continue };
                format!("{who}: `{endpoint}`: {other} listens there too; set another `endpoint` for one of them")
            }
        };
        // Where nothing is said, the default is in the way of something that has its place.
        errors.extend(node.map(|node| node.plugin_error(&words)));
    }
    errors
}

fn listening_parts(plan: &Plan) -> Vec<Listener<'_>> {
    let mut parts = Vec::new();
    if let Some(endpoint) = plan.telemetry.metrics.address.clone() {
        parts.push(Listener { who: "service.telemetry.metrics".into(), node: plan.telemetry_node.as_ref(), endpoint });
    }
    for component in plan.receivers.iter().filter(|component| component.id.kind() == "otlp") {
        let Ok(otlp::Config { protocols, .. }) = component.node.parse() else { continue };
        let endpoints =
            [("grpc", protocols.grpc.map(|grpc| grpc.endpoint)), ("http", protocols.http.map(|http| http.endpoint))];
        for (name, endpoint) in endpoints {
            let Some(endpoint) = endpoint else { continue };
            let (who, node) = (format!("receiver {}", component.id), component.node.below(&["protocols", name]));
            parts.push(Listener { who, node: Some(node), endpoint: endpoint.to_string() });
        }
    }
    for component in plan.exporters.iter().filter(|component| component.id.kind() == "prometheus") {
        let Ok(prometheus::Config { endpoint, .. }) = component.node.parse() else { continue };
        parts.push(Listener { who: format!("exporter {}", component.id), node: Some(&component.node), endpoint });
    }
    for component in plan.extensions.iter().filter(|component| component.id.kind() == "health_check") {
        let Ok(HealthCheckConfig { endpoint, .. }) = component.node.parse() else { continue };
        parts.push(Listener { who: format!("extension {}", component.id), node: Some(&component.node), endpoint });
    }
    parts
}
