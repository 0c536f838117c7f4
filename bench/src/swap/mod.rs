//! Versions of the plugin that take turns under a steady load: how much longer requests take than without, how long batches wait for a
//! swap, and whether the totals are right.
//!
//! With `--kills` the host is killed again and again meanwhile, and every total looked at: that is in `kills`.
//!
//! The load is a share of what the host takes, half of it by default. It is open: a request is due at its time whatever became of those
//! before, and its latency is counted from then.

mod kills;

use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;
use h2::client::SendRequest;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::{Instant, MissedTickBehavior};

use bytes::Bytes;

use crate::kernel;
use crate::load::{Load, Source as _, exchange};
use crate::payload::{GROUPS, Input, Pool, Ticket};
use crate::report::figure;
use crate::servers::{Expected, Running, Server, Settings, Shares};

/// How many swaps, of what.
#[derive(Debug, Args)]
pub struct Options {
    /// Swaps in a row.
    #[arg(long, default_value_t = 200)]
    swaps: usize,
    /// Series, and streams of cumulative input.
    #[arg(long, default_value_t = 100_000)]
    series: usize,
    /// Points of a request.
    #[arg(long, default_value_t = 8192)]
    batch: usize,
    /// Seconds of the same load without swaps, in ten turns with them.
    #[arg(long, default_value_t = 30.0)]
    calm_seconds: f64,
    /// Only this kind of input.
    #[arg(long, value_enum)]
    input: Option<Input>,
    /// The host has all cores, so that a version can follow the running one.
    #[arg(long)]
    all_cores: bool,
    /// The share of the peak that is sent.
    #[arg(long, default_value_t = 0.5)]
    share: f64,
    /// Kills the host so often at random moments instead, while versions take turns, and checks the total after each.
    #[arg(long, default_value_t = 0)]
    kills: u32,
    /// Builds of the plugin that keep their state in two formats take turns, and not one build under two names.
    #[arg(long)]
    formats: bool,
}

