//! Metrics: every family as it stands, cumulative since the process began.

use std::time::SystemTime;

use super::message::{put_attribute, put_message, request, unix_nanos};
use crate::contract::AttributeValue;
use crate::otlp::wire::{put_bytes, put_fixed64, put_varint_field};
use crate::telemetry::{FamilyShown, Kind, Labels, Observations, SeriesShown, Value};

/// `AGGREGATION_TEMPORALITY_CUMULATIVE`.
const CUMULATIVE: u64 = 2;

/// What the resource says already.
const TARGET: &str = "target_info";

/// A request, and how many points it has.
///
/// ```text
/// Metric { string name = 1; string description = 2; string unit = 3; oneof data { Gauge gauge = 5; Sum sum = 7; Histogram histogram = 9; } }
/// Gauge     { repeated NumberDataPoint data_points = 1; }
/// Sum       { repeated NumberDataPoint data_points = 1; AggregationTemporality aggregation_temporality = 2; bool is_monotonic = 3; }
/// Histogram { repeated HistogramDataPoint data_points = 1; AggregationTemporality aggregation_temporality = 2; }
/// ```
pub fn metrics(resource: &[u8], families: &[FamilyShown], began: SystemTime, now: SystemTime) -> (Vec<u8>, u64) {
    let times = Times { start: unix_nanos(began), now: unix_nanos(now) };
    let families = || families.iter().filter(|family| family.name != TARGET);
    let points = families().map(|family| family.series.len() as u64).sum();
    let bytes = request(resource, |scope| {
        families().for_each(|family| put_message(scope, 2, |out| put_metric(out, family, times)));
    });
    (bytes, points)
}

#[derive(Clone, Copy)]
struct Times {
    start: u64,
    now: u64,
}

fn put_metric(out: &mut Vec<u8>, family: &FamilyShown, times: Times) {
    let FamilyShown { name, help, kind, series } = family;
    put_bytes(out, 1, name.as_bytes());
    put_bytes(out, 2, help.as_bytes());
    put_bytes(out, 3, unit(name).as_bytes());
    let data = match kind {
        Kind::Gauge => 5,
        Kind::Counter => 7,
        Kind::Histogram => 9,
    };
    put_message(out, data, |data| {
        series.iter().for_each(|series| put_message(data, 1, |point| put_point(point, series, *kind, times)));
        if *kind != Kind::Gauge {
            put_varint_field(data, 2, CUMULATIVE);
        }
        if *kind == Kind::Counter {
            put_varint_field(data, 3, 1);
        }
    });
}

/// ```text
/// NumberDataPoint {
///   fixed64 start_time_unix_nano = 2; fixed64 time_unix_nano = 3; oneof value { double as_double = 4; sfixed64 as_int = 6; }
///   repeated KeyValue attributes = 7;
/// }
/// ```
fn put_point(out: &mut Vec<u8>, SeriesShown { labels, value }: &SeriesShown, kind: Kind, times: Times) {
    if kind != Kind::Gauge {
        put_fixed64(out, 2, times.start);
    }
    put_fixed64(out, 3, times.now);
    match value {
        Value::Count(count) => put_fixed64(out, 6, (*count).min(i64::MAX.cast_unsigned())),
        Value::Level(level) => put_fixed64(out, 6, level.cast_unsigned()),
        Value::Measured(value) => put_fixed64(out, 4, value.to_bits()),
        Value::Observations(observations) => return put_observations(out, observations, labels),
    }
    put_labels(out, 7, labels);
}

/// ```text
/// HistogramDataPoint {
///   fixed64 count = 4; double sum = 5; repeated fixed64 bucket_counts = 6; repeated double explicit_bounds = 7;
///   repeated KeyValue attributes = 9;
/// }
/// ```
fn put_observations(out: &mut Vec<u8>, observations: &Observations, labels: &Labels) {
    let packed = |numbers: &mut dyn Iterator<Item = u64>| numbers.flat_map(u64::to_le_bytes).collect::<Vec<u8>>();
    put_fixed64(out, 4, observations.count());
    put_fixed64(out, 5, observations.sum_s.to_bits());
    put_bytes(out, 6, &packed(&mut observations.counts.iter().copied()));
    put_bytes(out, 7, &packed(&mut observations.bounds_s.iter().map(|bound| bound.to_bits())));
    put_labels(out, 9, labels);
}

fn put_labels(out: &mut Vec<u8>, number: u32, labels: &Labels) {
    labels.iter().for_each(|(name, value)| put_attribute(out, number, name, &AttributeValue::from(value.as_str())));
}

/// The unit (UCUM), which a name tells by how it ends; those of items are the Collector's.
fn unit(name: &str) -> &'static str {
    const UNITS: [(&str, &str); 10] = [
        ("_seconds", "s"),
        ("_duration", "s"),
        ("_uptime", "s"),
        ("_microseconds", "us"),
        ("_bytes", "By"),
        ("_rss", "By"),
        ("_metric_points", "{datapoint}"),
        ("_spans", "{span}"),
        ("_log_records", "{record}"),
        ("_items", "{item}"),
    ];
    UNITS.iter().find(|(end, _)| name.ends_with(end)).map_or("", |(_, unit)| unit)
}
