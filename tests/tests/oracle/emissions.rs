//! An emission decodes to what was emitted.

use fastrand::Rng;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, metric::Data, number_data_point::Value,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use otelier::contract::Signal;
use otelier::otlp::descriptors::Descriptor;
use otelier::otlp::emit::{Emission, Numbers, encode};
use otelier::otlp::key::Level;
use otelier::otlp::metrics::{MetricKind, Temporality};
use otelier::otlp::{Strings, check};
use otelier_tests::generate::{chance, double, integer, metrics, pick, several, time};
use prost::Message;

use crate::keys::key;
use crate::model::{self, Key};
use crate::seeds;

fn descriptor(rng: &mut Rng) -> Descriptor {
    Descriptor {
        name: pick(rng, &metrics::NAMES[..4]).to_owned(),
        unit: pick(rng, &["", "1"]).to_owned(),
        description: pick(rng, &["", "what it counts"]).to_owned(),
        kind: pick(rng, &[MetricKind::Gauge, MetricKind::Sum, MetricKind::Sum]),
        temporality: pick(rng, &[Temporality::Unspecified, Temporality::Delta, Temporality::Cumulative]),
        monotonic: rng.bool(),
    }
}

/// An emission and its rows' keys; few keys, so that groups form.
fn emission(rng: &mut Rng, pool: &[Key]) -> (Emission, Vec<Key>) {
    let rows = rng.usize(..8);
    let keys: Vec<Key> = (0..rows).map(|_| pool[rng.usize(..pool.len())].clone()).collect();
    let column = |rng: &mut Rng, one: fn(&mut Rng) -> u64| (0..rows).map(|_| one(rng)).collect::<Vec<u64>>();
    let encoded = |key: &Key| if key.is_empty() { Box::default() } else { model::canonical(key).into() };
    let emission = Emission {
        descriptor: descriptor(rng),
        keys: keys.iter().map(encoded).collect(),
        start_times: if rng.bool() { column(rng, time) } else { Vec::new() },
        times: column(rng, time),
        values: if rng.bool() {
            Numbers::Doubles((0..rows).map(|_| double(rng)).collect())
        } else {
            Numbers::Integers((0..rows).map(|_| integer(rng)).collect())
        },
    };
    (emission, keys)
}

fn attributes_of(key: &Key, level: Level) -> Vec<KeyValue> {
    let of_level = key.iter().filter(|((at, _), _)| *at == level);
    of_level.map(|((_, name), value)| value.attribute(String::from_utf8(name.clone()).unwrap())).collect()
}

fn data(descriptor: &Descriptor) -> Data {
    match descriptor.kind {
        MetricKind::Sum => Data::Sum(Sum {
            data_points: Vec::new(),
            aggregation_temporality: match descriptor.temporality {
                Temporality::Unspecified => 0,
                Temporality::Delta => 1,
                Temporality::Cumulative => 2,
            },
            is_monotonic: descriptor.monotonic,
        }),
        _ => Data::Gauge(Gauge::default()),
    }
}

fn point(emission: &Emission, key: &Key, row: usize) -> NumberDataPoint {
    NumberDataPoint {
        attributes: attributes_of(key, Level::Item),
        start_time_unix_nano: emission.start_times.get(row).copied().unwrap_or(0),
        time_unix_nano: emission.times[row],
        value: Some(match &emission.values {
            Numbers::Doubles(values) => Value::AsDouble(values[row]),
            Numbers::Integers(values) => Value::AsInt(values[row]),
        }),
        ..NumberDataPoint::default()
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
            let scope = Some(InstrumentationScope { attributes, ..InstrumentationScope::default() });
            let group = group(&mut request, ScopeMetrics { scope, ..ScopeMetrics::default() }, resource);
            open.resize(request.resource_metrics.len(), None);
            let metrics = &mut request.resource_metrics[group].scope_metrics[0].metrics;
            let descriptor = &emission.descriptor;
            if open[group].as_ref() != Some(descriptor) {
                open[group] = Some(descriptor.clone());
                let Descriptor { name, unit, description, .. } = descriptor.clone();
                metrics.push(Metric { name, unit, description, data: Some(data(descriptor)), metadata: Vec::new() });
            }
            match metrics.last_mut().unwrap().data.as_mut().unwrap() {
                Data::Gauge(gauge) => gauge.data_points.push(point(emission, key, row)),
                Data::Sum(sum) => sum.data_points.push(point(emission, key, row)),
                _ => unreachable!("gauges and sums alone are emitted"),
            }
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

#[test]
fn what_was_emitted_is_what_is_decoded() {
    seeds::check(3000, |rng| {
        let mut pool = vec![Key::new()];
        pool.extend(several(rng, 6, key));
        let emissions = several(rng, 4, |rng| emission(rng, &pool));
        let plain: Vec<Emission> = emissions.iter().map(|(emission, _)| emission.clone()).collect();
        let decoded: ExportMetricsServiceRequest = model::decode(&encode(&plain).unwrap());
        assert_eq!(decoded.encode_to_vec(), expected(&emissions).encode_to_vec(), "{emissions:?}");
    });
}

/// What a guest hands in is not trusted: a bad key is an error, and columns of other lengths do no harm.
#[test]
fn damaged_emissions_are_refused_or_encoded() {
    seeds::check(2000, |rng| {
        let pool = [key(rng), key(rng)];
        let (mut emission, _) = emission(rng, &pool);
        for key in emission.keys.iter_mut().filter(|key| !key.is_empty()) {
            let at = rng.usize(..key.len());
            key[at] = if chance(rng, 50) { rng.u8(..) } else { rng.u8(..8) };
        }
        emission.keys.truncate(rng.usize(..8));
        emission.times.truncate(rng.usize(..8));
        emission.start_times.truncate(rng.usize(..8));
        if let Ok(bytes) = encode(&[emission]) {
            // Texts of a key are any bytes, as those of a request are.
            check(Signal::Metrics, &bytes, Strings::Bytes).expect("what is emitted is OTLP");
        }
    });
}
