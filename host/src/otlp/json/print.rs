//! OTLP protobuf to OTLP/JSON, by the same tables that the parser goes by.
//!
//! What the OTLP specification says of its JSON holds here too: names in lowerCamelCase, ids in hex, other bytes in base64, 64-bit
//! integers as strings, enums as numbers; fields that no table has are left out. A JSON object has each key once while protobuf may
//! repeat a field anywhere, so the occurrences of one field are gathered: lists in order, messages merged, and of scalars the last.
//! A field stands where it occurred last, which keeps the winner of a oneof behind the loser. Strings that are not UTF-8 cannot be
//! said in JSON; what is wrong in them becomes U+FFFD.

use super::descriptor::{Field, Kind, Message};
use crate::otlp::wire::{DEPTH_MAX, Fault, Malformed, Reader, Value};

/// The JSON form of a serialized `message`.
pub(super) fn print(message: &'static Message, protobuf: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut out = Vec::with_capacity(protobuf.len().saturating_mul(USUAL_RATIO));
    object(&mut out, message, protobuf, 0).map_err(|fault| fault.within(protobuf))?;
    Ok(out)
}

/// How much larger the JSON form of telemetry usually is.
const USUAL_RATIO: usize = 3;

/// One occurrence of a field.
struct Occurrence<'a> {
    field: &'static Field,
    value: Value<'a>,
    raw: &'a [u8],
}

fn object(out: &mut Vec<u8>, message: &'static Message, bytes: &[u8], depth: u32) -> Result<(), Fault> {
    if depth > DEPTH_MAX {
        return Err(Fault::at(bytes, "messages nest too deep"));
    }
    let mut occurrences = Vec::new();
    let mut reader = Reader::new(bytes);
    while let Some(found) = reader.field()? {
        if let Some(field) = message.numbered(found.number) {
            occurrences.push(Occurrence { field, value: found.value, raw: found.raw });
        }
    }
    out.push(b'{');
    let empty = out.len();
    // From behind, the first of each field is its last occurrence; there are few fields in a message and many in a list.
    let mut last: Vec<(usize, u32)> = Vec::new();
    for (at, occurrence) in occurrences.iter().enumerate().rev() {
        let number = occurrence.field.number;
        if !last.iter().any(|(_, seen)| *seen == number) {
            last.push((at, number));
        }
    }
    for (at, number) in last.into_iter().rev() {
        let of_field: Vec<&Occurrence<'_>> =
            occurrences.iter().take(at + 1).filter(|occurrence| occurrence.field.number == number).collect();
        let Some(newest) = of_field.last() else { continue };
        if out.len() > empty {
            out.push(b',');
        }
        key(out, newest.field.name);
        match newest.field.repeated {
            true => list(out, &of_field, depth)?,
            false => single(out, &of_field, newest, depth)?,
        }
    }
    out.push(b'}');
    Ok(())
}

/// A field's name in lowerCamelCase, and the colon.
fn key(out: &mut Vec<u8>, name: &str) {
    out.push(b'"');
    let mut after_underscore = false;
    for byte in name.bytes() {
        if byte != b'_' {
            out.push(if after_underscore { byte.to_ascii_uppercase() } else { byte });
        }
        after_underscore = byte == b'_';
    }
    out.extend_from_slice(b"\":");
}

fn single(out: &mut Vec<u8>, all: &[&Occurrence<'_>], newest: &Occurrence<'_>, depth: u32) -> Result<(), Fault> {
    let Kind::Nested(message) = newest.field.kind else {
        return scalar(out, newest.field.kind, newest.value, newest.raw);
    };
    if all.len() == 1 {
        return object(out, message, newest.value.bytes(newest.raw)?, depth + 1);
    }
    // Merging messages is the same as parsing their concatenation.
    let pieces: Vec<&[u8]> = all.iter().map(|piece| piece.value.bytes(piece.raw)).collect::<Result<_, _>>()?;
    object(out, message, &pieces.concat(), depth + 1).map_err(|fault| Fault::at(newest.raw, fault.reason()))
}

fn list(out: &mut Vec<u8>, all: &[&Occurrence<'_>], depth: u32) -> Result<(), Fault> {
    out.push(b'[');
    let empty = out.len();
    for occurrence in all {
        let Occurrence { field, value, raw } = occurrence;
        match (field.kind, value) {
            (Kind::Nested(message), _) => {
                separate(out, empty);
                object(out, message, value.bytes(raw)?, depth + 1)?;
            }
            (kind, Value::Len(packed)) if kind.is_packed() => {
                let mut rest = *packed;
                while !rest.is_empty() {
                    separate(out, empty);
                    let value = unpacked(kind, &mut rest)?;
                    scalar(out, kind, value, raw)?;
                }
            }
            (kind, value) => {
                separate(out, empty);
                scalar(out, kind, *value, raw)?;
            }
        }
    }
    out.push(b']');
    Ok(())
}

fn separate(out: &mut Vec<u8>, empty: usize) {
    if out.len() > empty {
        out.push(b',');
    }
}

/// The next number of a packed list.
fn unpacked<'a>(kind: Kind, rest: &mut &'a [u8]) -> Result<Value<'a>, Fault> {
    let cut = Fault::at(rest, "a packed list ends within a number");
    match kind {
        Kind::Fixed64 | Kind::Sfixed64 | Kind::Double => {
            let (word, after) = rest.split_first_chunk().ok_or(cut)?;
            *rest = after;
            Ok(Value::Fixed64(u64::from_le_bytes(*word)))
        }
        Kind::Fixed32 => {
            let (word, after) = rest.split_first_chunk().ok_or(cut)?;
            *rest = after;
            Ok(Value::Fixed32(u32::from_le_bytes(*word)))
        }
        _ => {
            let mut reader = Reader::new(rest);
            let value = reader.varint()?;
            *rest = reader.rest;
            Ok(Value::Varint(value))
        }
    }
}

