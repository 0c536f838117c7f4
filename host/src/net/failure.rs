//! Failures in the lane's terms: bounded words, and when to come back.

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::{DATE, RETRY_AFTER};

use crate::contract::{Code, Failure, FailureClass, Outcome};

/// A destination's words are kept so far: they go to logs and to the senders that wait.
pub const REASON_BYTES_MAX: usize = 512;

/// The longest time that a destination can ask for; more says the same.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 3600);

/// Text from outside, in one line and of bounded length.
pub fn bounded(text: &str) -> String {
    let mut line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(REASON_BYTES_MAX).collect();
    line.truncate(line.floor_char_boundary(REASON_BYTES_MAX));
    line.trim().to_owned()
}

/// An attempt that no answer came of.
pub fn failed(class: FailureClass, reason: String) -> Outcome {
    Outcome::Failed(Failure { class, reason, retry_after: None, answered: None })
}

/// An attempt that was answered with that status.
pub fn refused(code: Code, class: FailureClass, reason: String, retry_after: Option<Duration>) -> Outcome {
    let retry_after = retry_after.map(|delay| delay.min(RETRY_AFTER_MAX));
    Outcome::Failed(Failure { class, reason, retry_after, answered: Some(code) })
}

/// `Retry-After` (RFC 9110, section 10.2.3): seconds, or a date. That is compared with the `Date` of the same answer, so that it does
/// not matter whose clock is wrong, and with `now` where there is none. Nothing where it is neither or past.
pub fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let delay = match text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() {
        // More digits than fit say "very long".
        true => Duration::from_secs(text.parse().unwrap_or(u64::MAX)),
        false => {
            let theirs = headers.get(DATE).and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok());
            httpdate::parse_http_date(text).ok()?.duration_since(theirs.unwrap_or(now)).ok()?
        }
    };
    (!delay.is_zero()).then_some(delay.min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        // 1994-11-06 08:49:37.
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        let parsed = |text: &'static str| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, http::HeaderValue::from_static(text))]);
            retry_after(&headers, now).map(|delay| delay.as_secs())
        };
        assert_eq!(parsed("7"), Some(7));
        assert_eq!(parsed("Sun, 06 Nov 1994 08:51:37 GMT"), Some(120));
        assert_eq!(parsed("Sunday, 06-Nov-94 08:49:38 GMT"), Some(1));
        assert_eq!(parsed("99999999999999999999999"), Some(86_400));
        for text in ["0", "", "soon", "-3", "1.5", "Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1993 08:49:37 GMT"] {
            assert_eq!(parsed(text), None, "{text}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
        let mut headers =
            HeaderMap::from_iter([(RETRY_AFTER, http::HeaderValue::from_static("Sun, 06 Nov 1994 08:51:37 GMT"))]);
        headers.insert(DATE, http::HeaderValue::from_static("Sun, 06 Nov 1994 08:51:34 GMT"));
        assert_eq!(retry_after(&headers, now), Some(Duration::from_secs(3)), "their clock, not ours");
    }

    #[test]
    fn words_from_outside_are_one_short_line() {
        assert_eq!(bounded(" a\nb\u{1b}[31m "), "a b [31m");
        let long = bounded(&"é".repeat(10_000));
        assert!(long.len() <= REASON_BYTES_MAX && long.len() > REASON_BYTES_MAX - 2);
    }
}
