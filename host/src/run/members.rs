//! Exporters that other parts of the configuration name: storage by queues, members by a fallback.

use std::sync::Arc;

use anyhow::{Context as _, Result};

use super::components::{self, ExporterType, FarEnd};
use crate::config::{Component, Error, Plan};
use crate::contract::{Authenticators, Delivery, SendingQueue};
use crate::exporters::fallback::{self, FallbackClient, Member};
use crate::telemetry::Registry;

/// What is named and cannot be used there.
pub fn check(plan: &Plan) -> Vec<Error> {
    let exporters = plan.exporters.iter().chain(&plan.members);
    let mut errors: Vec<Error> = exporters.clone().filter_map(|component| storage(plan, component)).collect();
    let fallbacks = exporters.filter(|component| component.id.kind() == "fallback");
    errors.extend(fallbacks.flat_map(|component| wrong_members(plan, component)));
    errors
}

/// A queue whose storage is not there.
fn storage(plan: &Plan, component: &Component) -> Option<Error> {
    #[derive(serde::Deserialize)]
    struct Queued {
        #[serde(default)]
        sending_queue: SendingQueue,
    }
    let storage = component.node.parse::<Queued>().ok()?.sending_queue.storage?;
    let is_storage = |kind: &str| matches!(kind, "rocksdb" | "file_storage");
    let known = plan.extensions.iter().any(|extension| extension.id == storage && is_storage(extension.id.kind()));
    (!known).then(|| {
        let message = format!(
            "`{storage}` is no storage extension that runs: define `rocksdb:` under `extensions`, and list it under `service.extensions`"
        );
        component.node.plugin_error(&message)
    })
}

fn wrong_members(plan: &Plan, component: &Component) -> Vec<Error> {
    let Ok(config) = component.node.parse::<fallback::Config>() else { return Vec::new() };
    let wrong = |message: String| component.node.plugin_error(&message);
    if config.exporters.is_empty() {
        return vec![wrong("`exporters` names nobody: list the exporters to send to, the one to prefer first".into())];
    }
    let is_push = |kind: &str| matches!(kind, "otlp" | "otlp_grpc" | "otlphttp" | "otlp_http");
    let members = config.exporters.iter().filter(|id| {
        let known = plan.exporters.iter().chain(&plan.members).any(|member| member.id == **id);
        known && !is_push(id.kind())
    });
    members
        .map(|id| wrong(format!("`{id}` cannot stand in a fallback: only exporters that push over OTLP can")))
        .collect()
}

/// Makes a fallback and what it falls back to.
pub fn far_end(
    component: &Component,
    plan: &Plan,
    registry: &Registry,
    authenticators: &Authenticators,
    more: &[ExporterType],
) -> Result<FarEnd> {
    if component.id.kind() != "fallback" {
        return components::far_end(component, registry, authenticators, more);
    }
    let config: fallback::Config = component.node.parse()?;
    let delivery: Delivery = config.delivery();
    let mut members = Vec::new();
    for id in &config.exporters {
        let defined = plan.exporters.iter().chain(&plan.members).find(|member| member.id == *id);
        let member = defined.with_context(|| format!("exporter {id} is not defined"))?;
        let FarEnd::Push(client, own) = components::far_end(member, registry, authenticators, more)? else {
            anyhow::bail!("exporter {id} cannot stand in a fallback");
        };
        if own.queue.storage.is_some() || own.queue.batch.is_some() {
            tracing::warn!(exporter = %component.id, member = %id, "the member's own `sending_queue` is not used: the fallback's is");
        }
        members.push(Member { id: id.clone(), client, timeout: own.timeout });
    }
    let client = FallbackClient::new(component.id.clone(), config.probe_interval, members, registry);
    Ok(FarEnd::Push(Arc::new(client), Box::new(delivery)))
}
