//! What is sent: requests of one kind of items, encoded before the clock starts and sent in turn.

use anyhow::Result;
use bytes::{BufMut, Bytes, BytesMut};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint,
    Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, exponential_histogram_data_point::Buckets, metric,
    number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;

use crate::load::Source;
use crate::payload::{FRAME_BYTES, Outgoing, Ticket};

/// Distinct requests.
const POOL: usize = 16;
const START: u64 = 1_700_000_000_000_000_000;
const BOUNDS: [f64; 11] = [5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1000.0, 2500.0];

/// Which kind of items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Delta sums, integers, three attributes.
    Points,
    /// Gauges, doubles, three attributes.
    Gauges,
    /// Delta histograms of 12 buckets, three attributes.
    Histograms,
    /// Delta exponential histograms of 20 buckets, three attributes.
    Exponential,
    /// Six attributes.
    Spans,
    /// Four attributes and a line of text.
    Logs,
}

impl Kind {
    /// What the host's own metrics call them.
    pub fn items(self) -> &'static str {
        match self {
            Kind::Spans => "spans",
            Kind::Logs => "log_records",
            _ => "metric_points",
        }
    }

    /// The pipeline's id.
    pub fn pipeline(self) -> &'static str {
        match self {
            Kind::Spans => "traces",
            Kind::Logs => "logs",
            _ => "metrics",
        }
    }
}

/// What scenarios judge an item by.
#[derive(Debug, Clone, Default)]
pub struct Item {
    /// The number in `work.type`.
    pub group: usize,
    /// The span's name, or the record's body.
    pub name: String,
    /// The span's status.
    pub is_error: bool,
    /// The record's severity.
    pub severity: i32,
}

/// The requests of one run, and what was acknowledged of them.
pub struct Items {
    kind: Kind,
    requests: Vec<(Bytes, Vec<Item>, u64)>,
    next: usize,
}

impl Items {
    /// Encodes requests of `batch` items.
    pub fn new(kind: Kind, batch: usize) -> Result<Items> {
        let mut random = fastrand::Rng::with_seed(0x07e1_1e12);
        let requests = (0..POOL).map(|_| request(&mut random, kind, batch)).collect::<Result<_>>()?;
        Ok(Items { kind, requests, next: 0 })
    }

    /// Bytes of a request for each of its items.
    pub fn bytes_per_item(&self) -> f64 {
        let bytes: usize = self.requests.iter().map(|(framed, ..)| framed.len()).sum();
        let items: usize = self.requests.iter().map(|(_, items, _)| items.len()).sum();
        bytes as f64 / items as f64
    }

    /// Acknowledged items.
    pub fn acknowledged(&self) -> u64 {
        self.count(|_| true)
    }

    /// Acknowledged items of some sort.
    pub fn count(&self, wanted: fn(&Item) -> bool) -> u64 {
        self.requests
            .iter()
            .map(|(_, items, times)| items.iter().filter(|item| wanted(item)).count() as u64 * times)
            .sum()
    }

    /// Bytes of acknowledged requests.
    pub fn acknowledged_bytes(&self) -> u64 {
        self.requests.iter().map(|(framed, _, times)| framed.len() as u64 * times).sum()
    }
}

impl Source for Items {
    fn path(&self) -> &'static str {
        match self.kind {
            Kind::Spans => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
            Kind::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
            _ => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
        }
    }

    fn next(&mut self) -> Outgoing {
        let payload = self.next;
        self.next = (self.next + 1) % self.requests.len();
        let framed = self.requests.get(payload).map(|(framed, ..)| framed.clone()).unwrap_or_default();
        Outgoing { framed, ticket: Ticket { payload, round: 0 } }
    }

    fn acknowledge(&mut self, ticket: Ticket) {
        if let Some((_, _, times)) = self.requests.get_mut(ticket.payload) {
            *times += 1;
        }
    }
}

fn request(random: &mut fastrand::Rng, kind: Kind, batch: usize) -> Result<(Bytes, Vec<Item>, u64)> {
    let (message, items) = match kind {
        Kind::Spans => spans(random, batch),
        Kind::Logs => logs(random, batch),
        _ => metrics(random, kind, batch),
    };
    let mut framed = BytesMut::with_capacity(FRAME_BYTES + message.len());
    framed.put_u8(0);
    framed.put_u32(u32::try_from(message.len())?);
    framed.put_slice(&message);
    Ok((framed.freeze(), items, 0))
}

