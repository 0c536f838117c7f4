//! Reading a configuration: JSON in, errors that say where and what instead out.

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::{Path, Segment};

use crate::Failure;

pub mod duration;
mod words;

/// A key that a configuration is likely to have and the plugin has not, by the end of its path without numbers in brackets
/// (`include.expressions`), and what to say of it.
pub type AbsentKey = (&'static str, &'static str);

/// Reads a component's configuration. An error begins with the path of the key it is about, such as `` `actions[2].level`: ``,
/// counted from zero, by which the host finds the line; nothing stands before an error about the configuration as a whole. What
/// follows is in the words of who writes YAML, with the nearest right spelling where one is near.
pub fn parse<C: DeserializeOwned>(json: &str) -> Result<C, Failure> {
    parse_without(json, &[])
}

/// The same, with words of the plugin's own about unknown keys.
pub fn parse_without<C: DeserializeOwned>(json: &str, absent: &[AbsentKey]) -> Result<C, Failure> {
    let value: Value = serde_json::from_str(json)
        .map_err(|error| Failure::refused(format!("the configuration is not JSON: {error}")))?;
    // Nothing under the component's name is the same as an empty mapping.
    let value = if value.is_null() { Value::Object(serde_json::Map::new()) } else { value };
    serde_path_to_error::deserialize(&value).map_err(|error| {
        let (path, error) = (error.path(), error.inner().to_string());
        Failure::refused(complaint(path, &error, absent))
    })
}

fn complaint(path: &Path, error: &str, absent: &[AbsentKey]) -> String {
    let place = written(path, true);
    if error.starts_with(words::UNKNOWN_KEY) {
        let key = format!(".{}", written(path, false));
        if let Some((_, instead)) = absent.iter().find(|(name, _)| key.ends_with(&format!(".{name}"))) {
            return format!("`{place}`: {instead}");
        }
    }
    let error = words::plain(error);
    // At the top, the words name the key already.
    let is_named = place.is_empty() || error.starts_with(&format!("unknown key `{place}`"));
    if is_named { error } else { format!("`{place}`: {error}") }
}

/// As far as serde knows it: what it reads twice, such as an untagged enum, has no path inside.
fn written(path: &Path, with_numbers: bool) -> String {
    let mut text = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } if with_numbers => text.push_str(&format!("[{index}]")),
            Segment::Seq { .. } => {}
            Segment::Map { key: name } | Segment::Enum { variant: name } => {
                text.push_str(if text.is_empty() { "" } else { "." });
                text.push_str(name);
            }
            Segment::Unknown => break,
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::{duration, parse, parse_without};

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Config {
        name: String,
        #[serde(default)]
        list: Vec<Nested>,
        #[serde(default, deserialize_with = "duration::deserialize")]
        interval: Duration,
        #[serde(default)]
        nested: Option<Nested>,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Nested {
        size: u32,
        #[serde(default)]
        mode: Mode,
        #[serde(default)]
        labels: BTreeMap<String, String>,
    }

    #[derive(Debug, Default, PartialEq, serde::Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Mode {
        #[default]
        Strict,
        Regexp,
    }

    fn error(json: &str) -> String {
        parse::<Config>(json).unwrap_err().message
    }

    #[test]
    fn a_configuration_is_read() {
        let json =
            r#"{"name": "a", "interval": "1m30s", "nested": {"size": 3, "mode": "regexp", "labels": {"k": "v"}}}"#;
        let config: Config = parse(json).unwrap();
        assert_eq!((config.name.as_str(), config.interval), ("a", Duration::from_secs(90)));
        let nested = config.nested.unwrap();
        assert_eq!((nested.size, nested.mode), (3, Mode::Regexp));
        assert_eq!(nested.labels, BTreeMap::from([("k".to_owned(), "v".to_owned())]));
        assert!(config.list.is_empty());
    }

    #[test]
    fn errors_name_the_field() {
        assert_eq!(error("null"), "missing key `name`");
        assert_eq!(
            error(r#"{"name": "a", "bytes": 1}"#),
            "unknown key `bytes`; known here: `name`, `list`, `interval`, `nested`"
        );
        assert_eq!(error(r#"{"name": 5}"#), "`name`: expected text, found `5`");
        assert_eq!(
            error(r#"{"name": "a", "interval": 5}"#),
            "`interval`: `5`: a duration needs a unit: write `5s`, `200ms` or `1m30s`"
        );
    }

    #[test]
    fn errors_name_the_whole_path() {
        let cases = [
            (r#""nested": {}"#, "`nested`: missing key `size`"),
            (r#""nested": []"#, "`nested`: expected a mapping, found a list"),
            (
                r#""list": [{"size": 1}, {"size": "x"}]"#,
                "`list[1].size`: expected a whole number, 0 or more, found the text `x`",
            ),
            (r#""list": [{"size": 1}, {}]"#, "`list[1]`: missing key `size`"),
            (r#""list": [5]"#, "`list[0]`: expected a mapping, found `5`"),
            (r#""nested": {"size": 1, "labels": {"a.b": 5}}"#, "`nested.labels.a.b`: expected text, found `5`"),
        ];
        for (fields, expected) in cases {
            assert_eq!(error(&format!(r#"{{"name": "a", {fields}}}"#)), expected, "{fields}");
        }
    }

    #[test]
    fn a_misspelt_name_is_corrected() {
        let cases = [
            (r#""intervall": "5s""#, "unknown key `intervall`; did you mean `interval`?"),
            (r#""nested": {"sise": 1}"#, "`nested.sise`: unknown key `sise`; did you mean `size`?"),
            (r#""list": [{"Szie": 1}]"#, "`list[0].Szie`: unknown key `Szie`; did you mean `size`?"),
            (
                r#""list": [{"size": 1, "mode": "regex"}]"#,
                "`list[0].mode`: unknown value `regex`; did you mean `regexp`?",
            ),
            (
                r#""list": [{"size": 1, "mode": "expr"}]"#,
                "`list[0].mode`: unknown value `expr`; known here: `strict`, `regexp`",
            ),
        ];
        for (fields, expected) in cases {
            assert_eq!(error(&format!(r#"{{"name": "a", {fields}}}"#)), expected, "{fields}");
        }
    }

    #[test]
    fn an_absent_key_has_words_of_its_own() {
        let absent = [("list.pattern", "write a name"), ("include", "it is not there yet")];
        let refused = |json: &str| parse_without::<Config>(json, &absent).unwrap_err().message;
        assert_eq!(refused(r#"{"include": 1}"#), "`include`: it is not there yet");
        assert_eq!(refused(r#"{"list": [{"pattern": ""}]}"#), "`list[0].pattern`: write a name");
        assert!(refused(r#"{"pattern": ""}"#).starts_with("unknown key `pattern`; known here: "));
    }
}
