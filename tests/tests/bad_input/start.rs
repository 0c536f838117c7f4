//! What keeps a host from starting: a message that names the place and the way out, exit code 1, and nothing changed.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use otelier_tests::host::{Configuration, Setup};
use otelier_tests::mount::Namespace;
use otelier_tests::payload::{self, Temporality};

use crate::survivor::Survivor;

#[test]
fn a_port_that_is_taken_is_named() -> Result<()> {
    let setup = Setup::with_aggregate(&Configuration::aggregate())?;
    let endpoints = &setup.endpoints;
    for (component, address) in [
        ("otlp", endpoints.grpc),
        ("otlp", endpoints.http),
        ("prometheus", endpoints.prometheus),
        ("health_check", endpoints.health),
        ("service.telemetry.metrics", endpoints.telemetry),
    ] {
        let taken = TcpListener::bind(address)?;
        let error = setup.fails_to_start()?;
        let expected = format!("otelier: {component}: address {address} is already in use");
        assert!(error.contains(&expected) && error.contains("set another `endpoint`"), "{error}");
        drop(taken);
    }
    setup.start()?;
    Ok(())
}

#[test]
fn a_second_process_on_the_same_state_is_refused_and_the_first_goes_on() -> Result<()> {
    let setup = Setup::with_aggregate(&Configuration::aggregate())?;
    let host = setup.start()?;
    let mut survivor = Survivor::new(&host)?;
    let second = Setup::with_aggregate(&Configuration::aggregate())?.state_in(setup.state());
    let error = second.fails_to_start()?;
    assert!(error.contains(&format!("state directory {}", setup.state().display())), "{error}");
    assert!(error.contains("in use by another process") && error.contains("--state-dir"), "{error}");
    survivor.goes_on()?;
    let acknowledged = survivor.acknowledged();
    host.kill()?;
    Survivor::is_remembered_by(acknowledged, &second)
}

#[test]
fn a_state_directory_that_cannot_be_made_is_named() -> Result<()> {
    let setup = Setup::with_aggregate(&Configuration::aggregate())?;
    let file = setup.folder().join("file");
    fs::write(&file, "not a directory")?;
    for (state, cause) in [(file.clone(), "File exists"), (file.join("below"), "Not a directory")] {
        let setup = Setup::with_aggregate(&Configuration::aggregate())?.state_in(&state);
        let error = setup.fails_to_start()?;
        assert!(error.contains(&format!("state directory {}: {cause}", state.display())), "{error}");
        assert!(error.contains("choose a writable one with --state-dir"), "{error}");
        assert_eq!(error.matches(cause).count(), 1, "the cause is told once: {error}");
    }
    assert_eq!(fs::read_to_string(&file)?, "not a directory");
    Ok(())
}

#[test]
fn a_state_directory_that_is_read_only_is_named() -> Result<()> {
    let setup = Setup::with_aggregate(&Configuration::aggregate())?;
    let host = setup.start()?;
    let acknowledged = Survivor::new(&host)?.acknowledged();
    host.kill()?;
    let state = setup.state().display().to_string();
    let mount = format!("mount --bind {state} {state}; mount -o remount,ro,bind {state}");
    let disk = Namespace::if_permitted(&mount)?;
    let disk = disk.context("this test needs to mount a file system: run it as root, or permit user namespaces")?;
    let read_only = Setup::with_aggregate(&Configuration::aggregate())?;
    let read_only = read_only.state_in(setup.state()).launched_by(&disk.enter());
    let error = read_only.fails_to_start()?;
    assert!(error.contains(&state) && error.contains("Read-only file system"), "{error}");
    assert!(error.contains("--state-dir"), "says what to do: {error}");
    let below = read_only.state_in(&setup.state().join("below"));
    let error = below.fails_to_start()?;
    assert!(error.contains("below: Read-only file system") && error.contains("--state-dir"), "{error}");
    Survivor::is_remembered_by(acknowledged, &setup)
}

