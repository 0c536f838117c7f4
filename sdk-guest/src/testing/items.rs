//! Spans and log records as a test writes them, and every item, points too, as it goes through a call and on.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

use crate::key::AnyValue;
use crate::{AttributeSets, Blob, Column, Descriptor, Field, Level, MetricKind, Source, Temporality};

use super::memory::Columns;
use super::{MemoryHost, Point};

/// Attributes by key.
pub type Attributes = BTreeMap<String, AnyValue>;

/// A span. Times are in nanoseconds since the Unix epoch, in a case's files in milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs)] // OTLP's own fields.
pub struct Span {
    pub name: String,
    pub resource: Attributes,
    pub scope_name: String,
    pub scope_version: String,
    pub scope: Attributes,
    pub attributes: Attributes,
    pub kind: u64,
    pub status_code: u64,
    pub status_message: String,
    pub trace_state: String,
    #[serde(rename = "start_ms", deserialize_with = "milliseconds")]
    pub start_time: u64,
    #[serde(rename = "end_ms", deserialize_with = "milliseconds")]
    pub end_time: u64,
    pub flags: u64,
    pub trace_id: u128,
    pub span_id: u64,
    pub parent_span_id: u64,
}

/// A log record.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs)] // OTLP's own fields.
pub struct LogRecord {
    pub resource: Attributes,
    pub scope_name: String,
    pub scope_version: String,
    pub scope: Attributes,
    pub attributes: Attributes,
    pub severity_number: u64,
    pub severity_text: String,
    pub body: AnyValue,
    pub event_name: String,
    #[serde(rename = "time_ms", deserialize_with = "milliseconds")]
    pub time: u64,
    #[serde(rename = "observed_ms", deserialize_with = "milliseconds")]
    pub observed_time: u64,
    pub flags: u64,
    pub trace_id: u128,
    pub span_id: u64,
}

/// An item that goes on, with what edits made of it.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sent {
    /// Of the metric or the span; of a log record its event name.
    pub name: String,
    /// Of the metric.
    pub unit: String,
    /// Of the metric.
    pub description: String,
    /// Attributes of the resource.
    pub resource: Attributes,
    /// Attributes of the scope.
    pub scope: Attributes,
    /// The item's own attributes.
    pub attributes: Attributes,
    /// Fields that edits have set, by their names in the contract; `Empty` where one was taken away. The name is in `name` too.
    pub fields: Attributes,
}

fn milliseconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    u64::deserialize(deserializer).map(|milliseconds| milliseconds * 1_000_000)
}

impl Sent {
    /// The attributes of one level.
    pub fn level(&mut self, level: Level) -> &mut Attributes {
        match level {
            Level::Resource => &mut self.resource,
            Level::Scope => &mut self.scope,
            Level::Item => &mut self.attributes,
            Level::Metadata => panic!("metadata is no part of an item"),
        }
    }
}

/// Columns of all attributes of a level.
pub(super) const SETS: [(Level, &str); 3] =
    [(Level::Resource, "resource.attributes"), (Level::Scope, "scope.attributes"), (Level::Item, "attributes")];

/// An item in a call.
#[derive(Debug, Clone)]
pub(super) struct Fed {
    pub is_row: bool,
    /// Of points.
    pub descriptor: Option<Descriptor>,
    pub fields: BTreeMap<&'static str, AnyValue>,
    words: BTreeMap<&'static str, Vec<u64>>,
    start_time: u64,
    time: u64,
    /// What goes on if the item does.
    pub sent: Sent,
}

fn text(field: Field, text: &str) -> (&'static str, AnyValue) {
    (field.name(), AnyValue::from(text))
}

fn bytes(field: Field, id: &[u8]) -> (&'static str, AnyValue) {
    (field.name(), AnyValue::Bytes(id.to_vec()))
}

fn number(field: Field, number: u64) -> (&'static str, AnyValue) {
    (field.name(), AnyValue::Integer(number.cast_signed()))
}

fn word(column: Column, word: u64) -> (&'static str, Vec<u64>) {
    (column.name(), vec![word])
}

