//! Configurations as JSON Schema (draft 2020-12), in the words of the types that read them.
//!
//! Each key has its type, its default, its bounds and what it means; under [`COLLECTOR`], how that differs from the Collector's key of this
//! name, where it does.

use std::time::Duration;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::contract::duration;

/// What a key is in the OpenTelemetry Collector, where that is not the same: `ours` where it has none of this name.
pub const COLLECTOR: &str = "x-collector";

/// Why a key of the Collector's is read and has no effect.
pub const NO_EFFECT: &str = "x-no-effect";

/// The form of durations. Editors that know none of that name leave it alone.
const DURATION: &str = "duration";

/// What a type reads.
pub fn of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    tidy(&mut schema);
    schema
}

/// Keys without an effect, each as the keys that lead to it, with the reason. Keys below lists are not among them.
pub fn without_effect(schema: &Value) -> Vec<(Vec<&str>, &str)> {
    // A mapping that may be left out has several forms.
    let forms = schema.get("anyOf").and_then(Value::as_array).into_iter().flatten();
    let mut found: Vec<(Vec<&str>, &str)> = forms.flat_map(without_effect).collect();
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return found };
    for (key, property) in properties {
        found.extend(property.get(NO_EFFECT).and_then(Value::as_str).map(|reason| (vec![key.as_str()], reason)));
        let below = without_effect(property).into_iter();
        found.extend(below.map(|(keys, reason)| ([key.as_str()].into_iter().chain(keys).collect(), reason)));
    }
    found
}

/// From how serde writes values to how a configuration writes them.
fn tidy(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if is_duration(fields) {
                let default = fields.get("default").and_then(|default| Duration::deserialize(default).ok());
                fields.retain(|key, _| matches!(key.as_str(), "description" | COLLECTOR | NO_EFFECT));
                fields.extend([("type".to_owned(), json!("string")), ("format".to_owned(), json!(DURATION))]);
                fields.extend(default.map(|default| ("default".to_owned(), duration::shown(default).into())));
                return;
            }
            // The names of our types say nothing to anybody else.
            fields.remove("title");
            fields.retain(|key, value| key != "default" || !value.is_null());
            // A key with nothing behind it stands for an empty mapping or list.
            if let Some(kind) = fields.get_mut("type").filter(|kind| *kind == "object" || *kind == "array") {
                *kind = json!([kind.take(), "null"]);
            }
            fields.values_mut().for_each(tidy);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}

/// Whether it describes what serde makes of a [`Duration`].
fn is_duration(fields: &Map<String, Value>) -> bool {
    let Some(Value::Object(properties)) = fields.get("properties") else { return false };
    properties.len() == 2 && properties.contains_key("secs") && properties.contains_key("nanos")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use schemars::JsonSchema;
    use serde::Deserialize;
    use serde_json::json;

    use super::of;

    #[derive(Deserialize, JsonSchema)]
    #[serde(default, deny_unknown_fields)]
    #[allow(dead_code)]
    struct Config {
        /// How long.
        #[schemars(extend("x-collector" = "ours"))]
        wait: Duration,
        /// How many.
        count: Option<u8>,
        /// More.
        inner: Inner,
    }

    #[derive(Default, Deserialize, JsonSchema)]
    #[allow(dead_code)]
    struct Inner {
        /// Which.
        names: Vec<String>,
    }

    impl Default for Config {
        fn default() -> Config {
            Config { wait: Duration::from_millis(1500), count: None, inner: Inner::default() }
        }
    }

    #[test]
    fn a_schema_is_as_a_configuration_is_written() {
        let names = json!({"type": ["array", "null"], "items": {"type": "string"}, "description": "Which."});
        let inner = json!({"type": ["object", "null"], "description": "More.", "properties": {"names": names}, "required": ["names"]});
        let expected = json!({
            "type": ["object", "null"],
            "additionalProperties": false,
            "properties": {
                "wait": {"type": "string", "format": "duration", "description": "How long.", "default": "1.5s", "x-collector": "ours"},
                "count": {"type": ["integer", "null"], "format": "uint8", "minimum": 0, "maximum": 255, "description": "How many."},
                "inner": inner,
            },
        });
        assert_eq!(of::<Config>(), expected);
    }
}
