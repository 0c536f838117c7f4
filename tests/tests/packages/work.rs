//! What is sent to a collector in a network of its own, and what it makes of it.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use otelier_tests::payload::now;
use otelier_tests::wait;
use serde_json::json;

/// The series that `aggregate` of the quick start makes.
const TOTAL: &str = "work_done_batched_total{work_type=\"manual\"} ";

/// Sends a delta of `work.done` over OTLP/HTTP; `enter` runs a program of this machine in the collector's network.
pub fn send(enter: &dyn Fn(&str) -> Command, value: u64) -> Result<()> {
    let (start, end) = (now() - 1_000_000_000, now());
    let point = json!({
        "asInt": value.to_string(), "startTimeUnixNano": start.to_string(), "timeUnixNano": end.to_string(),
        "attributes": [{"key": "work.type", "value": {"stringValue": "manual"}}],
    });
    let sum = json!({"aggregationTemporality": 1, "isMonotonic": true, "dataPoints": [point]});
    let metrics = json!([{"name": "work.done", "sum": sum}]);
    let body = json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": metrics}]}]}).to_string();
    let mut curl = enter("curl");
    curl.args(["--silent", "--show-error", "--fail", "--header", "content-type: application/json", "--data", &body]);
    let output = curl.arg("http://127.0.0.1:4318/v1/metrics").output().context("curl")?;
    ensure!(output.status.success(), "it is not accepted: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// Waits until a scrape shows this total.
pub fn shows(enter: &dyn Fn(&str) -> Command, value: u64) -> Result<()> {
    wait::until_equal("the total is shown", &Some(value.to_string()), || {
        let output = enter("curl").args(["--silent", "http://127.0.0.1:9464/metrics"]).output()?;
        let page = String::from_utf8(output.stdout)?;
        Ok(page.lines().find_map(|line| line.strip_prefix(TOTAL)).map(str::to_owned))
    })
}
