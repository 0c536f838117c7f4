//! Cases as data: a folder per case with `config.json`, `input.json` and `expected.json`.
//!
//! `input.json` is a list of steps, `expected.json` what each step gave, in the same order:
//!
//! ```text
//! input     {"now_ms": 1000, "process": [metric…]}    expected  {"absorbed": 2, "dropped": 0, "passed": 0}
//!           {"now_ms": 1000, "spans": [span…]}                  {"passed": 1, "sent": [item…]}
//!           {"now_ms": 1000, "logs": [record…]}                 {"passed": 1, "sent": [item…]}
//!           {"now_ms": 2000, "flush": true}                     {"emitted": [metric…]}
//!           {"now_ms": 3000, "commit": true}                    {}
//!           {"now_ms": 4000, "crash": true}                     {}
//! ```
//!
//! A number point has a `value`; others have a `content`: `{"histogram": {"count": 3, "sum": 4.5, "bounds": [1], "buckets": [1, 2]}}`,
//! `{"exponential": {"count": 3, "scale": 1, "positive": [-2, [1, 2]]}}`, or, of input alone, `{"summary": {"count": 3, "quantiles": [[0.5, 1]]}}`.
//!
//! A folder with `case.yaml` is one of `otelier plugin test`, and left out here.
//!
//! The first step's `now_ms` is also the moment of the start. Every step is committed unless it says `"commit": false`. A case
//! has one signal. `sent` is what went on, looked at where it is given.

use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::{Processor, Signal};

use super::{Emitted, Harness, LogRecord, Metric, Outcome, Sent, Span};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    now_ms: u64,
    #[serde(default)]
    process: Vec<Metric>,
    #[serde(default)]
    spans: Vec<Span>,
    #[serde(default)]
    logs: Vec<LogRecord>,
    #[serde(default)]
    flush: bool,
    #[serde(default)]
    crash: bool,
    #[serde(default = "yes")]
    commit: bool,
}

fn yes() -> bool {
    true
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Expected {
    absorbed: usize,
    dropped: usize,
    passed: usize,
    emitted: Vec<Emitted>,
    sent: Option<Vec<Sent>>,
}

/// Runs every case below a folder; panics at the first that differs, naming case and step.
pub fn run_cases<P: Processor>(folder: &Path) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("cannot read {}: {error}", folder.display()));
    let mut cases: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    cases.retain(|path| path.is_dir() && !path.join("case.yaml").is_file());
    cases.sort();
    assert!(!cases.is_empty(), "no cases in {}", folder.display());
    for case in cases {
        run_case::<P>(&case);
    }
}

fn run_case<P: Processor>(case: &Path) {
    let config = read_text(&case.join("config.json"));
    let steps: Vec<Step> = read(&case.join("input.json"));
    let expected: Vec<Expected> = read(&case.join("expected.json"));
    let name = case.display();
    assert_eq!(steps.len(), expected.len(), "{name}: as many steps as expectations");
    let start = steps.first().map_or(0, |step| step.now_ms);
    let failed = |failure: crate::Failure| -> ! { panic!("{name}: {}", failure.message) };
    let signal = signal(&steps);
    let mut harness =
        Harness::<P>::start_for(signal, &config, start * 1_000_000).unwrap_or_else(|failure| failed(failure));
    for (index, (step, expected)) in steps.iter().zip(expected).enumerate() {
        let mut got = run_step(&mut harness, step, signal).unwrap_or_else(|failure| failed(failure));
        if expected.sent.is_none() {
            got.sent = None;
        }
        assert_eq!(got, expected, "{name}, step {index}");
    }
}

fn signal(steps: &[Step]) -> Signal {
    match steps {
        steps if steps.iter().any(|step| !step.spans.is_empty()) => Signal::Traces,
        steps if steps.iter().any(|step| !step.logs.is_empty()) => Signal::Logs,
        _ => Signal::Metrics,
    }
}

fn run_step<P: Processor>(harness: &mut Harness<P>, step: &Step, signal: Signal) -> Result<Expected, crate::Failure> {
    let now = step.now_ms * 1_000_000;
    let mut got = Expected::default();
    if step.crash {
        harness.crash(now)?;
    }
    if !step.process.is_empty() || !step.spans.is_empty() || !step.logs.is_empty() {
        let outcome = match signal {
            Signal::Metrics => harness.process(&step.process, now)?,
            Signal::Traces => harness.process_spans(&step.spans, now)?,
            Signal::Logs => harness.process_logs(&step.logs, now)?,
        };
        let Outcome { absorbed, dropped, passed, emitted, sent } = outcome;
        got = Expected { absorbed, dropped, passed, emitted, sent: Some(sent) };
    }
    if step.flush {
        got.emitted = harness.flush(now)?;
    }
    if step.commit {
        harness.commit();
    }
    Ok(got)
}

fn read_text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
}

fn read<T: DeserializeOwned>(path: &Path) -> T {
    serde_json::from_str(&read_text(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
