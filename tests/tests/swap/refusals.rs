//! Versions that cannot run: the one that runs goes on, with its state, and the reason is told.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Result, ensure};
use otelier_tests::host::{Configuration, Host, Setup};
use otelier_tests::payload::{self, Temporality};
use otelier_tests::{environment, wait};
use serde_json::{Value, json};

use crate::{Plugin, swaps, until_swaps};

const SEEN: &str = "rows_seen_total";

const GUEST: &str = "guest";

/// Rows of this value break it.
const BAD: i64 = 666;

fn setup(plugin: &Plugin, body: Value) -> Result<Setup> {
    let configuration = Configuration::default().processor(GUEST, body).pipeline("metrics", &[GUEST], &["prometheus"]);
    plugin.setup(GUEST, &configuration)
}

/// A guest of the tests takes the place of the one that runs.
fn becomes(plugin: &Plugin, guest: &str) -> Result<()> {
    plugin.exchange(&std::fs::read(environment::guest(guest)?)?)
}

/// The log says that a version is refused, and why.
fn is_told(setup: &Setup, words: &str) -> Result<()> {
    wait::until(&format!("the log says {words}"), || {
        let log = setup.log();
        Ok((log.contains("is refused") && log.contains("runs on") && log.contains(words)).then_some(()))
    })
}

/// Sends two rows again and again while something else goes on, one of them bad. Returns how many requests were accepted.
fn while_bad_rows_come(host: &Host<'_>, other: impl FnOnce() -> Result<()>) -> Result<f64> {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let sending = scope.spawn(|| -> Result<f64> {
            let mut sent = 0.0;
            while !done.load(Ordering::SeqCst) {
                host.accepts(&payload::work("a", Temporality::Delta, &[1, BAD]))?;
                sent += 1.0;
            }
            Ok(sent)
        });
        let waited = other();
        done.store(true, Ordering::SeqCst);
        let sent = sending.join().map_err(|_| anyhow::anyhow!("the sender panicked"))?;
        waited.and(sent)
    })
}

/// A new version follows the running one before it takes over: what it breaks on there costs nobody anything.
#[test]
fn a_version_that_breaks_on_what_the_running_one_takes() -> Result<()> {
    let plugin = Plugin::copy(&environment::guest("honest")?)?;
    let setup = setup(&plugin, json!({"way": "after-write", "when": BAD, "start_slowly": 500_000_000}))?;
    let host = setup.start()?;
    let sent = while_bad_rows_come(&host, || {
        becomes(&plugin, "trap")?;
        until_swaps(&host, GUEST, "refused", 1.0)
    })?;
    host.wait_for(SEEN, &[], sent * 2.0)?;
    is_told(&setup, "trapped")?;
    ensure!(host.own_metrics()?.total("otelier_processor_traps", &[]) == 0.0 && host.health()?.status == 200);
    Ok(())
}

/// One that breaks again and again cannot be followed for long: the mended version takes its place all the same.
#[test]
fn a_version_takes_over_from_one_that_breaks_on_every_request() -> Result<()> {
    let plugin = Plugin::copy(&environment::guest("trap")?)?;
    let setup = setup(&plugin, json!({"way": "after-write", "when": BAD}))?;
    let host = setup.start()?;
    let sent = while_bad_rows_come(&host, || {
        becomes(&plugin, "honest")?;
        until_swaps(&host, GUEST, "swapped", 1.0)
    })?;
    let poison = host.own_metrics()?.total("otelier_processor_dropped_items", &[("reason", "poison")]);
    ensure!(poison > 0.0);
    host.wait_for(SEEN, &[], sent * 2.0 - poison)
}

/// The running version is honest; the next one meets its state.
fn is_refused(guest: &str, words: &str) -> Result<()> {
    let plugin = Plugin::copy(&environment::guest("honest")?)?;
    let setup = setup(&plugin, json!({"way": "state"}))?;
    let host = setup.start()?;
    host.accepts(&payload::work("a", Temporality::Delta, &[1, 2, 3]))?;
    host.wait_for(SEEN, &[], 3.0)?;
    becomes(&plugin, guest)?;
    until_swaps(&host, GUEST, "refused", 1.0)?;
    is_told(&setup, words)?;
    host.accepts(&payload::work("a", Temporality::Delta, &[4]))?;
    host.wait_for(SEEN, &[], 4.0)?;
    ensure!(host.health()?.status == 200 && swaps(&host, GUEST, "swapped")? == 0.0);
    Ok(())
}

#[test]
fn a_version_that_refuses_the_state() -> Result<()> {
    is_refused("decline", "this state is refused, as the configuration asks for")
}

#[test]
fn a_version_that_traps_on_the_state() -> Result<()> {
    is_refused("trap", "trapped")
}

#[test]
fn a_version_that_never_returns_from_its_start() -> Result<()> {
    is_refused("endless-loop", "deadline exceeded")
}

/// Its pipeline answers and orders requests as one without state does.
#[test]
fn a_version_that_begins_to_keep_state() -> Result<()> {
    let plugin = Plugin::copy(&environment::guest("stateless")?)?;
    let setup = setup(&plugin, json!({}))?;
    let host = setup.start()?;
    becomes(&plugin, "honest")?;
    until_swaps(&host, GUEST, "refused", 1.0)?;
    is_told(&setup, "this version keeps state, and the collector was started with one that keeps none; restart")?;
    host.accepts(&payload::work("a", Temporality::Delta, &[1]))?;
    ensure!(host.kill().is_ok());
    let host = setup.start()?;
    host.accepts(&payload::work("a", Temporality::Delta, &[1, 2]))?;
    host.wait_for(SEEN, &[], 2.0)?;
    // The other way round is no trouble.
    becomes(&plugin, "stateless")?;
    until_swaps(&host, GUEST, "swapped", 1.0)
}

#[test]
fn a_file_that_is_no_plugin() -> Result<()> {
    let plugin = Plugin::aggregate()?;
    let setup = plugin.setup("aggregate", &Configuration::aggregate())?;
    let host = setup.start()?;
    plugin.exchange(b"<html>not found</html>")?;
    wait::until("it is told", || Ok(setup.log().contains("is no WebAssembly component").then_some(())))?;
    host.accepts(&payload::work("a", Temporality::Delta, &[1]))?;
    host.wait_for("work_done_batched_total", &[("work_type", "a")], 1.0)
}
