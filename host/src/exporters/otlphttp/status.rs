//! What an answer over HTTP means for the batch: OTLP specification, OTLP/HTTP Response.

use std::time::SystemTime;

use http::header::CONTENT_TYPE;

use super::redirect;
use crate::contract::{Code, FailureClass, Outcome};
use crate::net::{Answer, PartialSuccess, RpcStatus, bounded, refused, retry_after};

/// The outcome of a request that was answered; `now` is what a date in `Retry-After` is compared with.
pub(super) fn outcome(answer: &Answer, now: SystemTime) -> Outcome {
    if answer.status.is_success() {
        return delivered(answer);
    }
    let class = match answer.status.as_u16() {
        429 => FailureClass::Throttled,
        502..=504 => FailureClass::Unavailable,
        _ => FailureClass::Permanent,
    };
    let retry_after = class.is_retryable().then(|| retry_after(&answer.headers, now)).flatten();
    refused(code(answer.status.as_u16()), class, reason(answer), retry_after)
}

/// What a status is in gRPC's terms, as the Collector has it: gRPC's own table (`doc/http-grpc-status-mapping.md`) but for 400 and 429.
fn code(status: u16) -> Code {
    match status {
        400 => Code::InvalidArgument,
        401 => Code::Unauthenticated,
        403 => Code::PermissionDenied,
        404 => Code::Unimplemented,
        429 => Code::ResourceExhausted,
        502..=504 => Code::Unavailable,
        _ => Code::Unknown,
    }
}

/// What the body claims to be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Protobuf,
    Json,
    Text,
    Other,
}

fn form(answer: &Answer) -> Form {
    // Words that nobody has called anything: what a proxy or a small server answers.
    let Some(value) = answer.headers.get(CONTENT_TYPE) else {
        let is_page = answer.body.trim_ascii_start().starts_with(b"<");
        return if is_page || std::str::from_utf8(&answer.body).is_err() { Form::Other } else { Form::Text };
    };
    let value = value.as_bytes();
    let kind = value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let is = |name: &str| kind.eq_ignore_ascii_case(name.as_bytes());
    match () {
        () if is("application/x-protobuf") => Form::Protobuf,
        () if is("application/json") => Form::Json,
        () if is("text/plain") => Form::Text,
        () => Form::Other,
    }
}

/// A batch that was taken. The status says so whatever stands in the body, so a body that cannot be read is a warning only, and one
/// that is not OTLP's is nothing.
fn delivered(answer: &Answer) -> Outcome {
    let partial = match form(answer) {
        Form::Protobuf => PartialSuccess::of_protobuf(&answer.body),
        Form::Json => PartialSuccess::of_json(&answer.body),
        Form::Text | Form::Other => return Outcome::Delivered,
    };
    match partial.filter(|_| !answer.is_cut) {
        Some(partial) => partial.outcome(),
        None => Outcome::Partial { rejected: 0, message: "its answer is not an OTLP export response".to_owned() },
    }
}