fn scalar(out: &mut Vec<u8>, kind: Kind, value: Value<'_>, raw: &[u8]) -> Result<(), Fault> {
    match kind {
        Kind::String => text(out, &String::from_utf8_lossy(length_delimited(value, raw)?)),
        Kind::Bytes => quoted(out, &super::text::to_base64(length_delimited(value, raw)?)),
        Kind::Id8 | Kind::Id16 => quoted(out, &super::text::to_hex(length_delimited(value, raw)?)),
        Kind::Bool => out.extend_from_slice(if value.varint(raw)? != 0 { b"true" } else { b"false" }),
        // Of more than 32 bits the lower ones count, as in the generated parsers.
        Kind::Int32 | Kind::Enum(_) => number(out, (value.varint(raw)? as u32).cast_signed()),
        Kind::Uint32 => number(out, value.varint(raw)? as u32),
        Kind::Sint32 => number(out, unzigzag(value.varint(raw)? as u32)),
        Kind::Fixed32 => number(out, value.fixed32(raw)?),
        Kind::Int64 => quoted(out, &value.varint(raw)?.cast_signed().to_string()),
        Kind::Uint64 => quoted(out, &value.varint(raw)?.to_string()),
        Kind::Fixed64 => quoted(out, &value.fixed64(raw)?.to_string()),
        Kind::Sfixed64 => quoted(out, &value.fixed64(raw)?.cast_signed().to_string()),
        Kind::Double => double(out, f64::from_bits(value.fixed64(raw)?)),
        Kind::Nested(_) => return Err(Fault::at(raw, "a message where a value belongs")),
    }
    Ok(())
}

/// The same as [`Value::bytes`], whose lifetime ties value and place.
fn length_delimited<'a>(value: Value<'a>, raw: &[u8]) -> Result<&'a [u8], Fault> {
    match value {
        Value::Len(bytes) => Ok(bytes),
        _ => Err(Fault::at(raw, "wire type does not fit the field")),
    }
}

fn unzigzag(value: u32) -> i32 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

fn number(out: &mut Vec<u8>, number: impl Into<i64>) {
    out.extend_from_slice(number.into().to_string().as_bytes());
}

fn double(out: &mut Vec<u8>, value: f64) {
    match value {
        _ if value.is_nan() => quoted(out, "NaN"),
        f64::INFINITY => quoted(out, "Infinity"),
        f64::NEG_INFINITY => quoted(out, "-Infinity"),
        // Writing to a vector does not fail.
        _ => drop(serde_json::to_writer(out, &value)),
    }
}

fn text(out: &mut Vec<u8>, value: &str) {
    drop(serde_json::to_writer(out, value));
}

fn quoted(out: &mut Vec<u8>, plain: &str) {
    out.push(b'"');
    out.extend_from_slice(plain.as_bytes());
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use crate::contract::Signal;
    use crate::otlp::json::to_json;
    use crate::otlp::wire::put_bytes;

    /// A request with one log record of these fields.
    fn printed(record: &[u8]) -> Result<String, String> {
        let mut bytes = record.to_vec();
        for number in [2, 2, 1] {
            let mut outer = Vec::new();
            put_bytes(&mut outer, number, &bytes);
            bytes = outer;
        }
        let json = to_json(Signal::Logs, &bytes).map_err(|error| error.to_string())?;
        let json = String::from_utf8(json).map_err(|error| error.to_string())?;
        let record = json.strip_prefix(r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":["#);
        record.and_then(|rest| rest.strip_suffix("]}]}]}")).map(str::to_owned).ok_or(json)
    }

    #[test]
    fn values_have_the_form_that_otlp_gives_them() {
        let time = b"\x09\x01\0\0\0\0\0\0\x80";
        assert_eq!(printed(time).as_deref(), Ok(r#"{"timeUnixNano":"9223372036854775809"}"#));
        assert_eq!(printed(b"\x10\x09\x1a\x03a\"b").as_deref(), Ok(r#"{"severityNumber":9,"severityText":"a\"b"}"#));
        assert_eq!(printed(b"\x52\x02\xab\x01").as_deref(), Ok(r#"{"spanId":"ab01"}"#));
        // A body that is bytes, a double, and an integer.
        assert_eq!(printed(b"\x2a\x03\x3a\x01\xff").as_deref(), Ok(r#"{"body":{"bytesValue":"/w=="}}"#));
        assert_eq!(
            printed(b"\x2a\x09\x21\0\0\0\0\0\0\xf0\x7f").as_deref(),
            Ok(r#"{"body":{"doubleValue":"Infinity"}}"#)
        );
        assert_eq!(printed(b"\x2a\x02\x18\x05").as_deref(), Ok(r#"{"body":{"intValue":"5"}}"#));
        assert_eq!(printed(b"\x1a\x01\xff").as_deref(), Ok("{\"severityText\":\"\u{fffd}\"}"));
    }

    #[test]
    fn a_field_is_a_key_once_and_the_last_of_a_oneof_stands_last() {
        // Severity 1, then 2; a body in two pieces, an integer and then a string.
        let record = b"\x10\x01\x2a\x02\x18\x05\x10\x02\x2a\x03\x0a\x01x";
        assert_eq!(printed(record).as_deref(), Ok(r#"{"severityNumber":2,"body":{"intValue":"5","stringValue":"x"}}"#));
        // Unknown fields go; a wire type that does not fit is an error.
        assert_eq!(printed(b"\xf8\x07\x01").as_deref(), Ok("{}"));
        assert!(printed(b"\x11\0\0\0\0\0\0\0\0").is_err_and(|error| error.contains("wire type")));
    }
}
