//! Whole paths, from OTLP over gRPC to an exporter that keeps nothing: what an item of each signal and kind costs with each
//! plugin, beside a server that reads the same bytes and forgets them.
//!
//! Servers take turns within a round, as everywhere in this benchmark, and each run is checked: the host's own ledger must say
//! that what was acknowledged was accepted, and that what the plugin keeps was sent on.

mod host;
mod items;
mod scenario;

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::kernel;
use crate::load::Load;
use crate::measure::{Reading, Sample};
use crate::report::{figure, median, spread, text};
use crate::servers::{Expected, Running, Server, Settings, Shares};

pub use host::Host;
pub use items::{Items, Kind};
pub use scenario::{LOGS_FILTER_BODY, SCENARIOS, Scenario, To};

/// How long, and how often.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Items of a request.
    pub batch: usize,
    /// Requests under way at a time.
    pub in_flight: usize,
    /// Before the clock starts.
    pub warm_up: Duration,
    /// While it runs.
    pub window: Duration,
    /// How often the servers take turns.
    pub rounds: usize,
}

/// Measures one scenario and returns its line.
pub async fn run(scenario: &Scenario, plan: &Plan, settings: &Settings) -> Result<Value> {
    let (mut host, mut raw) = (Vec::new(), Vec::new());
    for round in 1..=plan.rounds {
        for is_host in [true, false] {
            let measured =
                if is_host { of_host(scenario, plan, settings).await } else { of_raw(scenario, plan, settings).await };
            let server = match (is_host, scenario.to) {
                (true, _) => "otelier",
                (false, To::Nowhere) => "raw_http2",
                (false, To::Otlp | To::OtlpByDisk | To::OtlpOverloaded) => "raw_proxy",
            };
            let sample = measured.with_context(|| format!("{}: {server}", scenario.name))?;
            eprintln!("{:<24} round {round}  {server:<9}  {}", scenario.name, text(&sample));
            if is_host { host.push(sample) } else { raw.push(sample) }
        }
    }
    let column = |samples: &[Sample], value: fn(&Sample) -> f64| samples.iter().map(value).collect::<Vec<f64>>();
    let cpu = column(&host, |sample| sample.cpu_ns_per_point);
    let rates = column(&host, |sample| sample.points_per_s);
    let ratios: Vec<f64> =
        raw.iter().zip(&host).map(|(raw, host)| raw.cpu_ns_per_point / host.cpu_ns_per_point).collect();
    let ratio = if scenario.to == To::Nowhere { "ratio_raw_http2" } else { "ratio_raw_proxy" };
    Ok(json!({
        "bench": format!("path-{}", scenario.name),
        "batch": plan.batch,
        "bytes_per_item": figure(Some(Items::new(scenario.kind, plan.batch)?.bytes_per_item())),
        "items_per_s_core": figure(median(rates.clone())),
        "cpu_ns_per_item": figure(median(cpu.clone())),
        "items_per_cpu_s": figure(median(cpu.iter().map(|ns| 1e9 / ns).collect())),
        ratio: figure(median(ratios.clone())),
        "rounds": plan.rounds,
        "spread": {"items_per_s_core": spread(&rates), "cpu_ns_per_item": spread(&cpu), ratio: spread(&ratios)},
    }))
}

async fn of_host(scenario: &Scenario, plan: &Plan, settings: &Settings) -> Result<Sample> {
    let items = Items::new(scenario.kind, plan.batch)?;
    let sink = if scenario.to == To::Nowhere { None } else { Some(Running::sink(settings.load_core)?) };
    let host = Host::start(scenario, sink.as_ref().map(Running::address), settings)?;
    let (sample, items) = watched(host.pid(), host.address(), items, plan).await?;
    host.finish(scenario.kind, items.acknowledged(), scenario.kept.map(|kept| items.count(kept)))?;
    Ok(sample)
}

async fn of_raw(scenario: &Scenario, plan: &Plan, settings: &Settings) -> Result<Sample> {
    let items = Items::new(scenario.kind, plan.batch)?;
    let sink = if scenario.to == To::Nowhere { None } else { Some(Running::sink(settings.load_core)?) };
    let running = match &sink {
        Some(sink) => Running::proxy(sink.address(), settings)?,
        None => Running::start(Server::Raw, Shares { streams: None, series: None, interval: None }, settings)?,
    };
    let (sample, items) = watched(running.pid(), running.address(), items, plan).await?;
    running.finish(Expected { total: 0, bytes: i64::try_from(items.acknowledged_bytes())? })?;
    Ok(sample)
}

async fn watched(pid: u32, address: std::net::SocketAddr, items: Items, plan: &Plan) -> Result<(Sample, Items)> {
    let idle = kernel::memory(pid)?;
    let mut load = Load::start(address, items, plan.in_flight).await?;
    load.run_for(plan.warm_up).await?;
    let before = Reading::take(pid, &load)?;
    load.run_for(plan.window).await?;
    let after = Reading::take(pid, &load)?;
    let end = kernel::memory(pid)?;
    let (items, _) = load.stop().await?;
    let sample = after.since(&before, plan.batch, [end.now_mib, end.now_mib, end.most_mib]);
    Ok((Sample { rss_idle_mib: idle.now_mib, ..sample }, items))
}
