//! Spans.

use super::message::{put_attribute, put_message, request, unix_nanos};
use crate::contract::{DELIVER, Span};
use crate::otlp::wire::{put_bytes, put_fixed64, put_varint_field};

/// `Span.SpanKind`.
const INTERNAL: u64 = 1;
const SERVER: u64 = 2;
const CLIENT: u64 = 3;

/// `Status.StatusCode`.
const ERROR: u64 = 2;

/// ```text
/// Span {
///   bytes trace_id = 1; bytes span_id = 2; bytes parent_span_id = 4; string name = 5; SpanKind kind = 6;
///   fixed64 start_time_unix_nano = 7; fixed64 end_time_unix_nano = 8; repeated KeyValue attributes = 9; Status status = 15;
/// }
/// Status { string message = 2; StatusCode code = 3; }
/// ```
pub fn spans(resource: &[u8], spans: &[Span]) -> Vec<u8> {
    request(resource, |scope| spans.iter().for_each(|span| put_message(scope, 2, |out| put_span(out, span))))
}

fn put_span(out: &mut Vec<u8>, span: &Span) {
    let Span { trace_id, id, parent, name, start, end, attributes, error } = span;
    put_bytes(out, 1, trace_id);
    put_bytes(out, 2, id);
    parent.iter().for_each(|parent| put_bytes(out, 4, parent));
    put_bytes(out, 5, name.as_bytes());
    let kind = match (parent, *name) {
        (None, _) => SERVER,
        (Some(_), DELIVER) => CLIENT,
        (Some(_), _) => INTERNAL,
    };
    put_varint_field(out, 6, kind);
    put_fixed64(out, 7, unix_nanos(*start));
    put_fixed64(out, 8, unix_nanos(*end));
    attributes.iter().for_each(|(name, value)| put_attribute(out, 9, name, value));
    if let Some(error) = error {
        put_message(out, 15, |status| {
            put_bytes(status, 2, error.as_bytes());
            put_varint_field(status, 3, ERROR);
        });
    }
}
