//! `telemetry.resource`: as whom the host speaks of itself. It has two forms, as in the Collector: a list under `attributes`, and the older
//! one, a mapping of names to texts, in which nothing leaves out what would be there otherwise.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor};

use crate::contract::{AttributeValue, ResourceChange};

/// The list's key, which is no attribute.
const ATTRIBUTES: &str = "attributes";

/// What the configuration makes of the resource.
#[derive(Debug, Clone, Default, PartialEq, JsonSchema)]
#[schemars(with = "RawResource")]
pub struct ResourceSettings {
    /// By name, each once.
    pub changes: Vec<ResourceChange>,
}

/// What it looks like.
#[derive(JsonSchema)]
#[allow(dead_code, reason = "it describes what the visitor reads")]
struct RawResource {
    /// Attributes that are added, or take the place of `service.name`, `service.version` and `service.instance.id`.
    attributes: Option<Vec<Attribute>>,
    /// The older form: each attribute by its name; nothing leaves it out.
    #[schemars(flatten)]
    by_name: BTreeMap<String, Option<String>>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Attribute {
    /// Its name.
    name: String,
    /// Text, a number, `true` or `false`.
    #[schemars(extend("x-collector" = "same; lists are refused"))]
    value: Scalar,
}

struct Scalar(AttributeValue);

impl JsonSchema for Scalar {
    fn schema_name() -> Cow<'static, str> {
        "Scalar".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": ["string", "number", "boolean"]})
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Scalar, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl Visitor<'_> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text, a number, `true` or `false`")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Scalar, E> {
        Ok(Scalar(text.into()))
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Scalar, E> {
        Ok(Scalar(AttributeValue::Bool(value)))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Scalar, E> {
        Ok(Scalar(AttributeValue::Integer(number)))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Scalar, E> {
        Ok(Scalar(number.into()))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Scalar, E> {
        Ok(Scalar(AttributeValue::Double(number)))
    }
}

/// The value of an attribute by its name: text, or nothing.
struct Named(Option<AttributeValue>);

impl<'de> Deserialize<'de> for Named {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Named, D::Error> {
        deserializer.deserialize_any(NamedVisitor)
    }
}

struct NamedVisitor;

impl Visitor<'_> for NamedVisitor {
    type Value = Named;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text or nothing")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Named, E> {
        Ok(Named(Some(text.into())))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Named, E> {
        Ok(Named(None))
    }
}

impl<'de> Deserialize<'de> for ResourceSettings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ResourceSettings, D::Error> {
        deserializer.deserialize_map(ResourceVisitor)
    }
}

struct ResourceVisitor;

impl<'de> Visitor<'de> for ResourceVisitor {
    type Value = ResourceSettings;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ResourceSettings, A::Error> {
        let (mut listed, mut named) = (Vec::new(), Vec::new());
        while let Some(name) = map.next_key::<String>()? {
            if name == ATTRIBUTES {
                listed = map.next_value::<Vec<Attribute>>()?;
            } else {
                let Named(value) = map.next_value()?;
                named.push((name, value));
            }
        }
        if !listed.is_empty() && !named.is_empty() {
            return Err(de::Error::custom(
                "`attributes` and attributes by name cannot stand together; list all of them",
            ));
        }
        let mut changes: Vec<ResourceChange> = named;
        for Attribute { name, value: Scalar(value) } in listed {
            changes.retain(|(other, _)| *other != name);
            changes.push((name, Some(value)));
        }
        Ok(ResourceSettings { changes })
    }
}
