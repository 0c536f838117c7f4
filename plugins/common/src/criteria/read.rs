//! Values as the configuration has them, read as the Collector reads them: what is nothing is as good as left out.

use otelier_sdk::key::AnyValue;
use serde::Deserialize;
use serde::de::{Deserializer, Error};

use crate::criteria::numbers;
use crate::matcher::MatchType;

/// What to say of `match_type: expr` and what goes with it.
pub const EXPRESSIONS: &str =
    "expressions are not supported; list names, texts or attributes to match, by `match_type: strict` or `regexp`";

/// A list; none at all is an empty one.
pub fn list<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    Option::<Vec<T>>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// `strict` or `regexp`, if anything.
pub fn match_type<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<MatchType>, D::Error> {
    match Option::<String>::deserialize(deserializer)?.as_deref() {
        None | Some("") => Ok(None),
        Some("strict") => Ok(Some(MatchType::Strict)),
        Some("regexp") => Ok(Some(MatchType::Regexp)),
        Some("expr") => Err(D::Error::custom(EXPRESSIONS)),
        Some(other) => Err(D::Error::unknown_variant(other, &["strict", "regexp"])),
    }
}

/// A severity by name or number; none is the least of all.
pub fn severity<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let name = match AnyValue::deserialize(deserializer)? {
        AnyValue::Empty | AnyValue::Integer(0) => String::new(),
        AnyValue::Integer(number) => number.to_string(),
        AnyValue::String(name) => String::from_utf8_lossy(&name).into_owned(),
        other => format!("{other:?}"),
    };
    if name.is_empty() {
        return Ok(0);
    }
    numbers::severity(&name).ok_or_else(|| {
        D::Error::custom(format_args!("`{name}` is no severity; write `WARN`, `ERROR2` or a number from 1 to 24"))
    })
}

/// The Collector's settings for its cache; here every verdict is cached.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CacheSettings {
    #[serde(default, rename = "cacheenabled")]
    _is_enabled: Option<bool>,
    #[serde(default, rename = "cachemaxnumentries")]
    _entries_max: Option<i64>,
}

/// An attribute to match.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttributeCriterion {
    #[serde(alias = "Key")]
    pub key: String,
    #[serde(default, alias = "Value")]
    pub value: Option<AnyValue>,
}

/// A scope to match.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LibraryCriterion {
    #[serde(alias = "Name")]
    pub name: String,
    #[serde(default, alias = "Version")]
    pub version: Option<String>,
}

/// The least severity that matches, and whether none does.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeverityCriterion {
    #[serde(default, deserialize_with = "severity")]
    pub min: i64,
    #[serde(default)]
    pub match_undefined: bool,
}
