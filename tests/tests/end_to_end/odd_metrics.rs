//! Metrics that do not fit into an exposition as they are: nothing that one sender sends costs another one's series.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use otelier_tests::exposition::Format;
use otelier_tests::host::{Configuration, Setup};
use otelier_tests::{environment, http, scrape, wait};
use serde_json::{Value, json};

use super::prometheus::Server;

fn attributes(pairs: &[(&str, &str)]) -> Value {
    pairs.iter().map(|(key, value)| json!({"key": key, "value": {"stringValue": value}})).collect()
}

/// One metric of each kind that some rule of the exposition is about.
fn odd_metrics() -> Value {
    let counter = |name: &str, point: Value| json!({"name": name, "sum": {"isMonotonic": true, "aggregationTemporality": 2, "dataPoints": [point]}});
    let gauge = |name: &str| json!({"name": name, "gauge": {"dataPoints": [{"asInt": "1"}]}});
    let histogram = |name: &str, point: Value| json!({"name": name, "histogram": {"aggregationTemporality": 2, "dataPoints": [point]}});
    let reserved =
        attributes(&[("le", "x"), ("quantile", "x"), ("job", "x"), ("__name__", "x"), ("a.b", "c"), ("a_b", "c")]);
    json!([
        gauge("innocent"),
        histogram("labels", json!({"count": "1", "sum": 1, "attributes": reserved})),
        {"name": "quantiles", "summary": {"dataPoints": [{"count": "1", "sum": -2, "attributes": reserved,
            "quantileValues": [{"quantile": 0.5, "value": -2}, {"quantile": 1, "value": 2}]}]}},
        histogram("below.zero", json!({"count": "1", "sum": 2, "bucketCounts": ["0", "1"], "explicitBounds": [-1]})),
        {"name": "both.sides", "exponentialHistogram": {"aggregationTemporality": 2, "dataPoints": [{"count": "2", "sum": -1,
            "scale": 0, "positive": {"offset": 0, "bucketCounts": ["1"]}, "negative": {"offset": 0, "bucketCounts": ["1"]}}]}},
        counter("not.a.number", json!({"asDouble": "NaN"})),
        counter("negative", json!({"asInt": "-1"})),
        counter("c", json!({"asInt": "1", "startTimeUnixNano": "1700000000000000000"})),
        gauge("c.created"),
        gauge("classes.loaded"),
        counter("classes.loaded.total", json!({"asInt": "2", "exemplars": [{"asInt": "1",
            "filteredAttributes": attributes(&[("user", "u"), ("query", &"q".repeat(200))])}]})),
        gauge("ようこそ"),
        {"name": "unknown", "gauge": {"dataPoints": [{"asInt": "1"}]}, "metadata": attributes(&[("prometheus.type", "unknown")])},
    ])
}

/// Prometheus' own reader of the text format; what its linter says of names and helps is another matter.
fn is_read_by_promtool(promtool: &Path, text: &str) -> Result<()> {
    use std::io::Write as _;
    let mut command = Command::new(promtool);
    command.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().context("cannot start promtool")?;
    child.stdin.take().context("no input")?.write_all(text.as_bytes())?;
    let output = child.wait_with_output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(
        matches!(output.status.code(), Some(0 | 3)) && !said.contains("pars"),
        "promtool says:\n{said}\nabout:\n{text}"
    );
    Ok(())
}

#[test]
fn the_prometheus_server_reads_every_answer_whatever_was_sent() -> Result<()> {
    let setup = Setup::without_plugins(&Configuration::passthrough())?;
    let host = setup.start()?;
    let server = Server::start(setup.endpoints.prometheus, setup.endpoints.spare)?;
    let resource = attributes(&[("service.name", "shop"), ("job", "theirs"), ("instance", "theirs")]);
    let request = json!({"resourceMetrics": [{"resource": {"attributes": resource}, "scopeMetrics": [
        {"scope": {"name": "lib"}, "schemaUrl": "https://u/1", "metrics": odd_metrics()}]}]});
    let headers = [("content-type", "application/json")];
    let answer = http::post(host.endpoints().http, "/v1/metrics", &headers, request.to_string().as_bytes())?;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let value = |query: &str| -> Result<String> {
        let found = wait::until(&format!("the server has {query}"), || Ok(server.query(query)?.into_iter().next()));
        Ok(found.with_context(|| format!("the server's log:\n{}", server.log()))?.1)
    };
    for (query, expected) in [
        ("innocent", "1"),
        ("labels_bucket", "1"),
        ("quantiles%7Bquantile%3D%221.0%22%7D", "2"),
        ("below_zero_bucket%7Ble%3D%22-1.0%22%7D", "0"),
        ("both_sides_bucket%7Ble%3D%22%2BInf%22%7D", "2"),
        ("c_total", "1"),
        ("classes_loaded_total", "2"),
        ("_", "1"),
        ("unknown", "1"),
        // The server calls its own labels job and instance, and the exporter's `exported_job`.
        ("innocent*on(exported_job)group_left(resource_job)target_info", "1"),
    ] {
        assert_eq!(value(query)?, expected, "{query}");
    }
    let up = server.query("up")?;
    assert!(up.iter().all(|(_, value)| value == "1"), "{up:?}");
    scrape::page(setup.endpoints.prometheus, Format::OpenMetrics)?;
    let text = scrape::page(setup.endpoints.prometheus, Format::Text)?.text;
    is_read_by_promtool(&environment::promtool()?, &text)?;
    for line in ["c_created{", "classes_loaded{", "below_zero_sum{", "negative_total{", "not_a_number_total{"] {
        assert!(text.contains(&format!("\n{line}")), "{line} in {text}");
    }
    Ok(())
}

#[test]
fn streams_that_share_a_series_are_told_in_the_details_of_health_which_stays_good() -> Result<()> {
    let setup = Setup::without_plugins(&Configuration::passthrough())?;
    let host = setup.start()?;
    ensure!(!host.troubles()?.values().any(|words| words.contains("work")), "{:?}", host.troubles()?);
    for unit in ["1", "s"] {
        let body = json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"name": "work.done", "unit": unit,
            "gauge": {"dataPoints": [{"asInt": "1"}]}}, {"name": "work.done", "gauge": {"dataPoints": [
                {"asInt": "5", "attributes": [{"key": "code", "value": {"intValue": "200"}}]},
                {"asInt": "7", "attributes": [{"key": "code", "value": {"stringValue": "200"}}]}]}}]}]}]});
        let kind = [("content-type", "application/json")];
        let answer = http::post(host.endpoints().http, "/v1/metrics", &kind, body.to_string().as_bytes())?;
        ensure!(answer.status == 200, "{}", answer.text());
    }
    wait::until("it is told", || Ok(host.troubles()?.values().any(|words| words.contains("work")).then_some(())))
        .with_context(|| format!("{:?}\n{}", host.troubles(), setup.log()))?;
    ensure!(host.health("/")?.status == 200 && host.health("/readyz")?.status == 200);
    Ok(())
}
