//! The configuration, and everything that can be wrong with it.

use std::fmt;
use std::time::Duration;

use otelier_sdk::aggregate::{Function, InitialValue};
use otelier_sdk::config::duration;
use otelier_sdk::{Attribute, Failure, Level};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

const PATTERNS_MAX: usize = 1024;
/// Two million of each take 180 MiB of the component. What one call writes is bounded by the rows of its request, and of a fold
/// by the table.
const SERIES_MAX: u32 = 2_000_000;
const STREAMS_MAX: u32 = 2_000_000;
/// Four buckets hold every double; beyond the upper bound, a series would be larger than what it counts.
const BUCKETS: std::ops::RangeInclusive<u32> = 4..=1024;
const EXEMPLARS: std::ops::RangeInclusive<u32> = 1..=64;
const INTERVAL_MIN: Duration = Duration::from_millis(10);

/// What the component's configuration holds; README.md says what each field means.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub(crate) metrics: Vec<String>,
    #[serde(default)]
    pub(crate) group_by: Option<Vec<AttributeName>>,
    #[serde(default)]
    pub(crate) drop: Option<Vec<AttributeName>>,
    #[serde(default = "default_rename")]
    pub(crate) rename: String,
    #[serde(default = "default_interval", deserialize_with = "duration::deserialize")]
    pub(crate) interval: Duration,
    #[serde(default)]
    pub(crate) functions: Functions,
    #[serde(default = "default_max_series")]
    pub(crate) max_series: u32,
    #[serde(default = "default_max_streams")]
    pub(crate) max_streams: u32,
    /// Zero: never.
    #[serde(default, deserialize_with = "duration::deserialize")]
    pub(crate) expire_after: Duration,
    #[serde(default)]
    pub(crate) initial_value: InitialValue,
    #[serde(default = "default_max_buckets")]
    pub(crate) max_buckets: u32,
    #[serde(default)]
    pub(crate) exemplars: Exemplars,
    #[serde(default = "default_max_exemplars")]
    pub(crate) max_exemplars: u32,
}

/// What becomes of exemplars.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Exemplars {
    #[default]
    Drop,
    Keep,
}

fn default_rename() -> String {
    "{name}_batched".to_owned()
}

fn default_interval() -> Duration {
    Duration::from_secs(5)
}

fn default_max_series() -> u32 {
    10_000
}

fn default_max_streams() -> u32 {
    100_000
}

/// As the SDKs have it.
fn default_max_buckets() -> u32 {
    160
}

fn default_max_exemplars() -> u32 {
    4
}

/// How the values of each kind of metric become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Functions {
    pub(crate) sum: Function,
    pub(crate) gauge: Function,
}

impl Default for Functions {
    fn default() -> Functions {
        Functions { sum: Function::Sum, gauge: Function::Last }
    }
}

/// An attribute: `work.type` of the point, or `{key: host.name, level: resource}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AttributeName {
    level: AttributeLevel,
    key: String,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
enum AttributeLevel {
    Resource,
    Scope,
    #[default]
    Item,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WithLevel {
    key: String,
    #[serde(default)]
    level: AttributeLevel,
}

impl<'de> Deserialize<'de> for AttributeName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<AttributeName, D::Error> {
        deserializer.deserialize_any(AttributeVisitor)
    }
}

struct AttributeVisitor;

impl<'de> Visitor<'de> for AttributeVisitor {
    type Value = AttributeName;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an attribute such as `work.type` or `{key: host.name, level: resource}`")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<AttributeName, E> {
        Ok(AttributeName { level: AttributeLevel::Item, key: key.to_owned() })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<AttributeName, A::Error> {
        let WithLevel { key, level } = WithLevel::deserialize(MapAccessDeserializer::new(map))?;
        Ok(AttributeName { level, key })
    }
}

impl fmt::Display for AttributeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.level {
            AttributeLevel::Item => f.write_str(&self.key),
            AttributeLevel::Resource => write!(f, "{} (resource)", self.key),
            AttributeLevel::Scope => write!(f, "{} (scope)", self.key),
        }
    }
}

