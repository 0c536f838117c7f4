//! What columns should say of one row.

use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::{Exemplar, exponential_histogram_data_point::Buckets};
use opentelemetry_proto::tonic::metrics::v1::{number_data_point, summary_data_point::ValueAtQuantile};
use otelier::otlp::columns::Word;
use otelier::otlp::key::Level;
use otelier::otlp::keying::{Grouping, Keying, Source};
use otelier::otlp::metrics::{MetricKind, Temporality};

use super::items::{Item, Of};
use super::{Key, Typed, key};

/// A row's value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// No recorded value, none at all, or a histogram without a sum.
    None,
    Integer(i64),
    Double(f64),
}

impl Item<'_> {
    /// The value. Bit 0 of the flags says that none was recorded, whatever else is there.
    pub fn value(&self) -> Value {
        let sum = |sum: Option<f64>| sum.map_or(Value::None, Value::Double);
        match self.of {
            _ if self.flags() & 1 == 1 => Value::None,
            Of::Number(point) => match point.value {
                None => Value::None,
                Some(number_data_point::Value::AsInt(value)) => Value::Integer(value),
                Some(number_data_point::Value::AsDouble(value)) => Value::Double(value),
            },
            Of::Histogram(point) => sum(point.sum),
            Of::Exponential(point) => sum(point.sum),
            Of::Summary(point) => sum(Some(point.sum)),
            Of::Span(_) | Of::Record(_) => Value::None,
        }
    }

    pub fn time(&self) -> u64 {
        match self.of {
            Of::Number(point) => point.time_unix_nano,
            Of::Histogram(point) => point.time_unix_nano,
            Of::Exponential(point) => point.time_unix_nano,
            Of::Summary(point) => point.time_unix_nano,
            Of::Span(span) => span.end_time_unix_nano,
            Of::Record(record) => record.time_unix_nano,
        }
    }

    pub fn start_time(&self) -> u64 {
        match self.of {
            Of::Number(point) => point.start_time_unix_nano,
            Of::Histogram(point) => point.start_time_unix_nano,
            Of::Exponential(point) => point.start_time_unix_nano,
            Of::Summary(point) => point.start_time_unix_nano,
            Of::Span(span) => span.start_time_unix_nano,
            Of::Record(_) => 0,
        }
    }

    fn flags(&self) -> u32 {
        match self.of {
            Of::Number(point) => point.flags,
            Of::Histogram(point) => point.flags,
            Of::Exponential(point) => point.flags,
            Of::Summary(point) => point.flags,
            Of::Span(span) => span.flags,
            Of::Record(record) => record.flags,
        }
    }

    /// The words of a column of this item's signal.
    pub fn words(&self, word: Word) -> Vec<u64> {
        let number = |number: i32| number as i64 as u64;
        let extreme = |extreme: Option<f64>| extreme.unwrap_or(f64::NAN).to_bits();
        let word = match (word, self.of) {
            (Word::Flags, _) => self.flags().into(),
            (Word::Count, Of::Histogram(point)) => point.count,
            (Word::Count, Of::Exponential(point)) => point.count,
            (Word::Count, Of::Summary(point)) => point.count,
            (Word::Min, Of::Histogram(point)) => extreme(point.min),
            (Word::Min, Of::Exponential(point)) => extreme(point.min),
            (Word::Max, Of::Histogram(point)) => extreme(point.max),
            (Word::Max, Of::Exponential(point)) => extreme(point.max),
            (Word::Min | Word::Max, _) => extreme(None),
            (Word::Scale, Of::Exponential(point)) => number(point.scale),
            (Word::ZeroCount, Of::Exponential(point)) => point.zero_count,
            (Word::ZeroThreshold, Of::Exponential(point)) => point.zero_threshold.to_bits(),
            (Word::Kind, Of::Span(span)) => number(span.kind),
            (Word::StatusCode, Of::Span(span)) => number(span.status.as_ref().map_or(0, |status| status.code)),
            (Word::Duration, Of::Span(span)) => span.end_time_unix_nano.saturating_sub(span.start_time_unix_nano),
            (Word::SeverityNumber, Of::Record(record)) => number(record.severity_number),
            (Word::ObservedTime, Of::Record(record)) => record.observed_time_unix_nano,
            (Word::TraceId, Of::Span(span)) => return trace_id(&span.trace_id),
            (Word::TraceId, Of::Record(record)) => return trace_id(&record.trace_id),
            (Word::SpanId, Of::Span(span)) => span_id(&span.span_id),
            (Word::SpanId, Of::Record(record)) => span_id(&record.span_id),
            (Word::ParentSpanId, Of::Span(span)) => span_id(&span.parent_span_id),
            _ => 0,
        };
        vec![word]
    }

    /// Explicit bounds as bits, of a histogram.
    pub fn bounds(&self) -> Option<Vec<u64>> {
        let Of::Histogram(point) = self.of else { return None };
        Some(point.explicit_bounds.iter().map(|bound| bound.to_bits()).collect())
    }

    pub fn bucket_counts(&self) -> &[u64] {
        if let Of::Histogram(point) = self.of { &point.bucket_counts } else { &[] }
    }

    pub fn positive(&self) -> Buckets {
        if let Of::Exponential(point) = self.of {
            point.positive.clone().unwrap_or_default()
        } else {
            Buckets::default()
        }
    }

    pub fn negative(&self) -> Buckets {
        if let Of::Exponential(point) = self.of {
            point.negative.clone().unwrap_or_default()
        } else {
            Buckets::default()
        }
    }

    pub fn quantiles(&self) -> &[ValueAtQuantile] {
        if let Of::Summary(point) = self.of { &point.quantile_values } else { &[] }
    }

    pub fn exemplars(&self) -> &[Exemplar] {
        match self.of {
            Of::Number(point) => &point.exemplars,
            Of::Histogram(point) => &point.exemplars,
            Of::Exponential(point) => &point.exemplars,
            _ => &[],
        }
    }

    /// The attributes that stand at a level.
    pub fn attributes(&self, level: Level) -> &[KeyValue] {
        match level {
            Level::Resource => self.resource.map_or(&[], |resource| &resource.attributes),
            Level::Scope => self.scope.map_or(&[], |scope| &scope.attributes),
            Level::Item => self.of.attributes(),
            _ => &[],
        }
    }

    /// A field by its name; one that is empty or 0 is absent, and so is an id of zeros.
    pub fn field(&self, name: &str) -> Option<Typed> {
        let text = |text: &str| (!text.is_empty()).then(|| Typed::Text(text.into()));
        let number = |number: i32| (number != 0).then(|| Typed::Integer(number.into()));
        let time = |time: u64| (time != 0).then_some(Typed::Integer(time as i64));
        let id = |id: &[u8]| id.iter().any(|byte| *byte != 0).then(|| Typed::Bytes(id.to_vec()));
        let any = |value: Option<&AnyValue>| Some(Typed::of(value)).filter(|value| *value != Typed::Empty);
        match (self.of, name) {
            (_, "scope.name") => text(&self.scope?.name),
            (_, "scope.version") => text(&self.scope?.version),
            (Of::Span(span), "name") => text(&span.name),
            (Of::Span(span), "kind") => number(span.kind),
            (Of::Span(span), "status.code") => number(span.status.as_ref()?.code),
            (Of::Span(span), "status.message") => text(&span.status.as_ref()?.message),
            (Of::Span(span), "trace_state") => text(&span.trace_state),
            (Of::Span(span), "trace_id") => id(&span.trace_id),
            (Of::Span(span), "span_id") => id(&span.span_id),
            (Of::Span(span), "parent_span_id") => id(&span.parent_span_id),
            (Of::Span(span), "start_time_unix_nano") => time(span.start_time_unix_nano),
            (Of::Span(span), "end_time_unix_nano") => time(span.end_time_unix_nano),
            (Of::Record(record), "trace_id") => id(&record.trace_id),
            (Of::Record(record), "span_id") => id(&record.span_id),
            (Of::Record(record), "time_unix_nano") => time(record.time_unix_nano),
            (Of::Record(record), "observed_time_unix_nano") => time(record.observed_time_unix_nano),
            (Of::Record(record), "severity_number") => number(record.severity_number),
            (Of::Record(record), "severity_text") => text(&record.severity_text),
            (Of::Record(record), "body") => any(record.body.as_ref()),
            (Of::Record(record), "event_name") => text(&record.event_name),
            (_, "name") => text(&self.descriptor.as_ref()?.name),
            (_, "unit") => text(&self.descriptor.as_ref()?.unit),
            _ => None,
        }
    }

    /// The entry of a column of values: empty where absent.
    pub fn value_of(&self, source: &Source) -> Vec<u8> {
        let value = match source {
            // Of repeated attributes the last counts.
            Source::Attribute(level, name) => {
                let mut named = self.attributes(*level).iter().filter(|attribute| attribute.key.as_bytes() == name);
                named.next_back().map(|attribute| Typed::of(attribute.value.as_ref()))
            }
            Source::Field(field) => self.field(field.name()),
        };
        value.map(|value| key::encoded(&value)).unwrap_or_default()
    }

    /// The key for a keying; `None` where it does not cover the row.
    pub fn key(&self, keying: &Keying) -> Option<Key> {
        let mut key = Key::new();
        let named = |list: &[(Level, Vec<u8>)], level, name: &str| list.contains(&(level, name.as_bytes().to_vec()));
        match &keying.grouping {
            Grouping::Stream(only) => {
                let own = self.descriptor.as_ref().map_or(Temporality::Unspecified, |metric| metric.temporality);
                if only.is_some_and(|only| only != own) {
                    return None;
                }
                self.identity(&mut key);
            }
            Grouping::Keep(list) => {
                for (_, name) in list.iter().filter(|(level, _)| *level == Level::Field) {
                    let field = self.field(std::str::from_utf8(name).unwrap());
                    key.extend(field.map(|value| ((Level::Field, name.clone()), value)));
                }
            }
            Grouping::Drop(_) => {
                for name in ["scope.name", "scope.version"] {
                    key.extend(self.field(name).map(|value| ((Level::Field, name.into()), value)));
                }
            }
        }
        for level in [Level::Resource, Level::Scope, Level::Item] {
            for attribute in self.attributes(level) {
                let taken = match &keying.grouping {
                    Grouping::Keep(list) => named(list, level, &attribute.key),
                    Grouping::Drop(list) => !named(list, level, &attribute.key),
                    Grouping::Stream(_) => true,
                };
                if taken {
                    key.insert((level, attribute.key.clone().into_bytes()), Typed::of(attribute.value.as_ref()));
                }
            }
        }
        Some(key)
    }

    fn identity(&self, key: &mut Key) {
        let mut text = |level, name: &str, text: &str| key.insert((level, name.into()), Typed::Text(text.into()));
        let (name, version) = self.scope.map_or(("", ""), |scope| (&scope.name, &scope.version));
        text(Level::ScopeIdentity, "name", name);
        text(Level::ScopeIdentity, "version", version);
        let Some(metric) = &self.descriptor else { return };
        text(Level::MetricIdentity, "name", &metric.name);
        text(Level::MetricIdentity, "unit", &metric.unit);
        // Stored with durable dictionaries, so spelt out here.
        let kind = match metric.kind {
            MetricKind::Gauge => "gauge",
            MetricKind::Sum => "sum",
            MetricKind::Histogram => "histogram",
            MetricKind::ExponentialHistogram => "exponential-histogram",
            MetricKind::Summary => "summary",
        };
        let temporality = match metric.temporality {
            Temporality::Unspecified => "unspecified",
            Temporality::Delta => "delta",
            Temporality::Cumulative => "cumulative",
        };
        let monotonic = if metric.monotonic { "monotonic" } else { "any" };
        text(Level::MetricIdentity, "shape", &format!("{kind} {temporality} {monotonic}"));
    }
}

/// Two words, big end first; 0 for an id of another length.
fn trace_id(bytes: &[u8]) -> Vec<u64> {
    if bytes.len() == 16 { vec![span_id(&bytes[..8]), span_id(&bytes[8..])] } else { vec![0, 0] }
}

fn span_id(bytes: &[u8]) -> u64 {
    if bytes.len() == 8 { bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)) } else { 0 }
}
