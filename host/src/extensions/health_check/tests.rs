#![allow(clippy::unwrap_used)]

use serde_json::Value;

use super::*;
use crate::contract::{Members, STORE};

fn answers(config: &str) -> Answers {
    let member = Members {
        id: "metrics/a".into(),
        receivers: vec!["otlp".into()],
        processors: vec!["sum".into()],
        exporters: vec!["out".into()],
        ..Members::default()
    };
    let topology = Topology { extensions: vec!["health_check".into()], pipelines: vec![member] };
    let config = serde_json::from_str(config).unwrap();
    Answers { config, health: Health::default(), topology, started: 1_700_000_000_000_000_000 }
}

fn code(answers: &Answers, path: &str) -> u16 {
    answers.answer(path, "").map_or(404, |(status, ..)| status.as_u16())
}

fn body(answers: &Answers, path: &str, query: &str) -> Value {
    serde_json::from_str(&answers.answer(path, query).unwrap().2).unwrap()
}

#[test]
fn a_broken_plugin_makes_nobody_restart_the_process_or_send_elsewhere() {
    let answers = answers("{}");
    answers.health.enter(Phase::Running);
    answers.health.failed("sum in metrics/a", "wasm trap: unreachable");
    for path in ["/", "/livez", "/readyz", "/status"] {
        assert_eq!(code(&answers, path), 200, "{path}");
    }
    let status = body(&answers, "/status", "verbose");
    let processor = &status["components"]["pipeline:metrics/a"]["components"]["processor:sum"];
    assert_eq!((&processor["healthy"], &processor["status"]), (&false.into(), &"StatusPermanentError".into()));
    assert_eq!(processor["error"], "wasm trap: unreachable");
    assert!(processor["status_time"].as_str().unwrap().ends_with('Z'));
    let exporter = &status["components"]["pipeline:metrics/a"]["components"]["exporter:out"];
    assert_eq!(exporter["status"], "StatusOK");
    assert_eq!((&status["healthy"], &status["error"]), (&false.into(), &"wasm trap: unreachable".into()));
}

#[test]
fn requests_go_elsewhere_at_start_at_the_end_and_while_the_store_fails() {
    let answers = answers("{}");
    let codes = || ["/", "/livez", "/readyz", "/status"].map(|path| code(&answers, path));
    assert_eq!(codes(), [503, 200, 503, 503], "at start");
    answers.health.enter(Phase::Running);
    assert_eq!(codes(), [200; 4]);
    answers.health.failed(STORE, "No space left on device");
    assert_eq!(codes(), [200, 200, 503, 200], "a restart would make no room");
    assert!(answers.answer("/readyz", "").unwrap().2.contains("state cannot be written: No space left"));
    answers.health.recovered(STORE);
    answers.health.enter(Phase::Stopping);
    assert_eq!(codes(), [503, 200, 503, 503], "at the end");
}

#[test]
fn what_is_merely_odd_is_told_and_healthy() {
    let answers = answers("{}");
    answers.health.enter(Phase::Running);
    answers.health.degraded(&Health::exporter(&"out".parse().unwrap()), "two senders, two units");
    let status = body(&answers, "/status", "verbose");
    let exporter = &status["components"]["pipeline:metrics/a"]["components"]["exporter:out"];
    assert_eq!((&exporter["healthy"], &exporter["status"]), (&true.into(), &"StatusRecoverableError".into()));
    assert_eq!(exporter["error"], "two senders, two units");
    assert_eq!(code(&answers, "/readyz"), 200);
}

#[test]
fn one_pipeline_can_be_asked_for_and_details_are_left_out_unless_they_are_asked_for() {
    let answers = answers("{}");
    answers.health.enter(Phase::Running);
    answers.health.failed("flushes of sum in metrics/a, instance 1 of 2", "the queue is full");
    let brief = body(&answers, "/status", "pipeline=metrics/a");
    assert_eq!((&brief["error"], &brief["components"]), (&"the queue is full".into(), &Value::Null));
    assert_eq!(brief["start_time"], "2023-11-14T22:13:20Z");
    let whole = body(&answers, "/status", "verbose&pipeline=metrics%2Fa");
    assert_eq!(whole["components"]["processor:sum"]["error"], "the queue is full");
    assert!(answers.answer("/status", "pipeline=traces").is_none());
}

/// Body and paths of the Collector's extension: its server has `/` for all paths.
#[test]
fn the_path_of_the_configuration_says_what_a_collector_says() {
    let answers_at_root = answers("{}");
    let body_at_start = body(&answers_at_root, "/", "");
    assert_eq!(body_at_start["status"], "Server not available");
    assert_eq!((&body_at_start["upSince"], &body_at_start["uptime"]), (&"0001-01-01T00:00:00Z".into(), &"".into()));
    answers_at_root.health.enter(Phase::Running);
    let up = body(&answers_at_root, "/healthz", "");
    assert_eq!(up["status"], "Server available");
    assert!(up["upSince"].as_str().unwrap().starts_with("20") && up["uptime"].as_str().unwrap().ends_with('s'));
    let elsewhere = answers(r#"{"path": "/health", "response_body": {"healthy": "fine", "unhealthy": "ill"}}"#);
    assert_eq!(elsewhere.answer("/health", "").unwrap(), (StatusCode::SERVICE_UNAVAILABLE, TEXT, "ill".to_owned()));
    elsewhere.health.enter(Phase::Running);
    assert_eq!(elsewhere.answer("/health", "").unwrap().2, "fine");
    assert_eq!((code(&elsewhere, "/"), code(&elsewhere, "/health/x"), code(&elsewhere, "/livez")), (404, 404, 200));
    assert!(serde_json::from_str::<Config>(r#"{"path": "health"}"#).is_err());
}

#[test]
fn durations_are_gos() {
    let shown = [0, 1_500_000_000, 61_020_000_000, 3_600_000_000_000].map(go_duration);
    assert_eq!(shown, ["0s", "1.5s", "1m1.02s", "1h0m0s"]);
}
