//! Versions that cannot run: the one that runs goes on, with its state, and the reason is told.

use anyhow::{Result, ensure};
use otelier_tests::host::{Configuration, Setup};
use otelier_tests::payload::{self, Temporality};
use otelier_tests::{environment, wait};
use serde_json::json;

use crate::{Plugin, swaps, until_swaps};

const SEEN: &str = "rows_seen_total";

fn setup(plugin: &Plugin, mode: &str) -> Result<Setup> {
    let configuration = Configuration::default().processor("misbehave", json!({"mode": mode})).pipeline(
        "metrics",
        &["misbehave"],
        &["prometheus"],
    );
    plugin.setup("misbehave", &configuration)
}

/// The first version behaves until there is state, the next one meets it.
fn is_refused(mode: &str, words: &str) -> Result<()> {
    let plugin = Plugin::copy(&environment::guest("misbehave")?)?;
    let setup = setup(&plugin, mode)?;
    let host = setup.start()?;
    host.accepts(&payload::work("a", Temporality::Delta, &[1, 2, 3]))?;
    host.wait_for(SEEN, &[], 3.0)?;
    plugin.exchange(&plugin.version("next"))?;
    until_swaps(&host, "misbehave", "refused", 1.0)?;
    let log = setup.log();
    ensure!(log.contains("is refused") && log.contains("runs on") && log.contains(words), "{log}");
    host.accepts(&payload::work("a", Temporality::Delta, &[4]))?;
    host.wait_for(SEEN, &[], 4.0)?;
    ensure!(host.health()?.status == 200 && swaps(&host, "misbehave", "swapped")? == 0.0);
    Ok(())
}

#[test]
fn a_version_that_refuses_the_state() -> Result<()> {
    is_refused("fail-in-start", "this state is refused, as the configuration asks for")
}

#[test]
fn a_version_that_traps_on_the_state() -> Result<()> {
    is_refused("trap-on-state", "trapped")
}

#[test]
fn a_version_that_never_returns_from_its_start() -> Result<()> {
    is_refused("loop-on-state", "deadline exceeded")
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
