//! What requests of all signals are made of.

use std::time::SystemTime;

use crate::contract::AttributeValue;
use crate::otlp::wire::{put_bytes, put_fixed64, put_varint_field};

/// An `ExportXServiceRequest` with one resource and one scope. The three signals have the same numbers here:
///
/// ```text
/// ExportXServiceRequest { repeated ResourceX resource_x = 1; }
/// ResourceX { Resource resource = 1; repeated ScopeX scope_x = 2; }
/// ScopeX    { InstrumentationScope scope = 1; repeated X x = 2; }
/// InstrumentationScope { string name = 1; string version = 2; }
/// ```
pub(super) fn request(resource: &[u8], items: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    put_message(&mut out, 1, |of_resource| {
        put_bytes(of_resource, 1, resource);
        put_message(of_resource, 2, |of_scope| {
            put_message(of_scope, 1, |scope| {
                put_bytes(scope, 1, b"otelier");
                put_bytes(scope, 2, env!("CARGO_PKG_VERSION").as_bytes());
            });
            items(of_scope);
        });
    });
    out
}

/// A message within another one.
pub(super) fn put_message(out: &mut Vec<u8>, number: u32, write: impl FnOnce(&mut Vec<u8>)) {
    let mut message = Vec::new();
    write(&mut message);
    put_bytes(out, number, &message);
}

/// ```text
/// KeyValue { string key = 1; AnyValue value = 2; }
/// AnyValue { oneof value { string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4; } }
/// ```
pub(super) fn put_attribute(out: &mut Vec<u8>, number: u32, name: &str, value: &AttributeValue) {
    put_message(out, number, |attribute| {
        put_bytes(attribute, 1, name.as_bytes());
        put_message(attribute, 2, |any| put_value(any, value));
    });
}

pub(super) fn put_value(out: &mut Vec<u8>, value: &AttributeValue) {
    match value {
        AttributeValue::Text(text) => put_bytes(out, 1, text.as_bytes()),
        AttributeValue::Bool(value) => put_varint_field(out, 2, u64::from(*value)),
        AttributeValue::Integer(number) => put_varint_field(out, 3, number.cast_unsigned()),
        AttributeValue::Double(number) => put_fixed64(out, 4, number.to_bits()),
    }
}

/// Nanoseconds since 1970, until 2554.
pub(super) fn unix_nanos(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
