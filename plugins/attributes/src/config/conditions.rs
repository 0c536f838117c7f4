//! `include` and `exclude`: which items are edited. What they mean for a signal, and what they may not hold, is as in the Collector.

use otelier_sdk::Signal;
use plugin_common::criteria::Criteria;
use plugin_common::criteria::build::{Block, build};
use plugin_common::criteria::read::{
    AttributeCriterion, CacheSettings, LibraryCriterion, SeverityCriterion, list, match_type,
};
use plugin_common::matcher::MatchType;
use serde::Deserialize;

/// What a block holds; README.md says what each field means.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conditions {
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
    log_bodies: Vec<String>,
    #[serde(default, deserialize_with = "list")]
    log_severity_texts: Vec<String>,
    #[serde(default)]
    log_severity_number: Option<SeverityCriterion>,
    #[serde(default, deserialize_with = "list")]
    metric_names: Vec<String>,
    #[serde(default, deserialize_with = "list")]
    attributes: Vec<AttributeCriterion>,
    #[serde(default, deserialize_with = "list")]
    resources: Vec<AttributeCriterion>,
    #[serde(default, deserialize_with = "list")]
    libraries: Vec<LibraryCriterion>,
}

/// What a pipeline of each signal takes.
const OF_SPANS: [&str; 6] = ["services", "span_names", "span_kinds", "attributes", "resources", "libraries"];
const OF_RECORDS: [&str; 6] =
    ["log_bodies", "log_severity_texts", "log_severity_number", "attributes", "resources", "libraries"];
const OF_METRICS: [&str; 2] = ["metric_names", "resources"];

/// The criteria of both blocks for a signal; `None` where all items are edited.
pub fn criteria(
    include: Option<Conditions>,
    exclude: Option<Conditions>,
    signal: Signal,
    notes: &mut Vec<String>,
) -> Result<Option<Criteria>, String> {
    let mut block = |name: &str, conditions: Option<Conditions>| match conditions {
        Some(conditions) => conditions.block(name, signal, notes),
        None => Ok(None),
    };
    let (include, exclude) = (block("include", include)?, block("exclude", exclude)?);
    // Points of metrics with other names are not even rows.
    let only = include.as_ref().and_then(Block::only_names);
    let criteria = build(include, exclude)?.criteria;
    Ok(criteria.map(|mut criteria| {
        criteria.names.only = only;
        criteria
    }))
}

impl Conditions {
    fn block(self, name: &str, signal: Signal, notes: &mut Vec<String>) -> Result<Option<Block>, String> {
        let (known, pipeline) = match signal {
            Signal::Traces => (&OF_SPANS[..], "traces"),
            Signal::Logs => (&OF_RECORDS[..], "logs"),
            Signal::Metrics => (&OF_METRICS[..], "metrics"),
        };
        let mut given = self.given();
        if let Some(other) = given.find(|key| !known.contains(key)) {
            return Err(format!(
                "`{name}.{other}` has no meaning in a {pipeline} pipeline; there are `{}`: use another processor there",
                known.join("`, `")
            ));
        }
        if self.given().next().is_none() {
            return Err(format!("`{name}` has nothing to match; add `{}`, or remove it", known.join("`, `")));
        }
        drop(given);
        if signal == Signal::Metrics {
            return Ok(self.of_metrics(name, notes));
        }
        Ok(Some(Block {
            match_type: self.match_type,
            prefix: "log_",
            services: self.services,
            span_names: self.span_names,
            span_kinds: self.span_kinds,
            severity_texts: self.log_severity_texts,
            severity_number: self.log_severity_number,
            bodies: self.log_bodies,
            attributes: ("attributes", self.attributes),
            resources: ("resources", self.resources),
            libraries: self.libraries,
            needs_criteria: true,
            ..Block::default()
        }))
    }

    /// The Collector takes `resources` here as well, and does not look at them.
    fn of_metrics(self, name: &str, notes: &mut Vec<String>) -> Option<Block> {
        if !self.resources.is_empty() {
            notes.push(format!(
                "`{name}.resources` has no effect on metrics, as in the Collector; `filter` drops metrics by their resource"
            ));
        }
        let Conditions { match_type, metric_names, .. } = self;
        (!metric_names.is_empty()).then(|| Block { match_type, metric_names, needs_criteria: true, ..Block::default() })
    }

    /// The keys that say something.
    fn given(&self) -> impl Iterator<Item = &'static str> {
        let given = [
            ("services", !self.services.is_empty()),
            ("span_names", !self.span_names.is_empty()),
            ("span_kinds", !self.span_kinds.is_empty()),
            ("log_bodies", !self.log_bodies.is_empty()),
            ("log_severity_texts", !self.log_severity_texts.is_empty()),
            ("log_severity_number", self.log_severity_number.is_some()),
            ("metric_names", !self.metric_names.is_empty()),
            ("attributes", !self.attributes.is_empty()),
            ("resources", !self.resources.is_empty()),
            ("libraries", !self.libraries.is_empty()),
        ];
        given.into_iter().filter(|(_, is_given)| *is_given).map(|(key, _)| key)
    }
}
