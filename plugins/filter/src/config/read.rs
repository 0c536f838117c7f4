//! Values as the configuration has them, read as the Collector reads them: what is nothing is as good as left out.

use otelier_sdk::key::AnyValue;
use serde::Deserialize;
use serde::de::{Deserializer, Error};

use super::EXPRESSIONS;
use crate::matcher::MatchType;
use crate::numbers;

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
        AnyValue::Empty => String::new(),
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

/// What the Collector does with conditions that fail.
#[derive(Debug)]
pub struct ErrorMode;

impl<'de> Deserialize<'de> for ErrorMode {
    /// In any case, as the Collector reads it.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ErrorMode, D::Error> {
        const MODES: &[&str] = &["ignore", "silent", "propagate"];
        let mode = String::deserialize(deserializer)?;
        let is_known = MODES.contains(&mode.to_lowercase().as_str());
        if is_known { Ok(ErrorMode) } else { Err(D::Error::unknown_variant(&mode, MODES)) }
    }
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
