//! Log records.

use tracing::Level;

use super::message::{put_attribute, put_message, put_value, request, unix_nanos};
use crate::contract::AttributeValue;
use crate::otlp::wire::{put_bytes, put_fixed64, put_varint_field};
use crate::own_telemetry::layer::LogRecord;

/// ```text
/// LogRecord {
///   fixed64 time_unix_nano = 1; fixed64 observed_time_unix_nano = 11; SeverityNumber severity_number = 2;
///   string severity_text = 3; AnyValue body = 5; repeated KeyValue attributes = 6;
/// }
/// ```
pub fn logs(resource: &[u8], records: &[LogRecord]) -> Vec<u8> {
    request(resource, |scope| records.iter().for_each(|record| put_message(scope, 2, |out| put_record(out, record))))
}

fn put_record(out: &mut Vec<u8>, record: &LogRecord) {
    let LogRecord { time, severity, body, attributes } = record;
    put_fixed64(out, 1, unix_nanos(*time));
    put_fixed64(out, 11, unix_nanos(*time));
    put_varint_field(out, 2, severity_number(*severity));
    put_bytes(out, 3, severity.as_str().to_ascii_lowercase().as_bytes());
    put_message(out, 5, |any| put_value(any, &AttributeValue::from(body.as_str())));
    attributes.iter().for_each(|(name, value)| put_attribute(out, 6, name, value));
}

/// The first number of each of OpenTelemetry's ranges.
fn severity_number(level: Level) -> u64 {
    match level {
        Level::TRACE => 1,
        Level::DEBUG => 5,
        Level::INFO => 9,
        Level::WARN => 13,
        Level::ERROR => 17,
    }
}
