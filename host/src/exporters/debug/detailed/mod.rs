//! Verbosity `detailed`: everything there is to know, in many lines.

mod attributes;
mod logs;
mod metrics;
mod points;
mod traces;

use super::sink::Sink;
use super::view::{Fields, Levels, walk};
use crate::contract::Signal;
use crate::otlp::wire::Fault;
use attributes::attributes;

/// Writes a whole request.
pub fn write(sink: &mut Sink<'_>, signal: Signal, request: &[u8]) -> Result<(), Fault> {
    walk(request, &mut Detailed { sink, signal })
}

struct Detailed<'s, 'w> {
    sink: &'s mut Sink<'w>,
    signal: Signal,
}

impl Levels for Detailed<'_, '_> {
    fn resource(&mut self, index: usize, level: &Fields<'_>) -> Result<(), Fault> {
        let name = match self.signal {
            Signal::Metrics => "ResourceMetrics",
            Signal::Traces => "ResourceSpans",
            Signal::Logs => "ResourceLog",
        };
        self.sink.line(format_args!("{name} #{index}"));
        self.sink.line(format_args!("Resource SchemaURL: {}", level.text(3)?));
        let resource = level.child(1)?;
        attributes(self.sink, "", "Resource attributes", &resource.attributes(1)?)?;
        entities(self.sink, &resource.children(3)?)
    }

    fn scope(&mut self, index: usize, level: &Fields<'_>) -> Result<(), Fault> {
        let name = match self.signal {
            Signal::Metrics => "ScopeMetrics",
            Signal::Traces => "ScopeSpans",
            Signal::Logs => "ScopeLogs",
        };
        self.sink.line(format_args!("{name} #{index}"));
        self.sink.line(format_args!("{name} SchemaURL: {}", level.text(3)?));
        let scope = level.child(1)?;
        self.sink.line(format_args!("InstrumentationScope {} {}", scope.text(1)?, scope.text(2)?));
        attributes(self.sink, "", "InstrumentationScope attributes", &scope.attributes(3)?)
    }

    fn item(&mut self, index: usize, item: &Fields<'_>) -> Result<(), Fault> {
        match self.signal {
            Signal::Metrics => metrics::write(self.sink, index, item),
            Signal::Traces => traces::write(self.sink, index, item),
            Signal::Logs => logs::write(self.sink, index, item),
        }
    }
}

fn entities(sink: &mut Sink<'_>, entities: &[&[u8]]) -> Result<(), Fault> {
    if !entities.is_empty() {
        sink.line(format_args!("Resource entity refs:"));
    }
    for (index, entity) in entities.iter().enumerate() {
        let entity = Fields::new(entity);
        sink.line(format_args!("     -> Entity ref #{index}:"));
        sink.line(format_args!("          -> Type: {}", entity.text(2)?));
        let schema = entity.text(1)?;
        if !schema.is_empty() {
            sink.line(format_args!("          -> Schema URL: {schema}"));
        }
        for (header, field) in [("ID keys", 3), ("Description keys", 4)] {
            let keys = entity.children(field)?;
            if !keys.is_empty() {
                sink.line(format_args!("          -> {header}:"));
            }
            for key in keys {
                sink.line(format_args!("               -> {}", String::from_utf8_lossy(key)));
            }
        }
    }
    Ok(())
}
