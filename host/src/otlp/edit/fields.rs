//! Fields of spans and log records that can be set: which values each takes, and the item written with those it is given.
//!
//! Sources: `opentelemetry/proto/trace/v1/trace.proto`, `opentelemetry/proto/logs/v1/logs.proto`.

use std::fmt;

use super::error::Stop;
use super::writer::Writer;
use crate::contract::Signal;
use crate::otlp::field::Field;
use crate::otlp::key;
use crate::otlp::message::Message;
use crate::otlp::schema::SPAN_ID_BYTES;
use crate::otlp::wire::{Fault, Reader, put_bytes, put_fixed64, put_varint_field};

/// A span's status.
const STATUS: u32 = 15;

/// How a field that can be set stands in its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settable {
    number: u32,
    /// In the status of a span; else in the item.
    in_status: bool,
    takes: Takes,
}

/// The values that a field takes, besides none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// A string.
    Text,
    /// An integer from 0 up to this one: the values that OTLP gives a name.
    Number(i64),
    /// Nanoseconds since the Unix epoch, as the integer that has the same 64 bits.
    Time,
    /// A span's id.
    SpanId,
    /// A value of any type.
    Any,
}

impl fmt::Display for Takes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Takes::Text => f.write_str("a string"),
            Takes::Number(most) => write!(f, "an integer from 0 to {most}"),
            Takes::Time => f.write_str("an integer, nanoseconds since the Unix epoch"),
            Takes::SpanId => f.write_str("8 bytes or none"),
            Takes::Any => f.write_str("any value"),
        }
    }
}

impl Settable {
    /// Where a field of that signal's items stands, if it can be set.
    pub fn of(field: Field, signal: Signal) -> Option<Settable> {
        let item = |number, takes| Some(Settable { number, in_status: false, takes });
        let status = |number, takes| Some(Settable { number, in_status: true, takes });
        match (signal, field) {
            (Signal::Traces, Field::TraceState) => item(3, Takes::Text),
            (Signal::Traces, Field::ParentSpanId) => item(4, Takes::SpanId),
            (Signal::Traces, Field::Name) => item(5, Takes::Text),
            (Signal::Traces, Field::Kind) => item(6, Takes::Number(5)),
            (Signal::Traces, Field::StartTime) => item(7, Takes::Time),
            (Signal::Traces, Field::EndTime) => item(8, Takes::Time),
            (Signal::Traces, Field::StatusMessage) => status(2, Takes::Text),
            (Signal::Traces, Field::StatusCode) => status(3, Takes::Number(2)),
            (Signal::Logs, Field::Time) => item(1, Takes::Time),
            (Signal::Logs, Field::SeverityNumber) => item(2, Takes::Number(24)),
            (Signal::Logs, Field::SeverityText) => item(3, Takes::Text),
            (Signal::Logs, Field::Body) => item(5, Takes::Any),
            (Signal::Logs, Field::ObservedTime) => item(11, Takes::Time),
            (Signal::Logs, Field::EventName) => item(12, Takes::Text),
            _ => None,
        }
    }

    /// What it takes.
    pub fn takes(self) -> Takes {
        self.takes
    }

    /// The field with a value that [`key::check_value`] has accepted, as it is to stand in its message: nothing at all for no value and for what
    /// means the same. `None` where the field does not take the value.
    pub fn encode(self, value: &[u8]) -> Option<Box<[u8]>> {
        let (number, mut out) = (self.number, Vec::new());
        if value == [0] {
            return Some(out.into());
        }
        match self.takes {
            Takes::Text => match key::text_of(value)? {
                [] => {}
                text => put_bytes(&mut out, number, text),
            },
            Takes::Number(most) => match key::integer_of(value).filter(|value| (0..=most).contains(value))? {
                0 => {}
                value => put_varint_field(&mut out, number, value.cast_unsigned()),
            },
            Takes::Time => match key::integer_of(value)? {
                0 => {}
                time => put_fixed64(&mut out, number, time.cast_unsigned()),
            },
            Takes::SpanId => match key::bytes_of(value)? {
                id if !matches!(id.len(), 0 | SPAN_ID_BYTES) => return None,
                id if id.iter().all(|byte| *byte == 0) => {}
                id => put_bytes(&mut out, number, id),
            },
            Takes::Any => {
                let mut body = Vec::new();
                key::put_any_value(&mut body, value).ok()?;
                put_bytes(&mut out, number, &body);
            }
        }
        Some(out.into())
    }
}

/// A set of field numbers below 32.
#[derive(Debug, Clone, Copy, Default)]
pub struct Numbers(u32);

impl Numbers {
    /// Whether a number is one of them.
    #[inline(always)]
    pub fn has(self, number: u32) -> bool {
        number < u32::BITS && self.0 >> number & 1 == 1
    }

    fn with(self, number: u32) -> Numbers {
        Numbers(self.0 | 1_u32.checked_shl(number).unwrap_or(0))
    }
}

/// The fields that one item is given, each once.
#[derive(Debug, Default)]
pub struct GivenFields<'a> {
    fields: Vec<(Settable, &'a [u8])>,
    /// How many edits gave them.
    edits: usize,
}

impl<'a> GivenFields<'a> {
    /// None from now on.
    pub fn clear(&mut self) {
        self.fields.clear();
        self.edits = 0;
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// How many edits gave them: each is work, though the last of a field alone shows.
    pub fn edits(&self) -> usize {
        self.edits
    }

    /// One more, or another value of one.
    pub fn set(&mut self, settable: Settable, value: &'a [u8]) {
        self.edits += 1;
        match self.fields.iter_mut().find(|(known, _)| *known == settable) {
            Some((_, known)) => *known = value,
            None => self.fields.push((settable, value)),
        }
    }

    /// The fields of the item that [`write`](Self::write) writes: what the item has of them does not count.
    pub fn numbers(&self) -> Numbers {
        let number = |settable: &Settable| if settable.in_status { STATUS } else { settable.number };
        self.fields.iter().fold(Numbers::default(), |numbers, (settable, _)| numbers.with(number(settable)))
    }

    /// Writes them. What they leave of a status comes from `message`, the item.
    pub fn write(&self, message: &[u8], writer: &mut Writer<'_>) -> Result<(), Stop> {
        self.of(false).for_each(|(_, value)| writer.copy(value));
        if self.of(true).next().is_some() { self.write_status(message, writer) } else { Ok(()) }
    }

    fn of(&self, in_status: bool) -> impl Iterator<Item = &(Settable, &'a [u8])> {
        self.fields.iter().filter(move |(settable, _)| settable.in_status == in_status)
    }

    fn write_status(&self, message: &[u8], writer: &mut Writer<'_>) -> Result<(), Stop> {
        let status = status(message)?;
        let mark = writer.open(STATUS, status.pieces().map(<[u8]>::len).sum());
        let start = writer.out().len();
        self.of(true).for_each(|(_, value)| writer.copy(value));
        status.each_field(|field| {
            if self.of(true).all(|(settable, _)| settable.number != field.number) {
                writer.copy(field.raw);
            }
            Ok(())
        })?;
        if writer.out().len() == start {
            writer.cancel(mark);
            return Ok(());
        }
        writer.close(mark)
    }
}

/// The status of a span, in the pieces that it came in.
fn status(message: &[u8]) -> Result<Message<'_>, Fault> {
    let mut status = Message::default();
    let mut reader = Reader::new(message);
    while let Some(field) = reader.field()? {
        if field.number == STATUS {
            status.push(field.value.bytes(field.raw)?);
        }
    }
    Ok(status)
}
