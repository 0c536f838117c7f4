//! Periods of time as the Collector's configuration writes them: `30s`, `1m30s`, `500ms`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;

/// A period of time that is not zero: a timeout of zero would either never or always have passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Period(Duration);

/// A text that is no period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PeriodError {
    /// Not whole numbers with units.
    #[error("not a period of time: write whole numbers with a unit (ns, us, ms, s, m, h), such as 30s or 1m30s")]
    Form,
    /// No time at all.
    #[error("a period of zero is not allowed here: write at least 1ms")]
    Zero,
}

impl Period {
    /// For the defaults, none of which is zero.
    pub(super) const fn of(duration: Duration) -> Self {
        Period(duration)
    }

    /// The period.
    pub fn get(self) -> Duration {
        self.0
    }
}

impl FromStr for Period {
    type Err = PeriodError;

    fn from_str(text: &str) -> Result<Self, PeriodError> {
        let total = parse(text).ok_or(PeriodError::Form)?;
        if total.is_zero() { Err(PeriodError::Zero) } else { Ok(Period(total)) }
    }
}

impl TryFrom<String> for Period {
    type Error = PeriodError;

    fn try_from(text: String) -> Result<Self, PeriodError> {
        text.parse()
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

fn parse(text: &str) -> Option<Duration> {
    let mut total = Duration::ZERO;
    let mut rest = text;
    loop {
        let (number, tail) = rest.split_at_checked(rest.find(|c: char| !c.is_ascii_digit())?)?;
        let (unit, tail) = tail.split_at_checked(tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len()))?;
        total = total.checked_add(amount(number.parse().ok()?, unit)?)?;
        if tail.is_empty() {
            return Some(total);
        }
        rest = tail;
    }
}

fn amount(number: u64, unit: &str) -> Option<Duration> {
    let seconds = |each: u64| number.checked_mul(each).map(Duration::from_secs);
    match unit {
        "ns" => Some(Duration::from_nanos(number)),
        "us" | "µs" => Some(Duration::from_micros(number)),
        "ms" => Some(Duration::from_millis(number)),
        "s" => seconds(1),
        "m" => seconds(60),
        "h" => seconds(3600),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, Period, PeriodError};

    #[test]
    fn periods_are_sums_of_whole_numbers_with_units() {
        let period = |text: &str| text.parse::<Period>().map(Period::get);
        assert_eq!(period("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(period("1h1m1s"), Ok(Duration::from_secs(3661)));
        assert_eq!(period("250ms5us"), Ok(Duration::from_micros(250_005)));
        assert_eq!(period("0s"), Err(PeriodError::Zero));
        for text in ["", "30", "s", "1.5s", "-1s", "1 s", "1d", "99999999999999999999s", "18446744073709551615h"] {
            assert_eq!(period(text), Err(PeriodError::Form), "{text}");
        }
    }
}
