//! Reading a configuration: JSON in, errors that name the field out.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::Failure;

pub mod duration;

/// Reads a component's configuration. The text of an error is serde's own, with the field in front where serde does not name
/// it: the host finds the line by it.
pub fn parse<C: DeserializeOwned>(json: &str) -> Result<C, Failure> {
    let value: Value = serde_json::from_str(json)
        .map_err(|error| Failure::refused(format!("the configuration is not JSON: {error}")))?;
    // Nothing under the component's name is the same as an empty mapping.
    let value = if value.is_null() { Value::Object(serde_json::Map::new()) } else { value };
    C::deserialize(&value).map_err(|error| Failure::refused(located::<C>(&value, &error.to_string())))
}

/// Puts the name of the field in front of an error about its value: the one without which the error goes away or changes.
fn located<C: DeserializeOwned>(value: &Value, error: &str) -> String {
    let Value::Object(fields) = value else { return error.to_owned() };
    let unknown = |name: &String| error.starts_with(&format!("unknown field `{name}`"));
    if error.starts_with("missing field") || fields.keys().any(unknown) {
        return error.to_owned();
    }
    let culprit = fields.keys().find(|name| {
        let mut others = fields.clone();
        others.remove(*name);
        C::deserialize(&Value::Object(others)).err().is_none_or(|other| other.to_string() != error)
    });
    culprit.map_or_else(|| error.to_owned(), |name| format!("`{name}`: {error}"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{duration, parse};

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Config {
        name: String,
        #[serde(default, deserialize_with = "duration::deserialize")]
        interval: Duration,
        #[serde(default)]
        nested: Option<Nested>,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Nested {
        size: u32,
    }

    fn error(json: &str) -> String {
        parse::<Config>(json).unwrap_err().message
    }

    #[test]
    fn a_configuration_is_read() {
        let config: Config = parse(r#"{"name": "a", "interval": "1m30s", "nested": {"size": 3}}"#).unwrap();
        assert_eq!((config.name.as_str(), config.interval), ("a", Duration::from_secs(90)));
        assert_eq!(config.nested.map(|nested| nested.size), Some(3));
    }

    #[test]
    fn errors_name_the_field() {
        assert_eq!(error("null"), "missing field `name`");
        assert_eq!(
            error(r#"{"name": "a", "size": 1}"#),
            "unknown field `size`, expected one of `name`, `interval`, `nested`"
        );
        assert_eq!(error(r#"{"name": 5}"#), "`name`: invalid type: integer `5`, expected a string");
        assert_eq!(error(r#"{"name": "a", "nested": {"sise": 1}}"#), "`nested`: unknown field `sise`, expected `size`");
        assert_eq!(
            error(r#"{"name": "a", "interval": 5}"#),
            "`interval`: `5`: a duration needs a unit: write `5s`, `200ms` or `1m30s`"
        );
    }
}
