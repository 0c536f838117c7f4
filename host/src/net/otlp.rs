//! What OTLP's receivers answer with: partial successes and `google.rpc.Status`.
//!
//! A handful of fields, read with the host's own reader of protobuf. The messages, of which the first two have a type for each
//! signal that differs in a name only:
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

use serde_json::Value as Json;

use super::failure::bounded;
use crate::contract::Outcome;
use crate::otlp::wire::{Fault, Reader};

/// What of a batch its receiver refused for good.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PartialSuccess {
    /// Points, spans or records.
    pub rejected: u64,
    /// Its words: a reason, or a warning where nothing was refused.
    pub message: String,
}

impl PartialSuccess {
    /// Of an export response in protobuf; `None` where it is no such message.
    pub fn of_protobuf(response: &[u8]) -> Option<PartialSuccess> {
        Self::read(response).ok()
    }

    fn read(response: &[u8]) -> Result<PartialSuccess, Fault> {
        let mut partial = PartialSuccess::default();
        let mut outer = Reader::new(response);
        while let Some(field) = outer.field()? {
            if field.number != 1 {
                continue;
            }
            let mut inner = Reader::new(field.value.bytes(field.raw)?);
            while let Some(field) = inner.field()? {
                match field.number {
                    1 => partial.rejected = count(field.value.varint(field.raw)?.cast_signed()),
                    2 => partial.message = bounded(&String::from_utf8_lossy(field.value.bytes(field.raw)?)),
                    _ => {}
                }
            }
        }
        Ok(partial)
    }

    /// Of an export response in JSON; `None` where it is no object. Nothing at all is a success.
    pub fn of_json(response: &[u8]) -> Option<PartialSuccess> {
        if response.trim_ascii().is_empty() {
            return Some(PartialSuccess::default());
        }
        let response: Json = serde_json::from_slice(response).ok()?;
        let mut found = PartialSuccess::default();
        let Some(partial) = either(response.as_object()?, "partialSuccess", "partial_success") else {
            return Some(found);
        };
        for (key, value) in partial.as_object().into_iter().flatten() {
            match key.as_str() {
                "errorMessage" | "error_message" => found.message = bounded(value.as_str().unwrap_or_default()),
                key if key.starts_with("rejected") => found.rejected = json_integer(value).map_or(0, count),
                _ => {}
            }
        }
        Some(found)
    }

    /// In the lane's terms.
    pub fn outcome(self) -> Outcome {
        match self.rejected == 0 && self.message.is_empty() {
            true => Outcome::Delivered,
            false => Outcome::Partial { rejected: self.rejected, message: self.message },
        }
    }
}

fn either<'j>(object: &'j serde_json::Map<String, Json>, camel: &str, snake: &str) -> Option<&'j Json> {
    object.get(camel).or_else(|| object.get(snake))
}

fn json_integer(value: &Json) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

/// Less than none is none.
fn count(rejected: i64) -> u64 {
    u64::try_from(rejected).unwrap_or(0)
}

/// `google.rpc.Status`, as far as a sender acts on it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RpcStatus {
    /// For a person.
    pub message: String,
    /// Whether there was a `RetryInfo`; its delay may be zero.
    pub retry: Option<Duration>,
}

impl RpcStatus {
    /// Of its protobuf form; `None` where it is no such message.
    pub fn of_protobuf(status: &[u8]) -> Option<RpcStatus> {
        Self::read(status).ok()
    }

    fn read(bytes: &[u8]) -> Result<RpcStatus, Fault> {
        let mut status = RpcStatus::default();
        let mut reader = Reader::new(bytes);
        while let Some(field) = reader.field()? {
            match field.number {
                2 => status.message = bounded(&String::from_utf8_lossy(field.value.bytes(field.raw)?)),
                3 => status.retry = retry_info(field.value.bytes(field.raw)?)?.or(status.retry),
                _ => {}
            }
        }
        Ok(status)
    }

    /// The message of its JSON form.
    pub fn message_of_json(status: &[u8]) -> Option<String> {
        let status: Json = serde_json::from_slice(status).ok()?;
        status.get("message")?.as_str().map(bounded)
    }
}

