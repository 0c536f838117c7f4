//! What the host should say, computed the straightforward way from decoded structs.

mod attributes;
pub mod edits;
mod fields;
pub mod items;
pub mod key;
pub mod rows;

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList, any_value::Value};
use prost::Message;

pub use key::{Key, canonical};

/// An attribute's value, compared by type and bits. A string-table index, which only profiles have, counts as empty.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Typed {
    Empty,
    Text(Vec<u8>),
    Bool(bool),
    Integer(i64),
    Double(u64),
    Array(Vec<Typed>),
    /// Of repeated keys the last counts.
    Map(BTreeMap<Vec<u8>, Typed>),
    Bytes(Vec<u8>),
}

impl Typed {
    pub fn of(value: Option<&AnyValue>) -> Typed {
        match value.and_then(|value| value.value.as_ref()) {
            None | Some(Value::StringValueStrindex(_)) => Typed::Empty,
            Some(Value::StringValue(text)) => Typed::Text(text.clone().into_bytes()),
            Some(Value::BoolValue(value)) => Typed::Bool(*value),
            Some(Value::IntValue(value)) => Typed::Integer(*value),
            Some(Value::DoubleValue(value)) => Typed::Double(value.to_bits()),
            Some(Value::ArrayValue(list)) => {
                Typed::Array(list.values.iter().map(|value| Typed::of(Some(value))).collect())
            }
            Some(Value::KvlistValue(map)) => Typed::Map(
                map.values
                    .iter()
                    .map(|entry| (entry.key.clone().into_bytes(), Typed::of(entry.value.as_ref())))
                    .collect(),
            ),
            Some(Value::BytesValue(bytes)) => Typed::Bytes(bytes.clone()),
        }
    }

    /// The `AnyValue` that an emission should carry.
    pub fn any_value(&self) -> AnyValue {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let value = match self {
            Typed::Empty => return AnyValue { value: None },
            Typed::Text(bytes) => Value::StringValue(text(bytes)),
            Typed::Bool(value) => Value::BoolValue(*value),
            Typed::Integer(value) => Value::IntValue(*value),
            Typed::Double(bits) => Value::DoubleValue(f64::from_bits(*bits)),
            Typed::Array(list) => Value::ArrayValue(ArrayValue { values: list.iter().map(Typed::any_value).collect() }),
            Typed::Map(map) => Value::KvlistValue(KeyValueList {
                values: map.iter().map(|(key, value)| value.attribute(text(key))).collect(),
            }),
            Typed::Bytes(bytes) => Value::BytesValue(bytes.clone()),
        };
        AnyValue { value: Some(value) }
    }

    /// The attribute that an emission should carry.
    pub fn attribute(&self, key: String) -> KeyValue {
        KeyValue { key, value: Some(self.any_value()), key_strindex: 0 }
    }
}

/// Whether a pattern matches a whole name.
pub fn is_match(pattern: &str, name: &str) -> bool {
    let characters = |text: &str| text.chars().collect::<Vec<char>>();
    matches(&characters(pattern), &characters(name))
}

/// Whether a pattern of literal characters, `*` and `?` matches a whole name.
fn matches(pattern: &[char], name: &[char]) -> bool {
    match (pattern, name) {
        ([], []) => true,
        (['*', pattern @ ..], _) => (0..=name.len()).any(|skipped| matches(pattern, &name[skipped..])),
        (['?', pattern @ ..], [_, name @ ..]) => matches(pattern, name),
        ([literal, pattern @ ..], [character, name @ ..]) => literal == character && matches(pattern, name),
        _ => false,
    }
}

/// Decodes what must be well formed.
pub fn decode<M: Message + Default>(bytes: &[u8]) -> M {
    M::decode(bytes).expect("the oracle reads it")
}
