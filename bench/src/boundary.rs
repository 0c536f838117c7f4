//! What the sandbox costs: a call by its rows and columns, the memory of an instance, and what each limit takes of a batch.
//!
//! Calls are timed alone, as in [`call`](crate::call); limits on the whole way of a batch through its instance, in turns with the same
//! batch under all limits. Figures are medians.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use otelier::contract::{Limits, Signal};
use otelier::wasm::{Engine, ProcessorPlugin};
use serde_json::json;

use crate::call::{LIMITS, Subject, Subjected};
use crate::kernel;
use crate::load::Source as _;
use crate::paths::{Items, Kind};
use crate::payload::{FRAME_BYTES, Input, Pool};
use crate::report::{figure, median};
use crate::servers::{Shares, host};

/// What to measure.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Rows of a call.
    #[arg(long, value_delimiter = ',', default_value = "8192,65536")]
    rows: Vec<usize>,
    /// Columns that a call pulls.
    #[arg(long, value_delimiter = ',', default_value = "0,1,2,4,8")]
    columns: Vec<usize>,
    /// How often each is measured.
    #[arg(long, default_value_t = 400)]
    rounds: u32,
    /// Instances that are made to weigh one.
    #[arg(long, default_value_t = 64)]
    instances: u32,
}

/// Prints one line of JSON for each measurement.
pub fn run(options: &Options, plugins: &Path, guests: &Path) -> Result<()> {
    let engine = Engine::new()?;
    let idle = ProcessorPlugin::load(&engine, &guests.join("idle.wasm"))?;
    let idle = Arc::new(idle);
    for rows in &options.rows {
        let request = Items::new(Kind::Spans, *rows)?.next().framed.slice(FRAME_BYTES..);
        for columns in &options.columns {
            let took = call(&idle, *columns, &request, options.rounds)?;
            let cells = rows * columns;
            println!(
                "{}",
                json!({
                    "bench": "boundary-call", "rows": rows, "columns": columns, "call_us": figure(Some(took / 1e3)),
                    "ns_per_cell": figure((cells > 0).then(|| took / cells as f64)),
                })
            );
        }
    }
    let aggregate = plugins.join("aggregate.wasm");
    let file = |name: &str, path: &Path| -> Result<()> {
        let plugin = Arc::new(ProcessorPlugin::load(&engine, path)?);
        println!("{}", memory(name, plugin, options.instances)?);
        Ok(())
    };
    file("idle", &guests.join("idle.wasm"))?;
    file("aggregate", &aggregate)?;
    limits(&aggregate, options.rounds)
}

const IDLE: Subjected<'_> = Subjected { id: "idle", config: "{}", signal: Signal::Traces, limits: LIMITS };

/// Nanoseconds of one call that pulls so many columns of all rows.
fn call(idle: &Arc<ProcessorPlugin>, columns: usize, request: &Bytes, rounds: u32) -> Result<f64> {
    let (folder, config) = (tempfile::tempdir()?, json!({ "columns": columns }).to_string());
    let mut subject = Subject::new(idle.clone(), Subjected { config: &config, ..IDLE }, folder.path())?;
    for _ in 0..rounds / 10 {
        subject.process(request)?;
    }
    subject.take_ns()?;
    for _ in 0..rounds {
        subject.process(request)?;
    }
    subject.take_ns()
}

/// What an instance without state takes: of this process's memory, and of time to be made.
fn memory(name: &str, plugin: Arc<ProcessorPlugin>, instances: u32) -> Result<serde_json::Value> {
    let folder = tempfile::tempdir()?;
    let config = match name {
        "idle" => json!({"columns": 0}).to_string(),
        _ => aggregate_config(),
    };
    let signal = if name == "idle" { Signal::Traces } else { Signal::Metrics };
    let what = Subjected { id: name, config: &config, signal, limits: LIMITS };
    let first = Subject::new(plugin.clone(), what, folder.path())?;
    let (mut subjects, mut took) = (Vec::new(), Vec::new());
    let before = kernel::memory(std::process::id())?.now_mib;
    for _ in 0..instances {
        let start = Instant::now();
        subjects.push(first.another(plugin.clone(), what)?);
        took.push(start.elapsed().as_secs_f64() * 1e6);
    }
    let grown_kib = (kernel::memory(std::process::id())?.now_mib - before) * 1024.0;
    Ok(json!({
        "bench": "boundary-instance", "plugin": name, "instances": instances,
        "kib": figure(Some(grown_kib / f64::from(instances))), "make_us": figure(median(took)),
    }))
}

fn aggregate_config() -> String {
    host::processor_config(Shares { streams: None, series: Some(16), interval: None }).to_string()
}

/// A batch of 8,192 delta points into 16 series without one limit, by the same with all.
fn limits(aggregate: &Path, rounds: u32) -> Result<()> {
    let request = Pool::new(Input::Delta, 8192, 0, 16)?.next().framed.slice(FRAME_BYTES..);
    let all = Arc::new(ProcessorPlugin::load(&Engine::new()?, aggregate)?);
    let endless = Arc::new(ProcessorPlugin::load(&Engine::without_deadlines()?, aggregate)?);
    let without = [
        ("nothing", all.clone(), LIMITS),
        ("call_timeout", endless, LIMITS),
        ("host_calls", all.clone(), Limits { host_calls: u64::MAX, ..LIMITS }),
        ("emitted_rows", all.clone(), Limits { emitted_rows: usize::MAX, ..LIMITS }),
        ("dictionary_entries", all.clone(), Limits { dictionary_entries: u32::MAX as usize, ..LIMITS }),
        ("log_bytes", all.clone(), Limits { log_bytes: usize::MAX, ..LIMITS }),
        ("storage_mib", all.clone(), Limits { storage_bytes: u64::MAX, ..LIMITS }),
        ("memory_mib", all.clone(), Limits { memory_bytes: usize::MAX, ..LIMITS }),
    ];
    let (folder, config) = (tempfile::tempdir()?, aggregate_config());
    for (name, plugin, limits) in without {
        let what = Subjected { id: "aggregate", config: &config, signal: Signal::Metrics, limits };
        let mut limited = Subject::new(
            all.clone(),
            Subjected { limits: LIMITS, ..what },
            &folder.path().join(format!("{name}-all")),
        )?;
        let mut free = Subject::new(plugin, what, &folder.path().join(name))?;
        let (mut shares, mut took) = (Vec::new(), Vec::new());
        for round in 0..rounds {
            // Each is the first one as often as the other.
            let (mut times, order) = ([0.0; 2], if round % 2 == 0 { [0, 1] } else { [1, 0] });
            for place in order {
                let subject = if place == 0 { &mut limited } else { &mut free };
                let start = Instant::now();
                subject.process(&request)?;
                if let Some(time) = times.get_mut(place) {
                    *time = start.elapsed().as_secs_f64() * 1e6;
                }
            }
            let [with, without] = times;
            shares.push(without / with);
            took.push(with);
        }
        println!(
            "{}",
            json!({
                "bench": "boundary-limit", "without": name, "batch": 8192, "us_with_all": figure(median(took)),
                "ratio": figure(Some(median(shares).context("no rounds")?)),
            })
        );
    }
    Ok(())
}
