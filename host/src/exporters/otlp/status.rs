//! What an answer over gRPC means for the batch.
//!
//! Which codes may be retried is the OTLP specification's table (OTLP/gRPC Response, "Failures"); what an HTTP status stands for when
//! there is no gRPC status is gRPC's (`doc/http-grpc-status-mapping.md`).

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use crate::contract::{Code, FailureClass, Outcome};
use crate::net::{ANSWER_BYTES_MAX, Answer, Encoding, PartialSuccess, RpcStatus, bounded, failed, refused};
use crate::otlp::json::from_base64;

/// One flag byte and the message's length.
pub(super) const PREFIX_BYTES: usize = 5;

/// gRPC's codes by number.
const NAMES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

const UNAVAILABLE: u32 = 14;

/// The outcome of a call that was answered.
pub(super) fn outcome(answer: &Answer) -> Outcome {
    let Some((code, headers)) = code(answer) else { return without_status(answer) };
    if code == 0 {
        return delivered(answer);
    }
    let details = headers.get("grpc-status-details-bin").and_then(|value| value.to_str().ok());
    let details = details.and_then(from_base64).and_then(|bytes| RpcStatus::of_protobuf(&bytes)).unwrap_or_default();
    let message = match headers.get("grpc-message") {
        Some(message) => bounded(&percent_decoded(message.as_bytes())),
        None => details.message,
    };
    let retry_after = details.retry.filter(|delay| !delay.is_zero());
    refused(Code::of_number(code), class(code, details.retry), reason(code, &message), retry_after)
}

/// The gRPC status, behind the body or, where there is none, in front of it, with what stands beside it.
fn code(answer: &Answer) -> Option<(u32, &HeaderMap)> {
    [&answer.trailers, &answer.headers].into_iter().find_map(|headers| {
        let text = headers.get("grpc-status")?.to_str().ok()?;
        Some((text.parse().ok()?, headers))
    })
}

/// What the OTLP specification says of a code.
fn class(code: u32, retry: Option<Duration>) -> FailureClass {
    match code {
        // Nobody knows how far it got.
        4 => FailureClass::Timeout,
        1 | 10 | 11 | 15 | UNAVAILABLE => FailureClass::Unavailable,
        8 if retry.is_some() => FailureClass::Throttled,
        _ => FailureClass::Permanent,
    }
}

fn reason(code: u32, message: &str) -> String {
    let name = usize::try_from(code).ok().and_then(|code| NAMES.get(code)).copied().unwrap_or("no known code");
    match message {
        "" => format!("gRPC status {code} ({name})"),
        _ => format!("gRPC status {code} ({name}): {message}"),
    }
}

/// A batch that was taken. Its receiver says so whatever stands in the message, so a message that cannot be read is a warning only.
fn delivered(answer: &Answer) -> Outcome {
    let body = &answer.body;
    let Some((prefix, message)) = body.split_first_chunk::<PREFIX_BYTES>() else { return Outcome::Delivered };
    let [flag, length @ ..] = *prefix;
    let is_whole = u32::from_be_bytes(length) as usize == message.len();
    let message = body.slice(PREFIX_BYTES..);
    let message = if flag == 0 { Some(message) } else { unpacked(answer, message) };
    match message.filter(|_| is_whole).and_then(|message| PartialSuccess::of_protobuf(&message)) {
        Some(partial) => partial.outcome(),
        None => Outcome::Partial { rejected: 0, message: "its answer is not an OTLP export response".to_owned() },
    }
}

/// A message whose flag says that it is compressed, as servers do that answer in the encoding they were asked in.
fn unpacked(answer: &Answer, message: Bytes) -> Option<Bytes> {
    let encoding = Encoding::named(answer.headers.get("grpc-encoding")?.as_bytes())?;
    encoding.unpack(message, ANSWER_BYTES_MAX, &mut |_| true).ok()
}

/// An answer that is not gRPC's: a proxy's, most likely.
fn without_status(answer: &Answer) -> Outcome {
    let code = match answer.status.as_u16() {
        // Nothing that was said is about the batch.
        200 => {
            let reason = "an answer without a gRPC status: is this an OTLP/gRPC endpoint?".to_owned();
            return failed(FailureClass::Broken, reason);
        }
        400 => 13,
        401 => 16,
        403 => 7,
        404 => 12,
        429 | 502 | 503 | 504 => UNAVAILABLE,
        _ => 2,
    };
    let reason = format!("{}, answered with {}", reason(code, ""), http_status(answer.status));
    refused(Code::of_number(code), class(code, None), reason, None)
}

fn http_status(status: StatusCode) -> String {
    format!("HTTP status {status}")
}

