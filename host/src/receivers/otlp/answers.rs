//! OTLP's export responses, in protobuf and in JSON.
//!
//! A handful of fields, so they are written by hand. The messages:
//!
//! ```text
//! ExportXServiceResponse { ExportXPartialSuccess partial_success = 1; }
//! ExportXPartialSuccess  { int64 rejected_x = 1; string error_message = 2; }
//! ```

use serde_json::json;

use crate::contract::{Accepted, Signal};
use crate::otlp::wire::{put_nonempty, put_nonzero};

/// The export response in protobuf; empty when nothing was rejected.
pub(super) fn response_protobuf(accepted: &Accepted) -> Vec<u8> {
    let mut response = Vec::new();
    if accepted.rejected > 0 {
        let mut partial = Vec::new();
        put_nonzero(&mut partial, 1, accepted.rejected);
        put_nonempty(&mut partial, 2, accepted.rejected_reason.as_bytes());
        put_nonempty(&mut response, 1, &partial);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_are_empty_unless_something_was_rejected() {
        let partial = Accepted { items: 400, rejected: 300, rejected_reason: "old".into() };
        let whole = Accepted { items: 5, ..Accepted::default() };
        assert_eq!(response_protobuf(&whole), b"");
        assert_eq!(response_json(Signal::Logs, &whole), b"{}");
        assert_eq!(response_protobuf(&partial), b"\x0a\x08\x08\xac\x02\x12\x03old");
        assert_eq!(
            response_json(Signal::Metrics, &partial),
            br#"{"partialSuccess":{"errorMessage":"old","rejectedDataPoints":"300"}}"#
        );
    }
}
