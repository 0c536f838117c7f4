//! Versions put into place by hand.

use anyhow::{Context, Result, ensure};
use otelier_tests::host::{Configuration, Setup, manifest};
use otelier_tests::payload::{self, Temporality};
use otelier_tests::wait;
use serde_json::json;
use std::fs;

use crate::{Plugin, until_swaps};

#[test]
fn a_version_is_put_into_place_and_back_and_the_history_tells() -> Result<()> {
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
    let other = setup.folder().join("other.wasm");
    fs::write(&other, plugin.version("other"))?;
    let other = other.display().to_string();
    let told = setup.prints(&["plugin", "swap", "aggregate", "--file", &other])?;
    ensure!(told.contains("batches waited"), "{told}");
    let manifest = setup.folder().join("plugins.yaml").display().to_string();
    let list = || setup.prints(&["plugin", "list", "--manifest", &manifest]);
    ensure!(list()?.contains("runs instead, since 20") && list()?.contains("other.wasm"), "{}", list()?);
    host.accepts(&payload::work("a", Temporality::Delta, &[2]))?;
    setup.prints(&["plugin", "rollback", "aggregate"])?;
    ensure!(list()?.contains("runs since 20") && !list()?.contains("other.wasm"), "{}", list()?);
    let broken = setup.folder().join("broken.wasm");
    fs::write(&broken, "<html>")?;
    let error = setup.is_told(&["plugin", "swap", "aggregate", "--file", &broken.display().to_string()])?;
    ensure!(error.contains("is no WebAssembly component"), "{error}");
    host.accepts(&payload::work("a", Temporality::Delta, &[4]))?;
    host.wait_for("work_done_batched_total", &[("work_type", "a")], 7.0)?;
    host.kill()?;
    let history = setup.prints(&["plugin", "history"])?;
    ensure!(history.lines().count() == 3 && history.matches("->").count() == 2, "{history}");
    ensure!(history.contains("broken.wasm is no WebAssembly component"), "{history}");
    ensure!(!list()?.contains("runs"), "nothing runs: {}", list()?);
    let error = setup.is_told(&["plugin", "rollback", "aggregate"])?;
    ensure!(error.contains("no collector is running"), "{error}");
    Ok(())
}

#[test]
fn a_newer_version_in_a_folder_runs_and_a_pinned_one_stays() -> Result<()> {
    let plugin = Plugin::aggregate()?;
    let folder = plugin.file.parent().unwrap().to_owned();
    let put = |name: &str, label: &str| {
        fs::write(folder.join("unfinished"), plugin.version(label))?;
        fs::rename(folder.join("unfinished"), folder.join(name)).context("cannot rename")
    };
    put("aggregate-1.2.0.wasm", "1.2.0")?;
    put("aggregate-1.10.0.wasm", "1.10.0")?;
    let file = folder.join("aggregate-1.2.0.wasm");
    let body = json!({"update": "pinned"});
    let mut entries: serde_json::Value = serde_json::from_str(&manifest(&[("aggregate", &file, body)]))?;
    entries["plugins"]["watched"] = entries["plugins"]["aggregate"].clone();
    let watched = &mut entries["plugins"]["watched"];
    *watched = json!({"folder": folder});
    put("watched-1.9.0.wasm", "1.9.0")?;
    let configuration = Configuration::aggregate().processor("watched", otelier_tests::host::aggregate()).pipeline(
        "metrics/other",
        &["watched"],
        &["prometheus"],
    );
    let setup = Setup::new(&configuration.text(), &format!("{entries:#}"))?;
    let host = setup.start()?;
    put("aggregate-1.2.0.wasm", "exchanged")?;
    put("watched-1.10.0.wasm", "1.10.0 of it")?;
    until_swaps(&host, "watched", "swapped", 1.0)?;
    put("watched-1.9.1.wasm", "older")?;
    put("watched-1.11.0.wasm", "1.11.0 of it")?;
    until_swaps(&host, "watched", "swapped", 2.0)?;
    wait::until("it is in the log", || Ok(setup.log().contains("watched-1.11.0.wasm").then_some(())))?;
    ensure!(crate::swaps(&host, "aggregate", "swapped")? == 0.0, "what is pinned has changed");
    let says = "the next start will take it, or `otelier plugin swap`";
    wait::until("the log says that the pinned file has changed", || Ok(setup.log().contains(says).then_some(())))?;
    fs::remove_file(folder.join("aggregate-1.2.0.wasm"))?;
    wait::until("the log says that a file is gone", || {
        Ok(setup.log().contains("the next start will miss it").then_some(()))
    })?;
    ensure!(!setup.log().contains("watched-1.9.1.wasm"), "an older version was taken");
    Ok(())
}
