//! What a command put into place lasts until the plugin's file changes, across restarts, and says so; rollbacks go further and further back.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use otelier::wasm::{PluginFile, short};
use otelier_tests::host::{Configuration, Host, Setup};
use otelier_tests::payload::{self, Temporality};
use otelier_tests::wait;

use crate::{Plugin, until_swaps};

/// A host in whose life the plugin's file becomes each of these versions.
fn started<'s>(setup: &'s Setup, plugin: &Plugin, labels: &[&str]) -> Result<Host<'s>> {
    let host = setup.start()?;
    for (swaps, label) in (1..).zip(labels) {
        plugin.exchange(&plugin.version(label))?;
        until_swaps(&host, "aggregate", "swapped", f64::from(swaps))?;
    }
    Ok(host)
}

fn name(content: &[u8]) -> String {
    short(PluginFile::new(Path::new(""), content.to_vec()).sha256())
}

fn runs(host: &Host<'_>, content: &[u8]) -> Result<bool> {
    let labels = [("plugin", "aggregate"), ("sha256", &name(content))];
    Ok(host.own_metrics()?.value("otelier_plugin_running", &labels) == Some(1.0))
}

fn list(setup: &Setup) -> Result<String> {
    let manifest = setup.folder().join("plugins.yaml").display().to_string();
    setup.prints(&["plugin", "list", "--manifest", &manifest])
}

#[test]
fn a_rollback_outlives_the_process_until_the_file_changes() -> Result<()> {
    let plugin = Plugin::aggregate()?;
    let setup = plugin.setup("aggregate", &Configuration::aggregate())?;
    let host = started(&setup, &plugin, &["second"])?;
    let told = setup.prints(&["plugin", "rollback", "aggregate"])?;
    ensure!(told.contains("lasts until the plugin's file changes, across restarts"), "{told}");
    host.kill()?;
    let next = list(&setup)?;
    ensure!(next.contains("will run at the next start by `otelier plugin rollback` of 20"), "{next}");
    for start in 1..=2 {
        let host = setup.start()?;
        ensure!(runs(&host, &plugin.component)?, "start {start}: the file's version runs");
        let said = setup.log().matches("runs, which `otelier plugin rollback` chose at 20").count();
        ensure!(said == start, "start {start} says nothing of it: {}", setup.log());
        let list = list(&setup)?;
        ensure!(list.contains("runs by `otelier plugin rollback` of 20"), "start {start}: {list}");
        host.accepts(&payload::work("a", Temporality::Delta, &[1]))?;
        host.kill()?;
    }
    let host = setup.start()?;
    plugin.exchange(&plugin.version("third"))?;
    until_swaps(&host, "aggregate", "swapped", 1.0)?;
    ensure!(runs(&host, &plugin.version("third"))? && !list(&setup)?.contains("rollback"), "{}", list(&setup)?);
    host.kill()?;
    let host = setup.start()?;
    ensure!(runs(&host, &plugin.version("third"))?, "the choice came back");
    host.wait_for("work_done_batched_total", &[("work_type", "a")], 2.0)
}

#[test]
fn a_file_that_changes_while_nothing_runs_ends_the_choice() -> Result<()> {
    let plugin = Plugin::aggregate()?;
    let setup = plugin.setup("aggregate", &Configuration::aggregate())?;
    let host = started(&setup, &plugin, &["second"])?;
    setup.prints(&["plugin", "rollback", "aggregate"])?;
    host.kill()?;
    plugin.exchange(&plugin.version("third"))?;
    let host = setup.start()?;
    ensure!(runs(&host, &plugin.version("third"))?, "{}", setup.log());
    let says = "the file has changed since `otelier plugin rollback` chose another version";
    ensure!(setup.log().contains(says), "{}", setup.log());
    Ok(())
}

