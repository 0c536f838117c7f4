//! `ExportTraceServiceRequest` in place: one walk, front to back, that tells a visitor what it passes.
//!
//! Source: `opentelemetry/proto/trace/v1/trace.proto`.

use super::attribute::{Attribute, Strings};
use super::levels::{self, Levels, Order};
use super::message::Message;
use super::schema::{self, SPAN_ID_BYTES, TRACE_ID_BYTES, check_id};
use super::wire::{Fault, Malformed, Reader, Value};

/// The number of a span's attributes.
pub const ATTRIBUTES: u32 = 9;

/// A `Span` without its attributes, which were visited before it, its events and its links.
#[derive(Debug, Clone, Copy)]
pub struct Span<'a> {
    /// `trace_id`: 16 bytes or none.
    pub trace_id: &'a [u8],
    /// `span_id`: 8 bytes or none.
    pub span_id: &'a [u8],
    /// `parent_span_id`: 8 bytes or none.
    pub parent_span_id: &'a [u8],
    /// `trace_state`.
    pub trace_state: &'a [u8],
    /// `name`.
    pub name: &'a [u8],
    /// `kind`'s number.
    pub kind: i32,
    /// `start_time_unix_nano`.
    pub start_time: u64,
    /// `end_time_unix_nano`.
    pub end_time: u64,
    /// `flags`.
    pub flags: u32,
    /// `status.code`'s number.
    pub status_code: i32,
    /// `status.message`.
    pub status_message: &'a [u8],
    /// The whole message.
    pub raw: &'a [u8],
}

/// Hears what a walk passes, parents before children.
pub trait SpansVisitor<'a> {
    /// A `ResourceSpans` begins; `resource` may be absent.
    fn resource(&mut self, _resource: &Message<'a>) -> Result<(), Fault> {
        Ok(())
    }
    /// A `ScopeSpans` begins; `scope` may be absent.
    fn scope(&mut self, _scope: &Message<'a>) -> Result<(), Fault> {
        Ok(())
    }
    /// An attribute of the span that [`span`](Self::span) will report next: its key, and the whole `KeyValue`.
    fn attribute(&mut self, _key: &'a [u8], _raw: &'a [u8]) -> Result<(), Fault> {
        Ok(())
    }
    /// A span ends.
    fn span(&mut self, _span: &Span<'a>) -> Result<(), Fault> {
        Ok(())
    }
}

/// Walks a whole request, checking every byte of it, and returns how many spans it has.
pub fn walk<'a, V: SpansVisitor<'a>>(
    request: &'a [u8],
    strings: Strings,
    order: Order,
    visitor: &mut V,
) -> Result<u64, Malformed> {
    let mut walk = Walk { strings, visitor, spans: 0 };
    levels::walk(request, strings, order, &mut walk).map_err(|fault| fault.within(request))?;
    Ok(walk.spans)
}

struct Walk<'v, V> {
    strings: Strings,
    visitor: &'v mut V,
    spans: u64,
}

impl<'a, V: SpansVisitor<'a>> Levels<'a> for Walk<'_, V> {
    fn resource(&mut self, resource: &Message<'a>) -> Result<(), Fault> {
        self.visitor.resource(resource)
    }

    fn scope(&mut self, scope: &Message<'a>) -> Result<(), Fault> {
        self.visitor.scope(scope)
    }

    fn child(&mut self, raw: &'a [u8]) -> Result<(), Fault> {
        let mut span = Span {
            trace_id: &[],
            span_id: &[],
            parent_span_id: &[],
            trace_state: &[],
            name: &[],
            kind: 0,
            start_time: 0,
            end_time: 0,
            flags: 0,
            status_code: 0,
            status_message: &[],
            raw,
        };
        let strings = self.strings;
        let mut reader = Reader::new(raw);
        // By the whole tag, which is one byte of all but one field; what is unusual goes the long way.
        while let [tag, ..] = reader.rest {
            match *tag {
                0x4a => self.attribute(reader.delimited_after_tag()?)?,
                0x0a => span.trace_id = id(reader.delimited_after_tag()?, TRACE_ID_BYTES)?,
                0x12 => span.span_id = id(reader.delimited_after_tag()?, SPAN_ID_BYTES)?,
                0x22 => span.parent_span_id = id(reader.delimited_after_tag()?, SPAN_ID_BYTES)?,
                0x2a => {
                    span.name = reader.delimited_after_tag()?;
                    strings.check(span.name)?;
                }
                0x30 => span.kind = (reader.varint_after_tag()? as u32).cast_signed(),
                0x39 => span.start_time = reader.fixed64_after_tag()?,
                0x41 => span.end_time = reader.fixed64_after_tag()?,
                0x7a => read_status(reader.delimited_after_tag()?, strings, &mut span)?,
                _ => self.rare_field(&mut reader, &mut span)?,
            }
        }
        self.spans += 1;
        self.visitor.span(&span)
    }
}

impl<'a, V: SpansVisitor<'a>> Walk<'_, V> {
    #[inline(always)]
    fn attribute(&mut self, raw: &'a [u8]) -> Result<(), Fault> {
        let key = Attribute::read_key(raw, self.strings)?;
        self.visitor.attribute(key, raw)
    }

    #[inline(never)]
    fn rare_field(&mut self, reader: &mut Reader<'a>, span: &mut Span<'a>) -> Result<(), Fault> {
        let strings = self.strings;
        let Some(field) = reader.field()? else { return Ok(()) };
        let (value, at) = (field.value, field.raw);
        match field.number {
            ATTRIBUTES => self.attribute(value.bytes(at)?)?,
            1 => span.trace_id = id(value.bytes(at)?, TRACE_ID_BYTES)?,
            2 => span.span_id = id(value.bytes(at)?, SPAN_ID_BYTES)?,
            3 => span.trace_state = strings.text(value, at)?,
            4 => span.parent_span_id = id(value.bytes(at)?, SPAN_ID_BYTES)?,
            5 => span.name = strings.text(value, at)?,
            6 => span.kind = (value.varint(at)? as u32).cast_signed(),
            7 => span.start_time = value.fixed64(at)?,
            8 => span.end_time = value.fixed64(at)?,
            10 | 12 | 14 => drop(value.varint(at)?),
            11 => schema::EVENT.check(value.bytes(at)?, strings)?,
            13 => schema::LINK.check(value.bytes(at)?, strings)?,
            15 => read_status(value.bytes(at)?, strings, span)?,
            16 => span.flags = value.fixed32(at)?,
            _ => {}
        }
        Ok(())
    }
}

/// An id, checked.
#[inline(always)]
fn id(bytes: &[u8], length: usize) -> Result<&[u8], Fault> {
    check_id(bytes, length)?;
    Ok(bytes)
}

/// Merges one piece of a `Status`.
fn read_status<'a>(message: &'a [u8], strings: Strings, span: &mut Span<'a>) -> Result<(), Fault> {
    let mut reader = Reader::new(message);
    while let Some(field) = reader.field()? {
        match (field.number, field.value) {
            (2, value) => span.status_message = strings.text(value, field.raw)?,
            (3, Value::Varint(code)) => span.status_code = (code as u32).cast_signed(),
            (3, _) => return Err(Fault::at(field.raw, "wire type does not fit the field")),
            _ => {}
        }
    }
    Ok(())
}
