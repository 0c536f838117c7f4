//! An emission decodes to what was emitted.

mod random;

use fastrand::Rng;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint, Metric,
    NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, exponential_histogram_data_point::Buckets, metric::Data,
    number_data_point::Value,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use otelier::contract::Signal;
use otelier::otlp::columns::ExponentialBuckets;
use otelier::otlp::descriptors::Descriptor;
use otelier::otlp::emit::{Emission, ExponentialRows, HistogramRows, Observations, Points, encode};
use otelier::otlp::key::Level;
use otelier::otlp::metrics::{MetricKind, Temporality};
use otelier::otlp::{Strings, check};
use otelier_tests::generate::{chance, several};
use prost::Message;

use crate::keys::key;
use crate::model::{self, Key, Typed};
use crate::seeds;
use random::emission;

fn attributes_of(key: &Key, level: Level) -> Vec<KeyValue> {
    let of_level = key.iter().filter(|((at, _), _)| *at == level);
    of_level.map(|((_, name), value)| value.attribute(String::from_utf8(name.clone()).unwrap())).collect()
}

/// A field that is a text.
fn field_of(key: &Key, name: &str) -> String {
    match key.get(&(Level::Field, name.into())) {
        Some(Typed::Text(text)) => String::from_utf8(text.clone()).unwrap(),
        _ => String::new(),
    }
}

/// A metric's data without points.
fn data(descriptor: &Descriptor) -> Data {
    let aggregation_temporality = match descriptor.temporality {
        Temporality::Unspecified => 0,
        Temporality::Delta => 1,
        Temporality::Cumulative => 2,
    };
    match descriptor.kind {
        MetricKind::Sum => {
            Data::Sum(Sum { data_points: Vec::new(), aggregation_temporality, is_monotonic: descriptor.monotonic })
        }
        MetricKind::Histogram => Data::Histogram(Histogram { data_points: Vec::new(), aggregation_temporality }),
        MetricKind::ExponentialHistogram => {
            Data::ExponentialHistogram(ExponentialHistogram { data_points: Vec::new(), aggregation_temporality })
        }
        MetricKind::Gauge | MetricKind::Summary => Data::Gauge(Gauge::default()),
    }
}

/// Adds a row's point to a metric of its kind.
fn push(data: &mut Data, emission: &Emission, key: &Key, row: usize) {
    match (data, &emission.points) {
        (Data::Gauge(Gauge { data_points }) | Data::Sum(Sum { data_points, .. }), Points::Doubles(values)) => {
            data_points.push(number(emission, key, row, Value::AsDouble(values[row])));
        }
        (Data::Gauge(Gauge { data_points }) | Data::Sum(Sum { data_points, .. }), Points::Integers(values)) => {
            data_points.push(number(emission, key, row, Value::AsInt(values[row])));
        }
        (Data::Histogram(data), Points::Histograms(rows)) => data.data_points.push(histogram(emission, rows, key, row)),
        (Data::ExponentialHistogram(data), Points::Exponential(rows)) => {
            data.data_points.push(exponential(emission, rows, key, row));
        }
        (data, points) => unreachable!("{points:?} are no points of {data:?}"),
    }
}

fn start_time(emission: &Emission, row: usize) -> u64 {
    emission.start_times.get(row).copied().unwrap_or(0)
}

fn exemplars(emission: &Emission, row: usize) -> Vec<Exemplar> {
    let own = emission.exemplars.iter().filter(|(at, _)| *at as usize == row);
    own.map(|(_, exemplar)| model::decode(exemplar)).collect()
}

fn number(emission: &Emission, key: &Key, row: usize, value: Value) -> NumberDataPoint {
    NumberDataPoint {
        attributes: attributes_of(key, Level::Item),
        start_time_unix_nano: start_time(emission, row),
        time_unix_nano: emission.times[row],
        exemplars: exemplars(emission, row),
        flags: 0,
        value: Some(value),
    }
}

