//! A queue on disk: what appending to it costs and how fast a backlog drains after a start, beside `dd` writing and reading as
//! many bytes on the same disk in the same run.

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use clap::Args;
use otelier::clock::Clock;
use otelier::contract::{Batch, Client, ComponentId, Delivery, InvalidUtf8, Metadata, Outcome, Signal};
use otelier::delivery::{Budget, DeadLetters, Gate, LaneContext, PushLane, Size};
use otelier::storage::Store;
use otelier::telemetry::Registry;
use serde_json::json;

use crate::kernel;
use crate::report::figure;

/// What is appended, and where.
#[derive(Debug, Args)]
pub struct Options {
    /// The whole backlog, in MiB.
    #[arg(long, default_value_t = 8192)]
    mib: u64,
    /// One batch, in KiB.
    #[arg(long, default_value_t = 64)]
    batch_kib: u64,
    /// Batches that are committed together, as those of concurrent senders are.
    #[arg(long, default_value_t = 16)]
    group: usize,
    /// Where: a disk, not memory [default: beside the binary].
    #[arg(long)]
    directory: Option<PathBuf>,
}

/// Takes everything and keeps nothing.
#[derive(Default)]
struct Sink {
    bytes: AtomicU64,
}

impl Client for Sink {
    fn send<'c>(&'c self, batch: &'c Batch) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'c>> {
        self.bytes.fetch_add(batch.bytes.len() as u64, Ordering::Relaxed);
        Box::pin(std::future::ready(Outcome::Delivered))
    }

    fn destination(&self) -> String {
        "nowhere".to_owned()
    }
}

/// Appends, starts again, drains, and prints a line.
pub fn run(options: &Options) -> Result<()> {
    let beside = std::env::current_exe()?.parent().context("no folder")?.to_owned();
    let root = options.directory.clone().unwrap_or(beside);
    let folder = tempfile::Builder::new().prefix("otelier-bench-queue-").tempdir_in(root)?;
    let bytes = options.mib << 20;
    let written_by_dd = dd_write(folder.path(), options.mib)?;
    let (append, cpu) = append(options, folder.path())?;
    let read_by_dd = dd_read(folder.path())?;
    let (opened, drained) = drain(folder.path(), bytes)?;
    let rate = |time: Duration| bytes as f64 / (1 << 20) as f64 / time.as_secs_f64();
    let line = json!({
        "bench": "queue",
        "mib": options.mib,
        "batch_kib": options.batch_kib,
        "group": options.group,
        "append_mib_per_s": figure(Some(rate(append))),
        "append_cpu_us_per_kib": figure(Some(cpu.as_secs_f64() * 1e6 / (bytes >> 10) as f64)),
        "dd_write_mib_per_s": figure(Some(rate(written_by_dd))),
        "append_ratio_dd": figure(Some(written_by_dd.as_secs_f64() / append.as_secs_f64())),
        "open_s": figure(Some(opened.as_secs_f64())),
        "drain_mib_per_s": figure(Some(rate(drained))),
        "dd_read_mib_per_s": figure(Some(rate(read_by_dd))),
        "drain_ratio_dd": figure(Some(read_by_dd.as_secs_f64() / drained.as_secs_f64())),
    });
    println!("{line}");
    Ok(())
}

fn lane(folder: &Path, bytes: u64) -> Result<(PushLane, Store)> {
    let (store, registry) = (Store::open(&folder.join("state"))?, Registry::default());
    let storage: ComponentId = "rocksdb".parse()?;
    let mut config = Delivery::default();
    config.queue.storage = Some(storage.clone());
    config.queue.queue_size = u64::MAX.try_into()?;
    let context = LaneContext {
        store: store.queues(),
        budget: Budget::new(256 << 20),
        quotas: [(storage, Budget::new(bytes * 2))].into(),
        dead_letters: DeadLetters::open(store.queues(), 1 << 30, &registry)?,
        clock: Clock::system(),
        registry,
    };
    Ok((PushLane::new(&"otlp".parse()?, config, Gate::default(), &context)?, store))
}

