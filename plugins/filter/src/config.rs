//! The configuration, and everything that can be wrong with it.

mod blocks;
mod read;

use otelier_sdk::config::AbsentKey;
use otelier_sdk::{Failure, Signal};
use plugin_common::criteria::Criteria;
use plugin_common::criteria::build::{Block, Built, build};
use plugin_common::criteria::read::EXPRESSIONS;
use serde::Deserialize;

use blocks::{Blocks, LogsBlock, MetricsBlock, SpansBlock};
use read::ErrorMode;

/// What the component's configuration holds; README.md says what each field means.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What the Collector does when a condition fails: none of those that are here can.
    #[serde(default, rename = "error_mode")]
    _error_mode: Option<ErrorMode>,
    #[serde(default)]
    metrics: Option<Blocks<MetricsBlock>>,
    #[serde(default)]
    spans: Option<Blocks<SpansBlock>>,
    #[serde(default)]
    logs: Option<Blocks<LogsBlock>>,
}

const OTTL: &str = "conditions in OTTL are not supported; write what to keep under `include` and what to drop under `exclude` of `metrics`, `spans` or `logs`, such as `spans: {exclude: {match_type: regexp, span_names: [\"/health$\"]}}`";
/// Known to the Collector, and not here.
pub const ABSENT_KEYS: &[AbsentKey] = &[
    ("traces", OTTL),
    ("profiles", OTTL),
    ("metric_conditions", OTTL),
    ("trace_conditions", OTTL),
    ("log_conditions", OTTL),
    ("profile_conditions", OTTL),
    ("metrics.metric", OTTL),
    ("metrics.datapoint", OTTL),
    ("metrics.resource", OTTL),
    ("logs.log_record", OTTL),
    ("logs.resource", OTTL),
    ("expressions", EXPRESSIONS),
];

/// What a configuration says of a signal.
#[derive(Debug, Default)]
pub struct Resolved {
    /// `None` where nothing is said: all of the signal passes.
    pub criteria: Option<Criteria>,
    /// What has no effect, for the log.
    pub notes: Vec<String>,
}

impl Config {
    /// What is said of a signal. All of the configuration is checked, whatever the signal.
    pub fn resolve(self, signal: Signal) -> Result<Resolved, Failure> {
        let mut notes = Vec::new();
        if self.metrics.is_none() && self.spans.is_none() && self.logs.is_none() {
            notes.push("nothing is filtered: there is none of `metrics`, `spans` and `logs`".to_owned());
        }
        let metrics = self.metrics.map(|blocks| built("metrics", blocks, &mut notes)).transpose()?.flatten();
        let spans = self.spans.map(|blocks| built("spans", blocks, &mut notes)).transpose()?.flatten();
        let logs = self.logs.map(|blocks| built("logs", blocks, &mut notes)).transpose()?.flatten();
        let criteria = match signal {
            Signal::Metrics => metrics,
            Signal::Traces => spans,
            Signal::Logs => logs,
        };
        Ok(Resolved { criteria, notes })
    }
}

fn built<B: Into<Block>>(part: &str, blocks: Blocks<B>, notes: &mut Vec<String>) -> Result<Option<Criteria>, Failure> {
    let built = build(blocks.include.map(Into::into), blocks.exclude.map(Into::into));
    let Built { criteria, empty } = built.map_err(|problem| Failure::refused(format!("`{part}`: {problem}")))?;
    notes.extend(empty.iter().map(|name| format!("`{part}.{name}` has nothing to match and has no effect")));
    Ok(criteria)
}