/// Fewer than there are payloads: no stream has two points under way.
const SENDERS: usize = 8;
/// Requests under way while the host's peak is looked for.
const IN_FLIGHT: usize = 8;
const PEAK_TIME: Duration = Duration::from_secs(8);
/// Calm times and swaps take turns, so that both are of the same quiet and noisy moments.
const TURNS: usize = 10;
/// A version is exchanged when the one before runs; this is how often that is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// Delta input, then cumulative.
pub fn run(options: &Options, guests: &Path, settings: &Settings) -> Result<()> {
    if !options.all_cores {
        kernel::pin(settings.load_core)?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let versions = match options.formats {
        true => [2, 3].map(|format| std::fs::read(guests.join(format!("aggregate-{format}.wasm")))),
        // A custom section of one byte for a name and one for its content: another file, the same plugin.
        false => [0, 1].map(|number| Ok([&std::fs::read(&settings.plugin)?[..], &[0, 3, 1, b'v', number]].concat())),
    };
    let [one, other] = versions;
    let versions = [one.context("no plugin")?, other.context("no plugin")?];
    for input in
        [Input::Delta, Input::Cumulative].into_iter().filter(|input| options.input.is_none_or(|only| only == *input))
    {
        println!("{}", runtime.block_on(measure(input, &versions, options, settings))?);
    }
    Ok(())
}

async fn measure(input: Input, versions: &[Vec<u8>; 2], options: &Options, settings: &Settings) -> Result<Value> {
    let folder = tempfile::Builder::new().prefix("otelier-bench-swap-").tempdir_in(&settings.state_root)?;
    let file = folder.path().join("aggregate.wasm");
    std::fs::write(&file, &versions[1])?;
    let instances = options.all_cores.then_some(1);
    let settings = Settings { plugin: file.clone(), instances, ..settings.clone() };
    let series = if input == Input::Delta { options.series } else { GROUPS };
    let pool = Pool::new(input, options.batch, options.series, series)?;
    let series = pool.streams().is_none().then_some(series);
    let shares = Shares { streams: pool.streams(), series, interval: Some("1s") };
    let host = Running::start(Server::Otelier, shares, &settings)?;
    let (pool, sent, peak) = peak(&host, pool).await?;
    if options.kills > 0 {
        let subject = kills::Subject { host, file: &file, versions, settings: &settings };
        return kills::measure(subject, pool, (sent, peak * options.share), options).await;
    }
    let mut load = Steady::start(&host, pool, peak * options.share).await?;
    let (mut calm, mut swapping) = (Vec::new(), Vec::new());
    let pause = Duration::from_secs_f64(options.calm_seconds / TURNS as f64);
    for turn in 0..TURNS {
        calm.append(&mut load.during(tokio::time::sleep(pause)).await?);
        let swaps = options.swaps * turn / TURNS..options.swaps * (turn + 1) / TURNS;
        swapping.append(&mut load.during(swap(&host, &file, versions, swaps)).await?);
    }
    let (pool, bytes) = load.stop().await?;
    let history = host.history();
    host.finish(Expected { total: pool.total(), bytes: (sent + bytes).cast_signed() })?;
    let refused = history.iter().filter(|line| line["outcome"] != "swapped").count();
    ensure!(refused == 0, "{refused} versions were refused");
    let mut pauses: Vec<f64> = history.iter().filter_map(|line| line["pause_ms"].as_f64()).collect();
    // A version is compiled when it is seen first, and comes from the cache from then on.
    let loads: Vec<f64> = history.iter().filter_map(|line| line["load_ms"].as_f64()).collect();
    let (compiled, cached) = loads.split_at(loads.len().min(2));
    let mut took: Vec<f64> = history.iter().filter_map(|line| line["took_ms"].as_f64()).collect();
    let figures = |latencies: &mut Vec<f64>| json!({"p50": at(latencies, 0.5), "p99": at(latencies, 0.99), "most": at(latencies, 1.0)});
    let added = percentile(&mut swapping, 0.99).zip(percentile(&mut calm, 0.99)).map(|(with, without)| with - without);
    Ok(json!({
        "bench": "swap",
        "input": name(input),
        "series": options.series,
        "all_cores": options.all_cores,
        "share": options.share,
        "formats": if options.formats { 2 } else { 1 },
        "swaps": history.len(),
        "requests_per_s": figure(Some(peak * options.share)),
        "points_per_s": figure(Some(peak * options.share * options.batch as f64)),
        "requests_while_swapping": swapping.len(),
        "latency_ms_calm": figures(&mut calm),
        "latency_ms_swapping": figures(&mut swapping),
        "added_p99_ms": figure(added),
        "pause_ms": figures(&mut pauses),
        "load_ms_compiled": figures(&mut compiled.to_vec()),
        "load_ms_cached": figures(&mut cached.to_vec()),
        "swap_ms_loaded": figures(&mut took),
        "totals": "exact",
    }))
}

fn name(input: Input) -> &'static str {
    match input {
        Input::Delta => "delta",
        Input::Cumulative => "cumulative",
    }
}

fn percentile(values: &mut [f64], share: f64) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(((values.len() as f64 * share) as usize).min(values.len().checked_sub(1)?)).copied()
}

fn at(values: &mut [f64], share: f64) -> Value {
    figure(percentile(values, share))
}

/// Requests a second that the host takes, every series seen.
async fn peak(host: &Running, pool: Pool) -> Result<(Pool, u64, f64)> {
    let mut load = Load::start(host.address(), pool, IN_FLIGHT).await?;
    load.run_for(PEAK_TIME).await?;
    let (before, start) = (load.acknowledged().requests, Instant::now());
    load.run_for(PEAK_TIME).await?;
    let rate = (load.acknowledged().requests - before) as f64 / start.elapsed().as_secs_f64();
    let (pool, acknowledged) = load.stop().await?;
    Ok((pool, acknowledged.bytes, rate))
}

/// Exchanges the file until those of all versions ran.
async fn swap(host: &Running, file: &Path, versions: &[Vec<u8>; 2], swaps: Range<usize>) {
    for number in swaps {
        if let Err(error) = exchange_file(file, &versions[number % 2]) {
            eprintln!("a version cannot be put into place: {error}");
            return;
        }
        while host.history().len() <= number {
            tokio::time::sleep(LOOK).await;
        }
    }
}

