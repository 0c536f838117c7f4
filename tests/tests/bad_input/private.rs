//! Files of the state directory that are not the host's alone, and files that somebody names and that are not what they should be.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use otelier_tests::host::{Configuration, Setup, manifest};
use otelier_tests::{environment, wait};
use serde_json::json;

use crate::survivor::Survivor;

/// Everything below a folder, itself included, with its mode.
fn modes(path: &Path) -> Result<Vec<(PathBuf, u32)>> {
    let metadata = fs::symlink_metadata(path)?;
    let mut found = vec![(path.to_owned(), metadata.mode() & 0o7777)];
    if metadata.is_dir() {
        for entry in fs::read_dir(path)? {
            found.extend(modes(&entry?.path())?);
        }
    }
    Ok(found)
}

fn is_private(state: &Path) -> Result<()> {
    for (path, mode) in modes(state)? {
        ensure!(mode & 0o077 == 0, "{} has mode {mode:o}", path.display());
    }
    Ok(())
}

#[test]
fn nobody_else_reads_the_state_and_what_others_could_read_is_narrowed() -> Result<()> {
    let setup = Setup::with_aggregate(&Configuration::aggregate())?;
    let host = setup.start()?;
    let acknowledged = Survivor::new(&host)?.acknowledged();
    is_private(setup.state())?;
    host.kill()?;
    // From the inside to the outside, as an older version has left it.
    for (path, mode) in modes(setup.state())?.into_iter().rev() {
        fs::set_permissions(&path, Permissions::from_mode(if mode & 0o100 == 0 { 0o644 } else { 0o755 }))?;
    }
    Survivor::is_remembered_by(acknowledged, &setup)?;
    is_private(setup.state())?;
    ensure!(setup.log().contains("other users could read the state directory"), "{}", setup.log());
    Ok(())
}

/// The directory itself, or something in it.
fn place_in(state: &Path, place: &str) -> PathBuf {
    if place.is_empty() { state.to_owned() } else { state.join(place) }
}

#[test]
fn a_state_directory_in_which_others_could_write_is_refused() -> Result<()> {
    let setup = Setup::with_aggregate(&Configuration::aggregate())?;
    let host = setup.start()?;
    let acknowledged = Survivor::new(&host)?.acknowledged();
    host.kill()?;
    for place in ["", "db", "db/CURRENT"] {
        let path = place_in(setup.state(), place);
        let mode = fs::metadata(&path)?.mode() & 0o7777;
        fs::set_permissions(&path, Permissions::from_mode(mode | 0o022))?;
        let error = setup.fails_to_start()?;
        let named = format!("{} (user {}, mode {:o})", path.display(), fs::metadata(&path)?.uid(), mode | 0o022);
        ensure!(error.contains(&named) && error.contains("chmod -R go-rwx"), "{error}");
        ensure!(setup.is_told(&["dlq", "ls"])?.contains("can be written to by other users"));
        fs::set_permissions(&path, Permissions::from_mode(mode))?;
    }
    Survivor::is_remembered_by(acknowledged, &setup)
}

#[test]
fn a_link_in_the_state_directory_is_refused_and_nothing_is_made_behind_it() -> Result<()> {
    let setup = Setup::with_aggregate(&Configuration::aggregate())?;
    setup.start()?.kill()?;
    let target = setup.folder().join("target");
    for name in ["plugin-history.jsonl", "plugin-versions.json", "plugin-versions", "control.sock", "otelier-store"] {
        let (path, aside) = (setup.state().join(name), setup.folder().join("aside"));
        let was_there = fs::rename(&path, &aside).is_ok();
        symlink(&target, &path)?;
        let error = setup.fails_to_start()?;
        ensure!(error.contains(name) && error.contains("is a symbolic link"), "{error}");
        ensure!(!target.exists(), "{name}: the link's target was made");
        fs::remove_file(&path)?;
        if was_there {
            fs::rename(&aside, &path)?;
        }
    }
    setup.start()?.kill()
}

/// The superuser alone can make something another user's.
#[test]
fn what_belongs_to_another_user_is_refused() -> Result<()> {
    let setup = Setup::with_aggregate(&Configuration::aggregate())?;
    setup.start()?.kill()?;
    for place in ["", "db/CURRENT"] {
        let path = place_in(setup.state(), place);
        let own = fs::metadata(&path)?.uid();
        if std::os::unix::fs::chown(&path, Some(65534), None).is_err() {
            return Ok(());
        }
        let error = setup.fails_to_start()?;
        ensure!(error.contains("(user 65534, mode ") && error.contains("belongs to another user"), "{error}");
        ensure!(error.contains("--state-dir"), "{error}");
        std::os::unix::fs::chown(&path, Some(own), None)?;
    }
    setup.start()?.kill()
}

/// A hole of ten gibibytes: nothing on the disk, and all of memory for whoever reads it whole.
fn hole(path: &Path) -> Result<()> {
    Ok(File::create(path)?.set_len(10 << 30)?)
}

