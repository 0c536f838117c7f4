//! `otelier plugin test`: cases of the plugins that ship, and what is said of cases that differ or cannot be run.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use otelier_tests::environment;

/// Exit code, and what was printed and said.
fn test(plugin: &str, cases: &Path, more: &[&str]) -> Result<(Option<i32>, String)> {
    let mut command = Command::new(environment::binary()?);
    command.args(["plugin", "test"]).arg(environment::plugin(plugin)?).args(more).arg("--cases").arg(cases);
    let output = command.output().context("cannot start otelier")?;
    let said = [output.stdout, output.stderr].concat();
    Ok((output.status.code(), String::from_utf8(said)?))
}

#[test]
fn the_cases_of_the_plugins_that_ship_pass() -> Result<()> {
    let plugins = environment::repository().join("plugins");
    for plugin in ["aggregate", "attributes", "consecutive-failures", "failure-rate", "filter"] {
        let (code, said) = test(plugin, &plugins.join(plugin).join("cases"), &[])?;
        ensure!(code == Some(0), "{plugin}: {said}");
        let count = said.matches(": passed\n").count();
        ensure!(count >= 2, "{plugin} has {count} cases:\n{said}");
    }
    Ok(())
}

/// A folder with one case of the plugin `filter`.
fn case(case: &str, expected: &str) -> Result<tempfile::TempDir> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("one");
    fs::create_dir(&path)?;
    fs::write(path.join("case.yaml"), case)?;
    fs::write(path.join("expected.json"), expected)?;
    Ok(folder)
}

const TWO_POINTS: &str = r#"
config: {metrics: {exclude: {match_type: strict, metric_names: [noise]}}}
steps:
- send:
    resourceMetrics:
    - resource: {attributes: [{key: service.name, value: {stringValue: cart}}]}
      scopeMetrics:
      - metrics:
        - name: work.done
          gauge:
            dataPoints:
            - {timeUnixNano: 5, asInt: 7, attributes: [{key: route, value: {stringValue: /}}]}
            - {timeUnixNano: 5, asInt: 8, attributes: [{key: route, value: {stringValue: /a}}]}
        - {name: noise, gauge: {dataPoints: [{timeUnixNano: 5, asInt: 1}]}}
"#;

/// The expectation that is right, with points as they are given.
fn expecting(points: &str) -> String {
    format!(
        r#"{{"steps": [{{"dropped": 1, "output": {{"resourceMetrics": [{{
            "resource": {{"attributes": [{{"key": "service.name", "value": {{"stringValue": "cart"}}}}]}},
            "scopeMetrics": [{{"metrics": [{{"name": "work.done", "gauge": {{"dataPoints": [{points}]}}}}]}}]}}]}}}}]}}"#
    )
}

