//! An emission is refused for a bad key alone, and otherwise decodes to what was emitted.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Metric, NumberDataPoint, Sum, metric::Data, number_data_point::Value,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;

use crate::bytes::Choices;
use crate::contract::Signal;
use crate::keys::{depth, is_text, parse};
use crate::memory::bounded;
use crate::model::{self, Key};
use crate::oracle;
use crate::otlp::descriptors::Descriptor;
use crate::otlp::key::{self, Level};
use crate::otlp::metrics::{MetricKind, Temporality};
use crate::otlp::{self, Strings};
use crate::subject::{self, Emitted, Values};

const FACTOR: usize = 60;
const BASE: usize = 16 << 10;
/// What a row takes beside its key: times, value, and the metric around it.
const ROW: usize = 100;

pub fn check(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let pool: Vec<Box<[u8]>> = (0..choices.byte() % 5).map(|_| key(&mut choices)).collect();
    let mut emissions = Vec::new();
    while !choices.is_done() {
        emissions.push(emission(&mut choices, &pool));
    }
    let size = emissions.iter().flat_map(|emission| &emission.keys).map(|key| key.len() + ROW).sum();
    let taken = subject::emissions(&emissions);
    let encoded = bounded(size, FACTOR, BASE, || subject::emit(&taken));
    let Ok(request) = encoded else {
        let bad = |key: &[u8]| !key.is_empty() && key::elements(key).is_err();
        return assert!(
            emissions.iter().flat_map(|emission| &emission.keys).any(|key| bad(key)),
            "refused without a reason"
        );
    };
    let rows: usize = emissions.iter().map(|emission| emission.times.len()).sum();
    assert_eq!(otlp::check(Signal::Metrics, &request, Strings::Bytes), Ok(rows as u64), "what is emitted is OTLP");
    if let Some(expected) = expected(&emissions) {
        assert_eq!(found(oracle::metrics(&request).expect("prost reads what is emitted")), expected);
    }
}

/// A key made of bytes, as they are or as the canonical form of what they say; empty is "no attributes".
fn key(choices: &mut Choices<'_>) -> Box<[u8]> {
    let raw = choices.flag();
    let bytes = [&[1], choices.short()].concat();
    match parse(&bytes) {
        _ if raw => bytes.into(),
        Some(key) if !key.is_empty() => model::canonical(&key).into(),
        _ => Box::default(),
    }
}

fn emission(choices: &mut Choices<'_>, pool: &[Box<[u8]>]) -> Emitted {
    let rows = choices.byte() % 8;
    let mut column = |wanted: bool| (0..if wanted { rows } else { 0 }).map(|_| choices.word()).collect::<Vec<u64>>();
    let (times, start_times, words) = (column(true), column(rows.is_multiple_of(2)), column(true));
    let values = match choices.flag() {
        true => Values::Doubles(words.into_iter().map(f64::from_bits).collect()),
        false => Values::Integers(words.into_iter().map(u64::cast_signed).collect()),
    };
    let keys = (0..rows)
        .map(|_| if pool.is_empty() { Box::default() } else { pool[usize::from(choices.byte()) % pool.len()].clone() })
        .collect();
    let descriptor = Descriptor {
        name: choices.pick(&["", "requests", "größe"]).to_owned(),
        unit: choices.pick(&["", "1"]).to_owned(),
        description: choices.pick(&["", "what it counts"]).to_owned(),
        kind: choices.pick(&[MetricKind::Gauge, MetricKind::Sum]),
        temporality: choices.pick(&[Temporality::Unspecified, Temporality::Delta, Temporality::Cumulative]),
        monotonic: choices.flag(),
    };
    Emitted { descriptor, keys, start_times, times, values }
}

/// A point with what is around it, encoded: resource, scope, metric without points, point.
type Row = [Vec<u8>; 4];

fn found(request: ExportMetricsServiceRequest) -> Vec<Row> {
    let mut rows = Vec::new();
    for resource_metrics in request.resource_metrics {
        let resource = resource_metrics.resource.unwrap_or_default().encode_to_vec();
        for scope_metrics in resource_metrics.scope_metrics {
            let scope = scope_metrics.scope.unwrap_or_default().encode_to_vec();
            for mut metric in scope_metrics.metrics {
                let points = match &mut metric.data {
                    Some(Data::Gauge(gauge)) => std::mem::take(&mut gauge.data_points),
                    Some(Data::Sum(sum)) => std::mem::take(&mut sum.data_points),
                    _ => panic!("gauges and sums alone are emitted"),
                };
                let metric = metric.encode_to_vec();
                let row =
                    |point: NumberDataPoint| [resource.clone(), scope.clone(), metric.clone(), point.encode_to_vec()];
                rows.extend(points.into_iter().map(row));
            }
        }
    }
    rows
}

/// The rows in the order of their groups; `None` where a key says more than prost can read.
fn expected(emissions: &[Emitted]) -> Option<Vec<Row>> {
    let mut groups: Vec<Vec<Row>> = Vec::new();
    for emission in emissions {
        let metric = metric(&emission.descriptor).encode_to_vec();
        for (row, encoded) in emission.keys.iter().enumerate() {
            let key = if encoded.is_empty() { Key::new() } else { parse(encoded)? };
            let canonical = encoded.is_empty() || *model::canonical(&key) == **encoded;
            if !canonical || !is_readable(&key) {
                return None;
            }
            let resource = Resource { attributes: attributes(&key, Level::Resource), ..Resource::default() };
            let scope =
                InstrumentationScope { attributes: attributes(&key, Level::Scope), ..InstrumentationScope::default() };
            let point = point(emission, &key, row).encode_to_vec();
            let row = [resource.encode_to_vec(), scope.encode_to_vec(), metric.clone(), point];
            match groups.iter_mut().find(|group| group[0][..2] == row[..2]) {
                Some(group) => group.push(row),
                None => groups.push(vec![row]),
            }
        }
    }
    Some(groups.concat())
}

/// Whether prost can read what a key says.
fn is_readable(key: &Key) -> bool {
    key.iter().all(|((_, name), value)| std::str::from_utf8(name).is_ok() && is_text(value) && depth(value) < 30)
}

fn attributes(key: &Key, level: Level) -> Vec<KeyValue> {
    let of_level = key.iter().filter(|((at, _), _)| *at == level);
    of_level.map(|((_, name), value)| value.attribute(String::from_utf8(name.clone()).unwrap())).collect()
}

fn metric(descriptor: &Descriptor) -> Metric {
    let Descriptor { name, unit, description, kind, temporality, monotonic } = descriptor.clone();
    let data = match kind {
        MetricKind::Sum => Data::Sum(Sum {
            data_points: Vec::new(),
            aggregation_temporality: match temporality {
                Temporality::Unspecified => 0,
                Temporality::Delta => 1,
                Temporality::Cumulative => 2,
            },
            is_monotonic: monotonic,
        }),
        _ => Data::Gauge(Gauge::default()),
    };
    Metric { name, unit, description, data: Some(data), metadata: Vec::new() }
}

fn point(emission: &Emitted, key: &Key, row: usize) -> NumberDataPoint {
    NumberDataPoint {
        attributes: attributes(key, Level::Item),
        start_time_unix_nano: emission.start_times.get(row).copied().unwrap_or(0),
        time_unix_nano: emission.times[row],
        value: Some(match &emission.values {
            Values::Doubles(values) => Value::AsDouble(values[row]),
            Values::Integers(values) => Value::AsInt(values[row]),
        }),
        ..NumberDataPoint::default()
    }
}
