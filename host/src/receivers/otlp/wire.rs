//! What the receiver itself says, in protobuf and in JSON: OTLP's export responses and `google.rpc.Status`.
//!
//! A handful of fields, so they are written by hand; the host contains no protobuf codec. The messages:
//!
//! ```text
//! ExportXServiceResponse { ExportXPartialSuccess partial_success = 1; }
//! ExportXPartialSuccess  { int64 rejected_x = 1; string error_message = 2; }
//! google.rpc.Status      { int32 code = 1; string message = 2; repeated google.protobuf.Any details = 3; }
//! google.protobuf.Any    { string type_url = 1; bytes value = 2; }
//! google.rpc.RetryInfo   { google.protobuf.Duration retry_delay = 1; }
//! google.protobuf.Duration { int64 seconds = 1; int32 nanos = 2; }
//! ```

use std::time::Duration;

use serde_json::json;

use crate::contract::{Accepted, Code, Signal};
use crate::otlp::json::to_base64;
use crate::otlp::wire::put_varint;

const RETRY_INFO_TYPE: &str = "type.googleapis.com/google.rpc.RetryInfo";

/// The export response in protobuf; empty when nothing was rejected.
pub(super) fn response_protobuf(accepted: &Accepted) -> Vec<u8> {
    let mut response = Vec::new();
    if accepted.rejected > 0 {
        let mut partial = Vec::new();
        put_integer(&mut partial, 1, accepted.rejected);
        put_bytes(&mut partial, 2, accepted.rejected_reason.as_bytes());
        put_bytes(&mut response, 1, &partial);
    }
    response
}

/// The export response in JSON, 64-bit integers as strings.
pub(super) fn response_json(signal: Signal, accepted: &Accepted) -> Vec<u8> {
    if accepted.rejected == 0 {
        return b"{}".to_vec();
    }
    let rejected_key = match signal {
        Signal::Metrics => "rejectedDataPoints",
        Signal::Traces => "rejectedSpans",
        Signal::Logs => "rejectedLogRecords",
    };
    let partial = json!({rejected_key: accepted.rejected.to_string(), "errorMessage": accepted.rejected_reason});
    json!({"partialSuccess": partial}).to_string().into_bytes()
}

/// `google.rpc.Status` in protobuf, with a `RetryInfo` when the sender should come back.
pub(super) fn status_protobuf(code: Code, message: &str, retry_after: Option<Duration>) -> Vec<u8> {
    let mut status = Vec::new();
    put_integer(&mut status, 1, code as u64);
    put_bytes(&mut status, 2, message.as_bytes());
    if let Some(delay) = retry_after {
        let (mut duration, mut info, mut any) = (Vec::new(), Vec::new(), Vec::new());
        put_integer(&mut duration, 1, delay.as_secs());
        put_integer(&mut duration, 2, u64::from(delay.subsec_nanos()));
        put_bytes(&mut info, 1, &duration);
        put_bytes(&mut any, 1, RETRY_INFO_TYPE.as_bytes());
        put_bytes(&mut any, 2, &info);
        put_bytes(&mut status, 3, &any);
    }
    status
}

/// `google.rpc.Status` in JSON. When to come back stands in the `Retry-After` header.
pub(super) fn status_json(code: Code, message: &str) -> Vec<u8> {
    json!({"code": code as i32, "message": message}).to_string().into_bytes()
}

/// Whole seconds for `Retry-After`: rounded up, and at least one.
pub(super) fn retry_after_seconds(delay: Duration) -> u64 {
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

/// A varint field; as in proto3, zero is not written.
fn put_integer(out: &mut Vec<u8>, number: u8, value: u64) {
    if value > 0 {
        out.push(number << 3);
        put_varint(out, value);
    }
}

/// A length-delimited field; as in proto3, an empty one is not written.
fn put_bytes(out: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    if !bytes.is_empty() {
        out.push(number << 3 | 2);
        put_varint(out, bytes.len() as u64);
        out.extend_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partial() -> Accepted {
        Accepted { items: 400, rejected: 300, rejected_reason: "old".into() }
    }

    #[test]
    fn responses_are_empty_unless_something_was_rejected() {
        let whole = Accepted { items: 5, ..Accepted::default() };
        assert_eq!(response_protobuf(&whole), b"");
        assert_eq!(response_json(Signal::Logs, &whole), b"{}");
        assert_eq!(response_protobuf(&partial()), b"\x0a\x08\x08\xac\x02\x12\x03old");
        assert_eq!(
            response_json(Signal::Metrics, &partial()),
            br#"{"partialSuccess":{"errorMessage":"old","rejectedDataPoints":"300"}}"#
        );
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
