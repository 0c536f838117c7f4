//! The time that a gRPC sender gives (`grpc-timeout`, gRPC's `doc/PROTOCOL-HTTP2.md`).

use std::time::Duration;

use ::http::{HeaderMap, HeaderName};

use super::rejection::Rejection;
use crate::net::shown;
use tokio::time::Instant;

/// Until when a sender waits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline {
    /// How long, as it said.
    pub(super) limit: Duration,
    /// When that is over.
    pub(super) at: Instant,
}

impl Deadline {
    /// So long from now.
    pub(super) fn after(limit: Duration) -> Deadline {
        Deadline { limit, at: Instant::now() + limit }
    }
}

const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// What the sender's time allows; `None` where it sets no bound.
pub(super) fn timeout_of(headers: &HeaderMap) -> Result<Option<Duration>, Rejection> {
    let Some(value) = headers.get(GRPC_TIMEOUT) else { return Ok(None) };
    let malformed = || Rejection::TimeoutForm { found: shown(value.as_bytes()).into_owned() };
    parse_timeout(value.as_bytes()).map(Some).ok_or_else(malformed)
}

/// Up to eight digits and a unit.
fn parse_timeout(value: &[u8]) -> Option<Duration> {
    let (unit, digits) = value.split_last()?;
    if !(1..=8).contains(&digits.len()) {
        return None;
    }
    let number = digits
        .iter()
        .try_fold(0_u64, |number, digit| digit.is_ascii_digit().then(|| number * 10 + u64::from(digit - b'0')))?;
    match unit {
        b'H' => Some(Duration::from_secs(number * 3600)),
        b'M' => Some(Duration::from_secs(number * 60)),
        b'S' => Some(Duration::from_secs(number)),
        b'm' => Some(Duration::from_millis(number)),
        b'u' => Some(Duration::from_micros(number)),
        b'n' => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_digits_and_a_unit() {
        for (text, expected) in [
            ("0n", Some(Duration::ZERO)),
            ("99999999H", Some(Duration::from_secs(99_999_999 * 3600))),
            ("2M", Some(Duration::from_secs(120))),
            ("7S", Some(Duration::from_secs(7))),
            ("250m", Some(Duration::from_millis(250))),
            ("3u", Some(Duration::from_micros(3))),
            ("", None),
            ("S", None),
            ("100000000S", None),
            ("-1S", None),
            ("1.5S", None),
            ("1s", None),
            ("10", None),
            ("1 S", None),
        ] {
            assert_eq!(parse_timeout(text.as_bytes()), expected, "{text}");
        }
    }
}
