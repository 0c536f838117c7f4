//! The type of an unquoted scalar, as in the Collector: the YAML 1.2 core schema, and numbers as Go writes them (`resolve.go` of yaml.v3).
//!
//! So `yes` and `on` are text, and `0o17`, `017`, `0x1f`, `0b11` and `1_000_000` are numbers.

use super::node::Value;

/// What an unquoted scalar stands for.
pub(super) fn typed(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => number(text).unwrap_or_else(|| Value::Text(text.to_owned())),
    }
}

/// What a scalar with a tag of the core schema stands for; `None` where it is of another type, or the tag of none.
pub(super) fn tagged(text: &str, is: impl Fn(&str) -> bool) -> Option<Value> {
    let typed = typed(text);
    match &typed {
        _ if is("str") => Some(Value::Text(text.to_owned())),
        Value::Integer(_) | Value::Unsigned(_) if is("int") => Some(typed),
        Value::Integer(number) if is("float") => Some(Value::Float(*number as f64)),
        Value::Float(_) if is("float") => Some(typed),
        Value::Bool(_) if is("bool") => Some(typed),
        Value::Null if is("null") => Some(typed),
        _ => None,
    }
}

/// An unquoted scalar as a key: as Go writes what it stands for.
pub(super) fn as_key(text: &str) -> String {
    match typed(text) {
        Value::Null => "<nil>".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Unsigned(number) => number.to_string(),
        _ => text.to_owned(),
    }
}

fn number(text: &str) -> Option<Value> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    match unsigned {
        ".inf" | ".Inf" | ".INF" if text.starts_with('-') => return Some(Value::Float(f64::NEG_INFINITY)),
        ".inf" | ".Inf" | ".INF" => return Some(Value::Float(f64::INFINITY)),
        ".nan" | ".NaN" | ".NAN" if text == unsigned => return Some(Value::Float(f64::NAN)),
        _ => {}
    }
    let starts_like_number = unsigned.starts_with(|c: char| c.is_ascii_digit())
        || unsigned.strip_prefix('.').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    if !starts_like_number {
        return None;
    }
    let plain = text.replace('_', "");
    based(&plain).or_else(|| decimal(&plain))
}

/// A whole number in base 16, 8 or 2, as Go's `strconv.ParseInt` has it with base 0: a zero in front makes it octal.
fn based(text: &str) -> Option<Value> {
    let (is_negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let rest = digits.strip_prefix('0').filter(|rest| !rest.is_empty())?;
    let (base, digits) = match rest.split_at_checked(1)? {
        ("x" | "X", digits) => (16, digits),
        ("b" | "B", digits) => (2, digits),
        ("o" | "O", digits) => (8, digits),
        _ => (8, rest),
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let number = u64::from_str_radix(digits, base).ok()?;
    match is_negative {
        true => i64::try_from(-i128::from(number)).ok().map(Value::Integer),
        false => Some(integer(number)),
    }
}

fn decimal(text: &str) -> Option<Value> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    // A zero in front is of base 8: what is none of that is a float, and so is a large number with a sign.
    if !digits.starts_with('0') || digits.len() == 1 {
        if let Ok(number) = text.parse::<i64>() {
            return Some(Value::Integer(number));
        }
        if let (Ok(number), true) = (text.parse::<u64>(), text == digits) {
            return Some(Value::Unsigned(number));
        }
    }
    // Rust's floats allow what YAML's do, and words such as `infinity`, which do not start with a digit.
    text.parse::<f64>().ok().filter(|number| number.is_finite()).map(Value::Float)
}

/// Small numbers are signed, so that each number has one form.
fn integer(number: u64) -> Value {
    i64::try_from(number).map_or(Value::Unsigned(number), Value::Integer)
}
