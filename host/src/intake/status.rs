//! `google.rpc.Status`, in which OTLP's senders are told what went wrong, and how a rejection looks over HTTP.
//!
//! A handful of fields, so they are written by hand; the hot path contains no protobuf codec. The messages:
//!
//! ```text
//! google.rpc.Status      { int32 code = 1; string message = 2; repeated google.protobuf.Any details = 3; }
//! google.protobuf.Any    { string type_url = 1; bytes value = 2; }
//! google.rpc.RetryInfo   { google.protobuf.Duration retry_delay = 1; }
//! google.protobuf.Duration { int64 seconds = 1; int32 nanos = 2; }
//! ```

use std::time::Duration;

use ::http::header::{ACCEPT_ENCODING, ALLOW, CONTENT_TYPE, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE};
use ::http::{HeaderMap, HeaderValue, Response};
use bytes::Bytes;
use http_body_util::Full;
use serde_json::json;

use super::rejection::Rejection;
use crate::contract::Code;
use crate::net::Encoding;
use crate::otlp::json::to_base64;
use crate::otlp::wire::{put_nonempty, put_nonzero};

const RETRY_INFO_TYPE: &str = "type.googleapis.com/google.rpc.RetryInfo";

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

/// OTLP/HTTP's two encodings, and those of the statuses beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusFormat {
    /// `application/x-protobuf`.
    Protobuf,
    /// `application/json`.
    Json,
}

impl StatusFormat {
    /// What the content type says, its parameters aside; `None` for anything else.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let value = headers.get(CONTENT_TYPE)?.as_bytes();
        let kind = value.split(|byte| *byte == b';').next()?.trim_ascii();
        if kind.eq_ignore_ascii_case(PROTOBUF.as_bytes()) {
            Some(StatusFormat::Protobuf)
        } else if kind.eq_ignore_ascii_case(JSON.as_bytes()) {
            Some(StatusFormat::Json)
        } else {
            None
        }
    }

    /// A response with a body in this format.
    pub fn response(self, body: Vec<u8>) -> Response<Full<Bytes>> {
        let content_type = match self {
            StatusFormat::Protobuf => PROTOBUF,
            StatusFormat::Json => JSON,
        };
        let mut response = Response::new(Full::from(body));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        response
    }
}

/// What OTLP/HTTP says of a request that was not accepted: a status in the format of the request, and in JSON, which the person behind it
/// can read, where that is unknown.
pub fn rejected(rejection: &Rejection, format: Option<StatusFormat>) -> Response<Full<Bytes>> {
    let (code, message) = (rejection.code(), rejection.message());
    let format = format.unwrap_or(StatusFormat::Json);
    let mut response = format.response(match format {
        StatusFormat::Protobuf => status_protobuf(code, &message, rejection.retry_after()),
        StatusFormat::Json => status_json(code, &message),
    });
    *response.status_mut() = rejection.http_status();
    if let Some((name, value)) = hint(rejection) {
        response.headers_mut().insert(name, value);
    }
    response
}

/// The header that tells the sender what would work.
fn hint(rejection: &Rejection) -> Option<(HeaderName, HeaderValue)> {
    match rejection {
        Rejection::Unauthenticated { challenge, .. } => {
            Some((WWW_AUTHENTICATE, HeaderValue::from_str(challenge).ok()?))
        }
        Rejection::Method { .. } => Some((ALLOW, HeaderValue::from_static("POST"))),
        Rejection::Encoding { .. } => Some((ACCEPT_ENCODING, HeaderValue::from_static(Encoding::SUPPORTED))),
        _ => {
            let delay = rejection.retry_after()?;
            Some((RETRY_AFTER, HeaderValue::from(retry_after_seconds(delay))))
        }
    }
}

