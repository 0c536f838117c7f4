//! What an author of a plugin does, with the program alone: `plugin new`, build, test, live in a running collector, changed and swapped.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use otelier_tests::host::{Configuration, Host, Setup, manifest};
use otelier_tests::{environment, payload, wait};
use serde_json::json;

/// A folder that is empty, below the target directory: what is built there is found again.
pub fn build_folder(name: &str) -> Result<PathBuf> {
    let folder = target()?.join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Where plugins of these tests are, with `target`, which their builds share.
pub fn target() -> Result<PathBuf> {
    let binary = environment::binary()?;
    Ok(binary.parent().and_then(Path::parent).context("a binary outside a target directory")?.join("authors"))
}

/// A command that shares what plugins are built of, and downloads nothing.
fn otelier(folder: &Path, words: &[&str]) -> Result<Output> {
    let mut command = Command::new(environment::binary()?);
    command.args(words).current_dir(folder).env("CARGO_TARGET_DIR", target()?.join("target"));
    command.env("CARGO_NET_OFFLINE", "true").output().context("cannot start otelier")
}

/// The same, and what it prints if it succeeds.
fn succeeds(folder: &Path, words: &[&str]) -> Result<String> {
    let output = otelier(folder, words)?;
    let (said, printed) = (String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout));
    ensure!(output.status.success(), "otelier {words:?} ended with {}:\n{printed}{said}", output.status);
    Ok(printed.into_owned())
}

/// What it says if it fails.
fn fails(folder: &Path, words: &[&str]) -> Result<String> {
    let output = otelier(folder, words)?;
    ensure!(output.status.code() == Some(1), "otelier {words:?} ended with {}", output.status);
    Ok(format!("{}{}", String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?))
}

/// A new plugin, with versions of the SDK's dependencies that are there.
pub fn new_plugin(folder: &Path, name: &str, kind: &str) -> Result<PathBuf> {
    succeeds(folder, &["plugin", "new", name, "--kind", kind])?;
    let plugin = folder.join(name);
    fs::copy(environment::repository().join("Cargo.lock"), plugin.join("Cargo.lock"))?;
    Ok(plugin)
}

fn three_gauges() -> Vec<u8> {
    let gauge = |name: &str, value| payload::gauge(name, vec![payload::integer(value, &[])]);
    payload::metrics(vec![gauge("debug.cache", 0), gauge("debug.queue", 5), gauge("work.done", 7)])
}

/// Whether these gauges are shown: cache, queue, done.
fn until_shown(host: &Host<'_>, expected: [Option<f64>; 3]) -> Result<()> {
    wait::until_equal("what is shown", &expected, || {
        let shown = host.scrape()?;
        Ok(["debug_cache", "debug_queue", "work_done"].map(|name| shown.named(name).next().map(|sample| sample.value)))
    })
}

/// What the second version has in the place of the first one's line.
const DROPS_ALL: &str = "batch.drop_rows(Bitmap::all(rows));";
const DROPS_ZEROES: &str = "let values = batch.values();
        let rows: Vec<usize> = (0..rows).collect();
        batch.drop_rows(Bitmap::choose(&rows, |row| {
            values.get(*row).map(otelier_sdk::aggregate::Number::as_f64) == Some(0.0)
        }));";

#[test]
fn from_nothing_to_a_second_version_in_a_running_collector() -> Result<()> {
    let folder = build_folder("author")?;
    let plugin = new_plugin(&folder, "my-filter", "processor")?;
    let built = succeeds(&folder, &["plugin", "build", "my-filter"])?;
    ensure!(built.starts_with("my-filter/target/my_filter.wasm ("), "{built}");
    let tested = succeeds(&folder, &["plugin", "test", "my-filter"])?;
    ensure!(tested.contains("case drops: passed") && tested.contains("cases: 2 passed, 0 failed"), "{tested}");

    let configuration = Configuration::default().processor("my-filter", json!({"metrics": ["debug.*"]})).pipeline(
        "metrics",
        &["my-filter"],
        &["prometheus"],
    );
    let manifest = manifest(&[("my-filter", &plugin.join("target/my_filter.wasm"), json!({}))]);
    let setup = Setup::new(&configuration.text(), &manifest)?;
    let host = setup.start()?;
    host.accepts(&three_gauges())?;
    until_shown(&host, [None, None, Some(7.0)])?;

    let source = plugin.join("src/lib.rs");
    let first = fs::read_to_string(&source)?;
    ensure!(first.contains(DROPS_ALL), "the template has changed:\n{first}");
    let second = first.replace(DROPS_ALL, DROPS_ZEROES);
    fs::write(
        &source,
        second
            .replace("declare.metrics(config.metrics);", "declare.metrics(config.metrics);\n        declare.values();"),
    )?;
    // It builds, and what is different is told: so the collector has it already.
    let differs = fails(&folder, &["plugin", "test", "my-filter"])?;
    ensure!(differs.contains("case drops: FAILED") && differs.contains("dropped: expected 1, got 0"), "{differs}");
    ensure!(differs.contains("output: point {} of debug.cache was not expected"), "{differs}");
    let swapped = [("plugin", "my-filter"), ("outcome", "swapped")];
    wait::until("the second version runs", || {
        Ok((host.own_metrics()?.value("otelier_plugin_swaps", &swapped) == Some(1.0)).then_some(()))
    })?;
    host.accepts(&three_gauges())?;
    until_shown(&host, [None, Some(5.0), Some(7.0)])?;

    succeeds(&folder, &["plugin", "test", "my-filter", "--update"])?;
    let tested = succeeds(&folder, &["plugin", "test", "my-filter", "drops"])?;
    ensure!(tested.contains("cases: 1 passed, 0 failed"), "{tested}");
    Ok(())
}

