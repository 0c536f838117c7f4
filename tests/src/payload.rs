//! Requests as a sender would build them, with the types that the OpenTelemetry project generates.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, metric,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;

pub use opentelemetry_proto::tonic::metrics::v1::AggregationTemporality as Temporality;
pub use opentelemetry_proto::tonic::metrics::v1::Metric as BuiltMetric;

/// Nanoseconds since the Unix epoch.
pub fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

/// A text attribute.
pub fn attribute(key: &str, value: &str) -> KeyValue {
    let value = AnyValue { value: Some(any_value::Value::StringValue(value.to_owned())) };
    KeyValue { key: key.to_owned(), value: Some(value), ..KeyValue::default() }
}

/// A point of the present moment.
pub fn integer(value: i64, attributes: &[(&str, &str)]) -> NumberDataPoint {
    point(Value::AsInt(value), attributes)
}

/// The same with a double.
pub fn double(value: f64, attributes: &[(&str, &str)]) -> NumberDataPoint {
    point(Value::AsDouble(value), attributes)
}

fn point(value: Value, attributes: &[(&str, &str)]) -> NumberDataPoint {
    let attributes = attributes.iter().map(|(key, value)| attribute(key, value)).collect();
    let now = now();
    NumberDataPoint {
        attributes,
        start_time_unix_nano: now,
        time_unix_nano: now,
        value: Some(value),
        ..NumberDataPoint::default()
    }
}

/// The same point with a start time of its own: of a cumulative sum, counted since then.
pub fn since(start: u64, point: NumberDataPoint) -> NumberDataPoint {
    NumberDataPoint { start_time_unix_nano: start, ..point }
}

/// A monotonic sum.
pub fn counter(name: &str, temporality: Temporality, points: Vec<NumberDataPoint>) -> Metric {
    sum(name, temporality, true, points)
}

/// A sum.
pub fn sum(
    name: &str,
    temporality: AggregationTemporality,
    is_monotonic: bool,
    data_points: Vec<NumberDataPoint>,
) -> Metric {
    let sum = Sum { data_points, aggregation_temporality: temporality as i32, is_monotonic };
    described(name, metric::Data::Sum(sum))
}

/// A gauge.
pub fn gauge(name: &str, data_points: Vec<NumberDataPoint>) -> Metric {
    described(name, metric::Data::Gauge(Gauge { data_points }))
}

fn described(name: &str, data: metric::Data) -> Metric {
    let description = format!("What {name} counts.");
    Metric { name: name.to_owned(), description, data: Some(data), ..Metric::default() }
}

/// A request with these metrics under one resource and one scope.
pub fn metrics(metrics: Vec<Metric>) -> Vec<u8> {
    let scope_metrics = vec![ScopeMetrics { scope: scope(), metrics, ..ScopeMetrics::default() }];
    let resource_metrics = vec![ResourceMetrics { resource: resource(), scope_metrics, ..ResourceMetrics::default() }];
    ExportMetricsServiceRequest { resource_metrics }.encode_to_vec()
}

/// `work.done` points of one work type, each with a work.id of its own, in one request.
pub fn work(work_type: &str, temporality: Temporality, values: &[i64]) -> Vec<u8> {
    let identified = values.iter().enumerate().map(|(number, value)| (format!("id-{}-{number}", now()), *value));
    let points = identified.map(|(id, value)| integer(value, &[("work.type", work_type), ("work.id", &id)])).collect();
    metrics(vec![counter("work.done", temporality, points)])
}

/// A request with spans of these names.
pub fn spans(names: &[&str]) -> Vec<u8> {
    let spans = names.iter().map(|name| Span {
        trace_id: vec![7; 16],
        span_id: vec![8; 8],
        name: (*name).to_owned(),
        start_time_unix_nano: now(),
        end_time_unix_nano: now(),
        ..Span::default()
    });
    let scope_spans = vec![ScopeSpans { scope: scope(), spans: spans.collect(), ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { resource: resource(), scope_spans, ..ResourceSpans::default() }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec()
}

/// A request with log records of these bodies.
pub fn logs(bodies: &[&str]) -> Vec<u8> {
    let records = bodies.iter().map(|body| LogRecord {
        time_unix_nano: now(),
        body: Some(AnyValue { value: Some(any_value::Value::StringValue((*body).to_owned())) }),
        ..LogRecord::default()
    });
    let scope_logs = vec![ScopeLogs { scope: scope(), log_records: records.collect(), ..ScopeLogs::default() }];
    let resource_logs = vec![ResourceLogs { resource: resource(), scope_logs, ..ResourceLogs::default() }];
    ExportLogsServiceRequest { resource_logs }.encode_to_vec()
}

fn resource() -> Option<Resource> {
    let attributes = vec![attribute("service.name", "shop"), attribute("service.instance.id", "one")];
    Some(Resource { attributes, ..Resource::default() })
}

fn scope() -> Option<InstrumentationScope> {
    Some(InstrumentationScope { name: "work".to_owned(), version: "1".to_owned(), ..InstrumentationScope::default() })
}
