//! `case.yaml`: a configuration, and steps on a clock of the case's own.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::error::CaseError;
use super::verdict::CASE_FILE;
use crate::config::{self, Limits};
use crate::contract::{Metadata, Signal, duration};
use crate::otlp::json::AnyRequest;

/// A case of a processor.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// The signal of its pipeline; that of the first request, or metrics.
    #[serde(default)]
    signal: Option<SignalName>,
    /// Whether it stands under `connectors`.
    #[serde(default)]
    pub connector: bool,
    /// What the plugin gets; references are not followed.
    #[serde(default)]
    pub config: Value,
    /// As in the manifest.
    #[serde(default)]
    pub limits: Limits,
    /// The wall clock at the start, since the Unix epoch.
    #[serde(default, deserialize_with = "duration::deserialize")]
    pub wall_clock: Duration,
    /// Whether what it logs is expected.
    #[serde(default)]
    pub log: bool,
    /// What happens.
    #[serde(default)]
    pub steps: Vec<Step>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum SignalName {
    Metrics,
    Traces,
    Logs,
}

/// One step.
#[derive(Debug, Deserialize)]
#[serde(try_from = "RawStep")]
pub struct Step {
    /// When, since the start; with the last step where it is not said.
    pub at: Option<Duration>,
    /// What.
    pub action: Action,
    /// Whether it is kept; else a processor further on refuses it.
    pub commit: bool,
    /// Whether what is stored then is expected.
    pub state: bool,
}

/// What happens in a step.
#[derive(Debug)]
pub enum Action {
    /// A request.
    Send(AnyRequest, Metadata),
    /// One in a file of its own.
    SendFile(String, Metadata),
    /// A flush, before a shutdown where it is the last.
    Flush {
        /// Whether it is.
        last: bool,
    },
    /// Time passes, and flushes that become due are made.
    Wait(Duration),
    /// The process is killed and comes back, perhaps with another configuration.
    Restart(Option<Value>),
}

#[derive(Debug, Deserialize)]
#[serde(transparent)]
struct Time(#[serde(deserialize_with = "duration::deserialize")] Duration);

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Values {
    One(String),
    Many(Vec<String>),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStep {
    #[serde(default)]
    at: Option<Time>,
    #[serde(default)]
    send: Option<AnyRequest>,
    #[serde(default)]
    send_file: Option<String>,
    #[serde(default)]
    metadata: BTreeMap<String, Values>,
    #[serde(default)]
    flush: bool,
    #[serde(default)]
    last: bool,
    #[serde(default)]
    wait: Option<Time>,
    #[serde(default)]
    restart: bool,
    #[serde(default)]
    config: Option<Value>,
    #[serde(default = "yes")]
    commit: bool,
    #[serde(default)]
    state: bool,
}

fn yes() -> bool {
    true
}

impl TryFrom<RawStep> for Step {
    type Error = &'static str;

    fn try_from(raw: RawStep) -> Result<Step, &'static str> {
        let RawStep { at, send, send_file, metadata, flush, last, wait, restart, config, commit, state } = raw;
        let is_sent = send.is_some() || send_file.is_some();
        let actions = [send.is_some(), send_file.is_some(), flush, wait.is_some(), restart];
        if actions.into_iter().filter(|is_there| *is_there).count() != 1 {
            return Err("a step is one of `send`, `send_file`, `flush: true`, `wait` and `restart: true`");
        }
        match () {
            () if !metadata.is_empty() && !is_sent => return Err("`metadata` comes with `send` or `send_file`"),
            () if last && !flush => return Err("`last: true` comes with `flush: true`"),
            () if config.is_some() && !restart => return Err("`config` comes with `restart: true`"),
            () if !commit && !is_sent => return Err("`commit: false` comes with `send` or `send_file`"),
            () => {}
        }
        let metadata = metadata_of(metadata);
        let action = match (send, send_file, wait) {
            (Some(request), ..) => Action::Send(request, metadata),
            (_, Some(file), _) => Action::SendFile(file, metadata),
            (_, _, Some(Time(wait))) => Action::Wait(wait),
            _ if flush => Action::Flush { last },
            _ => Action::Restart(config),
        };
        Ok(Step { at: at.map(|Time(at)| at), action, commit, state })
    }
}

fn metadata_of(entries: BTreeMap<String, Values>) -> Metadata {
    let values = |values: Values| match values {
        Values::One(value) => vec![value],
        Values::Many(values) => values,
    };
    let pairs = entries.into_iter().flat_map(|(name, of_name)| {
        let name = name.to_ascii_lowercase();
        values(of_name).into_iter().map(move |value| (name.clone(), value))
    });
    Metadata::new(pairs.collect())
}

impl Case {
    /// Reads a case, and requests that are in files of their own.
    pub fn read(folder: &Path) -> Result<Case, CaseError> {
        let node = config::load_plain(&folder.join(CASE_FILE))?;
        let mut case: Case = node.parse().map_err(config::Errors::from)?;
        for step in &mut case.steps {
            if let Action::SendFile(file, metadata) = &step.action {
                step.action = Action::Send(read_request(&folder.join(file))?, metadata.clone());
            }
        }
        Ok(case)
    }

    /// The signal of its pipeline.
    pub fn signal(&self) -> Signal {
        let sent = self.steps.iter().find_map(|step| match &step.action {
            Action::Send(request, _) => Some(request.signal),
            _ => None,
        });
        match self.signal {
            Some(SignalName::Metrics) => Signal::Metrics,
            Some(SignalName::Traces) => Signal::Traces,
            Some(SignalName::Logs) => Signal::Logs,
            None => sent.unwrap_or(Signal::Metrics),
        }
    }
}

fn read_request(path: &Path) -> Result<AnyRequest, CaseError> {
    let text = fs::read(path).map_err(|source| CaseError::Read { path: path.to_owned(), source })?;
    serde_json::from_slice(&text).map_err(|source| CaseError::Request { path: path.to_owned(), source })
}
