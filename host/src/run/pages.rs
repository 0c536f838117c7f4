//! The pages for probes and people: health and the host's own metrics. They answer from the moment they are bound, also while state is
//! read at start and while the process drains, until it ends.

use anyhow::Result;

use crate::config::Plan;
use crate::contract::{ComponentId, Health, Stop};
use crate::extensions::{HealthCheck, HealthCheckConfig, Members, Page, Topology, own_metrics};
use crate::telemetry::Registry;

/// The banner's name for the host's own metrics.
const OWN_METRICS: &str = "own metrics";

/// Binds and serves them, inside the tokio runtime. Returns the banner's lines.
pub fn serve(plan: &Plan, registry: &Registry, health: &Health) -> Result<Vec<String>> {
    let mut pages: Vec<(String, &str, Page)> = Vec::new();
    for component in plan.extensions.iter().filter(|component| component.id.kind() == "health_check") {
        let config: HealthCheckConfig = component.node.parse()?;
        let page = HealthCheck::bind(&component.id, &config, health.clone(), topology(plan))?;
        pages.push((component.id.to_string(), "", page));
    }
    if let Some(address) = &plan.telemetry.metrics.address {
        pages.push((OWN_METRICS.to_owned(), "/metrics", own_metrics(address, registry)?));
    }
    let served = |(name, path, page): (String, &str, Page)| {
        let line = format!("{name:<12} http://{}{path}", page.endpoint());
        let until_the_end: Stop = Box::pin(std::future::pending());
        drop(tokio::spawn(page.serve(until_the_end)));
        line
    };
    Ok(pages.into_iter().map(served).collect())
}

fn topology(plan: &Plan) -> Topology {
    let names = |ids: &[ComponentId]| ids.iter().map(ToString::to_string).collect();
    let pipelines = plan.pipelines.iter().map(|pipeline| Members {
        id: pipeline.id.to_string(),
        receivers: names(&pipeline.receivers),
        processors: names(&pipeline.processors),
        exporters: names(&pipeline.exporters),
    });
    let extensions = plan.extensions.iter().map(|extension| extension.id.to_string()).collect();
    Topology { extensions, pipelines: pipelines.collect() }
}
