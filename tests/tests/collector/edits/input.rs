//! Requests, and their attributes as maps.

use anyhow::Result;
use fastrand::Rng;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use otelier_tests::generate::{pick, several};
use otelier_tests::request::Request;
use prost::Message as _;

use crate::requests;

/// Keys of attributes that requests have, mostly.
pub const KEYS: [&str; 11] = ["a", "b", "c", "n", "m", "url", "work.type", "work.id", "größe", "service.name", "new"];
/// Headers of every request.
pub const HEADERS: [(&str, &str); 3] = [("x-tenant", "blue"), ("x-several", "one"), ("x-several", "two")];

const VALUES: [&str; 14] = [
    "42",
    "-7",
    "+3",
    "1.5",
    "1e3",
    "1_000",
    "inf",
    "NaN",
    "true",
    "https://shop.example/cart?id=7",
    "check out",
    "abcd",
    "x",
    "",
];

/// Random requests of every signal, in which no key is repeated.
pub fn requests(rng: &mut Rng, count: usize) -> Result<Vec<Request>> {
    let with_more = |(_, mut request): (_, Request)| {
        leave_out_what_is_empty(&mut request);
        each_attributes(&mut request, &mut |attributes| {
            attributes.extend(several(rng, 4, more));
            // Of what is repeated, the last one stays.
            attributes.reverse();
            let mut seen = Vec::new();
            attributes.retain(|attribute| {
                let is_new = !seen.contains(&attribute.key);
                seen.push(attribute.key.clone());
                is_new
            });
        });
        as_maps(request)
    };
    Ok(requests::random(count)?.into_iter().map(with_more).collect())
}

/// Ours edits what encloses items; see the page for those who come from the Collector.
fn leave_out_what_is_empty(request: &mut Request) {
    match request {
        Request::Metrics(request) => request.resource_metrics.retain_mut(|resource| {
            resource.scope_metrics.retain_mut(|scope| {
                scope.metrics.retain(|metric| metric.data.is_some());
                !scope.metrics.is_empty()
            });
            !resource.scope_metrics.is_empty()
        }),
        Request::Traces(request) => request.resource_spans.retain_mut(|resource| {
            resource.scope_spans.retain(|scope| !scope.spans.is_empty());
            !resource.scope_spans.is_empty()
        }),
        Request::Logs(request) => request.resource_logs.retain_mut(|resource| {
            resource.scope_logs.retain(|scope| !scope.log_records.is_empty());
            !resource.scope_logs.is_empty()
        }),
    }
}

fn more(rng: &mut Rng) -> KeyValue {
    let value = match rng.u32(..8) {
        0 => Value::IntValue(rng.i64(-3..3)),
        1 => Value::DoubleValue(pick(rng, &[1.5, -2.0, 1e300, f64::NAN, f64::INFINITY, 1e21, 1e-7])),
        2 => Value::BoolValue(rng.bool()),
        _ => Value::StringValue(pick(rng, &VALUES).to_owned()),
    };
    KeyValue { key: pick(rng, &KEYS[..10]).to_owned(), value: Some(AnyValue { value: Some(value) }), key_strindex: 0 }
}

pub fn encode(request: &Request) -> Vec<u8> {
    match request {
        Request::Metrics(request) => request.encode_to_vec(),
        Request::Traces(request) => request.encode_to_vec(),
        Request::Logs(request) => request.encode_to_vec(),
    }
}

/// The same with attributes in the order of their keys, and no value as one that is empty. What refers to a table of strings is left out: only
/// profiles have one.
pub fn as_maps(mut request: Request) -> Request {
    each_attributes(&mut request, &mut |attributes| sort(attributes));
    request
}

fn sort(attributes: &mut [KeyValue]) {
    attributes.sort_by(|one, other| one.key.cmp(&other.key));
    for attribute in attributes {
        attribute.key_strindex = 0;
        sort_value(attribute.value.get_or_insert_default());
    }
}

fn sort_value(value: &mut AnyValue) {
    match &mut value.value {
        Some(Value::KvlistValue(list)) => sort(&mut list.values),
        Some(Value::ArrayValue(list)) => list.values.iter_mut().for_each(sort_value),
        Some(Value::StringValueStrindex(_)) => value.value = None,
        _ => {}
    }
}

/// The attributes of resources, scopes and items.
fn each_attributes(request: &mut Request, each: &mut dyn FnMut(&mut Vec<KeyValue>)) {
    match request {
        Request::Metrics(request) => {
            for resource in &mut request.resource_metrics {
                each(&mut resource.resource.get_or_insert_default().attributes);
                for scope in &mut resource.scope_metrics {
                    each(&mut scope.scope.get_or_insert_default().attributes);
                    scope.metrics.iter_mut().for_each(|metric| each_point(metric.data.as_mut(), each));
                }
            }
        }
        Request::Traces(request) => {
            for resource in &mut request.resource_spans {
                each(&mut resource.resource.get_or_insert_default().attributes);
                for scope in &mut resource.scope_spans {
                    each(&mut scope.scope.get_or_insert_default().attributes);
                    scope.spans.iter_mut().for_each(|span| each(&mut span.attributes));
                }
            }
        }
        Request::Logs(request) => {
            for resource in &mut request.resource_logs {
                each(&mut resource.resource.get_or_insert_default().attributes);
                for scope in &mut resource.scope_logs {
                    each(&mut scope.scope.get_or_insert_default().attributes);
                    scope.log_records.iter_mut().for_each(|record| each(&mut record.attributes));
                }
            }
        }
    }
}

fn each_point(data: Option<&mut Data>, each: &mut dyn FnMut(&mut Vec<KeyValue>)) {
    match data {
        Some(Data::Gauge(gauge)) => gauge.data_points.iter_mut().for_each(|point| each(&mut point.attributes)),
        Some(Data::Sum(sum)) => sum.data_points.iter_mut().for_each(|point| each(&mut point.attributes)),
        Some(Data::Histogram(histogram)) => {
            histogram.data_points.iter_mut().for_each(|point| each(&mut point.attributes))
        }
        Some(Data::ExponentialHistogram(histogram)) => {
            histogram.data_points.iter_mut().for_each(|point| each(&mut point.attributes));
        }
        Some(Data::Summary(summary)) => summary.data_points.iter_mut().for_each(|point| each(&mut point.attributes)),
        None => {}
    }
}
