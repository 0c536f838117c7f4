//! The messages of OTLP with what the wire form of each field may look like, for [`vary`](super::vary).
//!
//! Written from the `.proto` files and kept apart from the host's own tables, so that an error there is not repeated
//! here. Every OTLP message has at most one `oneof`.

use otelier::contract::Signal;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

use Kind::{Bool, Bytes, Fixed32, Fixed64, Id, Int32, Int64, Message, Sint32, Text, Uint32, Uint64};
use Presence::{Explicit, Implicit, OneOf, Repeated};

/// A field's type.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// `bool`.
    Bool,
    /// `int32` or an enum.
    Int32,
    /// `uint32`.
    Uint32,
    /// `sint32`.
    Sint32,
    /// `int64`.
    Int64,
    /// `uint64`.
    Uint64,
    /// `fixed32`.
    Fixed32,
    /// `fixed64`, `sfixed64` or `double`.
    Fixed64,
    /// `string`.
    Text,
    /// `bytes`.
    Bytes,
    /// `bytes` of an id: so many or none, whatever the generated parsers take.
    Id(usize),
    /// A message.
    Message(&'static MessageSpec),
}

impl Kind {
    /// Whether repeated values may come packed.
    pub fn is_number(self) -> bool {
        !matches!(self, Text | Bytes | Id(_) | Message(_))
    }

    /// Whether it is a message.
    pub fn is_message(self) -> bool {
        matches!(self, Message(_))
    }
}

/// How often a field may be there, and what its absence means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// Absent is the same as the default value.
    Implicit,
    /// Absent is something else than the default value.
    Explicit,
    /// Any number of times.
    Repeated,
    /// A variant of the message's `oneof`.
    OneOf,
}

/// One field.
#[derive(Debug, Clone, Copy)]
pub struct FieldSpec {
    /// Its number.
    pub number: u32,
    /// Its type.
    pub kind: Kind,
    /// How often it is there.
    pub presence: Presence,
}

/// One message.
#[derive(Debug)]
pub struct MessageSpec {
    /// Its name in the `.proto` file.
    pub name: &'static str,
    /// Its fields.
    pub fields: &'static [FieldSpec],
}

impl MessageSpec {
    /// Whether every id in a message that the generated parsers take has its length: whichever of several counts, and also where another
    /// variant of a `oneof` takes its place.
    pub fn ids_fit(&self, mut message: &[u8]) -> bool {
        while !message.is_empty() {
            let Ok((number, wire_type)) = decode_key(&mut message) else { return false };
            let kind = self.fields.iter().find(|field| field.number == number).map(|field| field.kind);
            let (Some(Id(_) | Message(_)), WireType::LengthDelimited) = (kind, wire_type) else {
                if skip_field(wire_type, number, &mut message, DecodeContext::default()).is_err() {
                    return false;
                }
                continue;
            };
            let length = decode_varint(&mut message).ok().and_then(|length| usize::try_from(length).ok());
            let Some((inner, rest)) = length.and_then(|length| message.split_at_checked(length)) else { return false };
            message = rest;
            match kind {
                Some(Id(length)) if !inner.is_empty() && inner.len() != length => return false,
                Some(Message(spec)) if !spec.ids_fit(inner) => return false,
                _ => {}
            }
        }
        true
    }
}

/// A signal's request.
pub fn request(signal: Signal) -> &'static MessageSpec {
    match signal {
        Signal::Metrics => &METRICS,
        Signal::Traces => &TRACES,
        Signal::Logs => &LOGS,
    }
}

macro_rules! message {
    ($spec:ident, $name:literal, $($number:literal: $presence:ident $kind:expr),* $(,)?) => {
        #[doc = concat!("`", $name, "`.")]
        pub static $spec: MessageSpec = MessageSpec {
            name: $name,
            fields: &[$(FieldSpec { number: $number, kind: $kind, presence: $presence }),*],
        };
    };
}

message!(ANY_VALUE, "AnyValue", 1: OneOf Text, 2: OneOf Bool, 3: OneOf Int64, 4: OneOf Fixed64, 5: OneOf Message(&ARRAY_VALUE),
    6: OneOf Message(&KEY_VALUE_LIST), 7: OneOf Bytes, 8: OneOf Int32);
message!(ARRAY_VALUE, "ArrayValue", 1: Repeated Message(&ANY_VALUE));
message!(KEY_VALUE_LIST, "KeyValueList", 1: Repeated Message(&KEY_VALUE));
message!(KEY_VALUE, "KeyValue", 1: Implicit Text, 2: Explicit Message(&ANY_VALUE), 3: Implicit Int32);
message!(ENTITY_REF, "EntityRef", 1: Implicit Text, 2: Implicit Text, 3: Repeated Text, 4: Repeated Text);
message!(SCOPE, "InstrumentationScope", 1: Implicit Text, 2: Implicit Text, 3: Repeated Message(&KEY_VALUE), 4: Implicit Uint32);
message!(RESOURCE, "Resource", 1: Repeated Message(&KEY_VALUE), 2: Implicit Uint32, 3: Repeated Message(&ENTITY_REF));

message!(EXEMPLAR, "Exemplar", 2: Implicit Fixed64, 3: OneOf Fixed64, 4: Implicit Id(8), 5: Implicit Id(16), 6: OneOf Fixed64,
    7: Repeated Message(&KEY_VALUE));
message!(NUMBER_POINT, "NumberDataPoint", 2: Implicit Fixed64, 3: Implicit Fixed64, 4: OneOf Fixed64,
    5: Repeated Message(&EXEMPLAR), 6: OneOf Fixed64, 7: Repeated Message(&KEY_VALUE), 8: Implicit Uint32);
