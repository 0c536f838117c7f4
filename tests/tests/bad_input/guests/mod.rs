//! Plugins that break: each way of breaking costs that call and nothing else. The guest `misbehave` counts rows in its
//! state, so a test can see what a failed call left behind; it breaks when a row has the value 666.

mod calls;
mod lifecycle;
mod poison;
mod wasi;

use anyhow::Result;
use otelier_tests::environment;
use otelier_tests::grpc::{self, Outcome};
use otelier_tests::host::{Configuration, Host, Setup, manifest};
use otelier_tests::payload::{self, Temporality};
use serde_json::{Value, json};

const SEEN: &str = "rows_seen_total";
const TRAPS: &str = "otelier_processor_traps";
const BAD: i64 = 666;

fn setup(config: &Configuration, entry: Value) -> Result<Setup> {
    let (guest, plugin) = (environment::guest("misbehave")?, environment::plugin("aggregate")?);
    let plugins = manifest(&[("misbehave", &guest, entry), ("aggregate", &plugin, json!({}))]);
    Setup::new(&config.text(), &plugins)
}

/// A call may take this long: nothing for a machine that is busy, and for ever for one that waits.
fn hasty() -> Value {
    json!({"limits": {"call_timeout": "500ms"}})
}

fn misbehaving(mode: &str) -> Configuration {
    let body = json!({"mode": mode, "when": BAD, "metrics": ["work.done"]});
    Configuration::default().processor("misbehave", body).pipeline("metrics", &["misbehave"], &["prometheus"])
}

fn send_good(host: &Host<'_>) -> Result<()> {
    host.accepts(&payload::work("good", Temporality::Delta, &[1, 2]))
}

fn send_bad(host: &Host<'_>) -> Result<Outcome> {
    Ok(host.grpc()?.send(grpc::METRICS, &payload::work("bad", Temporality::Delta, &[1, BAD, 2])))
}

fn traps(host: &Host<'_>) -> Result<f64> {
    Ok(host.own_metrics()?.total(TRAPS, &[("processor", "misbehave")]))
}
