//! The host's own telemetry: what the plan says of it, put together.

use std::sync::Arc;

use anyhow::Result;

use crate::config::{BatchProcessor, Error, PeriodicReader, Plan, Telemetry};
use crate::contract::{Client, Resource, Signal, TelemetryDestination, Tracer};
use crate::exporters::telemetry_client;
use crate::own_telemetry::{self, Destinations, LogLayer, Logs, PushSettings, Pushing, Spans};
use crate::telemetry::Registry;

/// What tells of this process from its first moment on.
pub struct Own {
    /// What is counted.
    pub registry: Registry,
    /// Which trips have a trace.
    pub tracer: Tracer,
    resource: Resource,
    logs: Logs,
    spans: Spans,
}

impl Own {
    /// With a layer for the log, where that is pushed. Nothing is sent yet.
    pub fn new(telemetry: &Telemetry) -> (Own, Option<LogLayer>) {
        let registry = Registry::default();
        let resource = Resource::new(&telemetry.resource.changes);
        registry.show_process(&resource.labels());
        let settings = |processors: &[BatchProcessor]| processors.iter().map(of_processor).collect();
        let (layer, logs) = own_telemetry::logs(settings(&telemetry.logs.processors), &registry);
        let traces = &telemetry.traces;
        let (tracer, spans) = own_telemetry::spans(traces.ratio, settings(&traces.processors), &registry);
        (Own { registry, tracer, resource, logs, spans }, layer)
    }

    /// Begins to send. What was logged before is sent now.
    pub fn push(self, telemetry: &Telemetry) -> Result<Pushing> {
        let metrics = telemetry.metrics.periodic.iter();
        let metrics = metrics.map(|reader| Ok((of_reader(reader), client(&reader.destination, Signal::Metrics)?)));
        let clients = |processors: &[BatchProcessor], signal| {
            processors.iter().map(|processor| client(&processor.destination, signal)).collect::<Result<Vec<_>>>()
        };
        let destinations = Destinations {
            metrics: metrics.collect::<Result<_>>()?,
            logs: clients(&telemetry.logs.processors, Signal::Logs)?,
            traces: clients(&telemetry.traces.processors, Signal::Traces)?,
        };
        Ok(own_telemetry::start(destinations, self.logs, self.spans, &self.resource, &self.registry))
    }
}

fn of_reader(reader: &PeriodicReader) -> PushSettings {
    PushSettings { interval: reader.interval, timeout: reader.timeout, queue_max: 0, batch_max: 0 }
}

fn of_processor(processor: &BatchProcessor) -> PushSettings {
    let BatchProcessor { schedule_delay, export_timeout, queue_max, batch_max, .. } = *processor;
    PushSettings { interval: schedule_delay, timeout: export_timeout, queue_max, batch_max }
}

fn client(destination: &TelemetryDestination, signal: Signal) -> Result<Arc<dyn Client>> {
    telemetry_client(destination, signal).map_err(|error| anyhow::anyhow!("{}: {error}", place(signal)))
}

/// Where the configuration says where a signal goes.
fn place(signal: Signal) -> String {
    let list = if signal == Signal::Metrics { "readers" } else { "processors" };
    format!("service.telemetry.{signal}.{list}")
}

/// Destinations that cannot be.
pub fn check(plan: &Plan) -> Vec<Error> {
    let Telemetry { logs, metrics, traces, .. } = &plan.telemetry;
    let of = |processors: &[BatchProcessor], signal| {
        let destinations = processors.iter().map(|processor| processor.destination.clone());
        destinations.map(|destination| (destination, signal)).collect::<Vec<_>>()
    };
    let readers = metrics.periodic.iter().map(|reader| (reader.destination.clone(), Signal::Metrics));
    let all = readers.chain(of(&logs.processors, Signal::Logs)).chain(of(&traces.processors, Signal::Traces));
    let wrong = all.filter_map(|(destination, signal)| {
        let error = client(&destination, signal).err()?;
        Some(plan.telemetry_node.as_ref()?.below(&[signal.name()]).plugin_error(&error.to_string()))
    });
    wrong.collect()
}
