//! A policy's case: recorded attempts, and what `otelier breaker simulate` says of them.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;

use super::error::CaseError;
use super::verdict::{TRACE_FILE, Verdict, expected_text, written};
use crate::config::{self, Limits};
use crate::contract::{ComponentId, PolicySource};
use crate::delivery::gate::{Breaker, Replay, Settings, read_trace};
use crate::wasm::PolicyPlugin;

/// Runs it.
pub fn run(name: &ComponentId, policy: &Arc<PolicyPlugin>, folder: &Path, update: bool) -> Result<Verdict, CaseError> {
    let (config, expected) = (folder.join("config.yaml"), folder.join("expected.txt"));
    let wrong = |reason: String| CaseError::Policy { path: config.clone(), reason };
    let settings = Settings::read(config::load_node(&config)?.to_json()).map_err(|error| wrong(error.to_string()))?;
    let (source, limits): (Arc<dyn PolicySource>, _) = (policy.clone(), Limits::default().granted());
    let mut said = String::new();
    match source.configured(name, settings.policy(), limits) {
        Err(error) => said = format!("refused: {error}\n"),
        Ok(_) => {
            let trace = folder.join(TRACE_FILE);
            let opened = File::open(&trace).map_err(|source| CaseError::Read { path: trace.clone(), source })?;
            let records = read_trace(BufReader::new(opened));
            let records = records.map_err(|source| CaseError::Trace { path: trace.clone(), source })?;
            let mut write = |line: String| said.extend([&line, "\n"]);
            write(format!("breaker {name} on {} attempts", records.len()));
            let breaker = Breaker { id: name.clone(), source: Some(source), limits, settings };
            Replay::new(breaker, &mut write).run(&records);
        }
    }
    if update {
        return written(&expected, &said);
    }
    let Some(wanted) = expected_text(&expected)? else {
        return Ok(Verdict::Differs(vec!["there is no expected.txt; `--update` writes it".to_owned()]));
    };
    let differences = differences(&wanted, &said);
    Ok(if differences.is_empty() { Verdict::Passed } else { Verdict::Differs(differences) })
}

/// Line by line, as both are in the order of time: the first ones tell.
fn differences(expected: &str, got: &str) -> Vec<String> {
    let (mut expected, mut got) = (expected.lines(), got.lines());
    let mut found = Vec::new();
    for number in 1.. {
        match (expected.next(), got.next()) {
            (None, None) => break,
            (wanted, came) if wanted == came => {}
            (wanted, came) => {
                let shown = |line: Option<&str>| line.map_or("nothing".to_owned(), |line| format!("`{}`", line.trim()));
                found.push(format!("line {number}: expected {}, got {}", shown(wanted), shown(came)));
            }
        }
    }
    found
}
