//! Metrics of every kind, in all verbosities.

use super::*;
use crate::otlp::wire::{put_fixed64, put_varint};

const START: u64 = 1_581_452_772_000_000_321;
const TIME: u64 = 1_581_452_773_000_000_789;

fn metric(name: &str, data_field: u32, data: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    message(|metric| {
        put_bytes(metric, 1, name.as_bytes());
        put_bytes(metric, 2, b"Some help.");
        put_bytes(metric, 3, b"By");
        put_bytes(metric, data_field, &message(data));
    })
}

fn point(attribute_field: u32, rest: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    message(|point| {
        put_bytes(point, attribute_field, &text_attribute("a", "1"));
        put_bytes(point, attribute_field, &integer_attribute("b", 2));
        put_fixed64(point, 2, START);
        put_fixed64(point, 3, TIME);
        rest(point);
    })
}

fn put_double(out: &mut Vec<u8>, number: u32, value: f64) {
    put_fixed64(out, number, value.to_bits());
}

fn gauge() -> Vec<u8> {
    let exemplar = message(|exemplar| {
        put_fixed64(exemplar, 2, TIME);
        put_double(exemplar, 3, 1.5);
        put_bytes(exemplar, 4, &[0x11; 8]);
        put_bytes(exemplar, 5, &[0x22; 16]);
        put_bytes(exemplar, 7, &text_attribute("kept", "yes"));
    });
    let with_exemplar = point(7, |point| {
        put_double(point, 4, 1.5);
        put_bytes(point, 5, &exemplar);
    });
    let mut metric = metric("temperature", 5, |data| put_bytes(data, 1, &with_exemplar));
    put_bytes(&mut metric, 12, &text_attribute("prometheus.type", "gauge"));
    metric
}

fn sum() -> Vec<u8> {
    metric("requests", 7, |data| {
        put_bytes(data, 1, &point(7, |point| put_fixed64(point, 6, 42)));
        put_varint_field(data, 2, 2);
        put_varint_field(data, 3, 1);
    })
}

fn histogram() -> Vec<u8> {
    let point = point(9, |point| {
        put_fixed64(point, 4, 3);
        put_double(point, 5, 15.0);
        put_double(point, 11, 0.5);
        put_double(point, 12, 10.0);
        put_bytes(point, 6, &[1_u64.to_le_bytes(), 2_u64.to_le_bytes()].concat());
        put_bytes(point, 7, &1.0_f64.to_le_bytes());
    });
    metric("latency", 9, |data| {
        put_bytes(data, 1, &point);
        put_varint_field(data, 2, 1);
    })
}

fn exponential_histogram() -> Vec<u8> {
    let buckets = |offset: u64, counts: [u64; 2]| {
        message(|buckets| {
            put_varint_field(buckets, 1, offset);
            put_bytes(buckets, 2, &message(|packed| counts.iter().for_each(|count| put_varint(packed, *count))));
        })
    };
    let point = point(1, |point| {
        put_fixed64(point, 4, 5);
        put_double(point, 5, 0.25);
        put_varint_field(point, 6, 2);
        put_fixed64(point, 7, 1);
        // Offsets are zigzag: 2 is 1, 1 is -1.
        put_bytes(point, 8, &buckets(2, [3, 4]));
        put_bytes(point, 9, &buckets(1, [5, 6]));
    });
    metric("sizes", 10, |data| {
        put_bytes(data, 1, &point);
        put_varint_field(data, 2, 1);
    })
}

fn summary() -> Vec<u8> {
    let quantile = message(|quantile| {
        put_double(quantile, 1, 0.99);
        put_double(quantile, 2, 7.5);
    });
    let point = point(7, |point| {
        put_fixed64(point, 4, 5);
        put_double(point, 5, 20.0);
        put_bytes(point, 6, &quantile);
    });
    metric("old", 11, |data| put_bytes(data, 1, &point))
}

fn everything() -> Vec<u8> {
    request(&[
        gauge(),
        sum(),
        histogram(),
        exponential_histogram(),
        summary(),
        message(|empty| put_bytes(empty, 1, b"empty")),
    ])
}

#[test]
fn basic() {
    let expected = "Metrics {\"resource metrics\": 1, \"metrics\": 6, \"data points\": 5}\n";
    assert_eq!(written("basic", Signal::Metrics, &everything()), expected);
}

