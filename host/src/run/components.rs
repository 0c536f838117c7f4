//! The tables: which types of components this host has, and how each is made from its configuration.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Context as _, Result};

use crate::config::{BuiltInPlugin, Component, Error, Family, Known, Node, Plan};
use crate::contract::{Authenticators, Client, ComponentId, Delivery, Exporter, Ingest, MemoryGate, Receiver, Signal};
use crate::delivery::Budget;
use crate::exporters::{debug, fallback, nop, otlp as otlp_out, otlphttp, prometheus};
use crate::extensions::{
    BasicAuthConfig, BearerTokenConfig, FileStorageConfig, HeadersSetterConfig, HealthCheckConfig, MemoryLimiterConfig,
    StorageConfig,
};
use crate::receivers::otlp;
use crate::telemetry::Registry;

use super::members;

const RECEIVERS: &[&str] = &["otlp"];
const EXPORTERS: &[&str] = &["debug", "fallback", "nop", "otlp", "otlp_grpc", "otlp_http", "otlphttp", "prometheus"];
const EXTENSIONS: &[&str] =
    &["basicauth", "bearertokenauth", "file_storage", "headers_setter", "health_check", "memory_limiter", "rocksdb"];

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
pub fn known<'a>(exporters: &'a [&'a str], plugins: &'a [BuiltInPlugin]) -> Known<'a> {
    Known { receivers: RECEIVERS, exporters, extensions: EXTENSIONS, plugins }
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
    let exporters = plan.exporters.iter().chain(&plan.members);
    let mut errors: Vec<Error> = plan.unused.iter().flat_map(|unused| unused_errors(unused, more)).collect();
    errors.extend(plan.receivers.iter().flat_map(receiver_errors));
    errors.extend(exporters.flat_map(|component| exporter_errors(component, more)));
    errors.extend(plan.extensions.iter().chain(&plan.memory_limiters).flat_map(extension_errors));
    errors.extend(misplaced(plan));
    errors.extend(members::check(plan));
    errors.extend(super::check::check(plan));
    errors
}

fn unused_errors((family, component): &(Family, Component), more: &[ExporterType]) -> Vec<Error> {
    match family {
        Family::Receiver => receiver_errors(component),
        Family::Exporter => exporter_errors(component, more),
        Family::Extension => extension_errors(component),
        // Only its plugin knows.
        Family::Processor => Vec::new(),
    }
}

fn receiver_errors(component: &Component) -> Vec<Error> {
    match component.id.kind() {
        "otlp" => component.node.faults::<otlp::Config>(),
        _ => Vec::new(),
    }
}

fn exporter_errors(component: &Component, more: &[ExporterType]) -> Vec<Error> {
    match component.id.kind() {
        "debug" => component.node.faults::<debug::Config>(),
        "fallback" => component.node.faults::<fallback::Config>(),
        "nop" => component.node.faults::<nop::Config>(),
        "otlp" | "otlp_grpc" => component.node.faults::<otlp_out::Config>(),
        "otlphttp" | "otlp_http" => component.node.faults::<otlphttp::Config>(),
        "prometheus" => component.node.faults::<prometheus::Config>(),
        kind => brought(more, kind).and_then(|exporter| (exporter.check)(&component.node)).into_iter().collect(),
    }
}

fn extension_errors(component: &Component) -> Vec<Error> {
    match component.id.kind() {
        "basicauth" => component.node.faults::<BasicAuthConfig>(),
        "bearertokenauth" => component.node.faults::<BearerTokenConfig>(),
        "headers_setter" => component.node.faults::<HeadersSetterConfig>(),
        "health_check" => component.node.faults::<HealthCheckConfig>(),
        "memory_limiter" => component.node.faults::<MemoryLimiterConfig>(),
        "rocksdb" => component.node.faults::<StorageConfig>(),
        "file_storage" => component.node.faults::<FileStorageConfig>(),
        _ => Vec::new(),
    }
}

