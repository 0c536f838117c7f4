//! Rows of traces and logs: spans and log records.

use super::Pass;
use super::item::Item;
use crate::otlp::columns::Word;
use crate::otlp::logs::{LogRecord, LogsVisitor};
use crate::otlp::message::Message;
use crate::otlp::spans::{Span, SpansVisitor};
use crate::otlp::wire::Fault;

impl<'a> SpansVisitor<'a> for Pass<'_, 'a> {
    fn resource(&mut self, resource: &Message<'a>) -> Result<(), Fault> {
        self.begin_resource(resource)
    }

    fn scope(&mut self, scope: &Message<'a>) -> Result<(), Fault> {
        self.begin_scope(scope)
    }

    #[inline(always)]
    fn attribute(&mut self, key: &'a [u8], raw: &'a [u8]) -> Result<(), Fault> {
        self.begin_attribute(key, raw);
        Ok(())
    }

    fn span(&mut self, span: &Span<'a>) -> Result<(), Fault> {
        if !self.projection.words.is_empty() {
            let words = &mut self.columns.words;
            words.push(Word::Flags, span.flags.into());
            words.push(Word::Kind, i64::from(span.kind).cast_unsigned());
            words.push(Word::StatusCode, i64::from(span.status_code).cast_unsigned());
            words.push(Word::Duration, span.end_time.saturating_sub(span.start_time));
            words.push(Word::SpanId, id(span.span_id));
            words.push(Word::ParentSpanId, id(span.parent_span_id));
            self.trace_id(span.trace_id);
        }
        let item = Item::Span(span);
        self.keys.fields(&item);
        self.finish_row(span.start_time, span.end_time, &item)
    }
}

impl<'a> LogsVisitor<'a> for Pass<'_, 'a> {
    fn resource(&mut self, resource: &Message<'a>) -> Result<(), Fault> {
        self.begin_resource(resource)
    }

    fn scope(&mut self, scope: &Message<'a>) -> Result<(), Fault> {
        self.begin_scope(scope)
    }

    #[inline(always)]
    fn attribute(&mut self, key: &'a [u8], raw: &'a [u8]) -> Result<(), Fault> {
        self.begin_attribute(key, raw);
        Ok(())
    }

    fn record(&mut self, record: &LogRecord<'a>) -> Result<(), Fault> {
        if !self.projection.words.is_empty() {
            let words = &mut self.columns.words;
            words.push(Word::Flags, record.flags.into());
            words.push(Word::SeverityNumber, i64::from(record.severity_number).cast_unsigned());
            words.push(Word::ObservedTime, record.observed_time);
            words.push(Word::SpanId, id(record.span_id));
            self.trace_id(record.trace_id);
        }
        let item = Item::Record(record);
        self.keys.fields(&item);
        self.finish_row(0, record.time, &item)
    }
}

impl Pass<'_, '_> {
    fn trace_id(&mut self, bytes: &[u8]) {
        let whole = <[u8; 16]>::try_from(bytes).map_or(0, u128::from_be_bytes);
        self.columns.words.push(Word::TraceId, (whole >> 64) as u64);
        self.columns.words.push(Word::TraceId, whole as u64);
    }
}

/// An id of eight bytes; 0 for one of another length.
fn id(bytes: &[u8]) -> u64 {
    <[u8; 8]>::try_from(bytes).map_or(0, u64::from_be_bytes)
}
