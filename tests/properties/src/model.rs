//! What a projection should say, computed the straightforward way from decoded structs.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList, any_value::Value,
};
use opentelemetry_proto::tonic::metrics::v1::{Metric, NumberDataPoint, metric::Data, number_data_point};
use opentelemetry_proto::tonic::resource::v1::Resource;
use otelier::otlp::descriptors::Descriptor;
use otelier::otlp::key::Level;
use otelier::otlp::keying::{Grouping, Keying};
use otelier::otlp::metrics::{MetricKind, Temporality};
use prost::Message;

/// An attribute's value, compared by type and bits. A string-table index, which only profiles have, counts as empty.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Typed {
    Empty,
    Text(Vec<u8>),
    Bool(bool),
    Integer(i64),
    Double(u64),
    Array(Vec<Typed>),
    /// Of repeated keys the last counts.
    Map(BTreeMap<Vec<u8>, Typed>),
    Bytes(Vec<u8>),
}

impl Typed {
    pub fn of(value: Option<&AnyValue>) -> Typed {
        match value.and_then(|value| value.value.as_ref()) {
            None | Some(Value::StringValueStrindex(_)) => Typed::Empty,
            Some(Value::StringValue(text)) => Typed::Text(text.clone().into_bytes()),
            Some(Value::BoolValue(value)) => Typed::Bool(*value),
            Some(Value::IntValue(value)) => Typed::Integer(*value),
            Some(Value::DoubleValue(value)) => Typed::Double(value.to_bits()),
            Some(Value::ArrayValue(list)) => {
                Typed::Array(list.values.iter().map(|value| Typed::of(Some(value))).collect())
            }
            Some(Value::KvlistValue(map)) => Typed::Map(
                map.values
                    .iter()
                    .map(|entry| (entry.key.clone().into_bytes(), Typed::of(entry.value.as_ref())))
                    .collect(),
            ),
            Some(Value::BytesValue(bytes)) => Typed::Bytes(bytes.clone()),
        }
    }

    /// The `AnyValue` that an emission should carry.
    pub fn any_value(&self) -> AnyValue {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let value = match self {
            Typed::Empty => return AnyValue { value: None },
            Typed::Text(bytes) => Value::StringValue(text(bytes)),
            Typed::Bool(value) => Value::BoolValue(*value),
            Typed::Integer(value) => Value::IntValue(*value),
            Typed::Double(bits) => Value::DoubleValue(f64::from_bits(*bits)),
            Typed::Array(list) => Value::ArrayValue(ArrayValue { values: list.iter().map(Typed::any_value).collect() }),
            Typed::Map(map) => Value::KvlistValue(KeyValueList {
                values: map.iter().map(|(key, value)| value.attribute(text(key))).collect(),
            }),
            Typed::Bytes(bytes) => Value::BytesValue(bytes.clone()),
        };
        AnyValue { value: Some(value) }
    }

    /// The attribute that an emission should carry.
    pub fn attribute(&self, key: String) -> KeyValue {
        KeyValue { key, value: Some(self.any_value()), key_strindex: 0 }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Typed::Empty => out.push(0),
            Typed::Text(text) => {
                out.push(1);
                put_text(out, text);
            }
            Typed::Bool(value) => out.extend([2, u8::from(*value)]),
            Typed::Integer(value) => {
                out.push(3);
                out.extend(value.to_le_bytes());
            }
            Typed::Double(bits) => {
                out.push(4);
                out.extend(bits.to_le_bytes());
            }
            Typed::Array(list) => {
                out.push(5);
                put_length(out, list.len());
                list.iter().for_each(|value| value.encode(out));
            }
            Typed::Map(map) => {
                out.push(6);
                put_length(out, map.len());
                for (key, value) in map {
                    put_text(out, key);
                    value.encode(out);
                }
            }
            Typed::Bytes(bytes) => {
                out.push(7);
                put_text(out, bytes);
            }
        }
    }
}