#[test]
fn each_rollback_goes_one_further_back_and_a_swap_comes_back_to_the_file() -> Result<()> {
    let plugin = Plugin::aggregate()?;
    let setup = plugin.setup("aggregate", &Configuration::aggregate())?;
    let host = started(&setup, &plugin, &["second", "third"])?;
    setup.prints(&["plugin", "rollback", "aggregate"])?;
    ensure!(runs(&host, &plugin.version("second"))?);
    host.kill()?;
    // In another life as well.
    let host = setup.start()?;
    setup.prints(&["plugin", "rollback", "aggregate"])?;
    ensure!(runs(&host, &plugin.component)?);
    let error = setup.is_told(&["plugin", "rollback", "aggregate"])?;
    ensure!(error.contains("has run no other version before this one"), "{error}");
    let told = setup.prints(&["plugin", "swap", "aggregate"])?;
    ensure!(!told.contains("lasts") && runs(&host, &plugin.version("third"))?, "{told}");
    ensure!(!list(&setup)?.contains("across restarts"), "{}", list(&setup)?);
    host.kill()?;
    ensure!(runs(&setup.start()?, &plugin.version("third"))?);
    Ok(())
}

/// The file that was named may be gone by the next start.
#[test]
fn a_version_from_another_file_outlives_the_process_and_its_file() -> Result<()> {
    let plugin = Plugin::aggregate()?;
    let setup = plugin.setup("aggregate", &Configuration::aggregate())?;
    let host = setup.start()?;
    let other = setup.folder().join("other.wasm");
    fs::write(&other, plugin.version("other"))?;
    setup.prints(&["plugin", "swap", "aggregate", "--file", &other.display().to_string()])?;
    host.kill()?;
    fs::remove_file(&other)?;
    let host = setup.start()?;
    ensure!(runs(&host, &plugin.version("other"))?, "{}", setup.log());
    host.kill()?;
    // Nothing runs: the next start is told to take the file.
    let told = setup.prints(&["plugin", "swap", "aggregate"])?;
    ensure!(told.contains("the next start takes the file of plugin aggregate"), "{told}");
    let error = setup.is_told(&["plugin", "swap", "aggregate"])?;
    ensure!(error.contains("no collector is running"), "{error}");
    ensure!(runs(&setup.start()?, &plugin.component)?);
    Ok(())
}

/// A choice that cannot be kept is not undone in silence.
#[test]
fn a_choice_whose_content_is_damaged_is_told() -> Result<()> {
    let plugin = Plugin::aggregate()?;
    let setup = plugin.setup("aggregate", &Configuration::aggregate())?;
    let host = started(&setup, &plugin, &["second"])?;
    setup.prints(&["plugin", "rollback", "aggregate"])?;
    host.kill()?;
    for kept in fs::read_dir(setup.state().join("plugin-versions"))? {
        fs::write(kept?.path(), "damaged")?;
    }
    let host = setup.start()?;
    ensure!(runs(&host, &plugin.version("second"))?);
    let says = "the version that `otelier plugin rollback` chose at 20";
    let line = setup.log().lines().find(|line| line.contains(says)).map(ToOwned::to_owned).context("it is not told")?;
    ensure!(line.contains("ERROR") && line.contains("is not there any more"), "{line}");
    Ok(())
}

#[test]
fn what_is_in_the_place_of_a_file_is_told_and_when_it_is_right_again() -> Result<()> {
    let plugin = Plugin::aggregate()?;
    let setup = plugin.setup("aggregate", &Configuration::aggregate())?;
    let host = setup.start()?;
    let says = |words: &'static str| wait::until(words, || Ok(setup.log().contains(words).then_some(())));
    fs::remove_file(&plugin.file)?;
    fs::create_dir(&plugin.file)?;
    says("plugin.wasm is a directory; version")?;
    fs::remove_dir(&plugin.file)?;
    plugin.exchange(b"<html>")?;
    until_swaps(&host, "aggregate", "refused", 1.0)?;
    plugin.exchange(&plugin.component)?;
    says("the plugin's file is there again as it was before")?;
    host.accepts(&payload::work("a", Temporality::Delta, &[1]))
}
