//! The item at hand, whatever its signal: where its attributes are, and its fields.

use crate::contract::Signal;
use crate::otlp::attribute::AnyValue;
use crate::otlp::field::{Field, Place};
use crate::otlp::key;
use crate::otlp::logs::{self, LogRecord};
use crate::otlp::message::Message;
use crate::otlp::spans::{self, Span};
use crate::otlp::wire::Fault;

/// A point, span or log record.
pub enum Item<'v, 'a> {
    /// A point: its message, and the number of its attributes in it.
    Point(&'a [u8], u32),
    /// A span.
    Span(&'v Span<'a>),
    /// A log record.
    Record(&'v LogRecord<'a>),
}

/// The value of a field.
pub enum FieldValue<'v, 'a> {
    /// Empty or 0, or no field of this signal.
    Absent,
    /// A string.
    Text(&'a [u8]),
    /// A number.
    Integer(i64),
    /// An id.
    Bytes(&'a [u8]),
    /// An `AnyValue`.
    Any(&'v Message<'a>),
}

impl<'a> FieldValue<'_, 'a> {
    /// A text that may be empty.
    pub fn text(text: &'a [u8]) -> Self {
        if text.is_empty() { FieldValue::Absent } else { FieldValue::Text(text) }
    }

    fn integer(number: i32) -> Self {
        if number == 0 { FieldValue::Absent } else { FieldValue::Integer(number.into()) }
    }

    /// A time by its bits.
    fn time(time: u64) -> Self {
        if time == 0 { FieldValue::Absent } else { FieldValue::Integer(time.cast_signed()) }
    }

    /// An id of zeros is none, as an empty one is.
    fn id(id: &'a [u8]) -> Self {
        if id.iter().all(|byte| *byte == 0) { FieldValue::Absent } else { FieldValue::Bytes(id) }
    }

    /// Bytes of the request that it stands in.
    pub fn len(&self) -> usize {
        match self {
            FieldValue::Absent => 0,
            FieldValue::Text(bytes) | FieldValue::Bytes(bytes) => bytes.len(),
            FieldValue::Integer(_) => 8,
            FieldValue::Any(message) => message.pieces().map(<[u8]>::len).sum(),
        }
    }

    /// Appends the value as keys have it; nothing where it is absent.
    pub fn write(&self, out: &mut Vec<u8>) -> Result<(), Fault> {
        match self {
            FieldValue::Absent => {}
            FieldValue::Text(text) => key::put_text_value(out, text),
            FieldValue::Integer(number) => key::put_integer_value(out, *number),
            FieldValue::Bytes(bytes) => key::put_bytes_value(out, bytes),
            FieldValue::Any(message) => key::put_value(out, message)?,
        }
        Ok(())
    }
}

impl<'v, 'a> Item<'v, 'a> {
    /// The message and the number of its attributes.
    pub fn attributes(&self) -> (&'a [u8], u32) {
        match self {
            Item::Point(raw, number) => (raw, *number),
            Item::Span(span) => (span.raw, spans::ATTRIBUTES),
            Item::Record(record) => (record.raw, logs::ATTRIBUTES),
        }
    }

    /// Where this signal has a field.
    pub fn place(&self, field: Field) -> Option<Place> {
        field.place(match self {
            Item::Point(..) => Signal::Metrics,
            Item::Span(_) => Signal::Traces,
            Item::Record(_) => Signal::Logs,
        })
    }

    /// A field of its own.
    pub fn field(&self, field: Field) -> FieldValue<'v, 'a> {
        match (self, field) {
            (Item::Span(span), Field::Name) => FieldValue::text(span.name),
            (Item::Span(span), Field::Kind) => FieldValue::integer(span.kind),
            (Item::Span(span), Field::StatusCode) => FieldValue::integer(span.status_code),
            (Item::Span(span), Field::StatusMessage) => FieldValue::text(span.status_message),
            (Item::Span(span), Field::TraceState) => FieldValue::text(span.trace_state),
            (Item::Span(span), Field::TraceId) => FieldValue::id(span.trace_id),
            (Item::Span(span), Field::SpanId) => FieldValue::id(span.span_id),
            (Item::Span(span), Field::ParentSpanId) => FieldValue::id(span.parent_span_id),
            (Item::Span(span), Field::StartTime) => FieldValue::time(span.start_time),
            (Item::Span(span), Field::EndTime) => FieldValue::time(span.end_time),
            (Item::Record(record), Field::TraceId) => FieldValue::id(record.trace_id),
            (Item::Record(record), Field::SpanId) => FieldValue::id(record.span_id),
            (Item::Record(record), Field::Time) => FieldValue::time(record.time),
            (Item::Record(record), Field::ObservedTime) => FieldValue::time(record.observed_time),
            (Item::Record(record), Field::SeverityNumber) => FieldValue::integer(record.severity_number),
            (Item::Record(record), Field::SeverityText) => FieldValue::text(record.severity_text),
            (Item::Record(record), Field::EventName) => FieldValue::text(record.event_name),
            (Item::Record(record), Field::Body) => match AnyValue::read(&record.body) {
                Ok(AnyValue::Empty) => FieldValue::Absent,
                _ => FieldValue::Any(&record.body),
            },
            _ => FieldValue::Absent,
        }
    }
}
