//! What there is to write into a configuration: for editors and for the reference.

use serde_json::{Map, Value, json};

use super::Components;
use crate::config::{DeliveryLimits, Family, HostKeys, ReceiverLimits, Telemetry};
use crate::families::{About, schema};

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

impl Components {
    /// Each type with what it says of itself, by families.
    pub fn described(&self) -> Value {
        let described = |family: Family, about: &About| {
            let (name, aliases) = about.names.split_first().unwrap_or((&"", &[]));
            json!({
                "family": family.to_string(),
                "type": name,
                "aliases": aliases,
                "stability": about.stability.to_string(),
                "changes_in_place": about.changes_in_place,
                "configuration": (about.schema)(),
            })
        };
        let catalogue = self.catalogue();
        let all = catalogue.iter().flat_map(|(family, types)| types.iter().map(|about| described(*family, about)));
        all.collect()
    }

    /// A JSON Schema of whole configurations. What a manifest adds has any configuration.
    pub fn schema(&self) -> Value {
        let mut properties = Map::new();
        for (family, types) in self.catalogue() {
            let mut known = Map::new();
            for about in types {
                // Letters, digits and `_`: nothing that means more in a pattern.
                let patterns = about.names.iter().map(|name| format!("^{name}(/.*)?$"));
                known.extend(patterns.map(|pattern| (pattern, (about.schema)())));
            }
            // Plugins have names of their own: as processors, as connectors, and as breakers among the extensions.
            let others = match family {
                Family::Processor | Family::Connector => of_plugin(),
                Family::Extension => json!(true),
                Family::Receiver | Family::Exporter => json!(false),
            };
            properties.insert(
                family.section().to_owned(),
                json!({"type": ["object", "null"], "patternProperties": known, "additionalProperties": others}),
            );
        }
        properties.insert("service".to_owned(), service());
        properties.values_mut().for_each(allow_references);
        json!({
            "$schema": DIALECT,
            "title": "otelier",
            "type": "object",
            "properties": properties,
            "required": ["service"],
            "additionalProperties": false,
            "$defs": {"reference": {"type": "string", "pattern": "\\$\\{"}},
        })
    }
}

/// The host's keys of a processor, beside which its plugin has its own.
fn of_plugin() -> Value {
    let mut keys = schema::of::<HostKeys>();
    if let Some(fields) = keys.as_object_mut() {
        fields.insert("additionalProperties".to_owned(), json!(true));
        fields.insert("type".to_owned(), json!(["object", "null"]));
    }
    keys
}

/// Whatever a value is, a reference can stand in its place.
fn allow_references(schema: &mut Value) {
    let Some(fields) = schema.as_object_mut() else { return };
    for key in ["properties", "patternProperties"] {
        let below = fields.get_mut(key).and_then(Value::as_object_mut);
        below.into_iter().flat_map(Map::values_mut).for_each(allow_references);
    }
    for key in ["anyOf", "oneOf"] {
        let below = fields.get_mut(key).and_then(Value::as_array_mut);
        below.into_iter().flatten().for_each(|form| form.as_object_mut().into_iter().for_each(references_below));
    }
    for key in ["items", "additionalProperties"] {
        fields.get_mut(key).into_iter().for_each(allow_references);
    }
    // Any text is one already.
    let is_text = fields.get("type").is_some_and(|kind| kind == "string") && !fields.contains_key("enum");
    if !is_text {
        let description = fields.remove("description");
        let form = Value::Object(std::mem::take(fields));
        fields.insert("anyOf".to_owned(), json!([form, {"$ref": "#/$defs/reference"}]));
        fields.extend(description.map(|description| ("description".to_owned(), description)));
    }
}

/// The same below one of several forms, which is no value of its own.
fn references_below(form: &mut Map<String, Value>) {
    let below = form.get_mut("properties").and_then(Value::as_object_mut);
    below.into_iter().flat_map(Map::values_mut).for_each(allow_references);
    form.get_mut("items").into_iter().for_each(allow_references);
}

fn service() -> Value {
    let ids = json!({"type": ["array", "null"], "items": {"type": "string"}});
    let pipeline = json!({
        "type": "object",
        "properties": {
            "receivers": ids,
            "processors": ids,
            "exporters": ids,
            "durability": {
                "enum": ["memory", "interval", "sync"],
                "description": "Where a request must be before its sender is told that it was accepted.",
            },
        },
        "required": ["receivers", "exporters"],
        "additionalProperties": false,
    });
    json!({
        "type": "object",
        "properties": {
            "extensions": ids,
            "pipelines": {
                "type": "object",
                "patternProperties": {"^(metrics|traces|logs)(/.*)?$": pipeline},
                "additionalProperties": false,
            },
            "delivery": schema::of::<DeliveryLimits>(),
            "receivers": schema::of::<ReceiverLimits>(),
            "telemetry": schema::of::<Telemetry>(),
        },
        "required": ["pipelines"],
        "additionalProperties": false,
    })
}
