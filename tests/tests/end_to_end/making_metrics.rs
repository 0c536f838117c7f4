//! A plugin in the place of a connector: it makes metrics of spans and log records, and what it ends and begins is one trip.

use std::path::Path;

use anyhow::{Result, ensure};
use otelier::contract::Signal;
use otelier_tests::host::{Configuration, Host, Setup, manifest};
use otelier_tests::request::Request;
use otelier_tests::{capture, environment, grpc, payload, wait};
use serde_json::{Value, json};

const COUNTED: &str = "items_counted_total";
/// The service of all that is sent.
const SHOP: &[(&str, &str)] = &[("job", "shop")];

fn setup(config: &Configuration) -> Result<Setup> {
    let plugins = [("census", environment::guest("census")?), ("decline", environment::guest("decline")?)];
    let entries: Vec<_> = plugins.iter().map(|(name, file)| (*name, file.as_path(), json!({}))).collect();
    Setup::new(&config.text(), &manifest(&entries))
}

/// Spans go to `file` as they came, and through `census` to `prometheus`.
fn census(file: &Path, behind: &[&str]) -> Configuration {
    Configuration::default()
        .set("exporters/capture", json!({"file": file}))
        .connector("census", json!({}))
        .pipeline("traces", &[], &["capture", "census"])
        .behind("census", "metrics/made", behind, &["prometheus"])
}

fn capturing(config: &Configuration) -> Result<Setup> {
    Ok(setup(config)?.run_by(Path::new(env!("CARGO_BIN_EXE_otelier-capture"))))
}

fn send(host: &Host<'_>, names: &[&str]) -> Result<grpc::Outcome> {
    Ok(host.grpc()?.send(grpc::TRACES, &payload::spans(names)))
}

#[test]
fn counts_of_spans_are_metrics_and_outlive_a_kill() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("captured");
    let setup = capturing(&census(&file, &[]))?;
    let host = setup.start()?;
    ensure!(send(&host, &["a", "b"])?.is_acknowledged(), "refused");
    ensure!(send(&host, &["c"])?.is_acknowledged(), "refused");
    host.wait_for(COUNTED, SHOP, 3.0)?;
    ensure!(host.scrape()?.value("items_seen", SHOP) == Some(1.0), "of the last batch");
    // What the connector read goes to no pipeline of metrics, and unchanged to the exporter beside it.
    let captured = capture::wait_for(&host, &file, 2)?;
    let names: Vec<String> = captured.iter().flat_map(names).collect();
    assert_eq!(names, ["a", "b", "c"]);
    host.kill()?;
    let host = setup.start()?;
    host.wait_for(COUNTED, SHOP, 3.0)?;
    ensure!(send(&host, &["d"])?.is_acknowledged(), "refused");
    host.wait_for(COUNTED, SHOP, 4.0)?;
    ensure!(capture::read(&file)?.iter().all(|request| request.signal() == Signal::Traces), "metrics went elsewhere");
    Ok(())
}

fn names(request: &Request) -> Vec<String> {
    let Request::Traces(request) = request else { return Vec::new() };
    let scopes = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
    scopes.flat_map(|scope| scope.spans.iter().map(|span| span.name.clone())).collect()
}

/// Behind the connector a plugin declines the metrics of a batch of three: the request is refused whole, nothing of it is kept or counted.
#[test]
fn what_is_refused_behind_the_connector_counts_nowhere() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("captured");
    let declining: Value = json!({"way": "never", "when": 3, "metrics": ["items.seen"]});
    let config = census(&file, &["decline"]).processor("decline", declining);
    let setup = capturing(&config)?;
    let host = setup.start()?;
    ensure!(send(&host, &["a", "b"])?.is_acknowledged(), "refused");
    let refusal = send(&host, &["c", "d", "e"])?.refusal()?;
    ensure!(refusal.code == grpc::INVALID_ARGUMENT && refusal.message.contains("decline"), "{refusal:?}");
    ensure!(send(&host, &["f", "g"])?.is_acknowledged(), "refused");
    host.wait_for(COUNTED, SHOP, 4.0)?;
    let names: Vec<String> = capture::wait_for(&host, &file, 2)?.iter().flat_map(names).collect();
    assert_eq!(names, ["a", "b", "f", "g"]);
    host.kill()?;
    setup.start()?.wait_for(COUNTED, SHOP, 4.0)
}

/// The same plugin for spans and for log records, as two connectors: each has a state of its own.
#[test]
fn two_connectors_make_metrics_of_two_signals() -> Result<()> {
    let config = Configuration::default()
        .connector("census/spans", json!({}))
        .connector("census/records", json!({}))
        .pipeline("traces", &[], &["census/spans"])
        .pipeline("logs", &[], &["census/records"])
        .behind("census/spans", "metrics/spans", &[], &["prometheus"])
        .behind("census/records", "metrics/records", &[], &["debug"]);
    let setup = setup(&config)?;
    let host = setup.start()?;
    ensure!(send(&host, &["a", "b"])?.is_acknowledged(), "refused");
    ensure!(host.grpc()?.send(grpc::LOGS, &payload::logs(&["x", "y", "z"])).is_acknowledged(), "refused");
    host.wait_for(COUNTED, SHOP, 2.0)?;
    wait::until("the records are counted", || {
        let output = setup.output();
        Ok((output.contains("items.counted") && output.contains("Value: 3")).then_some(()))
    })?;
    let own = host.own_metrics()?;
    for (id, signal, count) in [("census/spans", "traces", 2.0), ("census/records", "logs", 3.0)] {
        let labels = [("processor", id), ("otel_signal", signal)];
        let came = own.value("otelcol_processor_incoming_items", &labels);
        ensure!(came == Some(count), "{id}: {came:?}");
    }
    Ok(())
}

/// A connector that keeps state and would have two.
#[test]
fn one_connector_with_state_makes_metrics_of_one_signal() -> Result<()> {
    let config = Configuration::default()
        .connector("census", json!({}))
        .pipeline("traces", &[], &["census"])
        .pipeline("logs", &[], &["census"])
        .behind("census", "metrics", &[], &["debug"]);
    let errors = setup(&config)?.fails_to_start()?;
    let expected = "processor `census` keeps state and stands in two pipelines, `traces/connector:census` and `logs/connector:census`";
    ensure!(errors.contains(expected), "{errors}");
    Ok(())
}