/// As the committer does: the entries of several trips in one synced write.
fn append(options: &Options, folder: &Path) -> Result<(Duration, Duration)> {
    let bytes = options.mib << 20;
    let (lane, store) = lane(folder, bytes)?;
    let size = usize::try_from(options.batch_kib << 10)?;
    // Not compressible: what stands on disk is what was appended.
    let mut random = fastrand::Rng::with_seed(7);
    let payloads: Vec<Bytes> = (0..64).map(|_| (0..size).map(|_| random.u8(..)).collect::<Vec<u8>>().into()).collect();
    let batches = bytes / size as u64;
    let (start, before) = (Instant::now(), kernel::processor_time(std::process::id())?);
    let mut payload = payloads.iter().cycle();
    let mut left = usize::try_from(batches)?;
    while left > 0 {
        let group = left.min(options.group);
        left -= group;
        let (mut writes, mut reserved) = (Vec::new(), Vec::new());
        for bytes in payload.by_ref().take(group) {
            let batch = Batch {
                signal: Signal::Logs,
                bytes: bytes.clone(),
                items: Some(100),
                invalid_utf8: InvalidUtf8::Accept,
                metadata: Metadata::default(),
            };
            let mut room = lane.try_reserve(Size::of(&batch)).map_err(|_| anyhow::anyhow!("the queue is full"))?;
            let batches = vec![batch];
            room.prepare(&batches, &mut writes);
            reserved.push((room, batches));
        }
        store.commit(&writes, true)?;
        reserved.into_iter().for_each(|(room, batches)| room.send(batches, None));
    }
    Ok((start.elapsed(), kernel::processor_time(std::process::id())? - before))
}

/// From a cold start: the time to open, and the time until everything is sent and settled.
fn drain(folder: &Path, bytes: u64) -> Result<(Duration, Duration)> {
    forget_cached()?;
    let start = Instant::now();
    let (lane, _store) = lane(folder, bytes)?;
    let opened = start.elapsed();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let sink = Arc::new(Sink::default());
    let client: Arc<dyn Client> = sink.clone();
    let start = Instant::now();
    let drained = runtime.block_on(async {
        let running = tokio::spawn(lane.clone().run(client));
        while lane.held() > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let drained = start.elapsed();
        lane.close();
        running.await.map(|()| drained)
    })?;
    let sent = sink.bytes.load(Ordering::Relaxed);
    ensure!(sent == bytes, "{sent} bytes were sent, {bytes} appended");
    Ok((opened, drained))
}

fn dd_write(folder: &Path, mib: u64) -> Result<Duration> {
    let to = format!("of={}", folder.join("dd").display());
    let count = format!("count={mib}");
    let start = Instant::now();
    dd(&["if=/dev/zero", &to, "bs=1M", &count, "conv=fdatasync"])?;
    Ok(start.elapsed())
}

fn dd_read(folder: &Path) -> Result<Duration> {
    forget_cached()?;
    let path = folder.join("dd");
    let start = Instant::now();
    dd(&[&format!("if={}", path.display()), "of=/dev/null", "bs=1M"])?;
    let read = start.elapsed();
    std::fs::remove_file(path)?;
    Ok(read)
}

fn dd(words: &[&str]) -> Result<()> {
    let output = Command::new("dd").args(words).output().context("cannot start dd")?;
    ensure!(output.status.success(), "dd: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// Drops the page cache, which only root may do; else both sides read what memory still has.
fn forget_cached() -> Result<()> {
    ensure!(Command::new("sync").status()?.success(), "sync failed");
    if std::fs::write("/proc/sys/vm/drop_caches", "3").is_err() {
        eprintln!("the page cache cannot be dropped without being root: reading is measured from memory");
    }
    Ok(())
}