fn exchange_file(file: &Path, version: &[u8]) -> std::io::Result<()> {
    let beside = file.with_extension("next");
    std::fs::write(&beside, version)?;
    std::fs::rename(&beside, file)
}

/// What all senders share.
struct Sending {
    pool: Pool,
    bytes: u64,
    /// Of requests that were answered, in milliseconds.
    latencies: Vec<f64>,
    stopped: bool,
    /// The host is about to be killed: a request without an answer is in doubt.
    killed: bool,
    in_doubt: Vec<Ticket>,
}

/// Requests at their times.
struct Steady {
    sending: Arc<Mutex<Sending>>,
    senders: tokio::task::JoinSet<Result<()>>,
}

impl Steady {
    async fn start(host: &Running, pool: Pool, per_s: f64) -> Result<Steady> {
        let path = pool.path();
        let sending =
            Sending { pool, bytes: 0, latencies: Vec::new(), stopped: false, killed: false, in_doubt: Vec::new() };
        let sending = Arc::new(Mutex::new(sending));
        let period = Duration::from_secs_f64(SENDERS as f64 / per_s);
        let uri = format!("http://{}{path}", host.address());
        let mut senders = tokio::task::JoinSet::new();
        for number in 0..SENDERS {
            let stream = TcpStream::connect(host.address()).await?;
            stream.set_nodelay(true)?;
            let (sender, connection) = h2::client::handshake(stream).await?;
            tokio::spawn(connection);
            let start = Instant::now() + period.mul_f64(number as f64 / SENDERS as f64);
            senders.spawn(send(sender, uri.clone(), start, period, Arc::clone(&sending)));
        }
        Ok(Steady { sending, senders })
    }

    /// The latencies of the requests that were answered while something else went on.
    async fn during(&mut self, other: impl Future<Output = ()>) -> Result<Vec<f64>> {
        lock(&self.sending).latencies.clear();
        tokio::select! {
            () = other => Ok(std::mem::take(&mut lock(&self.sending).latencies)),
            ended = self.senders.join_next() => {
                ended.context("no sender")???;
                anyhow::bail!("a sender ended early")
            }
        }
    }

    async fn stop(self) -> Result<(Pool, u64)> {
        lock(&self.sending).stopped = true;
        let Sending { pool, bytes, .. } = self.end().await?;
        Ok((pool, bytes))
    }

    async fn end(mut self) -> Result<Sending> {
        while let Some(ended) = self.senders.join_next().await {
            ended??;
        }
        let sending = Arc::into_inner(self.sending).context("a sender is left")?;
        Ok(sending.into_inner().unwrap_or_else(PoisonError::into_inner))
    }
}

fn lock(sending: &Mutex<Sending>) -> MutexGuard<'_, Sending> {
    sending.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn send(
    mut sender: SendRequest<Bytes>,
    uri: String,
    start: Instant,
    period: Duration,
    sending: Arc<Mutex<Sending>>,
) -> Result<()> {
    let mut ticks = tokio::time::interval_at(start, period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    loop {
        let due = ticks.tick().await;
        let outgoing = {
            let mut sending = lock(&sending);
            if sending.stopped {
                return Ok(());
            }
            sending.pool.next()
        };
        let bytes = outgoing.framed.len() as u64;
        let exchanged = match sender.ready().await {
            Ok(ready) => {
                sender = ready;
                exchange(&mut sender, &uri, outgoing.framed).await
            }
            Err(error) => return if lock(&sending).killed { Ok(()) } else { Err(error.into()) },
        };
        let mut sending = lock(&sending);
        if let Err(error) = exchanged {
            sending.in_doubt.push(outgoing.ticket);
            return if sending.killed { Ok(()) } else { Err(error) };
        }
        sending.latencies.push(due.elapsed().as_secs_f64() * 1e3);
        sending.bytes += bytes;
        sending.pool.acknowledge(outgoing.ticket);
    }
}