/// Exporters in pipelines whose signal they have no form for.
fn misplaced(plan: &Plan) -> Vec<Error> {
    let exporters = plan.pipelines.iter().flat_map(|pipeline| pipeline.exporters.iter().map(move |id| (pipeline, id)));
    let wrong = exporters.filter_map(|(pipeline, id)| {
        let component = plan.exporters.iter().find(|component| component.id == *id)?;
        let (signal, pipeline) = (pipeline.signal, &pipeline.id);
        let message = match id.kind() {
            "prometheus" if signal != Signal::Metrics => {
                format!("exporter {id} has metrics only; take it out of pipeline {pipeline}")
            }
            "otlphttp" | "otlp_http" => {
                let config = component.node.parse::<otlphttp::Config>().ok()?;
                config.target(signal).is_none().then(|| {
                    format!(
                        "exporter {id} has no endpoint for pipeline {pipeline}: set `endpoint` or `{signal}_endpoint`"
                    )
                })?
            }
            _ => return None,
        };
        Some(component.node.plugin_error(&message))
    });
    wrong.collect()
}

/// How many connections of senders and scrapers the plan's listeners take at a time.
pub fn connections(plan: &Plan) -> usize {
    let of_receiver =
        |component: &Component| component.node.parse::<otlp::Config>().map_or(0, |config| config.connections_max());
    let scrapers = plan.exporters.iter().filter(|component| component.id.kind() == "prometheus").count();
    plan.receivers.iter().map(of_receiver).sum::<usize>() + scrapers * prometheus::CONNECTIONS_MAX
}

/// Makes a receiver.
pub fn receiver(
    component: &Component,
    ingest: Arc<dyn Ingest>,
    registry: &Registry,
    authenticators: &Authenticators,
    memory: &MemoryGate,
) -> Result<Box<dyn Receiver>> {
    let (id, node) = (component.id.clone(), &component.node);
    match id.kind() {
        "otlp" => {
            let receiver = otlp::OtlpReceiver::new(id, node.parse()?, ingest, registry, authenticators, memory);
            Ok(Box::new(receiver.with_context(|| format!("receiver {}", component.id))?))
        }
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
pub fn far_end(
    component: &Component,
    registry: &Registry,
    authenticators: &Authenticators,
    more: &[ExporterType],
) -> Result<FarEnd> {
    let (id, node) = (component.id.clone(), &component.node);
    match id.kind() {
        "debug" => Ok(local(debug::DebugExporter::new(id, node.parse()?, Box::new(std::io::stdout())))),
        "nop" => {
            node.parse::<nop::Config>()?;
            Ok(local(nop::NopExporter))
        }
        "otlp" | "otlp_grpc" | "otlphttp" | "otlp_http" => {
            push(component, authenticators).with_context(|| format!("exporter {id}"))
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
            "file_storage" => component.node.parse::<FileStorageConfig>()?.max_bytes,
            _ => continue,
        };
        quotas.insert(component.id.clone(), Budget::new(bytes_max.get()));
    }
    Ok(quotas)
}

/// The lane of an exporter that pushes by itself; `None` for another one, or one that does not read.
pub fn push_config(component: &Component) -> Option<Delivery> {
    match component.id.kind() {
        "otlp" | "otlp_grpc" => component.node.parse::<otlp_out::Config>().ok().map(|config| config.delivery),
        "otlphttp" | "otlp_http" => component.node.parse::<otlphttp::Config>().ok().map(|config| config.delivery),
        _ => None,
    }
}

fn push(component: &Component, authenticators: &Authenticators) -> Result<FarEnd> {
    let node = &component.node;
    match component.id.kind() {
        "otlp" | "otlp_grpc" => {
            let config: otlp_out::Config = node.parse()?;
            let delivery = Box::new(config.delivery.clone());
            let credentials = authenticators.client(config.authenticator.as_ref())?;
            Ok(FarEnd::Push(Arc::new(otlp_out::OtlpClient::new(config, credentials)?), delivery))
        }
        _ => {
            let config: otlphttp::Config = node.parse()?;
            let delivery = Box::new(config.delivery.clone());
            let credentials = authenticators.client(config.authenticator.as_ref())?;
            Ok(FarEnd::Push(Arc::new(otlphttp::OtlpHttpClient::new(config, credentials)?), delivery))
        }
    }
}

fn local(exporter: impl Exporter) -> FarEnd {
    FarEnd::Local(Box::new(exporter))
}

fn brought<'a>(more: &'a [ExporterType], kind: &str) -> Option<&'a ExporterType> {
    more.iter().find(|exporter| exporter.name == kind)
}
