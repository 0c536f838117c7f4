//! Builds export requests for tests.

use crate::otlp::wire::{put_bytes, put_fixed64, put_varint, put_varint_field};

/// An `ExportMetricsServiceRequest` under construction.
#[derive(Default)]
pub struct Request(Vec<u8>);

/// The metrics of one resource and scope.
#[derive(Default)]
pub struct Group {
    resource: Vec<u8>,
    scope: Vec<u8>,
    schema_url: &'static str,
    metrics: Vec<u8>,
}

/// A metric without its points.
#[derive(Clone, Copy)]
pub struct Metric<'a> {
    pub name: &'a str,
    pub unit: &'a str,
    pub help: &'a str,
    /// Field number of the data.
    pub data: u32,
    pub temporality: u64,
    pub monotonic: bool,
    /// The value of `prometheus.type` in its metadata, if any.
    pub original_type: &'a str,
}

pub const GAUGE: Metric<'_> =
    Metric { name: "", unit: "", help: "", data: 5, temporality: 0, monotonic: false, original_type: "" };
pub const COUNTER: Metric<'_> = Metric { data: 7, temporality: 2, monotonic: true, ..GAUGE };
pub const DELTA: Metric<'_> = Metric { temporality: 1, ..COUNTER };
pub const UP_DOWN: Metric<'_> = Metric { monotonic: false, ..COUNTER };
pub const HISTOGRAM: Metric<'_> = Metric { data: 9, temporality: 2, ..GAUGE };
pub const EXPONENTIAL: Metric<'_> = Metric { data: 10, ..HISTOGRAM };
pub const SUMMARY: Metric<'_> = Metric { data: 11, ..GAUGE };

#[derive(Clone, Copy)]
pub enum Number {
    Integer(i64),
    Double(f64),
    Missing,
}

/// A number point; `pairs` are its attributes.
#[derive(Clone, Copy)]
pub struct Point<'a> {
    pub pairs: &'a [(&'a str, &'a str)],
    pub value: Number,
    pub start_time: u64,
    pub time: u64,
    pub flags: u64,
    /// With this time and the point's value.
    pub exemplar: Option<(f64, u64)>,
}

pub fn integer<'a>(pairs: &'a [(&'a str, &'a str)], value: i64) -> Point<'a> {
    Point { pairs, value: Number::Integer(value), start_time: 0, time: 1, flags: 0, exemplar: None }
}

pub fn double<'a>(pairs: &'a [(&'a str, &'a str)], value: f64) -> Point<'a> {
    Point { value: Number::Double(value), ..integer(pairs, 0) }
}

pub fn stale<'a>(pairs: &'a [(&'a str, &'a str)]) -> Point<'a> {
    Point { value: Number::Missing, flags: 1, ..integer(pairs, 0) }
}

impl Request {
    pub fn bytes(self) -> Vec<u8> {
        self.0
    }

    pub fn group(mut self, group: Group) -> Request {
        let (mut scope_metrics, mut resource_metrics) = (Vec::new(), Vec::new());
        // Metrics before the scope, scopes before the resource: any order has to do.
        scope_metrics.extend_from_slice(&group.metrics);
        put_bytes(&mut scope_metrics, 3, group.schema_url.as_bytes());
        put_bytes(&mut scope_metrics, 1, &group.scope);
        put_bytes(&mut resource_metrics, 2, &scope_metrics);
        put_bytes(&mut resource_metrics, 1, &group.resource);
        put_bytes(&mut self.0, 1, &resource_metrics);
        self
    }
}

/// The same with points that are encoded already.
pub fn one_encoded(metric: Metric<'_>, points: &[Vec<u8>]) -> Request {
    Request::default().group(Group::default().encoded(metric, points))
}

/// A request with one metric of no resource and no scope.
pub fn one(metric: Metric<'_>, points: &[Point<'_>]) -> Request {
    Request::default().group(Group::default().metric(metric, points))
}

impl Group {
    pub fn resource(mut self, pairs: &[(&str, &str)]) -> Group {
        pairs.iter().for_each(|(key, value)| put_bytes(&mut self.resource, 1, &attribute(key, value)));
        self
    }

    pub fn scope(mut self, name: &str, version: &str, pairs: &[(&str, &str)]) -> Group {
        put_bytes(&mut self.scope, 1, name.as_bytes());
        put_bytes(&mut self.scope, 2, version.as_bytes());
        pairs.iter().for_each(|(key, value)| put_bytes(&mut self.scope, 3, &attribute(key, value)));
        self
    }

    pub fn schema_url(mut self, url: &'static str) -> Group {
        self.schema_url = url;
        self
    }

    pub fn metric(mut self, metric: Metric<'_>, points: &[Point<'_>]) -> Group {
        let (mut data, mut message) = (Vec::new(), Vec::new());
        points.iter().for_each(|point| put_bytes(&mut data, 1, &number_point(point)));
        if metric.data != 5 {
            put_varint_field(&mut data, 2, metric.temporality);
        }
        if metric.data == 7 {
            put_varint_field(&mut data, 3, u64::from(metric.monotonic));
        }
        put_bytes(&mut message, metric.data, &data);
        if !metric.original_type.is_empty() {
            put_bytes(&mut message, 12, &attribute("prometheus.type", metric.original_type));
        }
        put_bytes(&mut message, 1, metric.name.as_bytes());
        put_bytes(&mut message, 2, metric.help.as_bytes());
        put_bytes(&mut message, 3, metric.unit.as_bytes());
        put_bytes(&mut self.metrics, 2, &message);
        self
    }

    /// A metric of points that are encoded already.
    pub fn encoded(mut self, metric: Metric<'_>, points: &[Vec<u8>]) -> Group {
        let (mut data, mut message) = (Vec::new(), Vec::new());
        points.iter().for_each(|point| put_bytes(&mut data, 1, point));
        put_varint_field(&mut data, 2, metric.temporality);
        put_bytes(&mut message, 1, metric.name.as_bytes());
        put_bytes(&mut message, 2, metric.help.as_bytes());
        put_bytes(&mut message, 3, metric.unit.as_bytes());
        put_bytes(&mut message, metric.data, &data);
        put_bytes(&mut self.metrics, 2, &message);
        self
    }
}

