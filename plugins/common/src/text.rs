//! Values as text, as the Collector writes them to match texts and patterns against.
//!
//! An attribute that is matched is a string, a bool or a number ([`attribute`]). A body and a service's name may be anything ([`any`]): what
//! pdata's `AsString` makes of it. A list or a map is what Go's `encoding/json` writes. `go/values.json` has what both give.

use std::borrow::Cow;
use std::fmt::Write as _;

use otelier_sdk::key::{AnyValue, Value, read_value};

/// A string, a bool or a number, doubles without an exponent; `None` for anything else.
pub fn attribute(encoded: &[u8]) -> Option<Cow<'_, [u8]>> {
    Some(match read_value(encoded)? {
        Value::String(text) => Cow::Borrowed(text),
        Value::Bool(value) => owned(value),
        Value::Integer(value) => owned(value),
        Value::Double(value) if value.is_infinite() => owned(if value > 0.0 { "+Inf" } else { "-Inf" }),
        Value::Double(value) => owned(value),
        Value::Empty | Value::Bytes(_) | Value::Composite(_) => return None,
    })
}

/// Any value: no value is the empty text, bytes are in base64, lists and maps are JSON. `None` where the bytes are no value.
pub fn any(encoded: &[u8]) -> Option<Cow<'_, [u8]>> {
    Some(match read_value(encoded)? {
        Value::Empty => Cow::Borrowed(b"".as_slice()),
        Value::Double(value) if value.is_infinite() => owned(if value > 0.0 { "Infinity" } else { "-Infinity" }),
        Value::Double(value) => owned(double(value)),
        Value::Bytes(bytes) => owned(base64(bytes)),
        Value::Composite(_) => {
            let mut out = String::new();
            // What JSON has no number for leaves the Collector with nothing at all.
            let written = json(&AnyValue::decode(encoded)?, &mut out);
            owned(written.map(|()| out).unwrap_or_default())
        }
        Value::String(_) | Value::Bool(_) | Value::Integer(_) => attribute(encoded)?,
    })
}

fn owned<'t>(value: impl ToString) -> Cow<'t, [u8]> {
    Cow::Owned(value.to_string().into_bytes())
}

/// As ECMAScript writes it, which Go's `encoding/json` follows: an exponent for what is less than 1e-6, or not less than 1e21.
fn double(value: f64) -> String {
    let size = value.abs();
    if value.is_nan() || size == 0.0 || (1e-6..1e21).contains(&size) {
        return value.to_string();
    }
    let text = format!("{value:e}");
    match text.split_once('e') {
        Some((digits, exponent)) if !exponent.starts_with('-') => format!("{digits}e+{exponent}"),
        _ => text,
    }
}

/// `None` where a number is none that JSON has.
fn json(value: &AnyValue, out: &mut String) -> Option<()> {
    match value {
        AnyValue::Empty => out.push_str("null"),
        // Go has no bytes that are empty but not absent.
        AnyValue::Bytes(bytes) if bytes.is_empty() => out.push_str("null"),
        AnyValue::Bytes(bytes) => out.extend(["\"", &base64(bytes), "\""]),
        AnyValue::String(text) => quoted(text, out),
        AnyValue::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        AnyValue::Integer(value) => out.push_str(&value.to_string()),
        AnyValue::Double(value) if value.is_finite() => out.push_str(&double(*value)),
        AnyValue::Double(_) => return None,
        AnyValue::Array(values) => {
            out.push('[');
            for (place, value) in values.iter().enumerate() {
                out.push_str(if place > 0 { "," } else { "" });
                json(value, out)?;
            }
            out.push(']');
        }
        AnyValue::Map(entries) => {
            out.push('{');
            for (place, (name, value)) in entries.iter().enumerate() {
                out.push_str(if place > 0 { "," } else { "" });
                quoted(name, out);
                out.push(':');
                json(value, out)?;
            }
            out.push('}');
        }
    }
    Some(())
}

fn quoted(text: &[u8], out: &mut String) {
    out.push('"');
    for chunk in text.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '"' | '\\' => out.extend(['\\', character]),
                '\u{8}' => out.push_str("\\b"),
                '\u{c}' => out.push_str("\\f"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\0'..' ' | '\u{2028}' | '\u{2029}' => {
                    // Writing to a string cannot fail.
                    _ = write!(out, "\\u{:04x}", u32::from(character));
                }
                other => out.push(other),
            }
        }
        chunk.invalid().iter().for_each(|_| out.push_str("\\ufffd"));
    }
    out.push('"');
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let number =
            (0..3).fold(0_u32, |number, place| number << 8 | three.get(place).map_or(0, |byte| u32::from(*byte)));
        for place in 0..4 {
            let digit = DIGITS.get((number >> (18 - 6 * place) & 63) as usize).filter(|_| place <= three.len());
            out.push(digit.map_or('=', |digit| char::from(*digit)));
        }
    }
    out
}
