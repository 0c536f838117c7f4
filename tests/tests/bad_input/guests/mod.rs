//! Plugins that break: each way of breaking costs that call and nothing else. The guests count rows in their state, so a test can see what
//! a failed call left behind; they break when a row has the value 666. Beside them runs a plugin of another pipeline, which gets all there
//! is.

mod alone;
mod calls;
mod contract;
mod lifecycle;
mod limits;
mod poison;
mod rewrite;
mod wasi;

use anyhow::Result;
use otelier_tests::grpc::{self, Outcome};
use otelier_tests::host::{Configuration, Host, Setup, manifest};
use otelier_tests::payload::{self, Temporality};
use otelier_tests::{beside, environment};
use serde_json::{Value, json};

const SEEN: &str = "rows_seen_total";
const TRAPS: &str = "otelier_processor_traps";
const BAD: i64 = 666;

/// The component that breaks.
const GUEST: &str = "guest";

/// A guest of the tests by its name, behind a slash the way in which it breaks, if it has several.
fn setup(guest: &str, entry: Value) -> Result<Setup> {
    setup_with(guest, &breaking(guest), entry)
}

fn setup_with(guest: &str, config: &Configuration, entry: Value) -> Result<Setup> {
    Setup::new(&config.text(), &plugins(guest, entry)?)
}

fn plugins(guest: &str, entry: Value) -> Result<String> {
    let name = guest.split_once('/').map_or(guest, |(name, _)| name);
    let (file, neighbour) = (environment::guest(name)?, environment::plugin("aggregate")?);
    Ok(manifest(&[(GUEST, &file, entry), ("aggregate", &neighbour, json!({}))]))
}

/// At its next start the host has another guest.
fn exchange(setup: &Setup, guest: &str) -> Result<()> {
    setup.reconfigure(&breaking(guest))?;
    setup.grant(&plugins(guest, hasty())?)
}

/// A call may take this long: nothing for a machine that is busy, and for ever for one that waits.
fn hasty() -> Value {
    json!({"limits": {"call_timeout": "500ms"}})
}

/// The guest in a pipeline, and `aggregate` in one beside it.
fn breaking(guest: &str) -> Configuration {
    let body = match guest.split_once('/') {
        Some((_, way)) => json!({"way": way, "when": BAD, "metrics": ["work.done"]}),
        None => json!({"when": BAD, "metrics": ["work.done"]}),
    };
    beside_aggregate(body)
}

fn beside_aggregate(body: Value) -> Configuration {
    beside::beside_aggregate(GUEST, body)
}

fn send_good(host: &Host<'_>) -> Result<()> {
    host.accepts(&payload::work("good", Temporality::Delta, &[1, 2]))
}

fn send_bad(host: &Host<'_>) -> Result<Outcome> {
    Ok(host.grpc()?.send(grpc::METRICS, &payload::work("bad", Temporality::Delta, &[1, BAD, 2])))
}

fn traps(host: &Host<'_>) -> Result<f64> {
    Ok(host.own_metrics()?.total(TRAPS, &[("processor", GUEST)]))
}
