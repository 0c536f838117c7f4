//! Values of another type, as the Collector makes them: Go's `strconv`, and pdata's `AsString`.

use otelier_sdk::key::{Value, read_value, write_value};

use crate::editing::action::Converted;
use crate::text;

/// 2^63: where integers end.
const INTEGERS_END: f64 = 9_223_372_036_854_775_808.0;

/// The encoded value; `None` where it stays as it is.
pub fn convert(encoded: &[u8], to: Converted) -> Option<Vec<u8>> {
    let value = read_value(encoded)?;
    match to {
        Converted::String if matches!(value, Value::String(_)) => None,
        Converted::String => Some(write_value(Value::String(&text::any(encoded)?))),
        Converted::Integer => integer(value).map(|number| write_value(Value::Integer(number))),
        Converted::Double => double(value).map(|number| write_value(Value::Double(number))),
    }
}

fn integer(value: Value<'_>) -> Option<i64> {
    match value {
        Value::Bool(value) => Some(i64::from(value)),
        Value::Double(value) => Some(truncated(value)),
        // Signs and digits, in Rust as in Go.
        Value::String(text) => std::str::from_utf8(text).ok()?.parse().ok(),
        Value::Integer(_) | Value::Empty | Value::Bytes(_) | Value::Composite(_) => None,
    }
}

/// What Go makes of it on amd64: the least integer of what none can hold.
fn truncated(value: f64) -> i64 {
    if (-INTEGERS_END..INTEGERS_END).contains(&value) { value as i64 } else { i64::MIN }
}

fn double(value: Value<'_>) -> Option<f64> {
    match value {
        Value::Bool(value) => Some(f64::from(u8::from(value))),
        Value::Integer(value) => Some(value as f64),
        Value::String(text) => read_double(std::str::from_utf8(text).ok()?),
        Value::Double(_) | Value::Empty | Value::Bytes(_) | Value::Composite(_) => None,
    }
}

/// What Go's `ParseFloat` reads, but for hexadecimal digits. A number that is too large is none.
fn read_double(text: &str) -> Option<f64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_word = digits.starts_with(|first: char| first.is_ascii_alphabetic());
    if is_word {
        let is_signed_nan = digits.len() < text.len() && digits.eq_ignore_ascii_case("nan");
        return text.parse().ok().filter(|_| !is_signed_nan);
    }
    let number: f64 = without_underscores(text)?.parse().ok()?;
    number.is_finite().then_some(number)
}

/// Go allows underscores between digits.
fn without_underscores(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let is_digit = |place: Option<usize>| place.and_then(|place| bytes.get(place)).is_some_and(u8::is_ascii_digit);
    let is_between = |place: usize| is_digit(place.checked_sub(1)) && is_digit(Some(place + 1));
    let mut underscores = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'_');
    underscores.all(|(place, _)| is_between(place)).then(|| text.replace('_', ""))
}

#[cfg(test)]
mod tests {
    use otelier_sdk::key::AnyValue;

    use super::{Converted, convert};

    fn converted(value: &AnyValue, to: Converted) -> Option<AnyValue> {
        AnyValue::decode(&convert(&value.encode(), to)?)
    }

    #[test]
    fn integers() {
        for (value, expected) in [
            (AnyValue::from("42"), Some(42)),
            (AnyValue::from("+42"), Some(42)),
            (AnyValue::from("-0"), Some(0)),
            (AnyValue::from("4_2"), None),
            (AnyValue::from(" 42"), None),
            (AnyValue::from("1.0"), None),
            (AnyValue::from("9223372036854775808"), None),
            (AnyValue::from(""), None),
            (AnyValue::from(true), Some(1)),
            (AnyValue::from(-1.9), Some(-1)),
            (AnyValue::from(1e300), Some(i64::MIN)),
            (AnyValue::from(f64::NAN), Some(i64::MIN)),
            (AnyValue::from(7), None),
            (AnyValue::Empty, None),
            (AnyValue::Bytes(vec![1]), None),
        ] {
            assert_eq!(converted(&value, Converted::Integer), expected.map(AnyValue::from), "{value:?}");
        }
    }

    #[test]
    fn doubles() {
        for (text, expected) in [
            ("1.5", Some(1.5)),
            (".5", Some(0.5)),
            ("1.", Some(1.0)),
            ("1e3", Some(1000.0)),
            ("-1E-2", Some(-0.01)),
            ("1_23.50_0_0e+1_2", Some(1.235e14)),
            ("1__2", None),
            ("_1", None),
            ("inf", Some(f64::INFINITY)),
            ("-Infinity", Some(f64::NEG_INFINITY)),
            ("1e999", None),
            ("+nan", None),
            ("1,5", None),
            ("", None),
            (".", None),
            ("e3", None),
        ] {
            assert_eq!(converted(&text.into(), Converted::Double), expected.map(AnyValue::from), "{text}");
        }
        assert_eq!(converted(&false.into(), Converted::Double), Some(0.0.into()));
        assert_eq!(converted(&3.into(), Converted::Double), Some(3.0.into()));
    }

    #[test]
    fn strings() {
        for (value, expected) in [
            (AnyValue::from(-7), "-7"),
            (AnyValue::from(1e21), "1e+21"),
            (AnyValue::from(true), "true"),
            (AnyValue::Empty, ""),
            (AnyValue::Bytes(vec![1, 2]), "AQI="),
            (AnyValue::Array(vec![1.into(), "a".into()]), "[1,\"a\"]"),
        ] {
            assert_eq!(converted(&value, Converted::String), Some(expected.into()), "{value:?}");
        }
        assert_eq!(converted(&"a".into(), Converted::String), None);
    }
}
