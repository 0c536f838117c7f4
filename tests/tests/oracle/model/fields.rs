//! Edits of fields, on decoded structs. What an edit gives is read from the bytes that the host makes of it.

use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use otelier::otlp::field::Field;

use super::decode;

/// Gives a span a field; of a log record's fields none.
pub fn edit_span(span: &mut Span, field: Field, given: &[u8]) {
    let whole = || decode::<Span>(given);
    match field {
        Field::Name => span.name = whole().name,
        Field::Kind => span.kind = whole().kind,
        Field::TraceState => span.trace_state = whole().trace_state,
        Field::ParentSpanId => span.parent_span_id = whole().parent_span_id,
        Field::StartTime => span.start_time_unix_nano = whole().start_time_unix_nano,
        Field::EndTime => span.end_time_unix_nano = whole().end_time_unix_nano,
        Field::StatusCode => span.status.get_or_insert_default().code = decode::<Status>(given).code,
        Field::StatusMessage => span.status.get_or_insert_default().message = decode::<Status>(given).message,
        _ => {}
    }
}

/// The same for a log record.
pub fn edit_record(record: &mut LogRecord, field: Field, given: &[u8]) {
    let whole = || decode::<LogRecord>(given);
    match field {
        Field::Time => record.time_unix_nano = whole().time_unix_nano,
        Field::ObservedTime => record.observed_time_unix_nano = whole().observed_time_unix_nano,
        Field::SeverityNumber => record.severity_number = whole().severity_number,
        Field::SeverityText => record.severity_text = whole().severity_text,
        Field::Body => record.body = whole().body,
        Field::EventName => record.event_name = whole().event_name,
        _ => {}
    }
}
