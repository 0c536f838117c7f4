//! The tables: which types of components this host has, and how each is made from its configuration.

use std::sync::Arc;

use anyhow::Result;

use crate::config::{Component, Error, Known, Plan};
use crate::contract::{Exporter, Ingest, Receiver};
use crate::exporters::{debug, nop, prometheus};
use crate::extensions::HealthCheckConfig;
use crate::receivers::otlp;
use crate::telemetry::Registry;

const RECEIVERS: &[&str] = &["otlp"];
const EXPORTERS: &[&str] = &["debug", "nop", "prometheus"];
const EXTENSIONS: &[&str] = &["health_check"];

/// The types, for the configuration to check names against.
pub fn known() -> Known<'static> {
    Known { receivers: RECEIVERS, exporters: EXPORTERS, extensions: EXTENSIONS }
}

/// Each family with its types, for `otelier components`.
pub fn catalogue() -> Vec<(&'static str, &'static [&'static str])> {
    vec![("receivers", RECEIVERS), ("exporters", EXPORTERS), ("extensions", EXTENSIONS)]
}

/// Reads every component's own configuration and says what is wrong.
pub fn check(plan: &Plan) -> Vec<Error> {
    let parse = |component: &Component| match component.id.kind() {
        "otlp" => component.node.parse::<otlp::Config>().err(),
        "debug" => component.node.parse::<debug::Config>().err(),
        "nop" => component.node.parse::<nop::Config>().err(),
        "prometheus" => component.node.parse::<prometheus::Config>().err(),
        _ => component.node.parse::<HealthCheckConfig>().err(),
    };
    plan.receivers.iter().chain(&plan.exporters).chain(&plan.extensions).filter_map(parse).collect()
}

/// Makes a receiver.
pub fn receiver(component: &Component, ingest: Arc<dyn Ingest>, registry: &Registry) -> Result<Box<dyn Receiver>> {
    let (id, node) = (component.id.clone(), &component.node);
    match id.kind() {
        "otlp" => Ok(Box::new(otlp::OtlpReceiver::new(id, node.parse()?, ingest, registry))),
        kind => Err(anyhow::anyhow!("receiver type {kind} is in no table")),
    }
}

/// Makes an exporter.
pub fn exporter(component: &Component, registry: &Registry) -> Result<Box<dyn Exporter>> {
    let (id, node) = (component.id.clone(), &component.node);
    match id.kind() {
        "debug" => Ok(Box::new(debug::DebugExporter::new(id, node.parse()?, Box::new(std::io::stdout())))),
        "nop" => {
            node.parse::<nop::Config>()?;
            Ok(Box::new(nop::NopExporter))
        }
        "prometheus" => Ok(Box::new(prometheus::PrometheusExporter::new(id, node.parse()?, registry))),
        kind => Err(anyhow::anyhow!("exporter type {kind} is in no table")),
    }
}