fn put_length(out: &mut Vec<u8>, length: usize) {
    prost::encode_length_delimiter(length, out).unwrap();
}

fn put_text(out: &mut Vec<u8>, text: &[u8]) {
    put_length(out, text.len());
    out.extend(text);
}

/// A key as a map from (level, name) to value.
pub type Key = BTreeMap<(Level, Vec<u8>), Typed>;

/// A key's canonical encoding, version 1, written from its specification.
pub fn canonical(key: &Key) -> Vec<u8> {
    let mut out = vec![1];
    for ((level, name), value) in key {
        out.push(match level {
            Level::Resource => 0,
            Level::Scope => 1,
            Level::Item => 2,
            Level::Metadata => 3,
            Level::ScopeIdentity => 4,
            Level::MetricIdentity => 5,
            Level::Field => 6,
        });
        put_text(&mut out, name);
        value.encode(&mut out);
    }
    out
}

/// Adds the attributes that a keying takes; of repeated names the last counts.
fn take(key: &mut Key, keying: &Keying, level: Level, attributes: &[KeyValue]) {
    let named = |list: &[(Level, Vec<u8>)], name: &str| list.contains(&(level, name.as_bytes().to_vec()));
    for attribute in attributes {
        let taken = match &keying.grouping {
            Grouping::Keep(list) => named(list, &attribute.key),
            Grouping::Drop(list) => !named(list, &attribute.key),
            Grouping::Stream(_) => true,
        };
        if taken {
            key.insert((level, attribute.key.clone().into_bytes()), Typed::of(attribute.value.as_ref()));
        }
    }
}

/// One expected row.
#[derive(Debug)]
pub struct Row {
    pub value: Option<number_data_point::Value>,
    pub start_time: u64,
    pub time: u64,
    /// For each keying; `None` where it does not cover the row.
    pub keys: Vec<Option<Key>>,
}

/// One expected run: where it ends, its metric's descriptor and ordinal.
#[derive(Debug)]
pub struct Run {
    pub end: usize,
    pub descriptor: Descriptor,
    pub ordinal: u32,
}

/// An expected batch.
#[derive(Debug, Default)]
pub struct Batch {
    pub items: u64,
    pub rows: Vec<Row>,
    pub runs: Vec<Run>,
}

/// Projects decoded structs.
pub fn project(request: &ExportMetricsServiceRequest, patterns: &[String], keyings: &[Keying]) -> Batch {
    let mut batch = Batch::default();
    let mut ordinal = 0;
    for resource_metrics in &request.resource_metrics {
        for scope_metrics in &resource_metrics.scope_metrics {
            for metric in &scope_metrics.metrics {
                batch.items += points(metric);
                let numbers = rows_of(metric, patterns);
                if let Some((descriptor, points)) = numbers {
                    let context =
                        Context { resource: &resource_metrics.resource, scope: &scope_metrics.scope, descriptor };
                    batch.rows.extend(points.iter().map(|point| context.row(point, keyings)));
                    batch.runs.push(Run { end: batch.rows.len(), descriptor: context.descriptor, ordinal });
                }
                ordinal += 1;
            }
        }
    }
    batch
}

/// How many points of any kind a metric has.
pub fn points(metric: &Metric) -> u64 {
    let points = match &metric.data {
        None => 0,
        Some(Data::Gauge(data)) => data.data_points.len(),
        Some(Data::Sum(data)) => data.data_points.len(),
        Some(Data::Histogram(data)) => data.data_points.len(),
        Some(Data::ExponentialHistogram(data)) => data.data_points.len(),
        Some(Data::Summary(data)) => data.data_points.len(),
    };
    points as u64
}

