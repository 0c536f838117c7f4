//! What the extensions of a plan do, all of them together.

use std::collections::HashMap;

use anyhow::Result;

use super::components::Components;
use crate::config::{Family, Plan};
use crate::contract::{Authenticators, ComponentId, Members, Stop, Topology};
use crate::delivery::Budget;
use crate::extensions::own_metrics;
use crate::families::{Extension, ExtensionContext, Page, PageOpener, Task};
use crate::telemetry::{Kind, Registry};

/// The banner's name for the host's own metrics.
const OWN_METRICS: &str = "own metrics";

/// Extensions, and processors that are no plugins, by what they do.
#[derive(Default)]
pub struct Extensions {
    /// Who is who.
    pub authenticators: Authenticators,
    /// What each storage may hold.
    pub quotas: HashMap<ComponentId, Budget>,
    /// What works until the process ends.
    pub tasks: Vec<Task>,
    pages: Vec<(ComponentId, PageOpener)>,
}

impl Extensions {
    /// Makes them all. Their files are read here.
    pub fn make(plan: &Plan, components: &Components, context: &ExtensionContext<'_>) -> Result<Extensions> {
        let mut extensions = Extensions::default();
        let of_process = plan.of_process.iter().map(|component| (Family::Processor, component));
        let all = plan.extensions.iter().map(|component| (Family::Extension, component)).chain(of_process);
        for (family, component) in all {
            let made = components.make_extension(family, component, context);
            let made = made.map_err(|error| anyhow::anyhow!("{family} {}: {error}", component.id))?;
            extensions.add(&component.id, made, context.registry);
        }
        Ok(extensions)
    }

    /// Adds what one of them does.
    pub fn add(&mut self, id: &ComponentId, made: Extension, registry: &Registry) {
        let Extension { client, server, storage_bytes_max, page, task } = made;
        if let Some(client) = client {
            self.authenticators.add_client(id.clone(), client);
        }
        if let Some(server) = server {
            self.authenticators.add_server(id.clone(), server);
        }
        if let Some(bytes_max) = storage_bytes_max {
            let budget = Budget::new(bytes_max.get());
            show(id, &budget, registry);
            self.quotas.insert(id.clone(), budget);
        }
        self.pages.extend(page.map(|page| (id.clone(), page)));
        self.tasks.extend(task);
    }

    /// Opens and serves all pages, and the host's own metrics, inside the tokio runtime. They answer from that moment on, also while state is read
    /// at start and while the process drains, until it ends. Returns the banner's lines.
    pub fn serve_pages(&mut self, plan: &Plan, registry: &Registry) -> Result<Vec<String>> {
        let mut pages: Vec<(String, &str, Box<dyn Page>)> = Vec::new();
        for (id, open) in self.pages.drain(..) {
            let opened = open(&self.authenticators).map_err(|error| placed(&id, &error.to_string()))?;
            pages.push((id.to_string(), "", opened));
        }
        for address in &plan.telemetry.metrics.addresses {
            let page = own_metrics(address, registry)?;
            pages.push((OWN_METRICS.to_owned(), "/metrics", Box::new(page)));
        }
        let served = |(name, path, page): (String, &str, Box<dyn Page>)| {
            let line = format!("{name:<12} http://{}{path}", page.endpoint());
            let until_the_end: Stop = Box::pin(std::future::pending());
            drop(tokio::spawn(page.serve(until_the_end)));
            line
        };
        Ok(pages.into_iter().map(served).collect())
    }
}

/// An error of a page's start, of which an address that is taken says itself whose it is.
fn placed(id: &ComponentId, error: &str) -> anyhow::Error {
    let says_whose = error.starts_with(&format!("{id}: "));
    if says_whose { anyhow::anyhow!("{error}") } else { anyhow::anyhow!("extension {id}: {error}") }
}

/// What queues take of what they may take in a storage.
fn show(id: &ComponentId, budget: &Budget, registry: &Registry) {
    let (storage, taken) = (id.to_string(), budget.clone());
    let labels = [("storage", storage.as_str())];
    let (help, used) = ("Bytes that queues take in the storage extension.", move || taken.used() as f64);
    registry.measure("otelier_storage_queue_bytes", help, Kind::Gauge, &labels, used);
    let bytes_max = i64::try_from(budget.max()).unwrap_or(i64::MAX);
    let help = "Bytes that queues may take in the storage extension: its `max_bytes`.";
    registry.gauge("otelier_storage_queue_bytes_max", help, &labels).set(bytes_max);
}

/// Which components there are, for whoever tells of them.
pub fn topology(plan: &Plan) -> Topology {
    let names = |ids: &[ComponentId]| ids.iter().map(ToString::to_string).collect();
    let pipelines = plan.pipelines.iter().map(|pipeline| Members {
        id: pipeline.id.to_string(),
        receivers: names(&pipeline.receivers),
        begun_by: names(&pipeline.begun_by),
        processors: names(&pipeline.processors),
        exporters: names(&pipeline.exporters),
        ended_by: names(&pipeline.ended_by),
    });
    let extensions = plan.extensions.iter().map(|extension| extension.id.to_string()).collect();
    Topology { extensions, pipelines: pipelines.collect() }
}
