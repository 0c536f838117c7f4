//! One instance of the plugin and several, on all cores: how much more they take together, and what dividing costs.
//!
//! The load generator has the same cores, so it takes a part of both; it sends what was encoded before. Points arrive as fast as they are
//! acknowledged, and totals are checked in the end.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::kernel;
use crate::load::{Load, Source};
use crate::paths::{Host, Items, LOGS_FILTER_BODY};
use crate::payload::{GROUPS, Input, Pool};
use crate::report::{figure, median, spread};
use crate::servers::{Expected, Running, Server, Settings, Shares};

/// How many, of what.
#[derive(Debug, Args)]
pub struct Options {
    /// Instances beside one.
    #[arg(long, default_value_t = 2)]
    instances: u32,
    /// Series, and streams of cumulative input.
    #[arg(long, default_value_t = 100_000)]
    series: usize,
    /// Points of a request.
    #[arg(long, default_value_t = 8192)]
    batch: usize,
    /// How often the two take turns.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// How long each is measured, after half of it to warm up.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
}

/// Requests under way at a time.
const IN_FLIGHT: usize = 8;

/// Delta input with many series, cumulative input with many streams, log records through a filter of their texts.
pub fn run(options: &Options, settings: &Settings) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    for input in [Some(Input::Delta), Some(Input::Cumulative), None] {
        let mut rounds = Vec::with_capacity(options.rounds);
        for _ in 0..options.rounds {
            let measured = |instances| {
                let settings = Settings { instances: Some(instances), ..settings.clone() };
                match input {
                    Some(input) => runtime.block_on(points(input, options, &settings)),
                    None => runtime.block_on(bodies(options, &settings)),
                }
            };
            rounds.push((measured(1)?, measured(options.instances)?));
        }
        let name = match input {
            Some(Input::Delta) => "delta",
            Some(Input::Cumulative) => "cumulative",
            None => LOGS_FILTER_BODY.name,
        };
        println!("{}", line(name, options, &rounds));
    }
    Ok(())
}

fn line(input: &str, options: &Options, rounds: &[(Measured, Measured)]) -> Value {
    let of = |value: fn(&Measured) -> f64| {
        let ratios: Vec<f64> = rounds.iter().map(|(one, several)| value(several) / value(one)).collect();
        json!({
            "one": figure(median(rounds.iter().map(|(one, _)| value(one)).collect())),
            "several": figure(median(rounds.iter().map(|(_, several)| value(several)).collect())),
            "ratio": figure(median(ratios.clone())),
            "spread": spread(&ratios),
        })
    };
    json!({
        "bench": "instances",
        "input": input,
        "instances": options.instances,
        "series": options.series,
        "batch": options.batch,
        "items_per_s": of(|measured| measured.items_per_s),
        "cpu_ns_per_item": of(|measured| measured.cpu_ns_per_item),
        "rss_mib": of(|measured| measured.rss_mib),
        "totals": "exact",
    })
}

#[derive(Debug)]
struct Measured {
    items_per_s: f64,
    cpu_ns_per_item: f64,
    rss_mib: f64,
}

async fn points(input: Input, options: &Options, settings: &Settings) -> Result<Measured> {
    let series = if input == Input::Delta { options.series } else { GROUPS };
    let pool = Pool::new(input, options.batch, options.series, series)?;
    let series = pool.streams().is_none().then_some(series);
    let host = Running::start(Server::Otelier, Shares { streams: pool.streams(), series, interval: None }, settings)?;
    let (measured, pool, bytes) = watched(host.pid(), host.address(), pool, options).await?;
    host.finish(Expected { total: pool.total(), bytes: bytes.cast_signed() })?;
    Ok(measured)
}

async fn bodies(options: &Options, settings: &Settings) -> Result<Measured> {
    let items = Items::new(LOGS_FILTER_BODY.kind, options.batch)?;
    let host = Host::start(&LOGS_FILTER_BODY, None, settings)?;
    let (measured, items, _) = watched(host.pid(), host.address(), items, options).await?;
    host.finish(LOGS_FILTER_BODY.kind, items.acknowledged(), LOGS_FILTER_BODY.kept.map(|kept| items.count(kept)))?;
    Ok(measured)
}

/// Sends, and measures behind a time to warm up. Also what was sent, and how many bytes of it were acknowledged.
async fn watched<S: Source>(pid: u32, address: SocketAddr, source: S, options: &Options) -> Result<(Measured, S, u64)> {
    let mut load = Load::start(address, source, IN_FLIGHT).await?;
    load.run_for(Duration::from_secs_f64(options.seconds / 2.0)).await?;
    let (requests, busy, start) = (load.acknowledged().requests, kernel::processor_time(pid)?, Instant::now());
    load.run_for(Duration::from_secs_f64(options.seconds)).await?;
    let (requests, wall) = (load.acknowledged().requests - requests, start.elapsed());
    let (busy, rss_mib) = (kernel::processor_time(pid)? - busy, kernel::memory(pid)?.now_mib);
    let (source, acknowledged) = load.stop().await?;
    let items = requests as f64 * options.batch as f64;
    let (items_per_s, cpu_ns_per_item) = (items / wall.as_secs_f64(), busy.as_nanos() as f64 / items);
    Ok((Measured { items_per_s, cpu_ns_per_item, rss_mib }, source, acknowledged.bytes))
}
