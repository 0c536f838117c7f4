//! Attributes and their values, an entry each.

use super::super::sink::Sink;
use crate::exporters::value;
use crate::otlp::attribute::{AnyValue, Attribute};
use crate::otlp::message::Message;
use crate::otlp::wire::Fault;

/// What stands before an entry, and once more before an entry of an entry.
pub const INDENT: &str = "     ";

/// A header and an entry for each attribute; nothing for no attributes. Behind an `indent` the header is an entry itself.
pub fn attributes(sink: &mut Sink<'_>, indent: &str, header: &str, attributes: &[Attribute<'_>]) -> Result<(), Fault> {
    if attributes.is_empty() {
        return Ok(());
    }
    let arrow = if indent.is_empty() { "" } else { "-> " };
    sink.line(format_args!("{indent}{arrow}{header}:"));
    for attribute in attributes {
        let key = String::from_utf8_lossy(attribute.key);
        sink.line(format_args!("{indent}{INDENT}-> {key}: {}", typed(&attribute.value()?)?));
    }
    Ok(())
}

/// `Str(text)`, `Int(7)` and so on.
pub fn typed(value: &Message<'_>) -> Result<String, Fault> {
    let name = match AnyValue::read(value)? {
        AnyValue::Empty => "Empty",
        AnyValue::String(_) => "Str",
        AnyValue::Bool(_) => "Bool",
        AnyValue::Int(_) => "Int",
        AnyValue::Double(_) => "Double",
        AnyValue::Array(_) => "Slice",
        AnyValue::Map(_) => "Map",
        AnyValue::Bytes(_) => "Bytes",
    };
    Ok(format!("{name}({})", value::text(value)?))
}
