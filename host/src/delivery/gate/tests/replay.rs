//! A trace through the machine, and traces that are none.

use serde_json::json;

use super::super::replay::{Record, read_trace};
use super::super::{Breaker, Replay, Settings};
use crate::contract::{Ended, FailureClass, Limits};

/// The host's own policy.
fn built_in(trace: &str) -> Vec<String> {
    let limits = Limits {
        memory_bytes: 0,
        call_ms: 0,
        emitted_rows: 0,
        dictionary_entries: 0,
        storage_bytes: 1 << 30,
        log_bytes: 1 << 16,
        host_calls: 1_000_000,
    };
    let settings = Settings::read(json!({})).unwrap();
    let breaker = Breaker { id: "built-in".parse().unwrap(), source: None, limits, settings };
    let mut lines = Vec::new();
    let mut write = |line| lines.push(line);
    Replay::new(breaker, &mut write).run(&read_trace(trace.as_bytes()).unwrap());
    lines
}

#[test]
fn every_transition_is_told_with_its_time_and_reason() {
    let mut trace = String::new();
    for time_ms in (0..120_000).step_by(1000) {
        let class = if time_ms < 30_000 { "unreachable" } else { "ok" };
        trace += &format!("{{\"time_ms\": {time_ms}, \"class\": \"{class}\", \"latency_ms\": 2500}}\n\n");
    }
    let expected = [
        "     0.000s closed: 8 allowed, 0 probes, 0 forced, 0 rejected; 0 succeeded, 6 failed",
        "     7.500s closed -> open: after `unreachable`; of 8 attempts 0 succeeded and 6 failed, 6 in a row; no attempt for 60s",
        "     7.500s open: 0 allowed, 0 probes, 0 forced, 60 rejected; 0 succeeded, 2 failed",
        "    68.000s open -> half_open: the policy was asked again",
        "    68.000s half_open: 0 allowed, 1 probes, 0 forced, 2 rejected; 1 succeeded, 0 failed",
        "    70.500s half_open -> closed: after `delivered`; of 1 attempts 1 succeeded and 0 failed, 0 in a row",
        "    70.500s closed: 49 allowed, 0 probes, 0 forced, 0 rejected; 49 succeeded, 0 failed",
        "total: 57 allowed, 1 probes, 0 forced, 62 rejected; 50 succeeded, 8 failed",
        "outcomes of an earlier state, dropped: 2; policy failures: 0",
        "the gate is closed at the end",
    ];
    assert_eq!(built_in(&trace), expected);
}

#[test]
fn a_trace_is_read_line_by_line() {
    let trace =
        "{\"time_ms\": 1.5, \"class\": \"ok\"}\n{\"latency_ms\": 2, \"class\": \"throttled\", \"time_ms\": 2}\n";
    let expected = [
        Record { at: 1_500_000, ended: Ended::Delivered, latency: 0 },
        Record { at: 2_000_000, ended: Ended::Failed(FailureClass::Throttled), latency: 2_000_000 },
    ];
    assert_eq!(read_trace(trace.as_bytes()).unwrap(), expected);
    for (trace, says) in [
        ("\n{\"time_ms\": 1}", "line 2: missing field `class`"),
        ("{\"time_ms\": 1, \"class\": \"bad\"}", "line 1: unknown `class` `bad`; known here: ok, delivered"),
        ("{\"time_ms\": -1, \"class\": \"ok\"}", "line 1: `time_ms` must be from 0"),
        ("{\"time_ms\": 1e300, \"class\": \"ok\"}", "line 1: `time_ms` must be from 0"),
        ("{\"time_ms\": 1, \"class\": \"ok\", \"x\": 1}", "line 1: unknown field `x`"),
        ("{\"time_ms\": 2, \"class\": \"ok\"}\n{\"time_ms\": 1, \"class\": \"ok\"}", "line 2: it begins before"),
    ] {
        let error = read_trace(trace.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}