fn reason(answer: &Answer) -> String {
    let message = match form(answer) {
        Form::Protobuf => RpcStatus::of_protobuf(&answer.body).map(|status| status.message),
        Form::Json => RpcStatus::message_of_json(&answer.body),
        Form::Text => Some(bounded(&String::from_utf8_lossy(&answer.body))),
        Form::Other => None,
    };
    if answer.status.is_redirection()
        && let Some(location) = redirect::shown(answer)
    {
        let words = "where a POST does not arrive as one: write it as the `endpoint` if it is one of OTLP's";
        return format!("HTTP status {}: it redirects to `{location}`, {words}", answer.status);
    }
    match message.filter(|message| !message.is_empty()) {
        Some(message) => format!("HTTP status {}: {message}", answer.status),
        None => format!("HTTP status {}", answer.status),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic)]

    use std::time::Duration;

    use bytes::Bytes;
    use http::header::RETRY_AFTER;
    use http::{HeaderMap, HeaderValue, StatusCode};

    use super::*;

    fn answer(status: u16, kind: &'static str, body: &'static [u8]) -> Answer {
        Answer {
            status: StatusCode::from_u16(status).unwrap_or_default(),
            headers: HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(kind))]),
            body: Bytes::from_static(body),
            trailers: HeaderMap::new(),
            is_cut: false,
        }
    }

    /// The rules of the OTLP specification: these four, and no other.
    #[test]
    fn statuses_are_retried_as_otlp_says() {
        let now = SystemTime::now();
        let class = |status| match outcome(&answer(status, "", b""), now) {
            Outcome::Failed(failure) => Some(failure.class),
            _ => None,
        };
        for status in 300..600 {
            let expected = match status {
                429 => FailureClass::Throttled,
                502..=504 => FailureClass::Unavailable,
                _ => FailureClass::Permanent,
            };
            assert_eq!(class(status), Some(expected), "{status}");
        }
        assert_eq!((class(200), class(202), class(204)), (None, None, None));
    }

    #[test]
    fn a_busy_destination_says_when_to_come_back() {
        for (status, expected) in [(429, Some(7)), (503, Some(7)), (400, None)] {
            let mut busy = answer(status, "text/plain", b"later\n");
            busy.headers.insert(RETRY_AFTER, HeaderValue::from_static("7"));
            let Outcome::Failed(failure) = outcome(&busy, SystemTime::now()) else { panic!("{status}") };
            assert_eq!(failure.retry_after, expected.map(Duration::from_secs), "{status}");
            assert!(failure.reason.ends_with(": later"), "{}", failure.reason);
        }
    }

    #[test]
    fn words_of_the_destination_are_found_in_every_form() {
        for (kind, body, words) in [
            ("application/x-protobuf", &b"\x08\x03\x12\x03bad"[..], "HTTP status 400 Bad Request: bad"),
            ("application/json; charset=utf-8", br#"{"code":3,"message":"bad"}"#, "HTTP status 400 Bad Request: bad"),
            ("text/html", b"<html>", "HTTP status 400 Bad Request"),
            ("application/x-protobuf", b"<html>", "HTTP status 400 Bad Request"),
        ] {
            let Outcome::Failed(failure) = outcome(&answer(400, kind, body), SystemTime::now()) else {
                panic!("{kind}")
            };
            assert_eq!(failure.reason, words, "{kind}");
        }
    }

    #[test]
    fn words_that_nobody_has_called_anything_are_told_and_pages_are_not() {
        for (body, words) in [
            (&b"no such\ntenant\n"[..], "HTTP status 400 Bad Request: no such tenant"),
            (b" <html>", "HTTP status 400 Bad Request"),
            (b"\xff\xfe", "HTTP status 400 Bad Request"),
            (b"", "HTTP status 400 Bad Request"),
        ] {
            let mut answer = answer(400, "", body);
            answer.headers.remove(CONTENT_TYPE);
            let Outcome::Failed(failure) = outcome(&answer, SystemTime::now()) else { panic!("{body:?}") };
            assert_eq!(failure.reason, words);
        }
    }

    #[test]
    fn partial_successes_are_read_in_both_encodings() {
        let partial = |rejected, message: &str| Outcome::Partial { rejected, message: message.into() };
        let unreadable = || partial(0, "its answer is not an OTLP export response");
        for (kind, body, expected) in [
            ("application/x-protobuf", &b"\x0a\x08\x08\xac\x02\x12\x03old"[..], partial(300, "old")),
            ("application/json", br#"{"partialSuccess":{"rejectedSpans":"2","errorMessage":"x"}}"#, partial(2, "x")),
            ("application/x-protobuf", b"", Outcome::Delivered),
            ("application/json", b"{}", Outcome::Delivered),
            ("text/html", b"<html>", Outcome::Delivered),
            ("application/json", b"OK", unreadable()),
            ("application/x-protobuf", b"OK", unreadable()),
        ] {
            assert_eq!(outcome(&answer(200, kind, body), SystemTime::now()), expected, "{kind} {body:?}");
        }
    }
}
