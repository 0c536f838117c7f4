//! Twice what the destination takes: whether as much arrives as when it is not overloaded, whether memory stays flat, and whether
//! senders are told when to return.
//!
//! Senders do as SDKs do: each has a request to send at fixed times, waits as long as it is told when it is refused, sends it again, and
//! throws a new one away when it still has an old one.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use clap::Args;
use h2::client::SendRequest;
use http::{HeaderMap, Request};
use serde_json::json;
use tokio::net::TcpStream;
use tokio::time::{Instant, MissedTickBehavior};

use crate::kernel;
use crate::load::Source as _;
use crate::paths::{Host, Items, Kind, Scenario, To};
use crate::report::figure;
use crate::servers::{Running, Settings};

/// How long, and how much.
#[derive(Debug, Args)]
pub struct Options {
    /// How long the overload lasts.
    #[arg(long, default_value_t = 120.0)]
    seconds: f64,
    /// What the destination takes, in requests a second.
    #[arg(long, default_value_t = 400)]
    destination: u32,
    /// Log records of a request.
    #[arg(long, default_value_t = 1000)]
    batch: usize,
    /// Senders.
    #[arg(long, default_value_t = 80)]
    senders: u32,
}

const SCENARIO: Scenario =
    Scenario { name: "overload", kind: Kind::Logs, processors: Vec::new, kept: None, to: To::OtlpOverloaded };

#[derive(Default)]
struct Counts {
    acknowledged: AtomicU64,
    refused: AtomicU64,
    /// Refusals that said when to return.
    told: AtomicU64,
    /// The longest they said, in milliseconds.
    longest_ms: AtomicU64,
    thrown_away: AtomicU64,
    failed: AtomicU64,
}

/// Runs at the destination's own speed first, then at twice that.
pub fn run(options: &Options, settings: &Settings) -> Result<()> {
    kernel::pin(settings.load_core)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let line = runtime.block_on(measure(options, settings))?;
    println!("{line}");
    Ok(())
}

async fn measure(options: &Options, settings: &Settings) -> Result<serde_json::Value> {
    let sink = Running::paced(options.destination, settings)?;
    let host = Host::start(&SCENARIO, Some(sink.address()), settings)?;
    let calm = Duration::from_secs_f64((options.seconds / 4.0).clamp(5.0, 30.0));
    // A little less than the destination takes: nothing is to queue.
    let peak = phase(options, &host, 0.98, calm).await?;
    let over = phase(options, &host, 2.0, Duration::from_secs_f64(options.seconds)).await?;
    Ok(json!({
        "bench": "overload",
        "seconds": options.seconds,
        "destination_requests_per_s": options.destination,
        "peak_requests_per_s": figure(Some(peak.arrived_per_s)),
        "goodput_requests_per_s": figure(Some(over.arrived_per_s)),
        "goodput_ratio": figure(Some(over.arrived_per_s / peak.arrived_per_s)),
        "rss_mib": over.rss_mib.iter().map(|mib| figure(Some(*mib))).collect::<Vec<_>>(),
        "acknowledged": over.counts.acknowledged.load(Ordering::Relaxed),
        "refused": over.counts.refused.load(Ordering::Relaxed),
        "refused_and_told_when": over.counts.told.load(Ordering::Relaxed),
        "longest_retry_after_ms": over.counts.longest_ms.load(Ordering::Relaxed),
        "thrown_away_by_senders": over.counts.thrown_away.load(Ordering::Relaxed),
        "failed": over.counts.failed.load(Ordering::Relaxed),
    }))
}

struct Phase {
    arrived_per_s: f64,
    /// At a quarter, a half, three quarters and the end.
    rss_mib: Vec<f64>,
    counts: Arc<Counts>,
}