/// The descriptor and points of a metric that is read.
fn rows_of<'m>(metric: &'m Metric, patterns: &[String]) -> Option<(Descriptor, &'m [NumberDataPoint])> {
    let (kind, temporality, monotonic, points) = match metric.data.as_ref()? {
        Data::Gauge(gauge) => (MetricKind::Gauge, 0, false, &gauge.data_points),
        Data::Sum(sum) => (MetricKind::Sum, sum.aggregation_temporality, sum.is_monotonic, &sum.data_points),
        _ => return None,
    };
    let temporality = match temporality {
        1 => Temporality::Delta,
        2 => Temporality::Cumulative,
        _ => Temporality::Unspecified,
    };
    let Metric { name, unit, description, .. } = metric.clone();
    let descriptor = Descriptor { name, unit, description, kind, temporality, monotonic };
    let read = patterns.iter().any(|pattern| matches(pattern.as_bytes(), descriptor.name.as_bytes()));
    read.then_some((descriptor, points))
}

/// Whether a pattern of literal bytes, `*` and `?` matches a whole name.
pub fn matches(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern, name) {
        ([], []) => true,
        ([b'*', pattern @ ..], _) => (0..=name.len()).any(|skipped| matches(pattern, &name[skipped..])),
        ([b'?', pattern @ ..], [_, name @ ..]) => matches(pattern, name),
        ([literal, pattern @ ..], [byte, name @ ..]) => literal == byte && matches(pattern, name),
        _ => false,
    }
}

struct Context<'r> {
    resource: &'r Option<Resource>,
    scope: &'r Option<InstrumentationScope>,
    descriptor: Descriptor,
}

impl Context<'_> {
    fn row(&self, point: &NumberDataPoint, keyings: &[Keying]) -> Row {
        Row {
            // Bit 0 of the flags says that no value was recorded, whatever else is there.
            value: point.value.filter(|_| point.flags & 1 == 0),
            start_time: point.start_time_unix_nano,
            time: point.time_unix_nano,
            keys: keyings.iter().map(|keying| self.key(point, keying)).collect(),
        }
    }

    fn key(&self, point: &NumberDataPoint, keying: &Keying) -> Option<Key> {
        let mut key = Key::new();
        if let Grouping::Stream(only) = keying.grouping {
            if only.is_some_and(|only| only != self.descriptor.temporality) {
                return None;
            }
            self.identity(&mut key);
        }
        let resource = self.resource.as_ref().map_or(&[][..], |resource| &resource.attributes);
        let scope = self.scope.as_ref().map_or(&[][..], |scope| &scope.attributes);
        take(&mut key, keying, Level::Resource, resource);
        take(&mut key, keying, Level::Scope, scope);
        take(&mut key, keying, Level::Item, &point.attributes);
        Some(key)
    }

    fn identity(&self, key: &mut Key) {
        let mut text = |level, name: &str, text: &str| key.insert((level, name.into()), Typed::Text(text.into()));
        let (name, version) = self.scope.as_ref().map_or(("", ""), |scope| (&scope.name, &scope.version));
        text(Level::ScopeIdentity, "name", name);
        text(Level::ScopeIdentity, "version", version);
        text(Level::MetricIdentity, "name", &self.descriptor.name);
        text(Level::MetricIdentity, "unit", &self.descriptor.unit);
        text(Level::MetricIdentity, "shape", &self.shape());
    }

    /// Stored with durable dictionaries, so spelt out here.
    fn shape(&self) -> String {
        let kind = match self.descriptor.kind {
            MetricKind::Gauge => "gauge",
            MetricKind::Sum => "sum",
            _ => unreachable!("no other kind has rows"),
        };
        let temporality = match self.descriptor.temporality {
            Temporality::Unspecified => "unspecified",
            Temporality::Delta => "delta",
            Temporality::Cumulative => "cumulative",
        };
        let monotonic = if self.descriptor.monotonic { "monotonic" } else { "any" };
        format!("{kind} {temporality} {monotonic}")
    }
}

/// Decodes what must be well formed.
pub fn decode<M: Message + Default>(bytes: &[u8]) -> M {
    M::decode(bytes).expect("the oracle reads it")
}
