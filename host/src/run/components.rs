//! The tables: which types of components this host has, and how each is made from its configuration.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Result;

use crate::config::{Component, Error, Known, Node, Plan};
use crate::contract::{Client, ComponentId, Delivery, Exporter, Ingest, Receiver, Signal};
use crate::delivery::Budget;
use crate::exporters::{debug, nop, prometheus};
use crate::extensions::{FileStorageConfig, HealthCheckConfig, MemoryLimiterConfig, StorageConfig};
use crate::receivers::otlp;
use crate::telemetry::Registry;

const RECEIVERS: &[&str] = &["otlp"];
const EXPORTERS: &[&str] = &["debug", "nop", "prometheus"];
const EXTENSIONS: &[&str] = &["file_storage", "health_check", "memory_limiter", "rocksdb"];

/// An exporter type that this host does not have by itself: whoever calls [`run`](super::run()) brings it along.
#[derive(Debug, Clone, Copy)]
pub struct ExporterType {
    /// As in the configuration; none of the host's own.
    pub name: &'static str,
    /// Reads a component's own configuration and says what is wrong.
    pub check: fn(&Node) -> Option<Error>,
    /// Makes an exporter.
    pub make: fn(&Component) -> Result<FarEnd>,
}

/// The types, for the configuration to check names against.
pub fn known<'a>(exporters: &'a [&'a str]) -> Known<'a> {
    Known { receivers: RECEIVERS, exporters, extensions: EXTENSIONS }
}

/// The names of the host's own exporter types and of `more`.
pub fn exporter_names(more: &[ExporterType]) -> Vec<&'static str> {
    EXPORTERS.iter().copied().chain(more.iter().map(|exporter| exporter.name)).collect()
}

/// Each family with its types, for `otelier components`.
pub fn catalogue() -> Vec<(&'static str, &'static [&'static str])> {
    vec![("receivers", RECEIVERS), ("exporters", EXPORTERS), ("extensions", EXTENSIONS)]
}

/// Reads every component's own configuration and says what is wrong.
pub fn check(plan: &Plan, more: &[ExporterType]) -> Vec<Error> {
    let parse = |component: &Component| match component.id.kind() {
        "otlp" => component.node.parse::<otlp::Config>().err(),
        "debug" => component.node.parse::<debug::Config>().err(),
        "nop" => component.node.parse::<nop::Config>().err(),
        "prometheus" => component.node.parse::<prometheus::Config>().err(),
        "health_check" => component.node.parse::<HealthCheckConfig>().err(),
        "memory_limiter" => component.node.parse::<MemoryLimiterConfig>().err(),
        "rocksdb" => component.node.parse::<StorageConfig>().err(),
        "file_storage" => component.node.parse::<FileStorageConfig>().err(),
        kind => brought(more, kind).and_then(|exporter| (exporter.check)(&component.node)),
    };
    let components = plan.receivers.iter().chain(&plan.exporters).chain(&plan.members).chain(&plan.extensions);
    let components = components.chain(&plan.memory_limiters);
    let mut errors: Vec<Error> = components.filter_map(parse).collect();
    errors.extend(misplaced(plan));
    errors
}

/// Exporters in pipelines whose signal they have no form for.
fn misplaced(plan: &Plan) -> Vec<Error> {
    let others = plan.pipelines.iter().filter(|pipeline| pipeline.signal != Signal::Metrics);
    let exporters = others.flat_map(|pipeline| pipeline.exporters.iter().map(move |id| (pipeline, id)));
    let wrong = exporters.filter(|(_, id)| id.kind() == "prometheus").filter_map(|(pipeline, id)| {
        let component = plan.exporters.iter().find(|component| component.id == *id)?;
        let message = format!("exporter {id} has metrics only; take it out of pipeline {}", pipeline.id);
        Some(component.node.plugin_error(&message))
    });
    wrong.collect()
}

/// Makes a receiver.
pub fn receiver(component: &Component, ingest: Arc<dyn Ingest>, registry: &Registry) -> Result<Box<dyn Receiver>> {
    let (id, node) = (component.id.clone(), &component.node);
    match id.kind() {
        "otlp" => Ok(Box::new(otlp::OtlpReceiver::new(id, node.parse()?, ingest, registry))),
        kind => Err(anyhow::anyhow!("receiver type {kind} is in no table")),
    }
}

/// What stands at the end of a lane.
pub enum FarEnd {
    /// An exporter that holds its data in memory.
    Local(Box<dyn Exporter>),
    /// A client that pushes, and how its lane works.
    Push(Arc<dyn Client>, Box<Delivery>),
}

/// Makes what stands at the end of a component's lane.
pub fn far_end(component: &Component, registry: &Registry, more: &[ExporterType]) -> Result<FarEnd> {
    let (id, node) = (component.id.clone(), &component.node);
    match id.kind() {
        "debug" => Ok(local(debug::DebugExporter::new(id, node.parse()?, Box::new(std::io::stdout())))),
        "nop" => {
            node.parse::<nop::Config>()?;
            Ok(local(nop::NopExporter))
        }
        "prometheus" => Ok(local(prometheus::PrometheusExporter::new(id, node.parse()?, registry))),
        kind => match brought(more, kind) {
            Some(exporter) => (exporter.make)(component),
            None => Err(anyhow::anyhow!("exporter type {kind} is in no table")),
        },
    }
}

/// What each storage extension may hold.
pub fn quotas(plan: &Plan) -> Result<HashMap<ComponentId, Budget>> {
    let mut quotas = HashMap::new();
    for component in &plan.extensions {
        let bytes_max = match component.id.kind() {
            "rocksdb" => component.node.parse::<StorageConfig>()?.max_bytes,
            "file_storage" => {
                let config = component.node.parse::<FileStorageConfig>()?;
                let (extension, directory) = (&component.id, config.directory.as_deref().unwrap_or_default());
                tracing::warn!(%extension, directory, "its directory is not used: queues are kept in the database of the state directory");
                config.max_bytes
            }
            _ => continue,
        };
        quotas.insert(component.id.clone(), Budget::new(bytes_max.get()));
    }
    Ok(quotas)
}

fn local(exporter: impl Exporter) -> FarEnd {
    FarEnd::Local(Box::new(exporter))
}

fn brought<'a>(more: &'a [ExporterType], kind: &str) -> Option<&'a ExporterType> {
    more.iter().find(|exporter| exporter.name == kind)
}