/// A histogram point. Counts go packed, bounds one by one: both have to do.
#[derive(Clone, Default)]
pub struct Histogram<'a> {
    pub pairs: &'a [(&'a str, &'a str)],
    pub start_time: u64,
    pub time: u64,
    pub count: u64,
    pub sum: Option<f64>,
    pub counts: &'a [u64],
    pub bounds: &'a [f64],
    pub exemplars: Vec<Vec<u8>>,
    pub flags: u64,
}

impl Histogram<'_> {
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_fixed64(&mut out, 4, self.count);
        times(&mut out, self.start_time, self.time);
        self.sum.iter().for_each(|sum| put_fixed64(&mut out, 5, sum.to_bits()));
        let packed: Vec<u8> = self.counts.iter().flat_map(|count| count.to_le_bytes()).collect();
        put_bytes(&mut out, 6, &packed);
        self.bounds.iter().for_each(|bound| put_fixed64(&mut out, 7, bound.to_bits()));
        self.exemplars.iter().for_each(|exemplar| put_bytes(&mut out, 8, exemplar));
        self.pairs.iter().for_each(|(key, value)| put_bytes(&mut out, 9, &attribute(key, value)));
        put_varint_field(&mut out, 10, self.flags);
        out
    }
}

/// An exponential histogram point.
#[derive(Clone, Default)]
pub struct Exponential<'a> {
    pub pairs: &'a [(&'a str, &'a str)],
    pub start_time: u64,
    pub time: u64,
    pub count: u64,
    pub sum: Option<f64>,
    pub scale: i32,
    pub zero_count: u64,
    /// Offset and counts.
    pub positive: (i32, &'a [u64]),
    pub negative: (i32, &'a [u64]),
}

impl Exponential<'_> {
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        times(&mut out, self.start_time, self.time);
        put_fixed64(&mut out, 4, self.count);
        self.sum.iter().for_each(|sum| put_fixed64(&mut out, 5, sum.to_bits()));
        self.pairs.iter().for_each(|(key, value)| put_bytes(&mut out, 1, &attribute(key, value)));
        put_varint_field(&mut out, 6, zigzag(self.scale));
        put_fixed64(&mut out, 7, self.zero_count);
        for (number, (offset, counts)) in [(8, self.positive), (9, self.negative)] {
            let (mut buckets, mut packed) = (Vec::new(), Vec::new());
            counts.iter().for_each(|count| put_varint(&mut packed, *count));
            put_varint_field(&mut buckets, 1, zigzag(offset));
            put_bytes(&mut buckets, 2, &packed);
            put_bytes(&mut out, number, &buckets);
        }
        out
    }
}

/// A summary point.
pub fn summary(pairs: &[(&str, &str)], start_time: u64, count: u64, sum: f64, quantiles: &[(f64, f64)]) -> Vec<u8> {
    let mut out = Vec::new();
    times(&mut out, start_time, start_time + 1);
    put_fixed64(&mut out, 4, count);
    put_fixed64(&mut out, 5, sum.to_bits());
    for (quantile, value) in quantiles {
        let mut pair = Vec::new();
        put_fixed64(&mut pair, 1, quantile.to_bits());
        put_fixed64(&mut pair, 2, value.to_bits());
        put_bytes(&mut out, 6, &pair);
    }
    pairs.iter().for_each(|(key, value)| put_bytes(&mut out, 7, &attribute(key, value)));
    out
}

/// An exemplar of a trace; no trace for 0.
pub fn exemplar(value: f64, time: u64, trace: u8) -> Vec<u8> {
    let mut out = Vec::new();
    put_fixed64(&mut out, 2, time);
    put_fixed64(&mut out, 3, value.to_bits());
    put_bytes(&mut out, 4, &[trace; 8]);
    put_bytes(&mut out, 5, &[trace; 16]);
    out
}

fn times(out: &mut Vec<u8>, start_time: u64, time: u64) {
    put_fixed64(out, 2, start_time);
    put_fixed64(out, 3, time);
}

fn zigzag(number: i32) -> u64 {
    u64::from(((number << 1) ^ (number >> 31)).cast_unsigned())
}

fn number_point(point: &Point<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    point.pairs.iter().for_each(|(key, value)| put_bytes(&mut out, 7, &attribute(key, value)));
    put_fixed64(&mut out, 2, point.start_time);
    put_fixed64(&mut out, 3, point.time);
    match point.value {
        Number::Integer(value) => put_fixed64(&mut out, 6, value.cast_unsigned()),
        Number::Double(value) => put_fixed64(&mut out, 4, value.to_bits()),
        Number::Missing => {}
    }
    point.exemplar.iter().for_each(|(value, time)| put_bytes(&mut out, 5, &exemplar(*value, *time, 0xab)));
    put_varint_field(&mut out, 8, point.flags);
    out
}

fn attribute(key: &str, value: &str) -> Vec<u8> {
    let (mut any, mut entry) = (Vec::new(), Vec::new());
    put_bytes(&mut any, 1, value.as_bytes());
    put_bytes(&mut entry, 1, key.as_bytes());
    put_bytes(&mut entry, 2, &any);
    entry
}