fn sum(observations: &Observations, row: usize) -> Option<f64> {
    (!observations.no_sum.get(row)).then(|| observations.sums[row])
}

fn extreme(column: &[f64], row: usize) -> Option<f64> {
    column.get(row).copied().filter(|extreme| !extreme.is_nan())
}

fn part(ends: &[u32], counts: &[u64], row: usize) -> Vec<u64> {
    let start = if row == 0 { 0 } else { ends[row - 1] };
    counts[start as usize..ends[row] as usize].to_vec()
}

fn histogram(emission: &Emission, rows: &HistogramRows, key: &Key, row: usize) -> HistogramDataPoint {
    let observations = &rows.observations;
    HistogramDataPoint {
        attributes: attributes_of(key, Level::Item),
        start_time_unix_nano: start_time(emission, row),
        time_unix_nano: emission.times[row],
        count: observations.counts[row],
        sum: sum(observations, row),
        bucket_counts: part(&rows.bucket_ends, &rows.bucket_counts, row),
        explicit_bounds: rows.row_bounds[row].map(|list| rows.bounds[list as usize].to_vec()).unwrap_or_default(),
        exemplars: exemplars(emission, row),
        flags: 0,
        min: extreme(&observations.mins, row),
        max: extreme(&observations.maxs, row),
    }
}

fn exponential(emission: &Emission, rows: &ExponentialRows, key: &Key, row: usize) -> ExponentialHistogramDataPoint {
    let observations = &rows.observations;
    // Without counts an offset says nothing: then there are no buckets at all.
    let buckets = |column: &ExponentialBuckets| {
        let bucket_counts = part(&column.ends, &column.counts, row);
        (!bucket_counts.is_empty()).then(|| Buckets { offset: column.offsets[row], bucket_counts })
    };
    ExponentialHistogramDataPoint {
        attributes: attributes_of(key, Level::Item),
        start_time_unix_nano: start_time(emission, row),
        time_unix_nano: emission.times[row],
        count: observations.counts[row],
        sum: sum(observations, row),
        scale: rows.scales[row],
        zero_count: rows.zero_counts[row],
        positive: buckets(&rows.positive),
        negative: buckets(&rows.negative),
        flags: 0,
        exemplars: exemplars(emission, row),
        min: extreme(&observations.mins, row),
        max: extreme(&observations.maxs, row),
        zero_threshold: rows.zero_thresholds[row],
    }
}

/// The request that emissions should become.
fn expected(emissions: &[(Emission, Vec<Key>)]) -> ExportMetricsServiceRequest {
    let mut request = ExportMetricsServiceRequest::default();
    // The descriptor of each group's last metric: an emission that has the same one goes on with that metric.
    let mut open: Vec<Option<Descriptor>> = Vec::new();
    for (emission, keys) in emissions {
        for (row, key) in keys.iter().enumerate() {
            let resource = Some(Resource { attributes: attributes_of(key, Level::Resource), ..Resource::default() });
            let attributes = attributes_of(key, Level::Scope);
            let (name, version) = (field_of(key, "scope.name"), field_of(key, "scope.version"));
            let scope = Some(InstrumentationScope { name, version, attributes, ..InstrumentationScope::default() });
            let group = group(&mut request, ScopeMetrics { scope, ..ScopeMetrics::default() }, resource);
            open.resize(request.resource_metrics.len(), None);
            let metrics = &mut request.resource_metrics[group].scope_metrics[0].metrics;
            let descriptor = &emission.descriptor;
            if open[group].as_ref() != Some(descriptor) {
                open[group] = Some(descriptor.clone());
                let Descriptor { name, unit, description, .. } = descriptor.clone();
                metrics.push(Metric { name, unit, description, data: Some(data(descriptor)), metadata: Vec::new() });
            }
            push(metrics.last_mut().unwrap().data.as_mut().unwrap(), emission, key, row);
        }
    }
    request
}

