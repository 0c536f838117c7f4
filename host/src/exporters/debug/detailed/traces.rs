//! One span with its events and links.

use std::fmt::Display;

use super::super::go::time;
use super::super::sink::Sink;
use super::super::view::Fields;
use super::attributes::{INDENT, attributes};
use crate::otlp::wire::Fault;

/// Writes a `Span`.
pub fn write(sink: &mut Sink<'_>, index: usize, span: &Fields<'_>) -> Result<(), Fault> {
    sink.line(format_args!("Span #{index}"));
    property(sink, "Trace ID", span.id(1)?);
    property(sink, "Parent ID", span.id(4)?);
    property(sink, "ID", span.id(2)?);
    property(sink, "Name", span.text(5)?);
    property(sink, "Kind", kind_name(span.varint(6)?));
    let trace_state = span.text(3)?;
    if !trace_state.is_empty() {
        property(sink, "TraceState", trace_state);
    }
    property(sink, "Start time", time(span.fixed64(7)?));
    property(sink, "End time", time(span.fixed64(8)?));
    let status = span.child(15)?;
    property(sink, "Status code", status_name(status.varint(3)?));
    property(sink, "Status message", status.text(2)?);
    property(sink, "DroppedAttributesCount", span.varint(10)?);
    property(sink, "DroppedEventsCount", span.varint(12)?);
    property(sink, "DroppedLinksCount", span.varint(14)?);
    attributes(sink, "", "Attributes", &span.attributes(9)?)?;
    events(sink, &span.children(11)?)?;
    links(sink, &span.children(13)?)
}

fn property(sink: &mut Sink<'_>, name: &str, value: impl Display) {
    sink.line(format_args!("    {name:<15}: {value}"));
}

fn events(sink: &mut Sink<'_>, events: &[&[u8]]) -> Result<(), Fault> {
    if !events.is_empty() {
        sink.line(format_args!("Events:"));
    }
    for (index, event) in events.iter().enumerate() {
        let event = Fields::new(event);
        sink.line(format_args!("SpanEvent #{index}"));
        sink.line(format_args!("     -> Name: {}", event.text(2)?));
        sink.line(format_args!("     -> Timestamp: {}", time(event.fixed64(1)?)));
        sink.line(format_args!("     -> DroppedAttributesCount: {}", event.varint(4)?));
        // The second colon is the Collector's.
        attributes(sink, INDENT, "Attributes:", &event.attributes(3)?)?;
    }
    Ok(())
}

fn links(sink: &mut Sink<'_>, links: &[&[u8]]) -> Result<(), Fault> {
    if !links.is_empty() {
        sink.line(format_args!("Links:"));
    }
    for (index, link) in links.iter().enumerate() {
        let link = Fields::new(link);
        sink.line(format_args!("SpanLink #{index}"));
        sink.line(format_args!("     -> Trace ID: {}", link.id(1)?));
        sink.line(format_args!("     -> ID: {}", link.id(2)?));
        sink.line(format_args!("     -> TraceState: {}", link.text(3)?));
        sink.line(format_args!("     -> DroppedAttributesCount: {}", link.varint(5)?));
        attributes(sink, INDENT, "Attributes:", &link.attributes(4)?)?;
    }
    Ok(())
}

fn kind_name(number: u64) -> &'static str {
    match number {
        0 => "Unspecified",
        1 => "Internal",
        2 => "Server",
        3 => "Client",
        4 => "Producer",
        5 => "Consumer",
        _ => "",
    }
}

fn status_name(number: u64) -> &'static str {
    match number {
        0 => "Unset",
        1 => "Ok",
        2 => "Error",
        _ => "",
    }
}