/// Hardened machines mount what holds data so: compiled plugins are taken from there all the same.
#[test]
fn a_state_directory_from_which_nothing_may_be_executed_holds_compiled_plugins() -> Result<()> {
    let setup = Setup::with_aggregate(&Configuration::aggregate())?;
    fs::create_dir(setup.state())?;
    let state = setup.state().display().to_string();
    let disk = Namespace::if_permitted(&format!("mount --bind {state} {state}; mount -o remount,noexec,bind {state}"))?;
    let disk = disk.context("this test needs to mount a file system: run it as root, or permit user namespaces")?;
    let setup = setup.launched_by(&disk.enter());
    for expected in ["plugin compiled", "plugin taken from the cache"] {
        let host = setup.start()?;
        host.accepts(&payload::work("a", Temporality::Delta, &[1]))?;
        ensure!(setup.log().contains(expected), "no word of `{expected}`:\n{}", setup.log());
        host.kill()?;
    }
    ensure!(!setup.log().contains("in the cache is not used"), "{}", setup.log());
    Ok(())
}

/// A store with state in its log, and after another start in its tables.
fn stores() -> Result<[(Setup, f64); 2]> {
    let store = |starts: u32| -> Result<_> {
        let setup = Setup::with_aggregate(&Configuration::aggregate())?;
        let host = setup.start()?;
        let acknowledged = Survivor::new(&host)?.acknowledged();
        host.kill()?;
        (0..starts).try_for_each(|_| setup.start()?.kill())?;
        Ok((setup, acknowledged))
    };
    Ok([store(0)?, store(1)?])
}

/// The store's files whose names begin or end so.
fn files(setup: &Setup, wanted: &str) -> Result<Vec<PathBuf>> {
    let entries: std::io::Result<Vec<_>> = fs::read_dir(setup.state().join("db"))?.collect();
    let paths = entries?.into_iter().map(|entry| entry.path());
    let name = |path: &PathBuf| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let is_wanted = |path: &PathBuf| name(path).starts_with(wanted) || name(path).ends_with(wanted);
    Ok(paths.filter(is_wanted).filter(|path| fs::metadata(path).is_ok_and(|data| data.len() > 0)).collect())
}

/// Turns bits in the first record of a file: behind its header of seven bytes, in a log as in a table.
fn damage(path: &Path) -> Result<()> {
    let mut bytes = fs::read(path)?;
    bytes.iter_mut().skip(10).take(4).for_each(|byte| *byte ^= 0xff);
    Ok(fs::write(path, bytes)?)
}

/// It does not start, twice: the first try must not make a new store in the place of the damaged one.
fn refuses_to_start(setup: &Setup, named: &str) -> Result<()> {
    for attempt in 1..=2 {
        let error = setup.fails_to_start().with_context(|| format!("attempt {attempt}"))?;
        let store = setup.state().join("db").display().to_string();
        ensure!(error.contains(&store) && error.contains("is damaged"), "attempt {attempt}: {error}");
        ensure!(error.contains("restore it from a backup"), "attempt {attempt}: {error}");
        ensure!(error.contains(named), "attempt {attempt}: {named} is not named: {error}");
    }
    Ok(())
}

/// Damages one file, tries, and puts it back: everything is there.
fn damaged(setup: &Setup, acknowledged: f64, path: &Path) -> Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let whole = fs::read(path)?;
    damage(path)?;
    refuses_to_start(setup, &name)?;
    fs::write(path, whole)?;
    Survivor::is_remembered_by(acknowledged, setup).with_context(|| format!("after {name} was restored"))
}

#[test]
fn a_damaged_log_is_named() -> Result<()> {
    let [(setup, acknowledged), _] = stores()?;
    let log = files(&setup, ".log")?.pop().context("no log")?;
    damaged(&setup, acknowledged, &log)
}