message!(HISTOGRAM_POINT, "HistogramDataPoint", 2: Implicit Fixed64, 3: Implicit Fixed64, 4: Implicit Fixed64,
    5: Explicit Fixed64, 6: Repeated Fixed64, 7: Repeated Fixed64, 8: Repeated Message(&EXEMPLAR),
    9: Repeated Message(&KEY_VALUE), 10: Implicit Uint32, 11: Explicit Fixed64, 12: Explicit Fixed64);
message!(BUCKETS, "Buckets", 1: Implicit Sint32, 2: Repeated Uint64);
message!(EXPONENTIAL_POINT, "ExponentialHistogramDataPoint", 1: Repeated Message(&KEY_VALUE), 2: Implicit Fixed64,
    3: Implicit Fixed64, 4: Implicit Fixed64, 5: Explicit Fixed64, 6: Implicit Sint32, 7: Implicit Fixed64,
    8: Explicit Message(&BUCKETS), 9: Explicit Message(&BUCKETS), 10: Implicit Uint32, 11: Repeated Message(&EXEMPLAR),
    12: Explicit Fixed64, 13: Explicit Fixed64, 14: Implicit Fixed64);
message!(QUANTILE, "ValueAtQuantile", 1: Implicit Fixed64, 2: Implicit Fixed64);
message!(SUMMARY_POINT, "SummaryDataPoint", 2: Implicit Fixed64, 3: Implicit Fixed64, 4: Implicit Fixed64, 5: Implicit Fixed64,
    6: Repeated Message(&QUANTILE), 7: Repeated Message(&KEY_VALUE), 8: Implicit Uint32);
message!(GAUGE, "Gauge", 1: Repeated Message(&NUMBER_POINT));
message!(SUM, "Sum", 1: Repeated Message(&NUMBER_POINT), 2: Implicit Int32, 3: Implicit Bool);
message!(HISTOGRAM, "Histogram", 1: Repeated Message(&HISTOGRAM_POINT), 2: Implicit Int32);
message!(EXPONENTIAL_HISTOGRAM, "ExponentialHistogram", 1: Repeated Message(&EXPONENTIAL_POINT), 2: Implicit Int32);
message!(SUMMARY, "Summary", 1: Repeated Message(&SUMMARY_POINT));
message!(METRIC, "Metric", 1: Implicit Text, 2: Implicit Text, 3: Implicit Text, 5: OneOf Message(&GAUGE), 7: OneOf Message(&SUM),
    9: OneOf Message(&HISTOGRAM), 10: OneOf Message(&EXPONENTIAL_HISTOGRAM), 11: OneOf Message(&SUMMARY),
    12: Repeated Message(&KEY_VALUE));
message!(SCOPE_METRICS, "ScopeMetrics", 1: Explicit Message(&SCOPE), 2: Repeated Message(&METRIC), 3: Implicit Text);
message!(RESOURCE_METRICS, "ResourceMetrics", 1: Explicit Message(&RESOURCE), 2: Repeated Message(&SCOPE_METRICS),
    3: Implicit Text);
message!(METRICS, "ExportMetricsServiceRequest", 1: Repeated Message(&RESOURCE_METRICS));

message!(EVENT, "Event", 1: Implicit Fixed64, 2: Implicit Text, 3: Repeated Message(&KEY_VALUE), 4: Implicit Uint32);
message!(LINK, "Link", 1: Implicit Id(16), 2: Implicit Id(8), 3: Implicit Text, 4: Repeated Message(&KEY_VALUE),
    5: Implicit Uint32, 6: Implicit Fixed32);
message!(STATUS, "Status", 2: Implicit Text, 3: Implicit Int32);
message!(SPAN, "Span", 1: Implicit Id(16), 2: Implicit Id(8), 3: Implicit Text, 4: Implicit Id(8), 5: Implicit Text,
    6: Implicit Int32, 7: Implicit Fixed64, 8: Implicit Fixed64, 9: Repeated Message(&KEY_VALUE), 10: Implicit Uint32,
    11: Repeated Message(&EVENT), 12: Implicit Uint32, 13: Repeated Message(&LINK), 14: Implicit Uint32,
    15: Explicit Message(&STATUS), 16: Implicit Fixed32);
message!(SCOPE_SPANS, "ScopeSpans", 1: Explicit Message(&SCOPE), 2: Repeated Message(&SPAN), 3: Implicit Text);
message!(RESOURCE_SPANS, "ResourceSpans", 1: Explicit Message(&RESOURCE), 2: Repeated Message(&SCOPE_SPANS), 3: Implicit Text);
message!(TRACES, "ExportTraceServiceRequest", 1: Repeated Message(&RESOURCE_SPANS));

message!(LOG_RECORD, "LogRecord", 1: Implicit Fixed64, 2: Implicit Int32, 3: Implicit Text, 5: Explicit Message(&ANY_VALUE),
    6: Repeated Message(&KEY_VALUE), 7: Implicit Uint32, 8: Implicit Fixed32, 9: Implicit Id(16), 10: Implicit Id(8),
    11: Implicit Fixed64, 12: Implicit Text);
message!(SCOPE_LOGS, "ScopeLogs", 1: Explicit Message(&SCOPE), 2: Repeated Message(&LOG_RECORD), 3: Implicit Text);
message!(RESOURCE_LOGS, "ResourceLogs", 1: Explicit Message(&RESOURCE), 2: Repeated Message(&SCOPE_LOGS), 3: Implicit Text);
message!(LOGS, "ExportLogsServiceRequest", 1: Repeated Message(&RESOURCE_LOGS));
