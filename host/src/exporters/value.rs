//! An attribute value as text, as the OpenTelemetry specification's "AnyValue representation for non-OTLP protocols" says.
//!
//! Scalars stand as they are, bytes as Base64, arrays and maps as JSON with sorted keys, so that equal maps give equal text.
//! What is not UTF-8 becomes replacement characters. Source: `specification/common/README.md`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::otlp::attribute::{AnyValue, array_elements, attributes};
use crate::otlp::message::Message;
use crate::otlp::wire::{DEPTH_MAX, Fault};

/// The text of an `AnyValue`.
pub fn text(message: &Message<'_>) -> Result<String, Fault> {
    match AnyValue::read(message)? {
        AnyValue::Empty => Ok(String::new()),
        AnyValue::String(bytes) => Ok(String::from_utf8_lossy(bytes).into_owned()),
        AnyValue::Double(number) => Ok(double(number)),
        AnyValue::Bytes(bytes) => Ok(base64(bytes)),
        value => json(&value, message, 0),
    }
}

/// A double as a JSON number; `NaN`, `Infinity` and `-Infinity` where JSON has none.
pub fn double(number: f64) -> String {
    let size = number.abs();
    if number.is_nan() {
        "NaN".to_owned()
    } else if number.is_infinite() {
        if number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned()
    } else if size != 0.0 && size < 1e-6 {
        format!("{number:e}")
    } else if size >= 1e21 {
        // ECMAScript's form, which JSON writers follow, has the plus sign.
        format!("{number:e}").replace('e', "e+")
    } else {
        format!("{number}")
    }
}

fn json(value: &AnyValue<'_>, place: &Message<'_>, depth: u32) -> Result<String, Fault> {
    if depth > DEPTH_MAX {
        return Err(Fault::at(place.pieces().next().unwrap_or_default(), "attribute values nest too deep"));
    }
    match value {
        AnyValue::Empty => Ok("null".to_owned()),
        AnyValue::String(bytes) => Ok(quoted(&String::from_utf8_lossy(bytes))),
        AnyValue::Bool(truth) => Ok(truth.to_string()),
        AnyValue::Int(number) => Ok(number.to_string()),
        AnyValue::Double(number) if number.is_finite() => Ok(double(*number)),
        AnyValue::Double(number) => Ok(quoted(&double(*number))),
        AnyValue::Bytes(bytes) => Ok(quoted(&base64(bytes))),
        AnyValue::Array(list) => json_array(list, depth),
        AnyValue::Map(entries) => json_object(entries, depth),
    }
}

fn json_array(list: &Message<'_>, depth: u32) -> Result<String, Fault> {
    let mut out = String::from("[");
    for (index, element) in array_elements(list)?.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        out.push_str(&json(&AnyValue::read(element)?, element, depth + 1)?);
    }
    out.push(']');
    Ok(out)
}

fn json_object(entries: &Message<'_>, depth: u32) -> Result<String, Fault> {
    let mut members = BTreeMap::new();
    for entry in attributes(entries, 1)? {
        let value = json(&AnyValue::read(&entry.value()?)?, &entry.value()?, depth + 1)?;
        members.insert(String::from_utf8_lossy(entry.key).into_owned(), value);
    }
    let mut out = String::from("{");
    for (index, (key, value)) in members.iter().enumerate() {
        let comma = if index > 0 { "," } else { "" };
        // Writing to a String cannot fail.
        let _ = write!(out, "{comma}{}:{value}", quoted(key));
    }
    out.push('}');
    Ok(out)
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Base64 of RFC 4648, section 4. Twenty lines instead of one more dependency.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let [first, second, third] = [0, 1, 2].map(|index| u32::from(group.get(index).copied().unwrap_or(0)));
        let bits = first << 16 | second << 8 | third;
        for index in 0..4 {
            let digit = (bits >> (18 - 6 * index)) as usize & 63;
            let padding = index > group.len();
            out.push(if padding { '=' } else { char::from(ALPHABET[digit]) });
        }
    }
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::otlp::wire::{put_bytes, put_fixed64, put_varint_field};

    fn any(build: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut message = Vec::new();
        build(&mut message);
        message
    }

    fn text_of(message: &[u8]) -> String {
        text(&Message::whole(message)).unwrap()
    }

    #[test]
    fn scalars_stand_without_quotes() {
        assert_eq!(text_of(&[]), "");
        assert_eq!(text_of(&any(|m| put_bytes(m, 1, b"hello world"))), "hello world");
        assert_eq!(text_of(&any(|m| put_bytes(m, 1, b"a\xffb"))), "a\u{fffd}b");
        assert_eq!(text_of(&any(|m| put_varint_field(m, 2, 1))), "true");
        assert_eq!(text_of(&any(|m| put_varint_field(m, 3, (-123_i64).cast_unsigned()))), "-123");
        assert_eq!(text_of(&any(|m| put_bytes(m, 7, b"hello world"))), "aGVsbG8gd29ybGQ=");
    }

    #[test]
    fn doubles_are_json_numbers() {
        for (number, expected) in [
            (1.0, "1"),
            (3.125_159, "3.125159"),
            (1.23e10, "12300000000"),
            (1e21, "1e+21"),
            (1e-7, "1e-7"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "Infinity"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(text_of(&any(|m| put_fixed64(m, 4, number.to_bits()))), expected);
        }
    }

    #[test]
    fn arrays_and_maps_are_json() {
        let infinity = any(|m| put_fixed64(m, 4, f64::NEG_INFINITY.to_bits()));
        let bytes = any(|m| put_bytes(m, 7, b"hi"));
        let list = any(|list| {
            put_bytes(list, 1, &any(|m| put_varint_field(m, 3, 3)));
            put_bytes(list, 1, &[]);
            put_bytes(list, 1, &bytes);
        });
        let entry = |key: &[u8], value: &[u8]| {
            any(|entry| {
                put_bytes(entry, 1, key);
                put_bytes(entry, 2, value);
            })
        };
        let map = any(|map| {
            put_bytes(map, 1, &entry(b"c", &any(|m| put_bytes(m, 5, &list))));
            put_bytes(map, 1, &entry(b"a\"", &infinity));
        });
        assert_eq!(text_of(&any(|m| put_bytes(m, 6, &map))), r#"{"a\"":"-Infinity","c":[3,null,"aGk="]}"#);
        assert_eq!(text_of(&any(|m| put_bytes(m, 5, &[]))), "[]");
        assert_eq!(text_of(&any(|m| put_bytes(m, 6, &[]))), "{}");
    }

    #[test]
    fn base64_pads_as_rfc_4648_does() {
        for (bytes, expected) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")] {
            assert_eq!(base64(bytes.as_bytes()), expected);
        }
    }

    #[test]
    fn nesting_without_end_is_a_fault_and_no_overflow() {
        let mut message = Vec::new();
        for _ in 0..400 {
            let list = any(|list| put_bytes(list, 1, &message));
            message = any(|value| put_bytes(value, 5, &list));
        }
        assert!(text(&Message::whole(&message)).is_err());
    }
}
