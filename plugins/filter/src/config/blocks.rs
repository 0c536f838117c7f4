//! `include` and `exclude` of each signal.

use plugin_common::criteria::build::Block;
use plugin_common::criteria::read::{
    AttributeCriterion, CacheSettings, LibraryCriterion, SeverityCriterion, list, match_type,
};
use plugin_common::matcher::MatchType;
use serde::Deserialize;

/// What is said of a signal.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blocks<B> {
    #[serde(default = "none")]
    pub include: Option<B>,
    #[serde(default = "none")]
    pub exclude: Option<B>,
    #[serde(default, rename = "regexp")]
    _regexp: Option<CacheSettings>,
}

fn none<B>() -> Option<B> {
    None
}

/// What a block for metrics holds.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricsBlock {
    #[serde(default, deserialize_with = "match_type")]
    match_type: Option<MatchType>,
    #[serde(default, rename = "regexp")]
    _regexp: Option<CacheSettings>,
    #[serde(default, deserialize_with = "list")]
    metric_names: Vec<String>,
    #[serde(default, deserialize_with = "list")]
    attributes: Vec<AttributeCriterion>,
    #[serde(default, alias = "resources", deserialize_with = "list")]
    resource_attributes: Vec<AttributeCriterion>,
    #[serde(default, deserialize_with = "list")]
    libraries: Vec<LibraryCriterion>,
}

/// What a block for spans holds.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpansBlock {
    #[serde(default, deserialize_with = "match_type")]
    match_type: Option<MatchType>,
    #[serde(default, rename = "regexp")]
    _regexp: Option<CacheSettings>,
    #[serde(default, deserialize_with = "list")]
    services: Vec<String>,
    #[serde(default, deserialize_with = "list")]
    span_names: Vec<String>,
    #[serde(default, deserialize_with = "list")]
    span_kinds: Vec<String>,
    #[serde(default, deserialize_with = "list")]
    status_codes: Vec<String>,
    #[serde(default, deserialize_with = "list")]
    attributes: Vec<AttributeCriterion>,
    #[serde(default, alias = "resource_attributes", deserialize_with = "list")]
    resources: Vec<AttributeCriterion>,
    #[serde(default, deserialize_with = "list")]
    libraries: Vec<LibraryCriterion>,
}

/// What a block for logs holds.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogsBlock {
    #[serde(default, deserialize_with = "match_type")]
    match_type: Option<MatchType>,
    #[serde(default, rename = "regexp")]
    _regexp: Option<CacheSettings>,
    #[serde(default, deserialize_with = "list")]
    services: Vec<String>,
    #[serde(default, alias = "attributes", deserialize_with = "list")]
    record_attributes: Vec<AttributeCriterion>,
    #[serde(default, alias = "resources", deserialize_with = "list")]
    resource_attributes: Vec<AttributeCriterion>,
    #[serde(default, deserialize_with = "list")]
    libraries: Vec<LibraryCriterion>,
    #[serde(default, deserialize_with = "list")]
    severity_texts: Vec<String>,
    #[serde(default)]
    severity_number: Option<SeverityCriterion>,
    #[serde(default, deserialize_with = "list")]
    bodies: Vec<String>,
}

impl From<MetricsBlock> for Block {
    fn from(block: MetricsBlock) -> Block {
        Block {
            match_type: block.match_type,
            metric_names: block.metric_names,
            attributes: ("attributes", block.attributes),
            resources: ("resource_attributes", block.resource_attributes),
            libraries: block.libraries,
            excludes_resources: true,
            ..Block::default()
        }
    }
}

impl From<SpansBlock> for Block {
    fn from(block: SpansBlock) -> Block {
        Block {
            match_type: block.match_type,
            services: block.services,
            span_names: block.span_names,
            span_kinds: block.span_kinds,
            status_codes: block.status_codes,
            attributes: ("attributes", block.attributes),
            resources: ("resources", block.resources),
            libraries: block.libraries,
            needs_criteria: true,
            ..Block::default()
        }
    }
}

impl From<LogsBlock> for Block {
    fn from(block: LogsBlock) -> Block {
        Block {
            match_type: block.match_type,
            services: block.services,
            severity_texts: block.severity_texts,
            severity_number: block.severity_number,
            bodies: block.bodies,
            attributes: ("record_attributes", block.record_attributes),
            resources: ("resource_attributes", block.resource_attributes),
            libraries: block.libraries,
            ..Block::default()
        }
    }
}
