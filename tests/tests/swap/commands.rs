//! Versions put into place by hand, those of a folder, and those that are pinned.

use std::fs;

use anyhow::{Result, ensure};
use otelier_tests::host::{Configuration, Setup};
use otelier_tests::payload::{self, Temporality};
use otelier_tests::{versions, wait};
use serde_json::json;

use crate::{Plugin, swaps, until_swaps};

/// A file for a command to name.
fn file(setup: &Setup, name: &str, content: &[u8]) -> Result<String> {
    let file = setup.folder().join(name);
    fs::write(&file, content)?;
    Ok(file.display().to_string())
}

fn list(setup: &Setup) -> Result<String> {
    let manifest = setup.folder().join("plugins.yaml").display().to_string();
    setup.prints(&["plugin", "list", "--manifest", &manifest])
}

#[test]
fn mistakes_of_the_commands_are_told_and_change_nothing() -> Result<()> {
    let plugin = Plugin::aggregate()?;
    let setup = plugin.setup("aggregate", &Configuration::aggregate())?;
    let host = setup.start()?;
    host.accepts(&payload::work("a", Temporality::Delta, &[1]))?;
    let error = setup.is_told(&["plugin", "swap", "agregate"])?;
    ensure!(error.contains("the plugins in use: aggregate"), "{error}");
    let error = setup.is_told(&["plugin", "rollback", "aggregate"])?;
    ensure!(error.contains("has run no other version"), "{error}");
    let error = setup.is_told(&["plugin", "swap", "aggregate"])?;
    ensure!(error.contains("already"), "{error}");
    let broken = file(&setup, "broken.wasm", b"<html>")?;
    let error = setup.is_told(&["plugin", "swap", "aggregate", "--file", &broken])?;
    ensure!(error.contains("is no WebAssembly component"), "{error}");
    host.accepts(&payload::work("a", Temporality::Delta, &[2]))?;
    host.wait_for("work_done_batched_total", &[("work_type", "a")], 3.0)?;
    host.kill()?;
    let error = setup.is_told(&["plugin", "rollback", "aggregate"])?;
    ensure!(error.contains("no collector is running"), "{error}");
    Ok(())
}

#[test]
fn a_version_is_put_into_place_and_back_and_totals_go_on() -> Result<()> {
    let plugin = Plugin::aggregate()?;
    let setup = plugin.setup("aggregate", &Configuration::aggregate())?;
    let host = setup.start()?;
    host.accepts(&payload::work("a", Temporality::Delta, &[1]))?;
    let other = file(&setup, "other.wasm", &plugin.version("other"))?;
    let told = setup.prints(&["plugin", "swap", "aggregate", "--file", &other])?;
    ensure!(told.contains("batches waited"), "{told}");
    let shown = list(&setup)?;
    ensure!(shown.contains("runs instead, since 20") && shown.contains("other.wasm"), "{shown}");
    host.accepts(&payload::work("a", Temporality::Delta, &[2]))?;
    setup.prints(&["plugin", "rollback", "aggregate"])?;
    let shown = list(&setup)?;
    ensure!(shown.contains("runs since 20") && !shown.contains("other.wasm"), "{shown}");
    host.accepts(&payload::work("a", Temporality::Delta, &[4]))?;
    host.wait_for("work_done_batched_total", &[("work_type", "a")], 7.0)
}

#[test]
fn the_history_tells_what_ran_and_what_was_refused_also_once_nothing_runs() -> Result<()> {
    let plugin = Plugin::aggregate()?;
    let setup = plugin.setup("aggregate", &Configuration::aggregate())?;
    let host = setup.start()?;
    let other = file(&setup, "other.wasm", &plugin.version("other"))?;
    setup.prints(&["plugin", "swap", "aggregate", "--file", &other])?;
    setup.prints(&["plugin", "rollback", "aggregate"])?;
    let broken = file(&setup, "broken.wasm", b"<html>")?;
    setup.is_told(&["plugin", "swap", "aggregate", "--file", &broken])?;
    host.kill()?;
    let shown = list(&setup)?;
    ensure!(!shown.contains("runs"), "nothing runs: {shown}");
    let history = setup.prints(&["plugin", "history"])?;
    ensure!(history.lines().count() == 3 && history.matches("->").count() == 2, "{history}");
    ensure!(history.contains("broken.wasm is no WebAssembly component"), "{history}");
    Ok(())
}

/// Puts a version into the folder of the plugin.
fn put(plugin: &Plugin, name: &str, label: &str) -> Result<()> {
    versions::exchange(&plugin.file.with_file_name(name), &plugin.version(label))
}

#[test]
fn the_newest_version_of_a_folder_runs() -> Result<()> {
    let plugin = Plugin::aggregate()?;
    put(&plugin, "aggregate-1.9.0.wasm", "1.9.0")?;
    let manifest = json!({"plugins": {"aggregate": {"folder": plugin.file.parent()}}});
    let setup = Setup::new(&Configuration::aggregate().text(), &format!("{manifest:#}"))?;
    let host = setup.start()?;
    put(&plugin, "aggregate-1.10.0.wasm", "1.10.0")?;
    until_swaps(&host, "aggregate", "swapped", 1.0)?;
    put(&plugin, "aggregate-1.9.1.wasm", "older")?;
    put(&plugin, "aggregate-1.11.0.wasm", "1.11.0")?;
    until_swaps(&host, "aggregate", "swapped", 2.0)?;
    wait::until("it is in the log", || Ok(setup.log().contains("aggregate-1.11.0.wasm").then_some(())))?;
    ensure!(!setup.log().contains("aggregate-1.9.1.wasm"), "an older version was taken");
    Ok(())
}

/// A newer version lies beside it, which is not taken either.
#[test]
fn a_pinned_file_that_changes_or_goes_is_told_and_not_taken() -> Result<()> {
    let plugin = Plugin::aggregate()?;
    let pinned = Plugin { file: plugin.file.with_file_name("aggregate-1.2.0.wasm"), ..plugin };
    pinned.exchange(&pinned.component)?;
    put(&pinned, "aggregate-1.10.0.wasm", "1.10.0")?;
    let setup = pinned.setup_as("aggregate", &Configuration::aggregate(), json!({"update": "pinned"}))?;
    let host = setup.start()?;
    pinned.exchange(&pinned.version("exchanged"))?;
    let says = "the next start will take it, or `otelier plugin swap`";
    wait::until("the log says that the pinned file has changed", || Ok(setup.log().contains(says).then_some(())))?;
    fs::remove_file(&pinned.file)?;
    wait::until("the log says that a file is gone", || {
        Ok(setup.log().contains("the next start will miss it").then_some(()))
    })?;
    ensure!(swaps(&host, "aggregate", "swapped")? == 0.0, "what is pinned has changed");
    Ok(())
}
