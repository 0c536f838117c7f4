//! `promtool`, which is told what a host's metrics are and what the rules are to make of them.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use otelier_tests::environment;
use serde_json::{Value, json};

use crate::recording::Recording;
use crate::rules;

/// Which alerts fire: of every rule, the names of those that do at any time, and at the last scrape.
pub fn fires(recording: &Recording, ever: &[&str], in_the_end: &[&str]) -> Result<()> {
    let firing = |window: &str| {
        let alerts = r#"ALERTS{alertstate="firing"}"#;
        format!("group by (alertname) (max_over_time({alerts}[{window}]))")
    };
    let minute = recording.last_minute();
    let of = |names: &[&str]| -> Vec<Value> {
        names.iter().map(|name| json!({"labels": format!("{{alertname={name:?}}}"), "value": 1})).collect()
    };
    let tests = json!([
        {"expr": firing("1d"), "eval_time": format!("{minute}m"), "exp_samples": of(ever)},
        {"expr": firing("30s"), "eval_time": format!("{minute}m"), "exp_samples": of(in_the_end)},
    ]);
    test_rules(recording, &json!({"promql_expr_test": tests}))
}

/// Checks that an alert of that name stands at the last scrape with these labels and annotations, beside those that Prometheus adds.
pub fn says(recording: &Recording, name: &str, labels: &Value, annotations: &Value) -> Result<()> {
    let (minute, expected) = (recording.last_minute(), json!([{"exp_labels": labels, "exp_annotations": annotations}]));
    let tests = json!([{"eval_time": format!("{minute}m"), "alertname": name, "exp_alerts": expected}]);
    test_rules(recording, &json!({"alert_rule_test": tests}))
}

/// Checks that each query has a result at the last scrape.
pub fn has_results(recording: &Recording, queries: &[String]) -> Result<()> {
    let time = format!("{}m", recording.last_minute());
    let sample = json!([{"labels": "{}", "value": 1}]);
    let test = |query: &String| json!({"expr": format!("group({query})"), "eval_time": time, "exp_samples": sample});
    test_rules(recording, &json!({"promql_expr_test": queries.iter().map(test).collect::<Vec<_>>()}))
}

/// Checks a file of rules.
pub fn check(rules: &Value) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("rules.yaml");
    std::fs::write(&file, rules.to_string())?;
    run(&["check", "rules"], &file.display().to_string())
}

fn test_rules(recording: &Recording, test: &Value) -> Result<()> {
    let mut test = test.clone();
    test["interval"] = json!("1m");
    test["input_series"] = json!(recording.input_series());
    let tests = json!({"rule_files": [rules::file()?], "evaluation_interval": "1m", "tests": [test]});
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("tests.yaml");
    std::fs::write(&file, tests.to_string())?;
    run(&["test", "rules"], &file.display().to_string())
}

fn run(words: &[&str], file: &str) -> Result<()> {
    let mut command = Command::new(environment::promtool()?);
    let output = command.args(words).arg(file).output().context("cannot start promtool")?;
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "promtool {words:?}: {said}");
    Ok(())
}