/// As the contract has them.
pub fn attributes(names: &[AttributeName]) -> Vec<Attribute> {
    let attribute = |name: &AttributeName| {
        let level = match name.level {
            AttributeLevel::Resource => Level::Resource,
            AttributeLevel::Scope => Level::Scope,
            AttributeLevel::Item => Level::Item,
        };
        Attribute { level, key: name.key.clone() }
    };
    names.iter().map(attribute).collect()
}

impl Config {
    /// What types cannot say. A failure names the field and the way out.
    pub fn check(&self) -> Result<(), Failure> {
        self.check_metrics()?;
        self.check_attributes()?;
        self.check_rename()?;
        let refuse = |message: String| Err(Failure::refused(message));
        if self.interval < INTERVAL_MIN || self.interval.as_millis() > u128::from(u32::MAX) {
            return refuse(format!("`interval`: {:?} is not between 10ms and 49 days", self.interval));
        }
        if !self.expire_after.is_zero() && self.expire_after < self.interval {
            return refuse(format!(
                "`expire_after`: {:?} is less than `interval` ({:?}); make it several times what senders take between two points, or 0 for never",
                self.expire_after, self.interval
            ));
        }
        let bounds = [
            ("max_series", self.max_series, 1..=SERIES_MAX),
            ("max_streams", self.max_streams, 1..=STREAMS_MAX),
            ("max_buckets", self.max_buckets, BUCKETS),
            ("max_exemplars", self.max_exemplars, EXEMPLARS),
        ];
        for (name, value, range) in bounds {
            if !range.contains(&value) {
                return refuse(format!("`{name}`: {value} is not between {} and {}", range.start(), range.end()));
            }
        }
        Ok(())
    }

    fn check_metrics(&self) -> Result<(), Failure> {
        if self.metrics.is_empty() || self.metrics.len() > PATTERNS_MAX {
            let count = self.metrics.len();
            return Err(Failure::refused(format!(
                "`metrics`: {count} names; write 1 to {PATTERNS_MAX}, such as `[work.done]` or `[\"http.*\"]`"
            )));
        }
        for pattern in &self.metrics {
            if pattern.is_empty() {
                return Err(Failure::refused("`metrics`: an empty name matches nothing; remove it"));
            }
            if let Some(special) = pattern.chars().find(|c| matches!(c, '[' | ']' | '{' | '}' | '\\' | '!')) {
                return Err(Failure::refused(format!(
                    "`metrics`: `{pattern}` contains `{special}`; besides names there are only `*` (any text) and `?` (any character)"
                )));
            }
        }
        Ok(())
    }

    fn check_attributes(&self) -> Result<(), Failure> {
        let (field, names) = match (&self.group_by, &self.drop) {
            (Some(_), Some(_)) => {
                return Err(Failure::refused(
                    "`group_by` and `drop` exclude each other: `group_by` names the attributes to keep, `drop` those to remove; delete one of them",
                ));
            }
            (None, None) => {
                return Err(Failure::refused(
                    "missing key `group_by` (the attributes to keep, such as `[work.type]`; `[]` for one series a metric) or `drop` (those to remove)",
                ));
            }
            (Some(names), None) => ("group_by", names),
            (None, Some(names)) => ("drop", names),
        };
        if names.iter().any(|name| name.key.is_empty()) {
            return Err(Failure::refused(format!("`{field}`: an attribute without a key; remove it")));
        }
        Ok(())
    }

    fn check_rename(&self) -> Result<(), Failure> {
        let single = matches!(self.metrics.as_slice(), [name] if !name.contains(['*', '?']));
        if self.rename.is_empty() {
            return Err(Failure::refused("`rename`: a metric needs a name; write `{name}` to keep the input's"));
        }
        if !single && !self.rename.contains("{name}") {
            return Err(Failure::refused(format!(
                "`rename`: `{}` gives all metrics the same name; write `{{name}}` where the input's name belongs",
                self.rename
            )));
        }
        Ok(())
    }
}