#[test]
fn a_damaged_table_is_named() -> Result<()> {
    let [_, (setup, acknowledged)] = stores()?;
    let size = |path: &PathBuf| fs::metadata(path).map_or(0, |data| data.len());
    // The largest has the plugin's state, which every start reads.
    let table = files(&setup, ".sst")?.into_iter().max_by_key(size).context("no table")?;
    damaged(&setup, acknowledged, &table)
}

#[test]
fn a_damaged_manifest_is_named() -> Result<()> {
    for (setup, acknowledged) in stores()? {
        let manifest = files(&setup, "MANIFEST")?.pop().context("no manifest")?;
        damaged(&setup, acknowledged, &manifest)?;
    }
    Ok(())
}

#[test]
fn a_store_without_its_current_file_is_damaged_and_not_new() -> Result<()> {
    for (setup, acknowledged) in stores()? {
        let current = setup.state().join("db/CURRENT");
        let whole = fs::read(&current)?;
        fs::remove_file(&current)?;
        refuses_to_start(&setup, "")?;
        fs::write(&current, whole)?;
        Survivor::is_remembered_by(acknowledged, &setup).context("after CURRENT was restored")?;
    }
    Ok(())
}

#[test]
fn the_torn_end_of_a_log_is_no_damage() -> Result<()> {
    let [(setup, acknowledged), _] = stores()?;
    let log = files(&setup, ".log")?.pop().context("no log")?;
    // The beginning of a record that was never finished, and so never acknowledged.
    let mut bytes = fs::read(&log)?;
    bytes.extend([1, 2, 3, 4, 200, 0, 1]);
    fs::write(&log, bytes)?;
    Survivor::is_remembered_by(acknowledged, &setup)
}

#[test]
fn a_bad_configuration_changes_nothing() -> Result<()> {
    let setup = Setup::with_aggregate(&Configuration::aggregate())?;
    let host = setup.start()?;
    let acknowledged = Survivor::new(&host)?.acknowledged();
    host.kill()?;
    let wrong = Configuration::aggregate().set("processors/aggregate/group_bye", serde_json::json!(["work.id"]));
    setup.reconfigure(&wrong)?;
    let error = setup.fails_to_start()?;
    assert!(error.contains("config.yaml:") && error.contains("group_bye") && error.contains("group_by"), "{error}");
    setup.reconfigure(&Configuration::aggregate())?;
    let host = setup.start()?;
    assert_eq!(host.scrape()?.value("work_done_batched_total", &[("work_type", "good")]), Some(acknowledged));
    host.accepts(&payload::work("good", Temporality::Delta, &[1]))
}

#[test]
fn an_exporter_of_metrics_in_a_pipeline_of_spans_is_told_before_anything_is_lost() -> Result<()> {
    let config = Configuration::default().pipeline("traces", &[], &["prometheus"]);
    let error = Setup::without_plugins(&config)?.fails_to_start()?;
    assert!(error.contains("exporter prometheus has metrics only; take it out of pipeline traces"), "{error}");
    Ok(())
}

#[test]
fn an_exporter_that_cannot_send_is_told_before_anything_is_lost() -> Result<()> {
    let http = serde_json::json!({"metrics_endpoint": "http://localhost:1/in"});
    let grpc = serde_json::json!({"endpoint": "localhost:1", "auth": {"authenticator": "bearertokenauth"}});
    let lost = serde_json::json!({"endpoint": "localhost:1", "tls": {"ca_file": "/no/such/ca.pem"}});
    for (id, exporter, words) in [
        ("otlphttp", http, "no endpoint for pipeline traces: set `endpoint` or `traces_endpoint`"),
        ("otlp", grpc, "`auth` names bearertokenauth, which is no authenticator of the service that signs requests in"),
        ("otlp", lost, "exporter otlp: tls: cannot read `ca_file` /no/such/ca.pem"),
    ] {
        let config = Configuration::default().set(&format!("exporters/{id}"), exporter).pipeline("traces", &[], &[id]);
        let error = Setup::without_plugins(&config)?.fails_to_start()?;
        assert!(error.contains(words), "{error}");
    }
    Ok(())
}
