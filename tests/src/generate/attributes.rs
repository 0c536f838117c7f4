//! Attributes, resources and scopes.

use fastrand::Rng;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, EntityRef, InstrumentationScope, KeyValue, KeyValueList, any_value::Value,
};
use opentelemetry_proto::tonic::resource::v1::Resource;

use super::{chance, double, integer, pick, several};

/// The attribute keys that occur: empty, not ASCII, and longer than one length byte can say among them.
pub const KEYS: [&str; 9] = ["a", "b", "c", "work.type", "work.id", "", "größe", "0123456789abcdef", LONG];

const LONG: &str = "a.key.of.more.than.127.bytes/0123456789012345678901234567890123456789012345678901234567890123456789\
    012345678901234567890123456789";

const TEXTS: [&str; 9] = ["", "x", "y", "checkout", "naïve ☃ 🦀", "exactly 16 bytes", "seventeen bytes..", "\0", LONG];

/// A text from a small pool.
pub fn text(rng: &mut Rng) -> String {
    pick(rng, &TEXTS).to_owned()
}

/// Bytes that need not be a text.
pub fn bytes(rng: &mut Rng) -> Vec<u8> {
    several(rng, 4, |rng| rng.u8(..))
}

/// A trace or span id: none, zeros, one of a few, or any.
pub fn id(rng: &mut Rng, length: usize) -> Vec<u8> {
    match rng.u32(..10) {
        0..3 => Vec::new(),
        3 => vec![rng.u8(..3); length],
        _ => (0..length).map(|_| rng.u8(..)).collect(),
    }
}

/// Any variant of `AnyValue`, none at all among them; lists and maps nest up to `depth` deep.
pub fn any_value(rng: &mut Rng, depth: u32) -> AnyValue {
    let value = match rng.u32(..if depth == 0 { 10 } else { 12 }) {
        0..4 => Value::StringValue(text(rng)),
        4 => Value::BoolValue(rng.bool()),
        5 => Value::IntValue(integer(rng)),
        6 => Value::DoubleValue(double(rng)),
        7 => Value::BytesValue(bytes(rng)),
        8 => Value::StringValueStrindex(rng.i32(-1..2)),
        9 => return AnyValue { value: None },
        10 => Value::ArrayValue(ArrayValue { values: several(rng, 3, |rng| any_value(rng, depth - 1)) }),
        _ => Value::KvlistValue(KeyValueList { values: several(rng, 3, |rng| key_value(rng, depth - 1)) }),
    };
    AnyValue { value: Some(value) }
}

/// One attribute; nine of ten are strings.
pub fn key_value(rng: &mut Rng, depth: u32) -> KeyValue {
    let value = match rng.u32(..20) {
        0 => None,
        1..10 => Some(AnyValue { value: Some(Value::StringValue(pick(rng, &TEXTS[..4]).to_owned())) }),
        _ => Some(any_value(rng, depth)),
    };
    let key_strindex = if chance(rng, 3) { rng.i32(..) } else { 0 };
    KeyValue { key: pick(rng, &KEYS).to_owned(), value, key_strindex }
}

/// Attributes; keys repeat now and then.
pub fn attributes(rng: &mut Rng) -> Vec<KeyValue> {
    if chance(rng, 15) {
        return Vec::new();
    }
    let mut attributes = several(rng, 4, |rng| key_value(rng, 3));
    if chance(rng, 80) {
        let mut seen = Vec::new();
        attributes.retain(|attribute| {
            let new = !seen.contains(&attribute.key);
            seen.push(attribute.key.clone());
            new
        });
    }
    attributes
}

/// A resource, or none.
pub fn resource(rng: &mut Rng) -> Option<Resource> {
    chance(rng, 80).then(|| Resource {
        attributes: attributes(rng),
        dropped_attributes_count: count(rng),
        entity_refs: if chance(rng, 10) { several(rng, 2, entity_ref) } else { Vec::new() },
    })
}

fn entity_ref(rng: &mut Rng) -> EntityRef {
    EntityRef {
        schema_url: text(rng),
        r#type: text(rng),
        id_keys: several(rng, 2, text),
        description_keys: several(rng, 2, text),
    }
}

/// A scope, or none.
pub fn scope(rng: &mut Rng) -> Option<InstrumentationScope> {
    chance(rng, 80).then(|| InstrumentationScope {
        name: pick(rng, &["", "lib", "größe"]).to_owned(),
        version: pick(rng, &["", "1.0"]).to_owned(),
        attributes: if chance(rng, 40) { attributes(rng) } else { Vec::new() },
        dropped_attributes_count: count(rng),
    })
}

/// What a sender says it left out: mostly nothing.
pub fn count(rng: &mut Rng) -> u32 {
    if chance(rng, 90) { 0 } else { rng.u32(..) }
}