#[test]
fn normal() {
    let expected = r#"Metrics {"resource metrics": 1, "metrics": 6, "data points": 5}
ResourceMetrics #0 [https://example.org/schema] service.name=cart
ScopeMetrics #0 my.lib@1.2 short=ml
temperature{a=1,b=2} 1.5
requests{a=1,b=2} 42
latency{a=1,b=2} count=3 sum=15 min=0.5 max=10 le1=1 2
sizes{a=1,b=2} count=5 sum=0.25 le-1=6 le-0.7071067811865476=5 zero=1 le2=3 le2.8284271247461903=4
old{a=1,b=2} count=5 sum=20.000000 q0.99=7.5
"#;
    assert_eq!(written("normal", Signal::Metrics, &everything()), expected);
}

const HEAD: &str = r#"ResourceMetrics #0
Resource SchemaURL: https://example.org/schema
Resource attributes:
     -> service.name: Str(cart)
ScopeMetrics #0
ScopeMetrics SchemaURL: 
InstrumentationScope my.lib 1.2
InstrumentationScope attributes:
     -> short: Str(ml)
"#;

const POINT: &str = "Data point attributes:
     -> a: Str(1)
     -> b: Int(2)
StartTimestamp: 2020-02-11 20:26:12.000000321 +0000 UTC
Timestamp: 2020-02-11 20:26:13.000000789 +0000 UTC
";

fn detailed(metric: Vec<u8>) -> String {
    let written = written("detailed", Signal::Metrics, &request(&[metric]));
    let (_, dump) = written.split_once('\n').unwrap();
    dump.replace(HEAD, "").replace(POINT, "…\n")
}

#[test]
fn detailed_numbers() {
    let expected = r#"Metric #0
Descriptor:
     -> Name: temperature
     -> Description: Some help.
     -> Unit: By
     -> DataType: Gauge
     -> Metadata:
          -> prometheus.type: Str(gauge)
NumberDataPoints #0
…
Value: 1.500000
Exemplars:
Exemplar #0
     -> Trace ID: 22222222222222222222222222222222
     -> Span ID: 1111111111111111
     -> Timestamp: 2020-02-11 20:26:13.000000789 +0000 UTC
     -> Value: 1.500000
     -> FilteredAttributes:
          -> kept: Str(yes)
"#;
    assert_eq!(detailed(gauge()), expected);
    let expected = r#"Metric #0
Descriptor:
     -> Name: requests
     -> Description: Some help.
     -> Unit: By
     -> DataType: Sum
     -> IsMonotonic: true
     -> AggregationTemporality: Cumulative
NumberDataPoints #0
…
Value: 42
"#;
    assert_eq!(detailed(sum()), expected);
}

#[test]
fn detailed_histograms() {
    let shown = detailed(histogram());
    let (_, points) = shown.split_once("AggregationTemporality: Delta\n").unwrap();
    let expected = "HistogramDataPoints #0\n…\nCount: 3\nSum: 15.000000\nMin: 0.500000\nMax: 10.000000\n\
                    ExplicitBounds #0: 1.000000\nBuckets #0, Count: 1\nBuckets #1, Count: 2\n";
    assert_eq!(points, expected);
    let shown = detailed(exponential_histogram());
    let (_, points) = shown.split_once("AggregationTemporality: Delta\n").unwrap();
    let expected = "ExponentialHistogramDataPoints #0\n…\nCount: 5\nSum: 0.250000\n\
                    Bucket [-1.414214, -1.000000), Count: 6\nBucket [-1.000000, -0.707107), Count: 5\n\
                    Bucket [0, 0], Count: 1\n\
                    Bucket (1.414214, 2.000000], Count: 3\nBucket (2.000000, 2.828427], Count: 4\n";
    assert_eq!(points, expected);
}

#[test]
fn detailed_summaries_and_empty_metrics() {
    let shown = detailed(summary());
    let expected = "     -> DataType: Summary\nSummaryDataPoints #0\n…\nCount: 5\nSum: 20.000000\n\
                    QuantileValue #0: Quantile 0.990000, Value 7.500000\n";
    assert!(shown.ends_with(expected), "{shown}");
    assert!(detailed(Vec::new()).ends_with("     -> DataType: Empty\n"));
}

#[test]
fn a_resource_names_its_entities() {
    let entity = message(|entity| {
        put_bytes(entity, 1, b"https://example.org/entity");
        put_bytes(entity, 2, b"service");
        put_bytes(entity, 3, b"service.name");
        put_bytes(entity, 4, b"service.version");
    });
    let resource = message(|resource| put_bytes(resource, 3, &entity));
    let level = message(|level| put_bytes(level, 1, &resource));
    let shown = written("detailed", Signal::Metrics, &message(|request| put_bytes(request, 1, &level)));
    let expected = "Resource entity refs:
     -> Entity ref #0:
          -> Type: service
          -> Schema URL: https://example.org/entity
          -> ID keys:
               -> service.name
          -> Description keys:
               -> service.version
";
    assert!(shown.ends_with(expected), "{shown}");
}
