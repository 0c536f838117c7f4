//! The plugin's call alone, in the sandbox and natively, on the same columns.
//!
//! Both instances live in this process and get every request in turn, through the host's own transaction around a call. A
//! wrapper around the processor reads the clock as the call begins and as it ends: projection before it and the commit behind
//! it are not in the figure, but they leave the caches as the whole path does. A round's figure is the median of its calls, so
//! that a call in which another process had the core does not count.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use aggregate::Aggregate;
use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use otelier::clock::Moment;
use otelier::contract::{Batch, InvalidUtf8, Limits, Metadata, OnTrap, Signal};
use otelier::processor::{
    CallError, Context, Instance, Plugin, Processed, Processor, Progress, Secrets, Setup, Stored, Watermark,
};
use otelier::storage::Store;
use otelier::wasm::{Engine, ProcessorPlugin};
use serde_json::{Value, json};

use crate::adapter::NativePlugin;
use crate::kernel;
use crate::load::Source;
use crate::measure::Plan;
use crate::payload::{FRAME_BYTES, Pool};
use crate::report::{figure, median};
use crate::servers::{Settings, Shares, host};

/// Far from every one of them.
pub const LIMITS: Limits = Limits {
    memory_bytes: 256 << 20,
    call_ms: 10_000,
    emitted_rows: 1_000_000,
    dictionary_entries: 1_000_000,
    storage_bytes: 1 << 30,
    log_bytes: 1 << 16,
    host_calls: 1_000_000,
};
/// Of the time a server is measured for.
const SHARE: u32 = 2;

/// What calls took, in nanoseconds a point, one figure a round.
pub struct Calls {
    sandboxed: Vec<f64>,
    native: Vec<f64>,
}

impl Calls {
    /// In each round, the native call's time by the sandboxed call's.
    pub fn ratio(&self) -> Vec<f64> {
        self.native.iter().zip(&self.sandboxed).map(|(native, sandboxed)| native / sandboxed).collect()
    }

    /// Both medians.
    pub fn json(&self) -> Value {
        json!({ "sandboxed": figure(median(self.sandboxed.clone())), "native": figure(median(self.native.clone())) })
    }
}

/// Calls both in turn on the servers' core.
pub fn measure(plan: &Plan, settings: &Settings, rounds: usize) -> Result<Calls> {
    let mut pool = Pool::new(plan.input, plan.batch, plan.streams, plan.series)?;
    let config = host::processor_config(Shares { streams: pool.streams(), series: Some(plan.series), interval: None })
        .to_string();
    let folder = tempfile::Builder::new().prefix("otelier-bench-").tempdir_in(&settings.state_root)?;
    let plugin = ProcessorPlugin::load(&Engine::new()?, &settings.plugin)?;
    let kind = |config| Subjected { id: "aggregate", config, signal: Signal::Metrics, limits: LIMITS };
    let mut sandboxed = Subject::new(Arc::new(plugin), kind(&config), &folder.path().join("sandboxed"))?;
    let native = Arc::new(NativePlugin::<Aggregate>::new());
    let mut native = Subject::new(native, kind(&config), &folder.path().join("native"))?;
    // The stores' own threads were started above: they stay on the other core.
    kernel::on_core(settings.core, || take_turns(&mut pool, plan, rounds, &mut sandboxed, &mut native))?
}

fn take_turns(
    pool: &mut Pool,
    plan: &Plan,
    rounds: usize,
    sandboxed: &mut Subject,
    native: &mut Subject,
) -> Result<Calls> {
    let mut calls = Calls { sandboxed: Vec::new(), native: Vec::new() };
    // The first round is the warm-up.
    for _ in 0..=rounds {
        let start = Instant::now();
        while start.elapsed() < plan.window / SHARE {
            let request = pool.next().framed.slice(FRAME_BYTES..);
            for subject in [&mut *sandboxed, native] {
                let Processed { absorbed, items, .. } = subject.process(&request)?;
                ensure!(absorbed == items, "{absorbed} of {items} points absorbed");
            }
        }
        // As on the whole path, journals do not grow for ever.
        sandboxed.flush()?;
        native.flush()?;
        calls.sandboxed.push(sandboxed.take_ns_per_point(plan.batch)?);
        calls.native.push(native.take_ns_per_point(plan.batch)?);
    }
    calls.sandboxed.remove(0);
    calls.native.remove(0);
    Ok(calls)
}

/// What an instance is made as.
#[derive(Clone, Copy)]
pub struct Subjected<'c> {
    pub id: &'c str,
    pub config: &'c str,
    pub signal: Signal,
    pub limits: Limits,
}

