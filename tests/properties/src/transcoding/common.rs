//! Attributes, resources, scopes, and the scalars that JSON writes in its own way.

use opentelemetry_proto::tonic::common::v1::{AnyValue, EntityRef, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use serde_json::{Value, json};

/// Each element, written.
pub fn list<T>(elements: &[T], write: impl Fn(&T) -> Value) -> Value {
    elements.iter().map(write).collect()
}

/// Each element, mended and written.
pub fn list_mut<T>(elements: &mut [T], write: impl Fn(&mut T) -> Value) -> Value {
    elements.iter_mut().map(write).collect()
}

pub fn double(value: f64) -> Value {
    match value {
        _ if value.is_nan() => json!("NaN"),
        f64::INFINITY => json!("Infinity"),
        f64::NEG_INFINITY => json!("-Infinity"),
        _ => json!(value),
    }
}

/// 64-bit integers are decimal strings.
pub fn integer(value: impl ToString) -> Value {
    json!(value.to_string())
}

/// A trace or span id in hex: `length` bytes, or none at all. Mended where it has others.
pub fn id(id: &mut Vec<u8>, length: usize) -> Value {
    if !id.is_empty() {
        id.resize(length, 7);
    }
    json!(id.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

pub fn trace_id(trace_id: &mut Vec<u8>) -> Value {
    id(trace_id, 16)
}

pub fn span_id(span_id: &mut Vec<u8>) -> Value {
    id(span_id, 8)
}

pub fn resource(resource: Option<&Resource>) -> Value {
    let write = |resource: &Resource| {
        json!({
            "attributes": attributes(&resource.attributes),
            "droppedAttributesCount": resource.dropped_attributes_count,
            "entityRefs": list(&resource.entity_refs, entity_ref),
        })
    };
    resource.map_or(Value::Null, write)
}

fn entity_ref(entity: &EntityRef) -> Value {
    json!({
        "schemaUrl": entity.schema_url,
        "type": entity.r#type,
        "idKeys": entity.id_keys,
        "descriptionKeys": entity.description_keys,
    })
}

pub fn scope(scope: Option<&InstrumentationScope>) -> Value {
    let write = |scope: &InstrumentationScope| {
        json!({
            "name": scope.name,
            "version": scope.version,
            "attributes": attributes(&scope.attributes),
            "droppedAttributesCount": scope.dropped_attributes_count,
        })
    };
    scope.map_or(Value::Null, write)
}

pub fn attributes(attributes: &[KeyValue]) -> Value {
    list(attributes, |attribute| {
        json!({
            "key": attribute.key,
            "value": any_value(attribute.value.as_ref()),
            "keyStrindex": attribute.key_strindex,
        })
    })
}

pub fn any_value(value: Option<&AnyValue>) -> Value {
    use any_value::Value::{
        ArrayValue, BoolValue, BytesValue, DoubleValue, IntValue, KvlistValue, StringValue, StringValueStrindex,
    };
    match value.map(|value| &value.value) {
        None => Value::Null,
        Some(None) => json!({}),
        Some(Some(StringValue(text))) => json!({ "stringValue": text }),
        Some(Some(BoolValue(value))) => json!({ "boolValue": value }),
        Some(Some(IntValue(value))) => json!({ "intValue": integer(value) }),
        Some(Some(DoubleValue(value))) => json!({ "doubleValue": double(*value) }),
        Some(Some(ArrayValue(array))) => {
            json!({ "arrayValue": { "values": list(&array.values, |value| any_value(Some(value))) } })
        }
        Some(Some(KvlistValue(map))) => json!({ "kvlistValue": { "values": attributes(&map.values) } }),
        Some(Some(BytesValue(bytes))) => json!({ "bytesValue": base64(bytes) }),
        Some(Some(StringValueStrindex(index))) => json!({ "stringValueStrindex": index }),
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte)) << (8 * (3 - group.len()));
        let digit = |index: usize| if index <= group.len() { DIGITS[bits >> (18 - 6 * index) & 63] } else { b'=' };
        text.extend((0..4).map(|index| char::from(digit(index))));
    }
    text
}
