//! Durations as the Collector writes them, which is Go's way: `5s`, `200ms`, `1m30s`, `1.5h`.
//!
//! For serde: `#[serde(deserialize_with = "duration::deserialize")]`, or `duration::nonzero` for a time-out or an interval.

use std::fmt;
use std::time::Duration;

use serde::de::{self, Deserializer, Visitor};

/// A text or number that is no duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// A bare number.
    #[error("a duration needs a unit: write `5s`, `200ms` or `1m30s`")]
    NoUnit,
    /// Below zero.
    #[error("a duration cannot be negative; write `5s`, `200ms` or `1m30s`")]
    Negative,
    /// Anything else.
    #[error("not a duration; write `5s`, `200ms` or `1m30s`, with the units ns, us, ms, s, m and h")]
    Malformed,
    /// More than fits.
    #[error("a duration of more than 292 years is not supported")]
    TooLong,
}

/// Go's longest duration: what fits into 63 bits of nanoseconds.
const NANOSECONDS_MAX: u128 = i64::MAX as u128;

/// Reads `1m30s` and the like. `0` needs no unit.
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    if text.starts_with('-') {
        return Err(DurationError::Negative);
    }
    if text.is_empty() {
        return Err(DurationError::Malformed);
    }
    let mut rest = text;
    let mut nanoseconds = 0_u128;
    while !rest.is_empty() {
        let (amount, after) = part(rest)?;
        nanoseconds += amount;
        if nanoseconds > NANOSECONDS_MAX {
            return Err(DurationError::TooLong);
        }
        rest = after;
    }
    let nanoseconds = u64::try_from(nanoseconds).map_err(|_| DurationError::TooLong)?;
    Ok(Duration::from_nanos(nanoseconds))
}

/// Reads one number with its unit from the beginning; the amount is in nanoseconds.
fn part(text: &str) -> Result<(u128, &str), DurationError> {
    let number_length = text.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or(DurationError::NoUnit)?;
    let (number, rest) = text.split_at(number_length);
    let unit_length = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(unit_length);
    let unit_nanoseconds: u128 = match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return Err(DurationError::Malformed),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return Err(DurationError::Malformed);
    }
    let whole: u128 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| DurationError::TooLong)? };
    let whole = whole.checked_mul(unit_nanoseconds).ok_or(DurationError::TooLong)?;
    if whole > NANOSECONDS_MAX {
        return Err(DurationError::TooLong);
    }
    Ok((whole + fraction_of(fraction, unit_nanoseconds), rest))
}

/// The digits after the point, times the unit; what is below a nanosecond is cut.
fn fraction_of(digits: &str, unit_nanoseconds: u128) -> u128 {
    let mut scale = unit_nanoseconds;
    let mut sum = 0;
    for digit in digits.chars().filter_map(|c| c.to_digit(10)) {
        scale /= 10;
        sum += u128::from(digit) * scale;
    }
    sum
}

/// As a configuration writes it: the shortest text that [`parse`] reads as the same.
pub fn shown(duration: Duration) -> String {
    let nanoseconds = duration.as_nanos();
    if nanoseconds == 0 {
        return "0s".to_owned();
    }
    if nanoseconds < 1_000_000_000 {
        // Of one unit; Rust writes it as Go does, but for the microsecond's letter.
        return format!("{duration:?}").replace('µ', "u");
    }
    let (minutes, rest) = (nanoseconds / 60_000_000_000, nanoseconds % 60_000_000_000);
    let (hours, minutes) = (minutes / 60, minutes % 60);
    let part = |count: u128, unit: &str| if count == 0 { String::new() } else { format!("{count}{unit}") };
    let seconds = u64::try_from(rest).map(Duration::from_nanos).unwrap_or_default().as_secs_f64();
    let seconds = if rest == 0 { String::new() } else { format!("{seconds}s") };
    format!("{}{}{seconds}", part(hours, "h"), part(minutes, "m"))
}

/// For `#[serde(deserialize_with)]`: text such as `5s`; a bare number is refused with what to write.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    deserializer.deserialize_any(DurationVisitor)
}

/// The same for a time that cannot be zero: one that would have passed always, or never.
pub fn nonzero<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    match deserialize(deserializer)? {
        Duration::ZERO => Err(de::Error::custom("must be longer than zero, such as `1s`")),
        duration => Ok(duration),
    }
}

struct DurationVisitor;

impl Visitor<'_> for DurationVisitor {
    type Value = Duration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a duration such as `5s`, `200ms` or `1m30s`")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Duration, E> {
        parse(text).map_err(|problem| E::custom(format_args!("`{text}`: {problem}")))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Duration, E> {
        if number == 0 { Ok(Duration::ZERO) } else { Err(unitless(number)) }
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Duration, E> {
        match number {
            0 => Ok(Duration::ZERO),
            ..0 => Err(E::custom(format_args!("`{number}`: {}", DurationError::Negative))),
            _ => Err(unitless(number)),
        }
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Duration, E> {
        Err(unitless(number))
    }
}

fn unitless<E: de::Error>(number: impl fmt::Display) -> E {
    E::custom(format_args!("`{number}`: {}", DurationError::NoUnit))
}