fn point(route: &str, value: i64) -> String {
    let attribute = format!(r#"{{"key": "route", "value": {{"stringValue": "{route}"}}}}"#);
    format!(r#"{{"timeUnixNano": "5", "asInt": "{value}", "attributes": [{attribute}]}}"#)
}

#[test]
fn differences_are_told_by_item_and_field() -> Result<()> {
    let (first, second) = (point("/", 7), point("/a", 8));
    for (points, says) in [
        (format!("{first}, {second}"), None),
        (
            format!("{}, {second}", point("/", 9)),
            Some(r#"step 1 (send): output: point {route="/"} of work.done: asInt: expected 9, got 7"#),
        ),
        (
            format!("{first}, {}", point("/b", 8)),
            Some(r#"output: point {route="/b"} of work.done: attributes[route]: expected "/b", got "/a""#),
        ),
        (first.clone(), Some(r#"output: point {route="/a"} of work.done was not expected: asInt=8"#)),
        (
            format!("{first}, {second}, {}", point("/c", 1)),
            Some(r#"output: point {route="/c"} of work.done is missing"#),
        ),
        (
            format!("{second}, {first}"),
            Some(r#"output: order: point {route="/"} of work.done comes before point {route="/a"} of work.done"#),
        ),
    ] {
        let folder = case(TWO_POINTS, &expecting(&points))?;
        let (code, said) = test("filter", folder.path(), &[])?;
        match says {
            None => ensure!(code == Some(0), "{said}"),
            Some(says) => ensure!(code == Some(1) && said.contains(says), "expected {says}\n{said}"),
        }
    }
    Ok(())
}

#[test]
fn an_update_writes_what_comes_out_and_a_name_chooses() -> Result<()> {
    let folder = case(TWO_POINTS, "{}")?;
    let (code, said) = test("filter", folder.path(), &[])?;
    ensure!(code == Some(1) && said.contains("step 1 (send): dropped: expected 0, got 1"), "{said}");
    let (code, said) = test("filter", folder.path(), &["--update"])?;
    ensure!(code == Some(0) && said.contains("case one: written"), "{said}");
    let (code, said) = test("filter", folder.path(), &["on"])?;
    ensure!(code == Some(0) && said.contains("case one: passed"), "{said}");
    let (code, said) = test("filter", folder.path(), &["two"])?;
    ensure!(code == Some(1) && said.contains("has a name with two"), "{said}");
    Ok(())
}

#[test]
fn a_case_that_cannot_be_read_is_told_with_its_place() -> Result<()> {
    for (text, says) in [
        ("steps: [", "case.yaml:"),
        ("stepz: []\n", "case.yaml:1:1: unknown key `stepz`"),
        ("steps:\n- {flush: true, wait: 5s}\n", "case.yaml:2:3: a step is one of `send`"),
        ("steps:\n- wait: 5\n", "case.yaml:2:9: `5`: a duration needs a unit"),
        ("steps:\n- send: {resourceMetricz: []}\n", "case.yaml:2:"),
        (
            "steps:\n- send:\n    resourceLogs:\n    - scopeLogs:\n      - logRecords:\n        - {boddy: 1}\n",
            "case.yaml:6:12: `boddy` is no field of LogRecord",
        ),
        ("steps:\n- send: {resourceLogs: [{resource: 5}]}\n", "case.yaml:2:"),
        ("steps:\n- {at: 5s, flush: true}\n- {at: 4s, flush: true}\n", "case.yaml: step 2: `at: 4s` is before"),
        ("steps:\n- send_file: none.json\n", "none.json"),
    ] {
        let folder = case(text, "{}")?;
        let (code, said) = test("filter", folder.path(), &[])?;
        ensure!(code == Some(1) && said.contains("case one: cannot be run\n"), "{text}\n{said}");
        ensure!(said.contains(says), "{text}\nexpected {says}\n{said}");
    }
    let folder = case(TWO_POINTS, r#"{"steps": [{"droped": 1}]}"#)?;
    let (_, said) = test("filter", folder.path(), &[])?;
    ensure!(said.contains("expected.json:1:13: unknown key `droped`"), "{said}");
    let (code, said) = test("failure-rate", folder.path(), &[])?;
    ensure!(code == Some(1) && said.contains("is no case of a breaker policy: it has `config.yaml`"), "{said}");
    Ok(())
}

/// With and without the restart the total is the same: what the plugin keeps is there.
#[test]
fn state_survives_a_restart_in_a_case_and_what_was_not_committed_does_not() -> Result<()> {
    let send = |value: i64, more: &str| {
        format!(
            "- at: {value}s\n{more}  send: {{resourceMetrics: [{{scopeMetrics: [{{metrics: [{{name: work.done, sum: {{aggregationTemporality: 1, \
             isMonotonic: true, dataPoints: [{{startTimeUnixNano: {value}, timeUnixNano: {}, asInt: {value}}}]}}}}]}}]}}]}}\n",
            value + 1
        )
    };
    let run = |between: &str| -> Result<String> {
        let text = format!(
            "wall_clock: 1000s\nconfig: {{metrics: [work.done], drop: [], interval: 60s}}\nsteps:\n{}{}{}- {{at: 60s, flush: true}}\n",
            send(1, ""),
            between,
            send(2, "")
        );
        let folder = case(&text, "{}")?;
        let (code, said) = test("aggregate", folder.path(), &["--update"])?;
        ensure!(code == Some(0), "{said}");
        let expected = fs::read_to_string(folder.path().join("one/expected.json"))?;
        let parsed: serde_json::Value = serde_json::from_str(&expected)?;
        let last = parsed["steps"].as_array().and_then(|steps| steps.last()).context("no step")?;
        Ok(last["emitted"].to_string())
    };
    let plain = run("")?;
    ensure!(plain.contains("\"asInt\":\"3\""), "{plain}");
    ensure!(run("- restart: true\n")? == plain, "a restart makes a difference");
    ensure!(run(&send(1, "  commit: false\n"))? == plain, "what was refused further on counts");
    Ok(())
}
