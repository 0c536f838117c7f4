#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

use super::{Question, declared, inspect, list, list_text, signals};
use crate::contract::Signal;
use crate::otlp::metrics::MetricKind;
use crate::processor::Declared;

/// The smallest component there is.
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

fn manifest(folder: &tempfile::TempDir, text: &str) -> Vec<Value> {
    let path = folder.path().join("plugins.yaml");
    std::fs::write(&path, text).unwrap();
    let (rows, checked) = list(Some(&path), &[]);
    checked.unwrap();
    rows
}

#[test]
fn a_list_says_what_is_not_as_by_default() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a-1.2.0.wasm"), COMPONENT).unwrap();
    let text = "plugins:\n  a: {folder: ., limits: {storage_mib: 7}, grants: {interfaces: [log]}}\n  \
                b: {file: none.wasm, update: pinned, world: breaker-policy@0.1.0}\n";
    let rows = manifest(&folder, text);
    assert_eq!((rows[0]["version"].as_str(), rows[0]["bytes"].as_u64()), (Some("1.2.0"), Some(8)));
    assert_eq!((&rows[0]["limits"], &rows[0]["update"]), (&json!({"storage_mib": "7"}), &json!("watch")));
    assert_eq!((&rows[1]["limits"], &rows[1]["update"]), (&json!({}), &json!("pinned")));
    assert!(rows[1]["error"].as_str().unwrap().contains("none.wasm"), "{}", rows[1]);
    let text = list_text(&rows);
    for says in ["storage_mib: 7", "grants: {interfaces: [log]}", "breaker-policy@0.1.0", "none.wasm", "1.2.0"] {
        assert!(text.contains(says), "{says} is not in\n{text}");
    }
    assert!(!text.contains("memory_mib"), "{text}");
}

#[test]
fn a_pin_that_does_not_hold_is_told() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.wasm"), COMPONENT).unwrap();
    let rows = manifest(&folder, &format!("plugins:\n  a: {{file: a.wasm, sha256: {}}}\n", "0a".repeat(32)));
    assert!(rows[0]["error"].as_str().unwrap().contains("sha256"), "{}", rows[0]);
}

#[test]
fn a_component_of_no_world_is_shown_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.wasm");
    std::fs::write(&file, COMPONENT).unwrap();
    let found = inspect(&file, None).unwrap();
    assert_eq!((&found.report["world"], &found.report["fits"]), (&Value::Null, &json!(false)));
    assert!(found.misfit.unwrap().contains("does not fit world otelier:plugin/processor-plugin@0.1.0"));
}

#[test]
fn what_is_no_component_gets_the_sentence_that_helps() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.wasm");
    for (contents, says) in [
        (&b"\0asm\x01\0\0\0"[..], "it is a core module"),
        (b"\n<!DOCTYPE html><html>404</html>", "it is a page of HTML or XML"),
        (b"", "it is empty"),
        (b"#!/bin/sh", "does not start as WebAssembly does"),
    ] {
        std::fs::write(&file, contents).unwrap();
        let error = inspect(&file, None).unwrap_err().to_string();
        assert!(error.contains(says) && error.contains("otelier plugin build"), "{error}");
    }
    let gone = inspect(&folder.path().join("b.wasm"), None).unwrap_err().to_string();
    assert!(gone.contains("b.wasm"), "{gone}");
}

#[test]
fn signals_are_those_of_the_pipelines() {
    let file = json!({"service": {"pipelines": {
        "metrics/a": {"processors": ["x"]}, "logs": {"processors": ["y", "x"]}, "traces": {"processors": ["y"]},
    }}});
    assert_eq!(signals(&file, "x"), [Signal::Metrics, Signal::Logs]);
    assert_eq!(signals(&file, "z"), Signal::ALL);
}

#[test]
fn a_component_that_is_not_there_is_named_with_the_nearest() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("c.yaml");
    std::fs::write(&config, "processors: {aggregate/a: {}}\n").unwrap();
    let question = Question::Component { config, id: "agregate/a".parse().unwrap() };
    let error = question.resolve().unwrap_err().to_string();
    assert!(error.contains("has no processor `agregate/a`; did you mean `aggregate/a`?"), "{error}");
}

#[test]
fn kinds_that_pass_unread_are_listed() {
    let metrics = |kinds: &[MetricKind]| {
        let mut declared = Declared::default();
        declared.metrics(vec!["*".to_owned()]).unwrap();
        if !kinds.is_empty() {
            declared.kinds(kinds);
        }
        declared::text(&declared::report(Signal::Metrics, &declared))
    };
    let all = metrics(&[]);
    assert!(all.contains("  kinds: gauge, sum, histogram, exponential_histogram, summary\n"), "{all}");
    assert!(!all.contains("unread"), "{all}");
    let narrowed = metrics(&[MetricKind::Sum, MetricKind::Summary]);
    assert!(narrowed.contains("  kinds: sum, summary\n"), "{narrowed}");
    assert!(narrowed.contains("kinds that pass unread: gauge, histogram, exponential_histogram\n"), "{narrowed}");
    let spans = declared::report(Signal::Traces, &Declared::default());
    assert_eq!((&spans["kinds"], &spans["unread_kinds"]), (&Value::Null, &Value::Null));
}
