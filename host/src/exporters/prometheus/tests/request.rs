//! Builds export requests for tests.

use crate::otlp::wire::{put_bytes, put_fixed64, put_varint_field};

/// An `ExportMetricsServiceRequest` under construction.
#[derive(Default)]
pub struct Request(Vec<u8>);

/// The metrics of one resource and scope.
#[derive(Default)]
pub struct Group {
    resource: Vec<u8>,
    scope: Vec<u8>,
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
}

pub const GAUGE: Metric<'_> = Metric { name: "", unit: "", help: "", data: 5, temporality: 0, monotonic: false };
pub const COUNTER: Metric<'_> = Metric { data: 7, temporality: 2, monotonic: true, ..GAUGE };
pub const DELTA: Metric<'_> = Metric { temporality: 1, ..COUNTER };
pub const UP_DOWN: Metric<'_> = Metric { monotonic: false, ..COUNTER };
pub const HISTOGRAM: Metric<'_> = Metric { data: 9, ..GAUGE };

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
}

pub fn integer<'a>(pairs: &'a [(&'a str, &'a str)], value: i64) -> Point<'a> {
    Point { pairs, value: Number::Integer(value), start_time: 0, time: 1, flags: 0 }
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
        put_bytes(&mut scope_metrics, 1, &group.scope);
        put_bytes(&mut resource_metrics, 2, &scope_metrics);
        put_bytes(&mut resource_metrics, 1, &group.resource);
        put_bytes(&mut self.0, 1, &resource_metrics);
        self
    }
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
        put_bytes(&mut message, 1, metric.name.as_bytes());
        put_bytes(&mut message, 2, metric.help.as_bytes());
        put_bytes(&mut message, 3, metric.unit.as_bytes());
        put_bytes(&mut self.metrics, 2, &message);
        self
    }

    /// A metric of histogram points without content.
    pub fn histogram(mut self, metric: Metric<'_>, points: usize) -> Group {
        let (mut data, mut message) = (Vec::new(), Vec::new());
        (0..points).for_each(|_| put_bytes(&mut data, 1, &[]));
        put_bytes(&mut message, 1, metric.name.as_bytes());
        put_bytes(&mut message, metric.data, &data);
        put_bytes(&mut self.metrics, 2, &message);
        self
    }
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
