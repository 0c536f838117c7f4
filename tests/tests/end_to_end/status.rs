//! What a running host tells of itself: `otelier status`.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use otelier_tests::host::{Configuration, Setup};
use otelier_tests::payload::{self, Temporality};
use otelier_tests::{environment, grpc, wait};
use serde_json::{Value, json};

/// Metrics through a plugin to a page, and spans to a destination that is not there.
fn setup() -> Result<Setup> {
    let queue = json!({"num_consumers": 1, "sizer": "items", "queue_size": 500});
    let nobody = json!({
        "endpoint": "127.0.0.1:9", "tls": {"insecure": true}, "breaker": "consecutive-failures", "sending_queue": queue,
    });
    let config = Configuration::aggregate()
        .set("extensions/consecutive-failures", json!({"consecutive_failures": 1, "timeout": "1m"}))
        .set("service/extensions", json!(["health_check", "consecutive-failures"]))
        .set("exporters/otlp~1gone", nobody)
        .pipeline("traces/gone", &[], &["otlp/gone"]);
    Setup::without_plugins(&config)
}

fn status(setup: &Setup) -> Result<Value> {
    Ok(serde_json::from_str(&setup.prints(&["status", "--json"])?)?)
}

fn of<'v>(list: &'v Value, key: &str, value: &str) -> Option<&'v Value> {
    list.as_array()?.iter().find(|item| item[key] == value)
}

/// A look that has seen a failed attempt and the breaker that opened after it.
fn with_failure(setup: &Setup) -> Result<Option<Value>> {
    let status = status(setup)?;
    let out = of(&status["exporters"], "id", "otlp/gone").context("the exporter is not there")?;
    let is_open = out["breaker"]["state"] == "open" && out["queue"]["oldest_seconds"].is_number();
    let has_failed = of(&status["last_errors"], "component", "exporter:otlp/gone").is_some();
    Ok((is_open && has_failed).then_some(status))
}

#[test]
fn status_tells_rates_queues_breakers_plugins_and_last_errors() -> Result<()> {
    let setup = setup()?;
    let host = setup.start()?;
    host.accepts(&payload::work("manual", Temporality::Delta, &[1, 2, 3]))?;
    let mut client = host.grpc()?;
    for _ in 0..3 {
        ensure!(client.send(grpc::TRACES, &payload::spans(&["bake", "sell"])).is_acknowledged());
    }
    let status = wait::until("the breaker is open", || with_failure(&setup))?;
    let otlp = of(&status["receivers"], "id", "otlp").context("no receiver")?;
    let accepted = of(&otlp["flows"], "signal", "traces").context("no spans")?;
    assert_eq!((&accepted["what"], &accepted["total"]), (&json!("accepted"), &json!(6)));
    ensure!(accepted["per_second"].as_f64() > Some(0.0), "{accepted}");
    let aggregate = of(&status["processors"], "id", "aggregate").context("no processor")?;
    assert_eq!(of(&aggregate["flows"], "what", "absorbed").context("nothing absorbed")?["total"], 3);
    let out = of(&status["exporters"], "id", "otlp/gone").context("no exporter")?;
    assert_eq!((&out["queue"]["size"], &out["queue"]["capacity"]), (&json!(6), &json!(500)), "{out}");
    assert_eq!((&out["queue"]["sizer"], &out["breaker"]["id"]), (&json!("items"), &json!("consecutive-failures")));
    let traces = of(&status["pipelines"], "id", "traces/gone").context("no pipeline")?;
    assert_eq!((&traces["receivers"], &traces["exporters"]), (&json!(["otlp"]), &json!(["otlp/gone"])));
    let plugin = of(&status["plugins"], "name", "aggregate").context("no plugin")?;
    assert_eq!(plugin["sha256"].as_str().map(str::len), Some(64));
    assert_eq!((&status["health"]["ready"], &status["phase"]), (&json!(true), &json!("running")));
    let failed = of(&status["last_errors"], "component", "exporter:otlp/gone").context("no last error")?;
    ensure!(failed["time"].as_str().is_some_and(|time| time.ends_with('Z')), "{failed}");
    let text = setup.prints(&["status"])?;
    for part in
        ["otlp → aggregate → prometheus", "6 of 500 items", "consecutive-failures of otlp/gone: open", "last warnings"]
    {
        ensure!(text.contains(part), "{part}: {text}");
    }
    host.terminate()?;
    let told = setup.is_told(&["status", "--json"])?;
    ensure!(told.contains("no collector is running on state directory"), "{told}");
    Ok(())
}

/// The log leaves warnings out, and what failed last is known all the same.
#[test]
fn last_errors_do_not_depend_on_the_log_level() -> Result<()> {
    let config = Configuration::passthrough()
        .set("service/telemetry/logs", json!({"level": "error"}))
        .set("exporters/otlp~1gone", json!({"endpoint": "127.0.0.1:9", "tls": {"insecure": true}}))
        .pipeline("logs", &[], &["otlp/gone"]);
    let setup = Setup::without_plugins(&config)?;
    let host = setup.start()?;
    ensure!(host.grpc()?.send(grpc::LOGS, &payload::logs(&["hot"])).is_acknowledged());
    wait::until("the failure is told", || {
        Ok(of(&status(&setup)?["last_errors"], "component", "exporter:otlp/gone").map(drop))
    })?;
    assert_eq!(setup.log(), "");
    Ok(())
}

#[test]
fn a_watch_goes_on_until_its_reader_or_the_host_is_gone() -> Result<()> {
    let setup = Setup::without_plugins(&Configuration::passthrough())?;
    let host = setup.start()?;
    let watch = |words: &[&str]| {
        let mut command = Command::new(environment::binary()?);
        command.args(["status", "--watch", "--interval", "1"]).args(words).arg("--state-dir").arg(setup.state());
        anyhow::Ok(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?)
    };
    let mut closed = watch(&["--json"])?;
    let mut lines = BufReader::new(closed.stdout.take().context("no output")?).lines();
    for _ in 0..2 {
        let report: Value = serde_json::from_str(&lines.next().context("no further look")??)?;
        assert_eq!(report["phase"], "running");
    }
    drop(lines);
    let output = closed.wait_with_output()?;
    assert_eq!((output.status.code(), String::from_utf8(output.stderr)?.as_str()), (Some(0), ""), "a closed pipe");
    let mut left = watch(&[])?;
    let mut lines = BufReader::new(left.stdout.take().context("no output")?).lines();
    let first = lines.next().context("no look")??;
    ensure!(first.starts_with("otelier ") && !first.contains('\u{1b}'), "a pipe gets no escape sequences: {first:?}");
    host.terminate()?;
    // Somebody reads until the end.
    let _rest: Vec<_> = lines.collect();
    let output = left.wait_with_output()?;
    assert_eq!(output.status.code(), Some(1));
    ensure!(String::from_utf8(output.stderr)?.contains("no collector is running"));
    Ok(())
}