fn text(key: &str, value: String) -> KeyValue {
    let value = Some(AnyValue { value: Some(any_value::Value::StringValue(value)) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}

fn number(key: &str, value: i64) -> KeyValue {
    let value = Some(AnyValue { value: Some(any_value::Value::IntValue(value)) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}

fn word(random: &mut fastrand::Rng, lengths: std::ops::RangeInclusive<usize>) -> String {
    let length = random.usize(lengths);
    (0..length).map(|_| random.alphanumeric()).collect()
}

fn resource() -> Option<Resource> {
    let attributes = vec![text("service.name", "shop".to_owned()), text("host.name", "node-1".to_owned())];
    Some(Resource { attributes, ..Resource::default() })
}

fn scope() -> Option<InstrumentationScope> {
    Some(InstrumentationScope { name: "work".to_owned(), version: "1".to_owned(), ..InstrumentationScope::default() })
}

/// The attributes of a point, and what is known of it.
fn point(random: &mut fastrand::Rng) -> (Vec<KeyValue>, Item) {
    let group = random.usize(..16);
    let attributes = vec![
        text("work.type", format!("type-{group:02}")),
        text("work.id", word(random, 8..=36)),
        text("host", format!("h{}", random.usize(..8))),
    ];
    (attributes, Item { group, ..Item::default() })
}

fn metrics(random: &mut fastrand::Rng, kind: Kind, batch: usize) -> (Vec<u8>, Vec<Item>) {
    let (attributes, items): (Vec<_>, Vec<_>) = (0..batch).map(|_| point(random)).unzip();
    let time = || START + 1_000_000_000;
    let temporality = AggregationTemporality::Delta as i32;
    let mut numbers = |value: fn(&mut fastrand::Rng) -> number_data_point::Value, attributes: Vec<Vec<KeyValue>>| {
        let point = |attributes| NumberDataPoint {
            start_time_unix_nano: START,
            time_unix_nano: time(),
            attributes,
            value: Some(value(random)),
            ..NumberDataPoint::default()
        };
        attributes.into_iter().map(point).collect::<Vec<_>>()
    };
    let data = match kind {
        Kind::Gauges => {
            let data_points = numbers(|random| number_data_point::Value::AsDouble(random.f64()), attributes);
            metric::Data::Gauge(Gauge { data_points })
        }
        Kind::Histograms => {
            let data_points = attributes.into_iter().map(|attributes| histogram(random, attributes)).collect();
            metric::Data::Histogram(Histogram { data_points, aggregation_temporality: temporality })
        }
        Kind::Exponential => {
            let data_points = attributes.into_iter().map(|attributes| exponential(random, attributes)).collect();
            metric::Data::ExponentialHistogram(ExponentialHistogram {
                data_points,
                aggregation_temporality: temporality,
            })
        }
        _ => {
            let data_points = numbers(|random| number_data_point::Value::AsInt(random.i64(1..10)), attributes);
            metric::Data::Sum(Sum { data_points, aggregation_temporality: temporality, is_monotonic: true })
        }
    };
    let metrics = vec![Metric { name: "work.done".to_owned(), data: Some(data), ..Metric::default() }];
    let scope_metrics = vec![ScopeMetrics { scope: scope(), metrics, ..ScopeMetrics::default() }];
    let resource_metrics = vec![ResourceMetrics { resource: resource(), scope_metrics, ..ResourceMetrics::default() }];
    (ExportMetricsServiceRequest { resource_metrics }.encode_to_vec(), items)
}

fn histogram(random: &mut fastrand::Rng, attributes: Vec<KeyValue>) -> HistogramDataPoint {
    let bucket_counts: Vec<u64> = (0..=BOUNDS.len()).map(|_| random.u64(..20)).collect();
    HistogramDataPoint {
        attributes,
        start_time_unix_nano: START,
        time_unix_nano: START + 1_000_000_000,
        count: bucket_counts.iter().sum(),
        sum: Some(random.f64() * 1000.0),
        bucket_counts,
        explicit_bounds: BOUNDS.to_vec(),
        min: Some(0.5),
        max: Some(2000.0),
        ..HistogramDataPoint::default()
    }
}

fn exponential(random: &mut fastrand::Rng, attributes: Vec<KeyValue>) -> ExponentialHistogramDataPoint {
    let bucket_counts: Vec<u64> = (0..20).map(|_| random.u64(..20)).collect();
    ExponentialHistogramDataPoint {
        attributes,
        start_time_unix_nano: START,
        time_unix_nano: START + 1_000_000_000,
        count: bucket_counts.iter().sum(),
        sum: Some(random.f64() * 1000.0),
        scale: 3,
        positive: Some(Buckets { offset: 8, bucket_counts }),
        min: Some(2.0),
        max: Some(11.0),
        ..ExponentialHistogramDataPoint::default()
    }
}

fn spans(random: &mut fastrand::Rng, batch: usize) -> (Vec<u8>, Vec<Item>) {
    let (spans, items) = (0..batch).map(|_| span(random)).unzip();
    let scope_spans = vec![ScopeSpans { scope: scope(), spans, ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { resource: resource(), scope_spans, ..ResourceSpans::default() }];
    (ExportTraceServiceRequest { resource_spans }.encode_to_vec(), items)
}

fn span(random: &mut fastrand::Rng) -> (Span, Item) {
    let route = random.choice(["health", "cart", "checkout", "items", "login"]).unwrap_or("cart");
    let (name, is_error) = (format!("GET /{route}"), random.u32(..20) == 0);
    let attributes = vec![
        text("http.request.method", "GET".to_owned()),
        text("http.route", format!("/{route}")),
        number("http.response.status_code", if is_error { 500 } else { 200 }),
        text("user.id", word(random, 16..=36)),
        text("server.address", "shop.example.org".to_owned()),
        number("server.port", 443),
    ];
    let span = Span {
        trace_id: (0..16).map(|_| random.u8(..)).collect(),
        span_id: (0..8).map(|_| random.u8(..)).collect(),
        parent_span_id: (0..8).map(|_| random.u8(..)).collect(),
        name: name.clone(),
        kind: 2,
        start_time_unix_nano: START,
        end_time_unix_nano: START + random.u64(..1_000_000_000),
        attributes,
        status: Some(Status { code: if is_error { 2 } else { 0 }, ..Status::default() }),
        flags: 1,
        ..Span::default()
    };
    (span, Item { name, is_error, ..Item::default() })
}

fn logs(random: &mut fastrand::Rng, batch: usize) -> (Vec<u8>, Vec<Item>) {
    let (log_records, items) = (0..batch).map(|_| record(random)).unzip();
    let scope_logs = vec![ScopeLogs { scope: scope(), log_records, ..ScopeLogs::default() }];
    let resource_logs = vec![ResourceLogs { resource: resource(), scope_logs, ..ResourceLogs::default() }];
    (ExportLogsServiceRequest { resource_logs }.encode_to_vec(), items)
}

fn record(random: &mut fastrand::Rng) -> (LogRecord, Item) {
    let severity = random.choice([5, 9, 9, 13, 17]).unwrap_or(9);
    let body = match random.u32(..10) {
        0 => format!("request {} failed: timeout after {} ms", word(random, 12..=24), random.u32(..5000)),
        _ => format!("request {} served from the cache of node {} in time", word(random, 12..=24), random.u32(..100)),
    };
    let attributes = vec![
        text("user.id", word(random, 16..=36)),
        text("code.function.name", "serve".to_owned()),
        text("thread.name", format!("worker-{}", random.u32(..8))),
        number("attempt", random.i64(1..4)),
    ];
    let record = LogRecord {
        time_unix_nano: START,
        observed_time_unix_nano: START + 1000,
        severity_number: severity,
        severity_text: if severity == 5 { "DEBUG" } else { "INFO" }.to_owned(),
        body: Some(AnyValue { value: Some(any_value::Value::StringValue(body.clone())) }),
        attributes,
        trace_id: (0..16).map(|_| random.u8(..)).collect(),
        span_id: (0..8).map(|_| random.u8(..)).collect(),
        ..LogRecord::default()
    };
    (record, Item { name: body, severity, ..Item::default() })
}