/// The delay of a detail that is a `RetryInfo`.
fn retry_info(any: &[u8]) -> Result<Option<Duration>, Fault> {
    let (mut kind, mut value) = (&[][..], &[][..]);
    let mut reader = Reader::new(any);
    while let Some(field) = reader.field()? {
        match field.number {
            1 => kind = field.value.bytes(field.raw)?,
            2 => value = field.value.bytes(field.raw)?,
            _ => {}
        }
    }
    if !kind.ends_with(b"/google.rpc.RetryInfo") {
        return Ok(None);
    }
    let mut delay = Duration::ZERO;
    let mut reader = Reader::new(value);
    while let Some(field) = reader.field()? {
        if field.number == 1 {
            delay = duration(field.value.bytes(field.raw)?)?;
        }
    }
    Ok(Some(delay))
}

/// A `google.protobuf.Duration`; a negative one is none.
fn duration(bytes: &[u8]) -> Result<Duration, Fault> {
    let (mut seconds, mut nanos) = (0_i64, 0_i64);
    let mut reader = Reader::new(bytes);
    while let Some(field) = reader.field()? {
        match field.number {
            1 => seconds = field.value.varint(field.raw)?.cast_signed(),
            2 => nanos = field.value.varint(field.raw)?.cast_signed(),
            _ => {}
        }
    }
    let nanos = u32::try_from(nanos).ok().filter(|nanos| *nanos < 1_000_000_000);
    Ok(match (u64::try_from(seconds), nanos) {
        (Ok(seconds), Some(nanos)) => Duration::new(seconds, nanos),
        _ => Duration::ZERO,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partial(rejected: u64, message: &str) -> Option<PartialSuccess> {
        Some(PartialSuccess { rejected, message: message.into() })
    }

    #[test]
    fn partial_successes_are_read_in_both_encodings() {
        assert_eq!(PartialSuccess::of_protobuf(b""), partial(0, ""));
        assert_eq!(PartialSuccess::of_protobuf(b"\x0a\x08\x08\xac\x02\x12\x03old"), partial(300, "old"));
        assert_eq!(PartialSuccess::of_protobuf(b"\x0a\x05\x12\x03hot\x78\x01"), partial(0, "hot"));
        // Minus one.
        assert_eq!(
            PartialSuccess::of_protobuf(b"\x0a\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
            partial(0, "")
        );
        for garbage in [&b"\x0a\x08\x08"[..], b"<html>", b"\x08\x01\x0a"] {
            assert_eq!(PartialSuccess::of_protobuf(garbage), None, "{garbage:?}");
        }
        for (json, expected) in [
            ("", partial(0, "")),
            ("{}", partial(0, "")),
            (r#"{"partialSuccess": null}"#, partial(0, "")),
            (r#"{"partialSuccess": {"rejectedSpans": "3", "errorMessage": "old"}}"#, partial(3, "old")),
            (r#"{"partial_success": {"rejected_log_records": 4}}"#, partial(4, "")),
            (r#"{"partialSuccess": {"rejectedSpans": "-3"}}"#, partial(0, "")),
            ("OK", None),
            ("[]", None),
        ] {
            assert_eq!(PartialSuccess::of_json(json.as_bytes()), expected, "{json}");
        }
    }

    #[test]
    fn a_status_says_when_to_come_back() {
        let mut bytes = b"\x08\x0e\x12\x04full\x1a\x36\x0a\x28type.googleapis.com/google.rpc.RetryInfo".to_vec();
        bytes.extend_from_slice(b"\x12\x0a\x0a\x08\x08\x01\x10\x80\xca\xb5\xee\x01");
        let status = RpcStatus { message: "full".into(), retry: Some(Duration::from_millis(1500)) };
        assert_eq!(RpcStatus::of_protobuf(&bytes), Some(status));
        assert_eq!(RpcStatus::of_protobuf(b"\x12\x03bad"), Some(RpcStatus { message: "bad".into(), retry: None }));
        assert_eq!(RpcStatus::of_protobuf(b"\x12\x09bad"), None);
        assert_eq!(RpcStatus::message_of_json(br#"{"code": 3, "message": "bad"}"#).as_deref(), Some("bad"));
    }
}
