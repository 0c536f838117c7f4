//! The names of columns and fields, as types.

use crate::{Attribute, Source};

/// A column of one 64-bit word a row, pulled by [`Batch::column`](crate::Batch::column), but for [`Column::TraceId`], which has
/// two. What each holds stands in the contract, `rows.wit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Column {
    /// Metrics, traces, logs: `flags`.
    Flags,
    /// Histograms and summaries: how many observations.
    Count,
    /// Histograms: the least observation, a double; NaN where there is none.
    Min,
    /// Histograms: the greatest observation, a double; NaN where there is none.
    Max,
    /// Exponential histograms: the scale, signed.
    Scale,
    /// Exponential histograms: observations in the zero bucket.
    ZeroCount,
    /// Exponential histograms: the width of the zero bucket, a double.
    ZeroThreshold,
    /// Spans: the kind's number.
    Kind,
    /// Spans: the status code's number: 0 unset, 1 ok, 2 error.
    StatusCode,
    /// Spans: nanoseconds from start to end, 0 where the end is not behind the start.
    Duration,
    /// Log records: the severity's number, 1 to 24, 0 unset.
    SeverityNumber,
    /// Log records: `observed_time_unix_nano`.
    ObservedTime,
    /// Spans and log records: two words a row.
    TraceId,
    /// Spans and log records.
    SpanId,
    /// Spans.
    ParentSpanId,
}

impl Column {
    /// Its name in the contract.
    pub fn name(self) -> &'static str {
        match self {
            Column::Flags => "flags",
            Column::Count => "count",
            Column::Min => "min",
            Column::Max => "max",
            Column::Scale => "scale",
            Column::ZeroCount => "zero_count",
            Column::ZeroThreshold => "zero_threshold",
            Column::Kind => "kind",
            Column::StatusCode => "status.code",
            Column::Duration => "duration",
            Column::SeverityNumber => "severity_number",
            Column::ObservedTime => "observed_time",
            Column::TraceId => "trace_id",
            Column::SpanId => "span_id",
            Column::ParentSpanId => "parent_span_id",
        }
    }
}

/// A field of an item or of its scope, to key by or to read. One that is empty or 0 counts as absent, and so does an id of zeros. Where it says what
/// the field takes, [`Batch::set_field`](crate::Batch::set_field) can set it; another value ends the call as a trap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Field {
    /// All signals, a string.
    ScopeName,
    /// All signals, a string.
    ScopeVersion,
    /// Of a metric or a span, a string. A span takes any.
    Name,
    /// Metrics, a string.
    Unit,
    /// Spans, an integer. Takes 0 to 5.
    Kind,
    /// Spans, an integer. Takes 0 to 2.
    StatusCode,
    /// Spans, a string. Takes any.
    StatusMessage,
    /// Spans, a string. Takes any.
    TraceState,
    /// Log records, an integer. Takes 0 to 24.
    SeverityNumber,
    /// Log records, a string. Takes any.
    SeverityText,
    /// Log records, any value. Takes any.
    Body,
    /// Log records, a string. Takes any.
    EventName,
    /// Spans and log records, 16 bytes.
    TraceId,
    /// Spans and log records, 8 bytes.
    SpanId,
    /// Spans, 8 bytes. Takes 8 bytes or none.
    ParentSpanId,
    /// Spans, nanoseconds since the Unix epoch: an integer with the same 64 bits as the `u64`. Takes any.
    StartTime,
    /// The same.
    EndTime,
    /// Log records, as the times of spans. Takes any.
    Time,
    /// The same.
    ObservedTime,
}

impl Field {
    /// Its name in the contract, and in a key.
    pub fn name(self) -> &'static str {
        match self {
            Field::ScopeName => "scope.name",
            Field::ScopeVersion => "scope.version",
            Field::Name => "name",
            Field::Unit => "unit",
            Field::Kind => "kind",
            Field::StatusCode => "status.code",
            Field::StatusMessage => "status.message",
            Field::TraceState => "trace_state",
            Field::SeverityNumber => "severity_number",
            Field::SeverityText => "severity_text",
            Field::Body => "body",
            Field::EventName => "event_name",
            Field::TraceId => "trace_id",
            Field::SpanId => "span_id",
            Field::ParentSpanId => "parent_span_id",
            Field::StartTime => "start_time_unix_nano",
            Field::EndTime => "end_time_unix_nano",
            Field::Time => "time_unix_nano",
            Field::ObservedTime => "observed_time_unix_nano",
        }
    }
}

impl From<Field> for Source {
    fn from(field: Field) -> Source {
        Source::Field(field.name().to_owned())
    }
}

impl From<Attribute> for Source {
    fn from(attribute: Attribute) -> Source {
        Source::Attribute(attribute)
    }
}