#[test]
fn a_new_breaker_policy_builds_and_its_case_passes() -> Result<()> {
    let folder = build_folder("policy")?;
    let plugin = new_plugin(&folder, "calm", "breaker-policy")?;
    let tested = succeeds(&folder, &["plugin", "test", "calm"])?;
    ensure!(tested.contains("cases: 1 passed, 0 failed"), "{tested}");
    let validated = succeeds(&plugin, &["validate", "--config", "config.yaml", "--manifest", "plugins.yaml"])?;
    ensure!(validated.ends_with("the configuration is valid\n"), "{validated}");
    let mut cargo = Command::new("cargo");
    cargo.args(["test", "--offline", "--quiet"]).current_dir(&plugin).env("CARGO_TARGET_DIR", target()?.join("target"));
    let unit = cargo.env_remove("CARGO_MANIFEST_DIR").output().context("cannot start cargo")?;
    ensure!(unit.status.success(), "{}", String::from_utf8_lossy(&[unit.stdout, unit.stderr].concat()));
    fs::write(plugin.join("cases/outage/expected.txt"), "breaker calm on 8 attempts\n")?;
    let differs = fails(&folder, &["plugin", "test", "calm"])?;
    ensure!(differs.contains("line 2: expected nothing, got `"), "{differs}");
    Ok(())
}

#[test]
fn names_that_are_none_and_folders_that_are_there_are_refused_and_leave_nothing() -> Result<()> {
    let folder = tempfile::tempdir()?;
    fs::create_dir(folder.path().join("there"))?;
    for (name, says) in [
        ("there", "there is there already"),
        ("", "starts with a letter"),
        ("9lives", "starts with a letter"),
        ("a/b", "'/' cannot be in a plugin's name"),
        ("a.b", "'.' cannot be in a plugin's name"),
        ("größe", "'ö' cannot be in a plugin's name"),
        ("async", "is a word of Rust"),
        ("serde", "is the name of a crate that the plugin needs"),
        ("otelier-sdk", "is the name of a crate that the plugin needs"),
        ("aggregate", "is a component type of otelier already"),
        ("memory_limiter", "is a component type of otelier already"),
    ] {
        let said = fails(folder.path(), &["plugin", "new", name, "--kind", "processor"])?;
        ensure!(said.contains(says), "{name}: {said}");
    }
    let said = fails(folder.path(), &["plugin", "new", "fine", "--kind", "processor", "--sdk", "there"])?;
    ensure!(said.contains("no SDK in there"), "{said}");
    // A folder in which nothing can be made.
    let said = fails(Path::new("/proc"), &["plugin", "new", "fine", "--kind", "processor"])?;
    ensure!(said.contains("cannot write"), "{said}");
    let left: Vec<_> = fs::read_dir(folder.path())?.collect::<std::io::Result<_>>()?;
    ensure!(left.len() == 1, "{left:?} is left");
    Ok(())
}

#[test]
fn a_checkout_is_named_by_its_path_and_the_vendored_sdk_is_whole() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let root = environment::repository().canonicalize()?;
    let sdk = root.to_str().context("a path that is no text")?;
    succeeds(folder.path(), &["plugin", "new", "near", "--kind", "processor", "--sdk", sdk])?;
    let near = fs::read_to_string(folder.path().join("near/Cargo.toml"))?;
    ensure!(near.contains(&format!("path = \"{sdk}/sdk-guest\"")), "{near}");
    ensure!(!folder.path().join("near/vendor").exists(), "the SDK is there twice");
    succeeds(folder.path(), &["plugin", "new", "far", "--kind", "processor"])?;
    let vendor = folder.path().join("far/vendor");
    for (ours, theirs) in
        [("sdk-guest/src/lib.rs", "otelier-sdk/src/lib.rs"), ("wit/0.1/types.wit", "wit/0.1/types.wit")]
    {
        ensure!(fs::read(root.join(ours))? == fs::read(vendor.join(theirs))?, "{theirs} is another");
    }
    let manifest = fs::read_to_string(vendor.join("otelier-sdk/Cargo.toml"))?;
    ensure!(!manifest.contains("workspace ="), "{manifest}");
    Ok(())
}
