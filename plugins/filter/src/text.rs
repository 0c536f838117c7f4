//! Values as text, as the Collector writes them to match patterns against.

use std::borrow::Cow;
use std::fmt::Write as _;

use otelier_sdk::key::{AnyValue, Value, read_value};

/// A string, a bool or a number; `None` for anything else.
pub fn scalar(encoded: &[u8]) -> Option<Cow<'_, [u8]>> {
    match read_value(encoded)? {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Bool(value) => Some(Cow::Owned(value.to_string().into_bytes())),
        Value::Integer(value) => Some(Cow::Owned(value.to_string().into_bytes())),
        Value::Double(value) => Some(Cow::Owned(double(value).into_bytes())),
        Value::Empty | Value::Bytes(_) | Value::Composite(_) => None,
    }
}

/// Any value but bytes: no value is the empty text, lists and maps are JSON.
pub fn any(encoded: &[u8]) -> Option<Cow<'_, [u8]>> {
    match read_value(encoded)? {
        Value::Empty => Some(Cow::Borrowed(b"")),
        Value::Composite(_) => {
            let mut out = String::new();
            json(&AnyValue::decode(encoded)?, &mut out);
            Some(Cow::Owned(out.into_bytes()))
        }
        _ => scalar(encoded),
    }
}

/// Without an exponent, and with as many digits as it takes.
fn double(value: f64) -> String {
    match value {
        value if value == f64::INFINITY => "+Inf".to_owned(),
        value if value == f64::NEG_INFINITY => "-Inf".to_owned(),
        value => value.to_string(),
    }
}

fn json(value: &AnyValue, out: &mut String) {
    match value {
        AnyValue::Empty | AnyValue::Bytes(_) => out.push_str("null"),
        AnyValue::String(text) => quoted(text, out),
        AnyValue::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        AnyValue::Integer(value) => out.push_str(&value.to_string()),
        AnyValue::Double(value) => out.push_str(&double(*value)),
        AnyValue::Array(values) => {
            out.push('[');
            for (place, value) in values.iter().enumerate() {
                out.push_str(if place > 0 { "," } else { "" });
                json(value, out);
            }
            out.push(']');
        }
        AnyValue::Map(entries) => {
            out.push('{');
            for (place, (name, value)) in entries.iter().enumerate() {
                out.push_str(if place > 0 { "," } else { "" });
                quoted(name, out);
                out.push(':');
                json(value, out);
            }
            out.push('}');
        }
    }
}

fn quoted(text: &[u8], out: &mut String) {
    out.push('"');
    for character in String::from_utf8_lossy(text).chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // Writing to a string cannot fail.
            control if control < ' ' => _ = write!(out, "\\u{:04x}", u32::from(control)),
            other => out.push(other),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use otelier_sdk::key::AnyValue;

    use super::{any, scalar};

    #[test]
    fn values_are_written_as_the_collector_does() {
        let cases = [
            (AnyValue::from("a\"b"), Some("a\"b"), Some("a\"b")),
            (AnyValue::from(true), Some("true"), Some("true")),
            (AnyValue::from(-5), Some("-5"), Some("-5")),
            (AnyValue::from(1.0), Some("1"), Some("1")),
            (AnyValue::from(1e21), Some("1000000000000000000000"), Some("1000000000000000000000")),
            (AnyValue::from(f64::INFINITY), Some("+Inf"), Some("+Inf")),
            (AnyValue::from(f64::NAN), Some("NaN"), Some("NaN")),
            (AnyValue::Empty, None, Some("")),
            (AnyValue::Bytes(vec![1]), None, None),
            (
                AnyValue::Array(vec![AnyValue::from("a\"\n\u{1}é"), AnyValue::from(2), AnyValue::Empty]),
                None,
                Some("[\"a\\\"\\n\\u0001é\",2,null]"),
            ),
            (AnyValue::Map([(b"k".to_vec(), AnyValue::from(0.5))].into()), None, Some("{\"k\":0.5}")),
        ];
        for (value, as_scalar, as_any) in cases {
            let encoded = value.encode();
            assert_eq!(scalar(&encoded).as_deref(), as_scalar.map(str::as_bytes), "{value:?}");
            assert_eq!(any(&encoded).as_deref(), as_any.map(str::as_bytes), "{value:?}");
        }
    }
}