fn trace_id(id: u128) -> (&'static str, Vec<u64>) {
    (Column::TraceId.name(), vec![(id >> 64) as u64, id as u64])
}

impl Fed {
    pub fn point(descriptor: &Descriptor, point: &Point, is_row: bool) -> Fed {
        let any = |attributes: &BTreeMap<String, String>| -> Attributes {
            attributes.iter().map(|(key, value)| (key.clone(), AnyValue::from(value.as_str()))).collect()
        };
        let sent = Sent {
            name: descriptor.name.clone(),
            unit: descriptor.unit.clone(),
            description: descriptor.description.clone(),
            resource: any(&point.resource),
            scope: any(&point.scope),
            attributes: any(&point.attributes),
            fields: Attributes::new(),
        };
        let fields = [
            text(Field::ScopeName, &point.scope_name),
            text(Field::ScopeVersion, &point.scope_version),
            text(Field::Name, &descriptor.name),
            text(Field::Unit, &descriptor.unit),
        ];
        Fed {
            is_row,
            descriptor: Some(descriptor.clone()),
            fields: BTreeMap::from(fields),
            words: BTreeMap::new(),
            start_time: point.start_time,
            time: point.time,
            sent,
        }
    }

    pub fn span(span: &Span) -> Fed {
        let fields = [
            text(Field::ScopeName, &span.scope_name),
            text(Field::ScopeVersion, &span.scope_version),
            text(Field::Name, &span.name),
            number(Field::Kind, span.kind),
            number(Field::StatusCode, span.status_code),
            text(Field::StatusMessage, &span.status_message),
            text(Field::TraceState, &span.trace_state),
            bytes(Field::TraceId, &span.trace_id.to_be_bytes()),
            bytes(Field::SpanId, &span.span_id.to_be_bytes()),
            bytes(Field::ParentSpanId, &span.parent_span_id.to_be_bytes()),
            number(Field::StartTime, span.start_time),
            number(Field::EndTime, span.end_time),
        ];
        let words = [
            word(Column::Kind, span.kind),
            word(Column::StatusCode, span.status_code),
            word(Column::Flags, span.flags),
            word(Column::Duration, span.end_time.saturating_sub(span.start_time)),
            trace_id(span.trace_id),
            word(Column::SpanId, span.span_id),
            word(Column::ParentSpanId, span.parent_span_id),
        ];
        let Span { name, resource, scope, attributes, .. } = span.clone();
        Fed {
            is_row: true,
            descriptor: None,
            fields: BTreeMap::from(fields),
            words: BTreeMap::from(words),
            start_time: span.start_time,
            time: span.end_time,
            sent: Sent { name, resource, scope, attributes, ..Sent::default() },
        }
    }

    pub fn record(record: &LogRecord) -> Fed {
        let fields = [
            text(Field::ScopeName, &record.scope_name),
            text(Field::ScopeVersion, &record.scope_version),
            number(Field::SeverityNumber, record.severity_number),
            text(Field::SeverityText, &record.severity_text),
            (Field::Body.name(), record.body.clone()),
            text(Field::EventName, &record.event_name),
            bytes(Field::TraceId, &record.trace_id.to_be_bytes()),
            bytes(Field::SpanId, &record.span_id.to_be_bytes()),
            number(Field::Time, record.time),
            number(Field::ObservedTime, record.observed_time),
        ];
        let words = [
            word(Column::SeverityNumber, record.severity_number),
            word(Column::Flags, record.flags),
            word(Column::ObservedTime, record.observed_time),
            trace_id(record.trace_id),
            word(Column::SpanId, record.span_id),
        ];
        let LogRecord { event_name: name, resource, scope, attributes, .. } = record.clone();
        Fed {
            is_row: true,
            descriptor: None,
            fields: BTreeMap::from(fields),
            words: BTreeMap::from(words),
            start_time: 0,
            time: record.time,
            sent: Sent { name, resource, scope, attributes, ..Sent::default() },
        }
    }

    /// Kind and temporality, as `stream` keyings tell metrics apart.
    pub fn shape(&self) -> Option<(MetricKind, Temporality)> {
        self.descriptor.as_ref().map(|descriptor| (descriptor.kind, descriptor.temporality))
    }

