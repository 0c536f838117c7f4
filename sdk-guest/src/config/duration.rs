//! Durations as the Collector writes them, which is Go's way: `5s`, `200ms`, `1m30s`, `1.5h`.
//!
//! For serde: `#[serde(deserialize_with = "otelier_sdk::config::duration::deserialize")]`.

use std::fmt;
use std::time::Duration;

use serde::de::{self, Deserializer, Visitor};

const NO_UNIT: &str = "a duration needs a unit: write `5s`, `200ms` or `1m30s`";
const MALFORMED: &str = "not a duration; write `5s`, `200ms` or `1m30s`, with the units ns, us, ms, s, m and h";
const TOO_LONG: &str = "a duration of more than 292 years is not supported";

/// Reads `1m30s` and the like. `0` needs no unit. An error says what to write instead.
pub fn parse(text: &str) -> Result<Duration, &'static str> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    if text.is_empty() {
        return Err(MALFORMED);
    }
    let mut rest = text;
    let mut nanoseconds = 0_u64;
    while !rest.is_empty() {
        let (part, after) = part(rest)?;
        nanoseconds = nanoseconds.checked_add(part).filter(|sum| i64::try_from(*sum).is_ok()).ok_or(TOO_LONG)?;
        rest = after;
    }
    Ok(Duration::from_nanos(nanoseconds))
}

/// One number with its unit, in nanoseconds, and what follows.
fn part(text: &str) -> Result<(u64, &str), &'static str> {
    let is_number = |c: char| c.is_ascii_digit() || c == '.';
    let (number, rest) = text.split_at(text.find(|c| !is_number(c)).ok_or(NO_UNIT)?);
    let (unit, rest) = rest.split_at(rest.find(is_number).unwrap_or(rest.len()));
    let unit: u64 = match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return Err(MALFORMED),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return Err(MALFORMED);
    }
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| TOO_LONG)? };
    let whole = whole.checked_mul(unit).ok_or(TOO_LONG)?;
    Ok((whole.saturating_add(fraction_of(fraction, unit)), rest))
}

/// The digits after the point, times the unit; what is below a nanosecond is cut.
fn fraction_of(digits: &str, unit: u64) -> u64 {
    let mut scale = unit;
    let digit = |c: char| {
        scale /= 10;
        u64::from(c.to_digit(10).unwrap_or(0)) * scale
    };
    digits.chars().map(digit).sum()
}

/// For `#[serde(deserialize_with)]`.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    deserializer.deserialize_any(DurationVisitor)
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
        match number {
            0 => Ok(Duration::ZERO),
            _ => Err(E::custom(format_args!("`{number}`: {NO_UNIT}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{MALFORMED, NO_UNIT, TOO_LONG, parse};

    #[test]
    fn go_durations_are_read() {
        let cases = [
            ("0", 0),
            ("5s", 5_000_000_000),
            ("200ms", 200_000_000),
            ("1m30s", 90_000_000_000),
            ("1.5h", 5_400_000_000_000),
            (".5us", 500),
            ("1.9ns", 1),
        ];
        for (text, nanoseconds) in cases {
            assert_eq!(parse(text), Ok(Duration::from_nanos(nanoseconds)), "{text}");
        }
        let wrong = [
            ("5", NO_UNIT),
            ("", MALFORMED),
            ("-5s", MALFORMED),
            ("5 s", MALFORMED),
            ("s", MALFORMED),
            ("1.2.3s", MALFORMED),
            ("99999999999h", TOO_LONG),
            ("99999999999999999999999s", TOO_LONG),
        ];
        for (text, problem) in wrong {
            assert_eq!(parse(text), Err(problem), "{text}");
        }
    }
}
