//! The messages of OTLP as tables, for checking what no view reads: field numbers, wire types, UTF-8 and depth.
//!
//! A check accepts what the generated parsers accept, but for ids of another length than theirs, which the Collector refuses as well. Fields that are not in a table are unknown and may hold anything that is
//! well-formed. Source: `opentelemetry/proto/{common,resource,metrics,trace}/v1`, OTLP 1.9.

use super::attribute::Strings;
use super::message::Message;
use super::metric_kind::MetricKind;
use super::wire::{DEPTH_MAX, Fault, Field, Reader, Value};

/// What a field holds. Repeated or not makes no difference to a check, except for numbers, which may come packed.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// `bool`, `int32`, `uint32`, `int64`, `sint32` or an enum.
    Varint,
    /// The same, repeated: packed or not.
    Varints,
    /// `fixed32`.
    Fixed32,
    /// `fixed64`, `sfixed64`, `double`.
    Fixed64,
    /// The same, repeated: packed or not.
    Fixed64s,
    /// `string`.
    Text,
    /// `bytes`.
    Bytes,
    /// `bytes` of a trace's or a span's id: so many or none.
    Id(usize),
    /// A message.
    Message(&'static MessageType),
}

/// One message: its fields by number.
#[derive(Debug)]
pub struct MessageType {
    fields: &'static [(u32, Kind)],
}

impl MessageType {
    /// Checks one message.
    pub fn check(&self, message: &[u8], strings: Strings) -> Result<(), Fault> {
        self.check_at(message, strings, 0)
    }

    /// Checks one message that will stand `depth` messages deep in another.
    pub fn check_inside(&self, message: &[u8], strings: Strings, depth: u32) -> Result<(), Fault> {
        self.check_at(message, strings, depth)
    }

    /// Checks every piece of a message.
    pub fn check_pieces(&self, message: &Message<'_>, strings: Strings) -> Result<(), Fault> {
        message.pieces().try_for_each(|piece| self.check(piece, strings))
    }

    fn check_at(&self, message: &[u8], strings: Strings, depth: u32) -> Result<(), Fault> {
        if depth > DEPTH_MAX {
            return Err(Fault::at(message, "messages nest too deep"));
        }
        let mut reader = Reader::new(message);
        while let Some(field) = reader.field()? {
            if let Some((_, kind)) = self.fields.iter().find(|(number, _)| *number == field.number) {
                check_field(*kind, field, strings, depth)?;
            }
        }
        Ok(())
    }
}

fn check_field(kind: Kind, field: Field<'_>, strings: Strings, depth: u32) -> Result<(), Fault> {
    let at = field.raw;
    match (kind, field.value) {
        (Kind::Varint | Kind::Varints, Value::Varint(_))
        | (Kind::Fixed32, Value::Fixed32(_))
        | (Kind::Fixed64 | Kind::Fixed64s, Value::Fixed64(_))
        | (Kind::Bytes, Value::Len(_)) => Ok(()),
        (Kind::Varints, Value::Len(packed)) => {
            let mut reader = Reader::new(packed);
            while !reader.rest.is_empty() {
                reader.varint()?;
            }
            Ok(())
        }
        (Kind::Fixed64s, Value::Len(packed)) if packed.len() % 8 == 0 => Ok(()),
        (Kind::Fixed64s, Value::Len(packed)) => Err(Fault::at(packed, "packed numbers are cut")),
        (Kind::Text, Value::Len(text)) => strings.check(text),
        (Kind::Id(length), Value::Len(id)) => check_id(id, length),
        (Kind::Message(inner), Value::Len(message)) => inner.check_at(message, strings, depth + 1),
        _ => Err(Fault::at(at, "wire type does not fit the field")),
    }
}

/// Bytes of a trace's id.
pub const TRACE_ID_BYTES: usize = 16;
/// Bytes of a span's id.
pub const SPAN_ID_BYTES: usize = 8;

/// An id has its length or is empty, which is none, as the specification and the Collector have it.
#[inline(always)]
pub fn check_id(id: &[u8], length: usize) -> Result<(), Fault> {
    if id.len() == length || id.is_empty() { Ok(()) } else { Err(wrong_length(id, length)) }
}

#[cold]
fn wrong_length(id: &[u8], length: usize) -> Fault {
    let is_trace = length == TRACE_ID_BYTES;
    Fault::at(id, if is_trace { "a trace id is not 16 bytes long" } else { "a span id is not 8 bytes long" })
}

/// The table of a metric's data variant.
pub fn of_kind(kind: MetricKind) -> &'static MessageType {
    match kind {
        MetricKind::Gauge => &GAUGE,
        MetricKind::Sum => &SUM,
        MetricKind::Histogram => &HISTOGRAM,
        MetricKind::ExponentialHistogram => &EXPONENTIAL_HISTOGRAM,
        MetricKind::Summary => &SUMMARY,
    }
}

