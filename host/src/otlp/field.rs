//! Fields of an item, or of what encloses it, by the names that the contract has for them.

use crate::contract::Signal;

/// A field by which rows can be keyed, and that a column of values can have. Names are part of stored keys: they stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[allow(missing_docs)] // Each is the protobuf's field of that name.
pub enum Field {
    ScopeName,
    ScopeVersion,
    Name,
    Unit,
    Kind,
    StatusCode,
    StatusMessage,
    TraceState,
    SeverityNumber,
    SeverityText,
    Body,
    EventName,
    TraceId,
    SpanId,
    ParentSpanId,
    StartTime,
    EndTime,
    Time,
    ObservedTime,
}

/// Where a field stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the scope.
    Scope,
    /// In the metric.
    Metric,
    /// In the span or record.
    Item,
}

impl Field {
    /// Every field with its name.
    pub const ALL: [(Field, &'static str); 19] = [
        (Field::ScopeName, "scope.name"),
        (Field::ScopeVersion, "scope.version"),
        (Field::Name, "name"),
        (Field::Unit, "unit"),
        (Field::Kind, "kind"),
        (Field::StatusCode, "status.code"),
        (Field::StatusMessage, "status.message"),
        (Field::TraceState, "trace_state"),
        (Field::SeverityNumber, "severity_number"),
        (Field::SeverityText, "severity_text"),
        (Field::Body, "body"),
        (Field::EventName, "event_name"),
        (Field::TraceId, "trace_id"),
        (Field::SpanId, "span_id"),
        (Field::ParentSpanId, "parent_span_id"),
        (Field::StartTime, "start_time_unix_nano"),
        (Field::EndTime, "end_time_unix_nano"),
        (Field::Time, "time_unix_nano"),
        (Field::ObservedTime, "observed_time_unix_nano"),
    ];

    /// The field of that name.
    pub fn of(name: &[u8]) -> Option<Field> {
        Field::ALL.iter().find(|(_, known)| known.as_bytes() == name).map(|(field, _)| *field)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        Field::ALL.iter().find(|(field, _)| *field == self).map_or("", |(_, name)| name)
    }

    /// Where a signal has it, if it does.
    pub fn place(self, signal: Signal) -> Option<Place> {
        use Field::{
            Body, EndTime, EventName, Kind, Name, ObservedTime, ParentSpanId, ScopeName, ScopeVersion, SeverityNumber,
            SeverityText, SpanId, StartTime, StatusCode, StatusMessage, Time, TraceId, TraceState, Unit,
        };
        match (signal, self) {
            (_, ScopeName | ScopeVersion) => Some(Place::Scope),
            (Signal::Metrics, Name | Unit) => Some(Place::Metric),
            (Signal::Traces | Signal::Logs, TraceId | SpanId)
            | (Signal::Traces, Name | Kind | StatusCode | StatusMessage | TraceState)
            | (Signal::Traces, ParentSpanId | StartTime | EndTime)
            | (Signal::Logs, SeverityNumber | SeverityText | Body | EventName | Time | ObservedTime) => {
                Some(Place::Item)
            }
            _ => None,
        }
    }
}
