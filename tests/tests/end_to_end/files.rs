//! The `file` exporter in a host: nothing that was acknowledged is lost, whatever becomes of the process and the disk.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use otelier_tests::host::{Configuration, Host, Setup};
use otelier_tests::{grpc, payload, wait};
use serde_json::{Value, json};

fn to_file(settings: Value) -> Configuration {
    let config = Configuration::default().set("exporters/file", settings).set("extensions/rocksdb", json!({}));
    config.set("service/extensions", json!(["health_check", "rocksdb"])).pipeline("logs", &[], &["file"])
}

fn sends(host: &Host<'_>, body: &str) -> Result<()> {
    let outcome = host.grpc()?.send(grpc::LOGS, &payload::logs(&[body]));
    ensure!(outcome.is_acknowledged(), "{body}: {outcome:?}");
    Ok(())
}

/// The bodies in a file, whose every line has to be whole.
fn bodies(path: &Path) -> Result<Vec<String>> {
    let text = fs::read_to_string(path)?;
    ensure!(text.is_empty() || text.ends_with('\n'), "the last line is not whole");
    let body = |line: &str| {
        let line: Value = serde_json::from_str(line).with_context(|| line.to_owned())?;
        let body = line.pointer("/resourceLogs/0/scopeLogs/0/logRecords/0/body/stringValue").and_then(Value::as_str);
        Ok(body.context("no body")?.to_owned())
    };
    text.lines().map(body).collect()
}

/// A persistent queue, kills at any moment, and the half line that one of them may leave.
#[test]
fn a_killed_host_loses_nothing_acknowledged_and_leaves_no_half_line() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("data.json");
    let settings = json!({"path": path, "sending_queue": {"storage": "rocksdb"}});
    let setup = Setup::without_plugins(&to_file(settings))?;
    let mut sent = BTreeSet::new();
    for life in 0..4 {
        let host = setup.start()?;
        for number in 0..50 {
            let body = format!("{life}-{number}");
            sends(&host, &body)?;
            sent.insert(body);
        }
        host.kill()?;
        // What a kill in the middle of a write leaves.
        let mut torn = fs::read(&path).unwrap_or_default();
        torn.extend_from_slice(b"{\"resourceLogs\":[{\"scopeLogs\":[{");
        fs::write(&path, torn)?;
    }
    let host = setup.start()?;
    sends(&host, "last")?;
    sent.insert("last".to_owned());
    wait::until("everything is in the file", || {
        let found: BTreeSet<String> = bodies(&path)?.into_iter().collect();
        Ok((found == sent).then_some(()))
    })?;
    let mended = host.own_metrics()?.total("otelier_exporter_file_mended", &[("exporter", "file")]);
    ensure!(mended == 1.0, "{mended} files were mended");
    host.kill()
}

#[test]
fn what_is_in_the_way_is_told_and_the_batch_waits() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("missing").join("data.json");
    let retry = json!({"initial_interval": "20ms", "max_interval": "20ms"});
    let setup = Setup::without_plugins(&to_file(json!({"path": path, "retry_on_failure": retry})))?;
    let host = setup.start()?;
    sends(&host, "kept")?;
    wait::until("the log says so", || {
        Ok(setup.log().contains("make the directory, or write `create_directory: true`").then_some(()))
    })?;
    fs::create_dir(folder.path().join("missing"))?;
    wait::until_equal("it is written", &vec!["kept".to_owned()], || bodies(&path))?;
    ensure!(host.terminate()?.success());
    Ok(())
}

/// A file cannot grow, as on a full disk: the message that did not fit is not there in part, and comes again.
#[test]
fn a_disk_that_takes_no_more_loses_nothing() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("data.json");
    let retry = json!({"initial_interval": "20ms", "max_interval": "20ms"});
    let setup = Setup::without_plugins(&to_file(json!({"path": path, "retry_on_failure": retry})))?;
    let host = setup.start()?;
    sends(&host, "first")?;
    wait::until_equal("it is written", &vec!["first".to_owned()], || bodies(&path))?;
    let full = fs::metadata(&path)?.len() + 20;
    host.limit_files(&full.to_string())?;
    sends(&host, "second")?;
    // The log is a file as well, and takes no more either.
    wait::until("an attempt has failed", || {
        let labels = [("exporter", "file"), ("class", "unavailable")];
        Ok((host.own_metrics()?.total("otelier_exporter_failed_attempts", &labels) > 0.0).then_some(()))
    })?;
    ensure!(bodies(&path)? == ["first"], "no half line");
    host.limit_files("unlimited")?;
    wait::until_equal("it is written", &vec!["first".to_owned(), "second".to_owned()], || bodies(&path))?;
    host.kill()
}

#[test]
fn all_signals_share_a_file_and_its_order_is_that_of_the_senders() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("data.json");
    let config = ["metrics", "traces"]
        .into_iter()
        .fold(to_file(json!({"path": path})), |config, signal| config.pipeline(signal, &[], &["file"]));
    let setup = Setup::without_plugins(&config)?;
    let host = setup.start()?;
    wait::until("the file is made without a batch", || Ok(path.exists().then_some(())))?;
    let point = payload::integer(7, &[]);
    let mut client = host.grpc()?;
    let requests = [
        (grpc::METRICS, payload::metrics(vec![payload::gauge("g", vec![point])]), "resourceMetrics"),
        (grpc::TRACES, payload::spans(&["bake"]), "resourceSpans"),
        (grpc::LOGS, payload::logs(&["hot"]), "resourceLogs"),
    ];
    for (index, (method, request, key)) in requests.iter().enumerate() {
        ensure!(client.send(method, request).is_acknowledged());
        wait::until("it is written", || {
            let text = fs::read_to_string(&path)?;
            Ok((text.lines().count() == index + 1 && text.lines().last().is_some_and(|line| line.contains(key)))
                .then_some(()))
        })?;
    }
    host.kill()
}