/// In protobuf, with a `RetryInfo` when the sender should come back.
pub(super) fn status_protobuf(code: Code, message: &str, retry_after: Option<Duration>) -> Vec<u8> {
    let mut status = Vec::new();
    put_nonzero(&mut status, 1, code as u64);
    put_nonempty(&mut status, 2, message.as_bytes());
    if let Some(delay) = retry_after {
        let (mut duration, mut info, mut any) = (Vec::new(), Vec::new(), Vec::new());
        put_nonzero(&mut duration, 1, delay.as_secs());
        put_nonzero(&mut duration, 2, u64::from(delay.subsec_nanos()));
        put_nonempty(&mut info, 1, &duration);
        put_nonempty(&mut any, 1, RETRY_INFO_TYPE.as_bytes());
        put_nonempty(&mut any, 2, &info);
        put_nonempty(&mut status, 3, &any);
    }
    status
}

/// In JSON. When to come back stands in the `Retry-After` header.
fn status_json(code: Code, message: &str) -> Vec<u8> {
    json!({"code": code as i32, "message": message}).to_string().into_bytes()
}

/// Whole seconds for `Retry-After`: rounded up, and at least one.
fn retry_after_seconds(delay: Duration) -> u64 {
    (delay.as_secs() + u64::from(delay.subsec_nanos() > 0)).max(1)
}

/// A `grpc-message` header value: everything but printable ASCII is percent-encoded, and the percent sign itself.
pub(super) fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' '..=b'~' if byte != b'%' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// Base64 without padding: how gRPC puts bytes in a `-bin` header.
pub(super) fn base64(bytes: &[u8]) -> String {
    let padded = to_base64(bytes);
    padded.trim_end_matches('=').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn the_content_type_decides_the_format_and_its_parameters_do_not() {
        for (value, format) in [
            ("application/x-protobuf", Some(StatusFormat::Protobuf)),
            ("application/json; charset=utf-8", Some(StatusFormat::Json)),
            ("Application/JSON ;x", Some(StatusFormat::Json)),
            ("application/jsonl", None),
            ("text/plain", None),
            ("", None),
        ] {
            assert_eq!(StatusFormat::of(&headers(CONTENT_TYPE, value)), format, "{value}");
        }
        assert_eq!(StatusFormat::of(&HeaderMap::new()), None);
    }

    #[test]
    fn an_unknown_encoding_is_answered_with_the_known_ones() {
        let response = rejected(&Rejection::Encoding { found: "br".to_owned() }, None);
        assert_eq!(response.status().as_u16(), 415);
        let accepted = response.headers().get(ACCEPT_ENCODING).map(HeaderValue::as_bytes);
        assert_eq!(accepted, Some(Encoding::SUPPORTED.as_bytes()));
    }

    #[test]
    fn a_busy_host_says_when_to_come_back_in_seconds() {
        let response = rejected(&Rejection::GoingDown, Some(StatusFormat::Protobuf));
        assert_eq!(response.status().as_u16(), 503);
        assert_eq!(response.headers().get(RETRY_AFTER).map(HeaderValue::as_bytes), Some(&b"1"[..]));
        assert_eq!(response.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes), Some(PROTOBUF.as_bytes()));
    }

    #[test]
    fn a_status_carries_when_to_come_back() {
        assert_eq!(status_protobuf(Code::InvalidArgument, "bad", None), b"\x08\x03\x12\x03bad");
        let mut expected = b"\x08\x0e\x12\x04full\x1a\x36\x0a\x28type.googleapis.com/google.rpc.RetryInfo".to_vec();
        expected.extend_from_slice(b"\x12\x0a\x0a\x08\x08\x01\x10\x80\xca\xb5\xee\x01");
        assert_eq!(status_protobuf(Code::Unavailable, "full", Some(Duration::from_millis(1500))), expected);
        assert_eq!(status_json(Code::Unavailable, "a \"b\""), br#"{"code":14,"message":"a \"b\""}"#);
    }

    #[test]
    fn retry_after_is_whole_seconds_and_at_least_one() {
        for (millis, seconds) in [(0, 1), (1, 1), (1000, 1), (1001, 2), (2500, 3)] {
            assert_eq!(retry_after_seconds(Duration::from_millis(millis)), seconds);
        }
    }

    #[test]
    fn header_texts_are_encoded() {
        assert_eq!(percent_encode("50% of é\n"), "50%25 of %C3%A9%0A");
        for (bytes, text) in [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
        assert_eq!(base64(b"\xfb\xff"), "+/8");
    }
}