async fn phase(options: &Options, host: &Host, share: f64, time: Duration) -> Result<Phase> {
    let counts = Arc::new(Counts::default());
    let period = Duration::from_secs_f64(f64::from(options.senders) / (f64::from(options.destination) * share));
    let request = Items::new(SCENARIO.kind, options.batch)?.next();
    let end = Instant::now() + time;
    let mut senders = tokio::task::JoinSet::new();
    for number in 0..options.senders {
        let (sender, uri) = connect(host.address()).await?;
        let start = Instant::now() + period.mul_f64(f64::from(number) / f64::from(options.senders));
        let pace = Pace { start, period, end };
        senders.spawn(send(sender, uri, request.framed.clone(), pace, Arc::clone(&counts)));
    }
    let before = host.sent(SCENARIO.kind)?;
    let started = Instant::now();
    let mut rss_mib = Vec::new();
    for _ in 0..4 {
        tokio::time::sleep(time / 4).await;
        rss_mib.push(kernel::memory(host.pid())?.now_mib);
    }
    let arrived = (host.sent(SCENARIO.kind)? - before) / options.batch as f64;
    let arrived_per_s = arrived / started.elapsed().as_secs_f64();
    while let Some(ended) = senders.join_next().await {
        ended??;
    }
    ensure!(counts.acknowledged.load(Ordering::Relaxed) > 0, "nothing was acknowledged");
    Ok(Phase { arrived_per_s, rss_mib, counts })
}

async fn connect(address: SocketAddr) -> Result<(SendRequest<Bytes>, String)> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = h2::client::handshake(stream).await?;
    tokio::spawn(connection);
    Ok((sender, format!("http://{address}{}", Items::new(SCENARIO.kind, 1)?.path())))
}

#[derive(Clone, Copy)]
struct Pace {
    start: Instant,
    period: Duration,
    end: Instant,
}

async fn send(sender: SendRequest<Bytes>, uri: String, framed: Bytes, pace: Pace, counts: Arc<Counts>) -> Result<()> {
    let mut ticks = tokio::time::interval_at(pace.start, pace.period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut last = pace.start;
    loop {
        let due = ticks.tick().await;
        if due >= pace.end {
            return Ok(());
        }
        // Ticks that went by while an old request was being sent.
        let missed = due.saturating_duration_since(last).as_secs_f64() / pace.period.as_secs_f64() - 1.0;
        counts.thrown_away.fetch_add(missed.max(0.0).round() as u64, Ordering::Relaxed);
        last = due;
        while Instant::now() < pace.end {
            match exchange(sender.clone(), &uri, framed.clone()).await? {
                Answer::Taken => {
                    counts.acknowledged.fetch_add(1, Ordering::Relaxed);
                    break;
                }
                Answer::Refused(delay) => {
                    counts.refused.fetch_add(1, Ordering::Relaxed);
                    counts.told.fetch_add(u64::from(delay.is_some()), Ordering::Relaxed);
                    let delay = delay.unwrap_or(Duration::from_secs(1));
                    counts.longest_ms.fetch_max(delay.as_millis() as u64, Ordering::Relaxed);
                    tokio::time::sleep(delay).await;
                }
                Answer::Failed => {
                    counts.failed.fetch_add(1, Ordering::Relaxed);
                    break;
                }
            }
        }
    }
}

enum Answer {
    Taken,
    Refused(Option<Duration>),
    Failed,
}

async fn exchange(sender: SendRequest<Bytes>, uri: &str, framed: Bytes) -> Result<Answer> {
    let request = Request::post(uri).header("content-type", "application/grpc").header("te", "trailers").body(())?;
    let (response, mut body) = sender.ready().await?.send_request(request, false)?;
    body.send_data(framed, true)?;
    let (head, mut answer) = response.await?.into_parts();
    while let Some(data) = answer.data().await {
        answer.flow_control().release_capacity(data?.len())?;
    }
    let headers = answer.trailers().await?.unwrap_or(head.headers);
    let status = headers.get("grpc-status").context("no grpc-status")?;
    Ok(match status.as_bytes() {
        b"0" => Answer::Taken,
        b"14" | b"8" => Answer::Refused(delay(&headers)),
        _ => Answer::Failed,
    })
}

/// The milliseconds that the host's message names beside its `RetryInfo`.
fn delay(headers: &HeaderMap) -> Option<Duration> {
    headers.get("grpc-status-details-bin")?;
    let message = headers.get("grpc-message")?.to_str().ok()?;
    let (_, rest) = message.rsplit_once("retry after ")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok().map(Duration::from_millis)
}
