//! One run: a server is started, loaded for a while, watched, checked and ended.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::kernel;
use crate::load::{Load, Source};
use crate::payload::{Input, Pool};
use crate::servers::{Expected, Running, Server, Settings, Shares};

const CYCLE_POLL: Duration = Duration::from_millis(20);

/// How a server is loaded.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What is sent.
    pub input: Input,
    /// Points of a request.
    pub batch: usize,
    /// The least number of cumulative streams.
    pub streams: usize,
    /// Series that come out.
    pub series: usize,
    /// Requests under way at a time.
    pub in_flight: usize,
    /// Before the clock starts.
    pub warm_up: Duration,
    /// While it runs.
    pub window: Duration,
}

/// What was seen in one run.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// Acknowledged points by wall time; the server had one core.
    pub points_per_s: f64,
    /// The server's processor time.
    pub cpu_ns_per_point: f64,
    /// Share of the window in which the server's core was busy with it.
    pub busy: f64,
    /// The same of the load generator and its core.
    pub load_busy: f64,
    /// Resident memory at half time, at the end, and at its largest.
    pub rss_mib: [f64; 3],
    /// Resident memory before the first request.
    pub rss_idle_mib: f64,
}

/// What does not change from run to run.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Bytes on the wire for each point.
    pub bytes_per_point: f64,
    /// Distinct cumulative input streams.
    pub streams: Option<usize>,
}

/// Runs one server once. The pool is encoded anew, so that every server gets the same.
pub async fn run(server: Server, plan: &Plan, settings: &Settings) -> Result<(Sample, Shape)> {
    let measured = measured(server, plan, settings).await;
    measured.with_context(|| format!("{}, batches of {}", server.name(), plan.batch))
}

async fn measured(server: Server, plan: &Plan, settings: &Settings) -> Result<(Sample, Shape)> {
    let pool = Pool::new(plan.input, plan.batch, plan.streams, plan.series)?;
    let shape = Shape { bytes_per_point: pool.bytes_per_point(), streams: pool.streams() };
    let (cycle, series) = (pool.cycle(), pool.streams().is_none().then_some(plan.series));
    let running = Running::start(server, Shares { streams: pool.streams(), series, interval: None }, settings)?;
    let idle = kernel::memory(running.pid())?;
    let mut load = Load::start(running.address(), pool, plan.in_flight).await?;
    // Everything that is sent has been seen once before the clock starts.
    while load.acknowledged().requests < cycle {
        load.run_for(CYCLE_POLL).await?;
    }
    load.run_for(plan.warm_up).await?;
    let before = Reading::take(running.pid(), &load)?;
    load.run_for(plan.window / 2).await?;
    let middle = kernel::memory(running.pid())?;
    load.run_for(plan.window / 2).await?;
    let after = Reading::take(running.pid(), &load)?;
    let end = kernel::memory(running.pid())?;
    let (pool, acknowledged) = load.stop().await?;
    running.finish(Expected { total: pool.total(), bytes: i64::try_from(acknowledged.bytes)? })?;
    let rss_mib = [middle.now_mib, end.now_mib, end.most_mib];
    Ok((Sample { rss_idle_mib: idle.now_mib, ..after.since(&before, plan.batch, rss_mib) }, shape))
}

/// The counters at one moment.
pub struct Reading {
    at: Instant,
    requests: u64,
    server: Duration,
    generator: Duration,
}

impl Reading {
    /// Now.
    pub fn take<S: Source>(pid: u32, load: &Load<S>) -> Result<Reading> {
        let (server, generator) = (kernel::processor_time(pid)?, kernel::processor_time(std::process::id())?);
        Ok(Reading { at: Instant::now(), requests: load.acknowledged().requests, server, generator })
    }

    /// What was done between two moments, in requests of `batch` items.
    pub fn since(&self, before: &Reading, batch: usize, rss_mib: [f64; 3]) -> Sample {
        let wall_s = (self.at - before.at).as_secs_f64();
        let points = (self.requests - before.requests) as f64 * batch as f64;
        let server_s = (self.server - before.server).as_secs_f64();
        Sample {
            points_per_s: points / wall_s,
            cpu_ns_per_point: server_s * 1e9 / points,
            busy: server_s / wall_s,
            load_busy: (self.generator - before.generator).as_secs_f64() / wall_s,
            rss_mib,
            rss_idle_mib: 0.0,
        }
    }
}

/// Loads one server until the process is interrupted, and says how fast it is each second: for a profiler.
pub async fn hold(server: Server, plan: &Plan, settings: &Settings) -> Result<()> {
    let pool = Pool::new(plan.input, plan.batch, plan.streams, plan.series)?;
    let shares =
        Shares { streams: pool.streams(), series: pool.streams().is_none().then_some(plan.series), interval: None };
    let running = Running::start(server, shares, settings)?;
    let idle = kernel::memory(running.pid())?;
    eprintln!("{} is process {}; interrupt to end", server.name(), running.pid());
    let mut load = Load::start(running.address(), pool, plan.in_flight).await?;
    loop {
        let before = Reading::take(running.pid(), &load)?;
        tokio::select! {
            ran = load.run_for(Duration::from_secs(1)) => ran?,
            _ = tokio::signal::ctrl_c() => break,
        }
        let memory = kernel::memory(running.pid())?;
        let sample = Reading::take(running.pid(), &load)?.since(
            &before,
            plan.batch,
            [memory.now_mib, memory.now_mib, memory.most_mib],
        );
        eprintln!("{}", crate::report::text(&Sample { rss_idle_mib: idle.now_mib, ..sample }));
    }
    let (pool, acknowledged) = load.stop().await?;
    running.finish(Expected { total: pool.total(), bytes: i64::try_from(acknowledged.bytes)? })
}
