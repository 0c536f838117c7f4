//! What a breaker costs a request while it is closed: leave to try, and the outcome told, in this process and without a request.
//!
//! Each figure is the least of several rounds, so that all are of quiet moments.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use otelier::contract::{Grants, Limits, Outcome, PolicySource};
use otelier::delivery::Gate;
use otelier::delivery::gate::{Breaker, Settings};
use otelier::telemetry::Registry;
use otelier::wasm::{Engine, PluginFile, PolicyPlugin};
use serde_json::json;

use crate::report::figure;

const LIMITS: Limits = Limits {
    memory_bytes: 64 << 20,
    call_ms: 1000,
    emitted_rows: 1,
    dictionary_entries: 1,
    storage_bytes: 1 << 30,
    log_bytes: 1 << 16,
    host_calls: 1_000_000,
};
const POLICIES: &[&str] = &["consecutive-failures", "failure-rate"];

/// Measures gates alone, in this process.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Requests of a round.
    #[arg(long, default_value_t = 200_000)]
    requests: u32,
    /// How often each is measured.
    #[arg(long, default_value_t = 10)]
    rounds: u32,
}

/// Prints one line of JSON for each policy: none, the host's own, and those that ship.
pub fn run(options: &Options, plugins: &Path) -> Result<()> {
    let engine = Engine::new()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let measure = |name: &str, gate: &Gate| -> Result<()> {
        let mut least = Duration::MAX;
        for _ in 0..options.rounds {
            least = least.min(runtime.block_on(round(gate, options.requests)));
        }
        let ns = least.as_nanos() as f64 / f64::from(options.requests);
        let line = json!({
            "bench": "breaker-idle", "policy": name, "requests": options.requests, "ns_per_request": figure(Some(ns)),
        });
        println!("{line}");
        Ok(())
    };
    measure("none", &Gate::default())?;
    measure("built-in", &gate("built-in", None)?)?;
    for name in POLICIES {
        let file = plugins.join(format!("{name}.wasm"));
        let plugin: Arc<dyn PolicySource> =
            Arc::new(PolicyPlugin::compile(&engine, &PluginFile::read(&file)?, &Grants::default())?);
        measure(name, &gate(name, Some(plugin))?)?;
    }
    Ok(())
}

fn gate(name: &str, source: Option<Arc<dyn PolicySource>>) -> Result<Gate> {
    let breaker = Breaker { id: name.parse()?, source, limits: LIMITS, settings: Settings::read(json!({}))? };
    Ok(Gate::new(&"otlp".parse()?, breaker, &Registry::default(), 1))
}

async fn round(gate: &Gate, requests: u32) -> Duration {
    let started = Instant::now();
    for _ in 0..requests {
        gate.admit(Default::default).await.report(&Outcome::Delivered, Duration::from_millis(1));
    }
    started.elapsed()
}
