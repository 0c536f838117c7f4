//! `ExportLogsServiceRequest` in place: one walk, front to back, that tells a visitor what it passes.
//!
//! Source: `opentelemetry/proto/logs/v1/logs.proto`.

use super::attribute::{Attribute, Strings};
use super::levels::{self, Levels, Order};
use super::message::Message;
use super::schema::{self, SPAN_ID_BYTES, TRACE_ID_BYTES, check_id};
use super::wire::{Fault, Malformed, Reader};

/// The number of a record's attributes.
pub const ATTRIBUTES: u32 = 6;

/// A `LogRecord` without its attributes, which were visited before it.
#[derive(Debug, Clone)]
pub struct LogRecord<'a> {
    /// `time_unix_nano`.
    pub time: u64,
    /// `observed_time_unix_nano`.
    pub observed_time: u64,
    /// `severity_number`'s number.
    pub severity_number: i32,
    /// `severity_text`.
    pub severity_text: &'a [u8],
    /// `body`, an `AnyValue`; absent where the sender wrote none.
    pub body: Message<'a>,
    /// `flags`.
    pub flags: u32,
    /// `trace_id`: 16 bytes or none.
    pub trace_id: &'a [u8],
    /// `span_id`: 8 bytes or none.
    pub span_id: &'a [u8],
    /// `event_name`.
    pub event_name: &'a [u8],
    /// The whole message.
    pub raw: &'a [u8],
}

/// Hears what a walk passes, parents before children.
pub trait LogsVisitor<'a> {
    /// A `ResourceLogs` begins; `resource` may be absent.
    fn resource(&mut self, _resource: &Message<'a>) -> Result<(), Fault> {
        Ok(())
    }
    /// A `ScopeLogs` begins; `scope` may be absent.
    fn scope(&mut self, _scope: &Message<'a>) -> Result<(), Fault> {
        Ok(())
    }
    /// An attribute of the record that [`record`](Self::record) will report next: its key, and the whole `KeyValue`.
    fn attribute(&mut self, _key: &'a [u8], _raw: &'a [u8]) -> Result<(), Fault> {
        Ok(())
    }
    /// A record ends.
    fn record(&mut self, _record: &LogRecord<'a>) -> Result<(), Fault> {
        Ok(())
    }
}

/// Walks a whole request, checking every byte of it, and returns how many records it has.
pub fn walk<'a, V: LogsVisitor<'a>>(
    request: &'a [u8],
    strings: Strings,
    order: Order,
    visitor: &mut V,
) -> Result<u64, Malformed> {
    let mut walk = Walk { strings, visitor, records: 0 };
    levels::walk(request, strings, order, &mut walk).map_err(|fault| fault.within(request))?;
    Ok(walk.records)
}

struct Walk<'v, V> {
    strings: Strings,
    visitor: &'v mut V,
    records: u64,
}

impl<'a, V: LogsVisitor<'a>> Levels<'a> for Walk<'_, V> {
    fn resource(&mut self, resource: &Message<'a>) -> Result<(), Fault> {
        self.visitor.resource(resource)
    }

    fn scope(&mut self, scope: &Message<'a>) -> Result<(), Fault> {
        self.visitor.scope(scope)
    }

    fn child(&mut self, raw: &'a [u8]) -> Result<(), Fault> {
        let mut record = LogRecord {
            time: 0,
            observed_time: 0,
            severity_number: 0,
            severity_text: &[],
            body: Message::default(),
            flags: 0,
            trace_id: &[],
            span_id: &[],
            event_name: &[],
            raw,
        };
        let strings = self.strings;
        let mut reader = Reader::new(raw);
        // By the whole tag, which is one byte of every field; what is unusual goes the long way.
        while let [tag, ..] = reader.rest {
            match *tag {
                0x32 => self.attribute(reader.delimited_after_tag()?)?,
                0x09 => record.time = reader.fixed64_after_tag()?,
                0x59 => record.observed_time = reader.fixed64_after_tag()?,
                0x10 => record.severity_number = (reader.varint_after_tag()? as u32).cast_signed(),
                0x1a => {
                    record.severity_text = reader.delimited_after_tag()?;
                    strings.check(record.severity_text)?;
                }
                0x2a => read_body(reader.delimited_after_tag()?, strings, &mut record.body)?,
                0x4a => {
                    record.trace_id = reader.delimited_after_tag()?;
                    check_id(record.trace_id, TRACE_ID_BYTES)?;
                }
                0x52 => {
                    record.span_id = reader.delimited_after_tag()?;
                    check_id(record.span_id, SPAN_ID_BYTES)?;
                }
                _ => self.rare_field(&mut reader, &mut record)?,
            }
        }
        self.records += 1;
        self.visitor.record(&record)
    }
}

/// Takes one piece of a body. A text of up to 125 bytes, which most are, is checked without looking for more.
#[inline(always)]
fn read_body<'a>(piece: &'a [u8], strings: Strings, body: &mut Message<'a>) -> Result<(), Fault> {
    match piece {
        [0x0a, length @ ..=0x7f, text @ ..] if usize::from(*length) == text.len() => strings.check(text)?,
        _ => schema::ANY_VALUE.check(piece, strings)?,
    }
    body.push(piece);
    Ok(())
}

impl<'a, V: LogsVisitor<'a>> Walk<'_, V> {
    #[inline(always)]
    fn attribute(&mut self, raw: &'a [u8]) -> Result<(), Fault> {
        let key = Attribute::read_key(raw, self.strings)?;
        self.visitor.attribute(key, raw)
    }

    #[inline(never)]
    fn rare_field(&mut self, reader: &mut Reader<'a>, record: &mut LogRecord<'a>) -> Result<(), Fault> {
        let strings = self.strings;
        let Some(field) = reader.field()? else { return Ok(()) };
        let (value, at) = (field.value, field.raw);
        match field.number {
            ATTRIBUTES => self.attribute(value.bytes(at)?)?,
            1 => record.time = value.fixed64(at)?,
            2 => record.severity_number = (value.varint(at)? as u32).cast_signed(),
            3 => record.severity_text = strings.text(value, at)?,
            5 => read_body(value.bytes(at)?, strings, &mut record.body)?,
            7 => drop(value.varint(at)?),
            8 => record.flags = value.fixed32(at)?,
            9 => {
                record.trace_id = value.bytes(at)?;
                check_id(record.trace_id, TRACE_ID_BYTES)?;
            }
            10 => {
                record.span_id = value.bytes(at)?;
                check_id(record.span_id, SPAN_ID_BYTES)?;
            }
            11 => record.observed_time = value.fixed64(at)?,
            12 => record.event_name = strings.text(value, at)?,
            _ => {}
        }
        Ok(())
    }
}