const TOO_LARGE: &str = "plugin.wasm has more than 67108864 bytes";

#[test]
fn a_plugin_file_that_is_too_large_is_refused_at_the_start_and_by_every_command() -> Result<()> {
    let setup = Setup::with_aggregate(&Configuration::aggregate())?;
    let file = setup.folder().join("plugin.wasm");
    hole(&file)?;
    let entry = |entry| manifest(&[("aggregate", &file, entry)]);
    setup.grant(&entry(json!({})))?;
    let error = setup.fails_to_start()?;
    ensure!(error.contains(TOO_LARGE) && error.contains("`plugin_bytes_max`"), "{error}");
    let validated = String::from_utf8(setup.validate()?.stderr)?;
    ensure!(validated.contains(TOO_LARGE), "{validated}");
    let path = file.display().to_string();
    let mut command = Command::new(environment::binary()?);
    let inspected = String::from_utf8(command.args(["plugin", "inspect", &path]).output()?.stderr)?;
    ensure!(inspected.contains(TOO_LARGE), "{inspected}");
    fs::copy(environment::plugin("aggregate")?, &file)?;
    setup.grant(&entry(json!({"limits": {"plugin_bytes_max": 1000}})))?;
    let error = setup.fails_to_start()?;
    ensure!(error.contains("has more than 1000 bytes"), "{error}");
    setup.grant(&entry(json!({})))?;
    setup.start()?.kill()
}

#[test]
fn a_plugin_file_that_is_too_large_takes_no_place_and_no_memory_and_delays_no_end() -> Result<()> {
    const MEMORY_MAX: u64 = 1 << 30;
    let setup = Setup::with_aggregate(&Configuration::aggregate())?;
    let file = setup.folder().join("plugin.wasm");
    fs::copy(environment::plugin("aggregate")?, &file)?;
    setup.grant(&manifest(&[("aggregate", &file, json!({}))]))?;
    let host = setup.start()?;
    let mut survivor = Survivor::new(&host)?;
    let next = setup.folder().join("next/plugin.wasm");
    fs::create_dir(setup.folder().join("next"))?;
    hole(&next)?;
    let error = setup.is_told(&["plugin", "swap", "aggregate", "--file", &next.display().to_string()])?;
    ensure!(error.contains(TOO_LARGE), "{error}");
    let told = || setup.log().lines().filter(|line| line.contains(TOO_LARGE)).count();
    let before = told();
    fs::rename(&next, &file)?;
    wait::until("the file in the plugin's place is told", || Ok((told() > before).then_some(())))?;
    survivor.goes_on()?;
    let peak = host.peak_memory_bytes()?.context("no peak")?;
    ensure!(peak < MEMORY_MAX, "{peak} bytes");
    ensure!(host.terminate()?.success());
    Ok(())
}

fn pipe(setup: &Setup) -> Result<PathBuf> {
    let pipe = setup.folder().join("pipe");
    ensure!(Command::new("mkfifo").arg(&pipe).status()?.success());
    Ok(pipe)
}

#[test]
fn a_secret_that_is_a_pipe_or_too_large_is_told_and_not_waited_for() -> Result<()> {
    let setup = Setup::without_plugins(&Configuration::passthrough())?;
    let (pipe, large) = (pipe(&setup)?, setup.folder().join("large"));
    hole(&large)?;
    for (file, words) in [(&pipe, "it is no file"), (&large, "it has more than 4194304 bytes")] {
        let token = Configuration::passthrough()
            .set("extensions/bearertokenauth", json!({"filename": file}))
            .set("service/extensions", json!(["health_check", "bearertokenauth"]));
        let ca = Configuration::passthrough()
            .set("exporters/otlp", json!({"endpoint": "localhost:1", "tls": {"ca_file": file}}))
            .pipeline("logs", &[], &["otlp"]);
        for config in [token, ca] {
            setup.reconfigure(&config)?;
            let error = setup.fails_to_start()?;
            ensure!(error.contains(&file.display().to_string()) && error.contains(words), "{error}");
        }
    }
    Ok(())
}

/// As a shell's `--config <(envsubst < config.yaml)` and as `--config /dev/stdin`.
#[test]
fn a_configuration_may_come_through_a_pipe() -> Result<()> {
    let setup = Setup::without_plugins(&Configuration::passthrough())?;
    let (config, pipe) = (Configuration::passthrough().text(), pipe(&setup)?);
    fs::rename(&pipe, setup.folder().join("config.yaml"))?;
    let path = setup.folder().join("config.yaml");
    let writer = std::thread::spawn(move || fs::write(path, config));
    let validated = setup.validate()?;
    ensure!(validated.status.success(), "{}", String::from_utf8_lossy(&validated.stderr));
    writer.join().map_err(|_| anyhow::anyhow!("the writer panicked"))??;
    let error = setup.fails_to_start()?;
    ensure!(error.contains("it is a pipe, and nobody has written all of it"), "{error}");
    Ok(())
}
