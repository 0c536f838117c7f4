//! The real OpenTelemetry SDK for Python, over both protocols, against the configuration of the quick start.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use otelier_tests::environment;
use otelier_tests::host::{Host, Setup, manifest};
use otelier_tests::wait;
use serde_json::json;

/// The client sends, and says how it went.
fn send(host: &Host<'_>, arguments: &[&str]) -> Result<()> {
    let mut client = Command::new(environment::python()?);
    client.arg(environment::client("send.py")?);
    let endpoints = host.endpoints();
    let endpoint = if arguments.contains(&"http") { endpoints.http } else { endpoints.grpc };
    client.arg("--endpoint").arg(format!("http://{endpoint}")).args(arguments);
    let output = client.output().context("cannot start Python")?;
    ensure!(output.status.success(), "send.py: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

fn quickstart() -> Result<Setup> {
    let config = std::fs::read_to_string(environment::repository().join("configs/quickstart.yaml"))?;
    let plugin = environment::plugin("aggregate")?;
    Setup::new(&config, &manifest(&[("aggregate", &plugin, json!({}))]))
}

/// All points are in one series, and it is alone.
fn assert_total(host: &Host<'_>, total: f64) -> Result<()> {
    host.wait_for("work_done_batched_total", &[("work_type", "manual")], total)?;
    let samples = host.scrape()?.samples;
    ensure!(samples.len() == 1, "more than one series: {samples:#?}");
    Ok(())
}

#[test]
fn over_grpc_and_http_the_sdk_adds_to_one_series() -> Result<()> {
    let setup = quickstart()?;
    let host = setup.start()?;
    send(&host, &["--count", "100"])?;
    assert_total(&host, 100.0)?;
    let created = || -> Result<_> {
        let labels = [("work_type", "manual")];
        host.scrape_open_metrics()?.value("work_done_batched_created", &labels).context("no _created")
    };
    let first = created()?;
    send(&host, &["--count", "2500", "--protocol", "http"])?;
    assert_total(&host, 2600.0)?;
    assert_eq!(created()?, first, "the start time moved");
    Ok(())
}

#[test]
fn cumulative_points_of_the_sdk_count_once() -> Result<()> {
    let setup = quickstart()?;
    let host = setup.start()?;
    // Three requests, each of which repeats all streams of the ones before.
    send(&host, &["--count", "2500", "--temporality", "cumulative"])?;
    assert_total(&host, 2500.0)
}

#[test]
fn what_the_disk_queue_kept_is_sent_at_the_next_start() -> Result<()> {
    let setup = quickstart()?;
    let queue = setup.folder().join("queue");
    // A half-written request has another ending.
    let is_request = |path: &Path| path.extension().is_some_and(|ending| ending == "otlp");
    let requests = || -> Result<usize> {
        Ok(std::fs::read_dir(&queue)?.flatten().filter(|entry| is_request(&entry.path())).count())
    };
    let text = queue.to_str().context("a path that is no text")?;
    let down = setup.start()?;
    let mut client = Command::new(environment::python()?);
    client.arg(environment::client("send.py")?).args(["--count", "10", "--queue", text]);
    client.arg("--endpoint").arg(format!("http://{}", down.endpoints().http)).args(["--protocol", "http"]);
    down.kill()?;
    let mut client = client.stdout(Stdio::null()).stderr(Stdio::null()).spawn().context("cannot start Python")?;
    wait::until("the request is on disk", || Ok((requests()? == 1).then_some(())))?;
    // A client that dies while it tries again.
    client.kill()?;
    client.wait()?;
    let host = setup.start()?;
    send(&host, &["--count", "5", "--queue", text])?;
    assert_total(&host, 15.0)?;
    assert_eq!(requests()?, 0, "acknowledged requests leave the queue");
    Ok(())
}
