//! Cases as data: a folder per case with `config.json`, `input.json` and `expected.json`.
//!
//! `input.json` is a list of steps, `expected.json` what each step gave, in the same order:
//!
//! ```text
//! input     {"now_ms": 1000, "process": [metric…]}    expected  {"absorbed": 2, "dropped": 0, "passed": 0}
//!           {"now_ms": 2000, "flush": true}                     {"emitted": [metric…]}
//!           {"now_ms": 3000, "commit": true}                    {}
//!           {"now_ms": 4000, "crash": true}                     {}
//! ```
//!
//! The first step's `now_ms` is also the moment of the start. Every step is committed unless it says `"commit": false`.

use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::Processor;

use super::{Emitted, Harness, Metric};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    now_ms: u64,
    #[serde(default)]
    process: Vec<Metric>,
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
}

/// Runs every case below a folder; panics at the first that differs, naming case and step.
pub fn run_cases<P: Processor>(folder: &Path) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("cannot read {}: {error}", folder.display()));
    let mut cases: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_dir()).collect();
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
    let mut harness = Harness::<P>::start(&config, start * 1_000_000).unwrap_or_else(|failure| failed(failure));
    for (index, (step, expected)) in steps.iter().zip(expected).enumerate() {
        let got = run_step(&mut harness, step).unwrap_or_else(|failure| failed(failure));
        assert_eq!(got, expected, "{name}, step {index}");
    }
}

fn run_step<P: Processor>(harness: &mut Harness<P>, step: &Step) -> Result<Expected, crate::Failure> {
    let now = step.now_ms * 1_000_000;
    let mut got = Expected::default();
    if step.crash {
        harness.crash(now)?;
    }
    if !step.process.is_empty() {
        let outcome = harness.process(&step.process, now)?;
        got = Expected {
            absorbed: outcome.absorbed,
            dropped: outcome.dropped,
            passed: outcome.passed,
            emitted: outcome.emitted,
        };
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