    /// The encoded value of a source.
    pub fn value_of(&self, source: &Source) -> Option<Vec<u8>> {
        match source {
            Source::Attribute(attribute) => {
                let attributes = match attribute.level {
                    Level::Resource => &self.sent.resource,
                    Level::Scope => &self.sent.scope,
                    Level::Item => &self.sent.attributes,
                    Level::Metadata => return None,
                };
                attributes.get(&attribute.key).map(AnyValue::encode)
            }
            Source::Field(name) => self.field(name),
        }
    }

    /// The encoded value of a field; one that is empty or 0 counts as absent, and so does an id of zeros.
    pub fn field(&self, name: &str) -> Option<Vec<u8>> {
        let is_absent = |value: &AnyValue| match value {
            AnyValue::Empty | AnyValue::Integer(0) => true,
            AnyValue::String(text) => text.is_empty(),
            AnyValue::Bytes(id) if name != Field::Body.name() => id.iter().all(|byte| *byte == 0),
            _ => false,
        };
        self.fields.get(name).filter(|value| !is_absent(value)).map(AnyValue::encode)
    }

    /// Whether it is a span or a log record that has such a field.
    pub fn has_own_field(&self, name: &str) -> bool {
        self.descriptor.is_none() && self.fields.contains_key(name)
    }
}

impl MemoryHost {
    /// Projects spans or log records; returns how many are no rows.
    pub(super) fn project_items(&mut self, mut items: Vec<Fed>) -> usize {
        let is_row = self.declared.items;
        items.iter_mut().for_each(|item| item.is_row = is_row);
        self.fed = items;
        if !is_row {
            return self.fed.len();
        }
        self.rows = self.fed.len();
        let column = |is_declared: bool, word: fn(&Fed) -> u64| {
            is_declared.then(|| self.fed.iter().map(word).collect::<Vec<u64>>())
        };
        let mut columns = Columns::default();
        columns.times = column(self.declared.times, |item| item.time);
        columns.start_times = column(self.declared.start_times, |item| item.start_time);
        let is_word = |name: &&String| !SETS.iter().any(|(_, known)| known == name);
        for name in self.declared.columns.iter().filter(is_word) {
            let words = |item: &Fed| item.words.get(name.as_str()).cloned();
            let words: Option<Vec<Vec<u64>>> = self.fed.iter().map(words).collect();
            let words = words.unwrap_or_else(|| panic!("`{name}` is no column of this signal"));
            columns.words.insert(name.clone(), words.concat());
        }
        for dictionary in &mut self.durable.dictionaries {
            let codes = self.fed.iter().map(|item| dictionary.project_item(item, self.dictionary_entries));
            columns.keys.push(Some(codes.collect()));
        }
        self.columns = columns;
        0
    }

    /// All attributes of a level; here items share no set.
    pub(super) fn attribute_sets(&mut self, level: Level) -> AttributeSets {
        let name = SETS.iter().find(|(of, _)| *of == level).map_or("", |(_, name)| name);
        let declared = self.declared.columns.iter().any(|known| known == name);
        assert!(declared, "`{name}` was not declared");
        let mut sets = AttributeSets { numbers: Vec::new(), sets: Blob::default() };
        for (number, item) in (0..).zip(self.fed.iter_mut().filter(|item| item.is_row)) {
            let entries = item.sent.level(level).iter();
            let map = entries.map(|(key, value)| (key.clone().into_bytes(), value.clone())).collect();
            sets.sets.push(&AnyValue::Map(map).encode());
            sets.numbers.push(number);
        }
        sets
    }

    /// Fills the columns of values, of any signal.
    pub(super) fn project_values_of(&mut self) {
        let rows = || self.fed.iter().filter(|item| item.is_row);
        let column = |source: &Source| {
            let mut values = Blob::default();
            rows().for_each(|item| values.push(&item.value_of(source).unwrap_or_default()));
            Some(values)
        };
        self.columns.value_of = self.declared.value_of.iter().map(column).collect();
    }
}