/// The index of the group with that resource and scope, which are compared as bytes.
fn group(request: &mut ExportMetricsServiceRequest, scope: ScopeMetrics, resource: Option<Resource>) -> usize {
    let encoded = |resource: &Option<Resource>, scope: &ScopeMetrics| {
        let scope = scope.scope.as_ref().unwrap().encode_to_vec();
        (resource.as_ref().unwrap().encode_to_vec(), scope)
    };
    let wanted = encoded(&resource, &scope);
    let same = |group: &ResourceMetrics| encoded(&group.resource, &group.scope_metrics[0]) == wanted;
    request.resource_metrics.iter().position(same).unwrap_or_else(|| {
        request.resource_metrics.push(ResourceMetrics {
            resource,
            scope_metrics: vec![scope],
            schema_url: String::new(),
        });
        request.resource_metrics.len() - 1
    })
}

/// Some have the scope's name, or its version, or something else in their place.
fn scoped_key(rng: &mut Rng) -> Key {
    let mut key = key(rng);
    for name in ["scope.name", "scope.version"] {
        let value = match rng.u32(..4) {
            0 => Typed::Text(vec![rng.u8(b'a'..b'd')]),
            1 => Typed::Integer(7),
            _ => continue,
        };
        key.insert((Level::Field, name.into()), value);
    }
    key
}

#[test]
fn what_was_emitted_is_what_is_decoded() {
    seeds::check(4000, |rng| {
        let mut pool = vec![Key::new()];
        pool.extend(several(rng, 6, scoped_key));
        let emissions = several(rng, 4, |rng| emission(rng, &pool));
        let plain: Vec<Emission> = emissions.iter().map(|(emission, _)| emission.clone()).collect();
        let decoded: ExportMetricsServiceRequest = model::decode(&encode(&plain, usize::MAX).unwrap());
        let expected = expected(&emissions);
        if decoded.encode_to_vec() != expected.encode_to_vec() {
            panic!("{emissions:?}\nbecame {decoded:#?}\nnot {expected:#?}");
        }
        let bytes_max = rng.usize(..2 * expected.encoded_len() + 2);
        let bounded = encode(&plain, bytes_max);
        assert!(bounded.is_err() || bounded.is_ok_and(|bytes| bytes.len() <= bytes_max));
    });
}

/// What a guest hands in is not trusted: a bad key is an error, and columns of other lengths do no harm.
#[test]
fn damaged_emissions_are_refused_or_encoded() {
    seeds::check(3000, |rng| {
        let pool = [key(rng), key(rng)];
        let (mut emission, _) = emission(rng, &pool);
        for key in emission.keys.iter_mut().filter(|key| !key.is_empty()) {
            let at = rng.usize(..key.len());
            key[at] = if chance(rng, 50) { rng.u8(..) } else { rng.u8(..8) };
        }
        emission.keys.truncate(rng.usize(..8));
        emission.times.truncate(rng.usize(..8));
        emission.start_times.truncate(rng.usize(..8));
        let lists: [&mut Vec<u32>; 2] = match &mut emission.points {
            Points::Histograms(rows) => {
                rows.row_bounds.truncate(rng.usize(..8));
                rows.bounds.truncate(rng.usize(..4));
                rows.bucket_counts.truncate(rng.usize(..8));
                [&mut rows.bucket_ends, &mut Vec::new()]
            }
            Points::Exponential(rows) => {
                rows.scales.truncate(rng.usize(..8));
                rows.positive.offsets.truncate(rng.usize(..8));
                [&mut rows.positive.ends, &mut rows.negative.ends]
            }
            _ => [&mut Vec::new(), &mut Vec::new()],
        };
        for ends in lists {
            ends.iter_mut().for_each(|end| *end = if rng.bool() { *end } else { rng.u32(..20) });
        }
        if let Ok(bytes) = encode(&[emission], usize::MAX) {
            // Texts of a key are any bytes, as those of a request are.
            check(Signal::Metrics, &bytes, Strings::Bytes).expect("what is emitted is OTLP");
        }
    });
}
