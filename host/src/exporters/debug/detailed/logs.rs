//! One log record.

use super::super::go::time;
use super::super::sink::Sink;
use super::super::view::Fields;
use super::attributes::{attributes, typed};
use crate::otlp::wire::Fault;

/// Writes a `LogRecord`.
pub fn write(sink: &mut Sink<'_>, index: usize, record: &Fields<'_>) -> Result<(), Fault> {
    let severity = record.varint(2)?;
    sink.line(format_args!("LogRecord #{index}"));
    sink.line(format_args!("ObservedTimestamp: {}", time(record.fixed64(11)?)));
    sink.line(format_args!("Timestamp: {}", time(record.fixed64(1)?)));
    sink.line(format_args!("SeverityText: {}", record.text(3)?));
    sink.line(format_args!("SeverityNumber: {}({severity})", severity_name(severity)));
    let event_name = record.text(12)?;
    if !event_name.is_empty() {
        sink.line(format_args!("EventName: {event_name}"));
    }
    sink.line(format_args!("Body: {}", typed(record.child(5)?.message())?));
    attributes(sink, "", "Attributes", &record.attributes(6)?)?;
    sink.line(format_args!("Trace ID: {}", record.id(9)?));
    sink.line(format_args!("Span ID: {}", record.id(10)?));
    sink.line(format_args!("Flags: {}", record.fixed32(8)?));
    Ok(())
}

/// Four steps for each of six levels.
fn severity_name(number: u64) -> String {
    let level = match number {
        0 => return "Unspecified".to_owned(),
        1..=4 => "Trace",
        5..=8 => "Debug",
        9..=12 => "Info",
        13..=16 => "Warn",
        17..=20 => "Error",
        21..=24 => "Fatal",
        _ => return String::new(),
    };
    match (number - 1) % 4 {
        0 => level.to_owned(),
        step => format!("{level}{}", step + 1),
    }
}
