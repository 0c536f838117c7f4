//! The configuration, and everything that can be wrong with it.

mod build;

use otelier_sdk::config::AbsentKey;
use otelier_sdk::key::AnyValue;
use otelier_sdk::{Failure, Signal};
use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny};

use crate::criteria::Criteria;
use crate::matcher::MatchType;
use crate::numbers;
use build::{Block, build};

/// What the component's configuration holds; README.md says what each field means.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    #[serde(default)]
    metrics: Option<Blocks<MetricsBlock>>,
    #[serde(default)]
    spans: Option<Blocks<SpansBlock>>,
    #[serde(default)]
    logs: Option<Blocks<LogsBlock>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Blocks<B> {
    #[serde(default = "none")]
    include: Option<B>,
    #[serde(default = "none")]
    exclude: Option<B>,
}

fn none<B>() -> Option<B> {
    None
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MetricsBlock {
    match_type: MatchType,
    /// The Collector's settings for its cache; here every verdict is cached.
    #[serde(default, rename = "regexp")]
    _regexp: IgnoredAny,
    #[serde(default)]
    metric_names: Vec<String>,
    #[serde(default)]
    attributes: Vec<AttributeCriterion>,
    #[serde(default, alias = "resources")]
    resource_attributes: Vec<AttributeCriterion>,
    #[serde(default)]
    libraries: Vec<LibraryCriterion>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SpansBlock {
    match_type: MatchType,
    #[serde(default, rename = "regexp")]
    _regexp: IgnoredAny,
    #[serde(default)]
    services: Vec<String>,
    #[serde(default)]
    span_names: Vec<String>,
    #[serde(default)]
    span_kinds: Vec<String>,
    #[serde(default)]
    status_codes: Vec<String>,
    #[serde(default)]
    attributes: Vec<AttributeCriterion>,
    #[serde(default, alias = "resource_attributes")]
    resources: Vec<AttributeCriterion>,
    #[serde(default)]
    libraries: Vec<LibraryCriterion>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LogsBlock {
    match_type: MatchType,
    #[serde(default, rename = "regexp")]
    _regexp: IgnoredAny,
    #[serde(default)]
    services: Vec<String>,
    #[serde(default, alias = "attributes")]
    record_attributes: Vec<AttributeCriterion>,
    #[serde(default, alias = "resources")]
    resource_attributes: Vec<AttributeCriterion>,
    #[serde(default)]
    libraries: Vec<LibraryCriterion>,
    #[serde(default)]
    severity_texts: Vec<String>,
    #[serde(default)]
    severity_number: Option<SeverityCriterion>,
    #[serde(default)]
    bodies: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AttributeCriterion {
    #[serde(alias = "Key")]
    key: String,
    #[serde(default, alias = "Value")]
    value: Option<AnyValue>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LibraryCriterion {
    #[serde(alias = "Name")]
    name: String,
    #[serde(default, alias = "Version")]
    version: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct SeverityCriterion {
    #[serde(deserialize_with = "severity")]
    min: usize,
    #[serde(default)]
    match_undefined: bool,
}

fn severity<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    let name = match AnyValue::deserialize(deserializer)? {
        AnyValue::Integer(number) => number.to_string(),
        AnyValue::String(name) => String::from_utf8_lossy(&name).into_owned(),
        other => format!("{other:?}"),
    };
    numbers::severity(&name).ok_or_else(|| {
        D::Error::custom(format_args!("`{name}` is no severity; write `WARN`, `ERROR2` or a number from 1 to 24"))
    })
}

const OTTL: &str = "conditions in OTTL are not supported; write what to keep under `include` and what to drop under `exclude` of `metrics`, `spans` or `logs`, such as `spans: {exclude: {match_type: regexp, span_names: [\"/health$\"]}}`";
const EXPRESSIONS: &str =
    "expressions are not supported; list names, texts or attributes to match, by `match_type: strict` or `regexp`";

/// Known to the Collector, and not here.
pub const ABSENT_KEYS: &[AbsentKey] = &[
    ("error_mode", OTTL),
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

impl Config {
    /// What is said of a signal; `None` where nothing is. All of the configuration is checked, whatever the signal.
    pub fn criteria(self, signal: Signal) -> Result<Option<Criteria>, Failure> {
        if self.metrics.is_none() && self.spans.is_none() && self.logs.is_none() {
            return Err(Failure::refused(
                "nothing to filter by: write `metrics`, `spans` or `logs` with `include` or `exclude`",
            ));
        }
        let metrics = self.metrics.map(|blocks| built("metrics", blocks)).transpose()?;
        let spans = self.spans.map(|blocks| built("spans", blocks)).transpose()?;
        let logs = self.logs.map(|blocks| built("logs", blocks)).transpose()?;
        Ok(match signal {
            Signal::Metrics => metrics,
            Signal::Traces => spans,
            Signal::Logs => logs,
        })
    }
}

fn built<B: Into<Block>>(part: &str, blocks: Blocks<B>) -> Result<Criteria, Failure> {
    build(blocks.include.map(Into::into), blocks.exclude.map(Into::into))
        .map_err(|problem| Failure::refused(format!("`{part}`: {problem}")))
}

impl From<MetricsBlock> for Block {
    fn from(block: MetricsBlock) -> Block {
        Block {
            metric_names: block.metric_names,
            attributes: ("attributes", block.attributes),
            resources: ("resource_attributes", block.resource_attributes),
            libraries: block.libraries,
            ..Block::new(block.match_type)
        }
    }
}

impl From<SpansBlock> for Block {
    fn from(block: SpansBlock) -> Block {
        Block {
            services: block.services,
            span_names: block.span_names,
            span_kinds: block.span_kinds,
            status_codes: block.status_codes,
            attributes: ("attributes", block.attributes),
            resources: ("resources", block.resources),
            libraries: block.libraries,
            ..Block::new(block.match_type)
        }
    }
}

impl From<LogsBlock> for Block {
    fn from(block: LogsBlock) -> Block {
        Block {
            services: block.services,
            severity_texts: block.severity_texts,
            severity_number: block.severity_number,
            bodies: block.bodies,
            attributes: ("record_attributes", block.record_attributes),
            resources: ("resource_attributes", block.resource_attributes),
            libraries: block.libraries,
            ..Block::new(block.match_type)
        }
    }
}