/// A `grpc-message`. What is wrong in it stands as it is, as gRPC has it.
fn percent_decoded(text: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, after @ ..] = rest {
        let escaped = match after {
            [high, low, ..] if *first == b'%' => hex(*high).zip(hex(*low)),
            _ => None,
        };
        match escaped {
            Some((high, low)) => {
                bytes.push(high << 4 | low);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderName, HeaderValue};

    use super::*;
    use crate::contract::Failure;
    use crate::net::Compression;
    use crate::otlp::json::to_base64;

    type Field = (&'static str, &'static str);

    fn headers(fields: &[Field]) -> HeaderMap {
        let field = |(name, value): &Field| (HeaderName::from_static(name), HeaderValue::from_static(value));
        fields.iter().map(field).collect()
    }

    fn answer(status: u16, body: &'static [u8], trailers: &[Field]) -> Answer {
        Answer {
            status: StatusCode::from_u16(status).unwrap_or_default(),
            headers: HeaderMap::new(),
            body: Bytes::from_static(body),
            trailers: headers(trailers),
            is_cut: false,
        }
    }

    fn failure(answer: &Answer) -> Option<Failure> {
        match outcome(answer) {
            Outcome::Failed(failure) => Some(failure),
            _ => None,
        }
    }

    /// The table of the OTLP specification, row by row.
    #[test]
    fn codes_are_retried_as_otlp_says() {
        const CODES: [&str; 18] =
            ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16", "99"];
        let retried: Vec<&str> = CODES
            .into_iter()
            .filter(|code| failure(&answer(200, b"", &[("grpc-status", code)])).is_some_and(|f| f.class.is_retryable()))
            .collect();
        assert_eq!(retried, ["1", "4", "10", "11", "14", "15"]);
        assert_eq!(outcome(&answer(200, b"\0\0\0\0\0", &[("grpc-status", "0")])), Outcome::Delivered);
    }

    #[test]
    fn an_exhausted_resource_is_retried_only_when_it_says_when() {
        let exhausted = answer(200, b"", &[("grpc-status", "8"), ("grpc-message", "slow%20down%21")]);
        let without = failure(&exhausted);
        assert_eq!(without.as_ref().map(|failure| failure.class), Some(FailureClass::Permanent));
        assert_eq!(without.map(|f| f.reason).as_deref(), Some("gRPC status 8 (RESOURCE_EXHAUSTED): slow down!"));
        let mut info =
            b"\x08\x08\x1a\x32\x0a\x28type.googleapis.com/google.rpc.RetryInfo\x12\x06\x0a\x04\x08\x02\x10\x00"
                .to_vec();
        for (delay, expected) in [(2, Some(Duration::from_secs(2))), (0, None)] {
            let at = info.len() - 3;
            info[at] = delay;
            let mut answer = exhausted.clone();
            let details = HeaderValue::try_from(to_base64(&info).trim_end_matches('=')).ok();
            answer.trailers.extend(details.map(|value| (HeaderName::from_static("grpc-status-details-bin"), value)));
            let failure = failure(&answer);
            assert_eq!(failure.as_ref().map(|f| (f.class, f.retry_after)), Some((FailureClass::Throttled, expected)));
        }
    }

    #[test]
    fn a_status_may_stand_in_front() {
        let mut only_headers = answer(200, b"", &[]);
        only_headers.headers = headers(&[("grpc-status", "14"), ("grpc-message", "going down")]);
        let found = failure(&only_headers);
        assert_eq!(found.as_ref().map(|f| f.class), Some(FailureClass::Unavailable));
        assert!(found.is_some_and(|f| f.reason.ends_with("(UNAVAILABLE): going down")));
    }

    #[test]
    fn http_statuses_stand_for_grpcs_where_there_is_none() {
        for (status, class, words) in [
            (400, FailureClass::Permanent, "INTERNAL"),
            (401, FailureClass::Permanent, "UNAUTHENTICATED"),
            (403, FailureClass::Permanent, "PERMISSION_DENIED"),
            (404, FailureClass::Permanent, "UNIMPLEMENTED"),
            (429, FailureClass::Unavailable, "UNAVAILABLE"),
            (502, FailureClass::Unavailable, "502"),
            (503, FailureClass::Unavailable, "503 Service Unavailable"),
            (504, FailureClass::Unavailable, "504"),
            (500, FailureClass::Permanent, "UNKNOWN"),
            (302, FailureClass::Permanent, "UNKNOWN"),
            (200, FailureClass::Broken, "without a gRPC status"),
        ] {
            let found = failure(&answer(status, b"<html>", &[]));
            assert_eq!(found.as_ref().map(|f| f.class), Some(class), "{status}");
            assert!(found.as_ref().is_some_and(|f| f.reason.contains(words)), "{found:?}");
        }
    }

    #[test]
    fn a_partial_success_is_one() {
        let partial = answer(200, b"\0\0\0\0\x0a\x0a\x08\x08\xac\x02\x12\x03old", &[("grpc-status", "0")]);
        assert_eq!(outcome(&partial), Outcome::Partial { rejected: 300, message: "old".into() });
        for body in [&b"\0\0\0\0\x03\x0a\x08\x08"[..], b"\0\0\0\0\x09ab", b"\x01\0\0\0\0"] {
            let garbled = outcome(&answer(200, body, &[("grpc-status", "0")]));
            assert!(matches!(garbled, Outcome::Partial { rejected: 0, .. }), "{garbled:?}");
        }
        assert_eq!(outcome(&answer(200, b"", &[("grpc-status", "0")])), Outcome::Delivered);
    }

    #[tokio::test]
    async fn an_answer_may_be_compressed() -> std::io::Result<()> {
        for (compression, name) in
            [(Compression::Gzip, "gzip"), (Compression::Zstd, "zstd"), (Compression::SnappyFramed, "snappy")]
        {
            let packed = compression.pack(Bytes::from_static(b"\x0a\x08\x08\xac\x02\x12\x03old")).await?;
            let mut partial = answer(200, b"", &[("grpc-status", "0")]);
            partial.body = [&[1, 0, 0, 0, packed.len() as u8], &packed[..]].concat().into();
            partial.headers = headers(&[("grpc-encoding", name)]);
            assert_eq!(outcome(&partial), Outcome::Partial { rejected: 300, message: "old".into() }, "{name}");
        }
        Ok(())
    }
}