/// One instance, its store, and the clock around its calls.
pub struct Subject {
    instance: Instance,
    store: Store,
    watermark: Watermark,
    trip: u64,
    /// What the last call took, in nanoseconds.
    clock: Arc<AtomicU64>,
    /// What each call of the round took, in nanoseconds.
    calls: Vec<f64>,
}

impl Subject {
    /// An instance whose state is in that directory.
    pub fn new(plugin: Arc<dyn Plugin>, what: Subjected<'_>, state: &Path) -> Result<Subject> {
        let Subjected { id, config, signal, limits } = what;
        let (store, watermark, clock) = (Store::open(state)?, Watermark::default(), Arc::new(AtomicU64::new(0)));
        let setup = Setup {
            connects: false,
            id: id.parse()?,
            plugin: Arc::new(TimedPlugin { plugin, clock: clock.clone() }),
            config: config.to_owned(),
            secrets: Secrets::default(),
            signal,
            limits,
            on_trap: OnTrap::Refuse,
            store: store.state(),
            watermark: watermark.clone(),
            partition: None,
            telling: None,
            registry: None,
        };
        let trip = 1;
        let (instance, writes) = Instance::build(setup, trip, moment()?)?;
        store.commit(&writes, false)?;
        watermark.advance(trip);
        Ok(Subject { instance, store, watermark, trip, clock, calls: Vec::new() })
    }

    /// Another instance on the same store.
    pub fn another(&self, plugin: Arc<dyn Plugin>, what: Subjected<'_>) -> Result<Instance> {
        let setup = Setup { plugin, config: what.config.to_owned(), ..self.instance.setup().clone() };
        Ok(Instance::build(setup, self.trip, moment()?)?.0)
    }

    /// One request, projected, called and committed.
    pub fn process(&mut self, request: &Bytes) -> Result<Processed> {
        self.trip += 1;
        let batch = Batch {
            signal: self.instance.setup().signal,
            bytes: request.clone(),
            items: None,
            invalid_utf8: InvalidUtf8::Reject,
            metadata: Metadata::default(),
        };
        let processed = self.instance.process(batch, self.trip, moment()?)?;
        self.calls.push(self.clock.load(Ordering::Relaxed) as f64);
        self.commit(&processed)?;
        Ok(processed)
    }

    /// As often as the plugin wants.
    pub fn flush(&mut self) -> Result<()> {
        let mut more = true;
        while more {
            self.trip += 1;
            let processed = self.instance.flush(self.trip, moment()?, false)?;
            more = processed.more;
            self.commit(&processed)?;
        }
        Ok(())
    }

    fn commit(&self, processed: &Processed) -> Result<()> {
        self.store.commit(&processed.writes, false)?;
        self.watermark.advance(self.trip);
        Ok(())
    }

    fn take_ns_per_point(&mut self, batch: usize) -> Result<f64> {
        Ok(self.take_ns()? / batch as f64)
    }

    /// The median of the calls since the last time, in nanoseconds.
    pub fn take_ns(&mut self) -> Result<f64> {
        median(std::mem::take(&mut self.calls)).context("no calls")
    }
}

fn moment() -> Result<Moment> {
    let now = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos())?;
    Ok(Moment { now, steady: now })
}

/// Makes processors whose `process` is timed.
struct TimedPlugin {
    plugin: Arc<dyn Plugin>,
    clock: Arc<AtomicU64>,
}

impl Plugin for TimedPlugin {
    fn version(&self) -> &str {
        self.plugin.version()
    }

    fn instantiate(&self, context: Context) -> Result<Box<dyn Processor>, CallError> {
        let processor = self.plugin.instantiate(context)?;
        Ok(Box::new(Timed { processor, clock: self.clock.clone() }))
    }
}

struct Timed {
    processor: Box<dyn Processor>,
    clock: Arc<AtomicU64>,
}

impl Processor for Timed {
    fn context(&mut self) -> &mut Context {
        self.processor.context()
    }

    fn describe(&mut self, signal: Signal, config: &str) -> Result<(), CallError> {
        self.processor.describe(signal, config)
    }

    fn start(&mut self, previous: Option<Stored>, now: u64) -> Result<(), CallError> {
        self.processor.start(previous, now)
    }

    fn process(&mut self, signal: Signal, now: u64) -> Result<(), CallError> {
        let start = Instant::now();
        let result = self.processor.process(signal, now);
        self.clock.store(start.elapsed().as_nanos() as u64, Ordering::Relaxed);
        result
    }

    fn flush(&mut self, now: u64, last: bool) -> Result<Progress, CallError> {
        self.processor.flush(now, last)
    }
}