use Kind::{Bytes, Fixed32, Fixed64, Fixed64s, Text, Varint, Varints};

const TRACE_ID: Kind = Kind::Id(TRACE_ID_BYTES);
const SPAN_ID: Kind = Kind::Id(SPAN_ID_BYTES);

macro_rules! message {
    ($(#[$doc:meta])* $name:ident { $($number:literal: $kind:expr),* $(,)? }) => {
        $(#[$doc])* pub static $name: MessageType = MessageType { fields: &[$(($number, $kind)),*] };
    };
}

message!(/// `AnyValue`.
    ANY_VALUE { 1: Text, 2: Varint, 3: Varint, 4: Fixed64, 5: Kind::Message(&ARRAY_VALUE), 6: Kind::Message(&KEY_VALUE_LIST), 7: Bytes,
        8: Varint });
message!(/// `ArrayValue`.
    ARRAY_VALUE { 1: Kind::Message(&ANY_VALUE) });
message!(/// `KeyValueList`.
    KEY_VALUE_LIST { 1: Kind::Message(&KEY_VALUE) });
message!(/// `KeyValue`.
    KEY_VALUE { 1: Text, 2: Kind::Message(&ANY_VALUE), 3: Varint });
message!(/// `EntityRef`.
    ENTITY_REF { 1: Text, 2: Text, 3: Text, 4: Text });
message!(/// `InstrumentationScope`.
    SCOPE { 1: Text, 2: Text, 3: Kind::Message(&KEY_VALUE), 4: Varint });
message!(/// `Resource`.
    RESOURCE { 1: Kind::Message(&KEY_VALUE), 2: Varint, 3: Kind::Message(&ENTITY_REF) });

message!(/// `Exemplar`.
    EXEMPLAR { 2: Fixed64, 3: Fixed64, 4: SPAN_ID, 5: TRACE_ID, 6: Fixed64, 7: Kind::Message(&KEY_VALUE) });
message!(/// `NumberDataPoint`.
    NUMBER_POINT { 2: Fixed64, 3: Fixed64, 4: Fixed64, 5: Kind::Message(&EXEMPLAR), 6: Fixed64, 7: Kind::Message(&KEY_VALUE), 8: Varint });
message!(/// `HistogramDataPoint`.
    HISTOGRAM_POINT { 2: Fixed64, 3: Fixed64, 4: Fixed64, 5: Fixed64, 6: Fixed64s, 7: Fixed64s, 8: Kind::Message(&EXEMPLAR),
        9: Kind::Message(&KEY_VALUE), 10: Varint, 11: Fixed64, 12: Fixed64 });
message!(/// `ExponentialHistogramDataPoint.Buckets`.
    BUCKETS { 1: Varint, 2: Varints });
message!(/// `ExponentialHistogramDataPoint`.
    EXPONENTIAL_POINT { 1: Kind::Message(&KEY_VALUE), 2: Fixed64, 3: Fixed64, 4: Fixed64, 5: Fixed64, 6: Varint, 7: Fixed64,
        8: Kind::Message(&BUCKETS), 9: Kind::Message(&BUCKETS), 10: Varint, 11: Kind::Message(&EXEMPLAR), 12: Fixed64,
        13: Fixed64, 14: Fixed64 });
message!(/// `SummaryDataPoint.ValueAtQuantile`.
    QUANTILE { 1: Fixed64, 2: Fixed64 });
message!(/// `SummaryDataPoint`.
    SUMMARY_POINT { 2: Fixed64, 3: Fixed64, 4: Fixed64, 5: Fixed64, 6: Kind::Message(&QUANTILE), 7: Kind::Message(&KEY_VALUE), 8: Varint });
message!(/// `Gauge`.
    GAUGE { 1: Kind::Message(&NUMBER_POINT) });
message!(/// `Sum`.
    SUM { 1: Kind::Message(&NUMBER_POINT), 2: Varint, 3: Varint });
message!(/// `Histogram`.
    HISTOGRAM { 1: Kind::Message(&HISTOGRAM_POINT), 2: Varint });
message!(/// `ExponentialHistogram`.
    EXPONENTIAL_HISTOGRAM { 1: Kind::Message(&EXPONENTIAL_POINT), 2: Varint });
message!(/// `Summary`.
    SUMMARY { 1: Kind::Message(&SUMMARY_POINT) });

message!(/// `Span.Event`.
    EVENT { 1: Fixed64, 2: Text, 3: Kind::Message(&KEY_VALUE), 4: Varint });
message!(/// `Span.Link`.
    LINK { 1: TRACE_ID, 2: SPAN_ID, 3: Text, 4: Kind::Message(&KEY_VALUE), 5: Varint, 6: Fixed32 });
