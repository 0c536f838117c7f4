//! Metrics requests.

use fastrand::Rng;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint, Metric,
    NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary, SummaryDataPoint, exemplar,
    exponential_histogram_data_point::Buckets, metric::Data, number_data_point::Value,
    summary_data_point::ValueAtQuantile,
};

use super::attributes::{attributes, id, key_value, resource, scope};
use super::{chance, double, integer, items, pick, several, time};

/// The metric names that occur.
pub const NAMES: [&str; 9] =
    ["", "requests", "requests.count", "latency", "a/b.count", "queue.", ".hidden", "größe", "{odd} [name]*"];

/// A request with every kind of metric and every shape of point.
pub fn request(rng: &mut Rng) -> ExportMetricsServiceRequest {
    ExportMetricsServiceRequest { resource_metrics: several(rng, 3, resource_metrics) }
}

fn resource_metrics(rng: &mut Rng) -> ResourceMetrics {
    ResourceMetrics {
        resource: resource(rng),
        scope_metrics: several(rng, 2, scope_metrics),
        schema_url: pick(rng, &["", "", "https://example.com/schema"]).to_owned(),
    }
}

fn scope_metrics(rng: &mut Rng) -> ScopeMetrics {
    ScopeMetrics {
        scope: scope(rng),
        metrics: several(rng, 4, metric),
        schema_url: pick(rng, &["", "", "https://example.com/schema"]).to_owned(),
    }
}

/// One metric.
pub fn metric(rng: &mut Rng) -> Metric {
    Metric {
        name: pick(rng, &NAMES).to_owned(),
        description: pick(rng, &["", "", "what it counts"]).to_owned(),
        unit: pick(rng, &["", "1", "ms"]).to_owned(),
        metadata: if chance(rng, 10) { several(rng, 2, |rng| key_value(rng, 2)) } else { Vec::new() },
        data: data(rng),
    }
}

fn data(rng: &mut Rng) -> Option<Data> {
    // Temporalities outside of the enum are among them: a sender may know more of them than the host.
    let aggregation_temporality = pick(rng, &[0, 1, 1, 2, 2, 3, -1]);
    match rng.u32(..12) {
        0 => None,
        1..4 => Some(Data::Gauge(Gauge { data_points: items(rng, number) })),
        4..8 => {
            let data_points = items(rng, number);
            Some(Data::Sum(Sum { data_points, aggregation_temporality, is_monotonic: rng.bool() }))
        }
        8 | 9 => {
            let data_points = items(rng, histogram);
            Some(Data::Histogram(Histogram { data_points, aggregation_temporality }))
        }
        10 => {
            let data_points = items(rng, exponential);
            Some(Data::ExponentialHistogram(ExponentialHistogram { data_points, aggregation_temporality }))
        }
        _ => Some(Data::Summary(Summary { data_points: items(rng, summary) })),
    }
}

fn number(rng: &mut Rng) -> NumberDataPoint {
    let value = match rng.u32(..10) {
        0 => None,
        1..5 => Some(Value::AsInt(integer(rng))),
        _ => Some(Value::AsDouble(double(rng))),
    };
    NumberDataPoint {
        attributes: attributes(rng),
        start_time_unix_nano: time(rng),
        time_unix_nano: time(rng),
        exemplars: exemplars(rng),
        flags: flags(rng),
        value,
    }
}

fn flags(rng: &mut Rng) -> u32 {
    pick(rng, &[0, 0, 0, 0, 1, 2, 3, u32::MAX])
}

fn exemplars(rng: &mut Rng) -> Vec<Exemplar> {
    if chance(rng, 90) { Vec::new() } else { several(rng, 2, exemplar) }
}

/// One exemplar.
pub fn exemplar(rng: &mut Rng) -> Exemplar {
    let value = match rng.u32(..3) {
        0 => None,
        1 => Some(exemplar::Value::AsInt(integer(rng))),
        _ => Some(exemplar::Value::AsDouble(double(rng))),
    };
    Exemplar {
        filtered_attributes: attributes(rng),
        time_unix_nano: time(rng),
        span_id: id(rng, 8),
        trace_id: id(rng, 16),
        value,
    }
}

fn perhaps(rng: &mut Rng) -> Option<f64> {
    rng.bool().then(|| double(rng))
}

fn histogram(rng: &mut Rng) -> HistogramDataPoint {
    HistogramDataPoint {
        attributes: attributes(rng),
        start_time_unix_nano: time(rng),
        time_unix_nano: time(rng),
        count: rng.u64(..5),
        sum: perhaps(rng),
        bucket_counts: several(rng, 4, |rng| rng.u64(..3)),
        explicit_bounds: if rng.bool() { vec![0.5, 1.0] } else { several(rng, 3, double) },
        exemplars: exemplars(rng),
        flags: flags(rng),
        min: perhaps(rng),
        max: perhaps(rng),
    }
}

fn buckets(rng: &mut Rng) -> Option<Buckets> {
    rng.bool().then(|| Buckets {
        offset: rng.i32(-200..200),
        bucket_counts: several(rng, 4, |rng| pick(rng, &[0, 1, 300, u64::MAX])),
    })
}

fn exponential(rng: &mut Rng) -> ExponentialHistogramDataPoint {
    ExponentialHistogramDataPoint {
        attributes: attributes(rng),
        start_time_unix_nano: time(rng),
        time_unix_nano: time(rng),
        count: rng.u64(..5),
        sum: perhaps(rng),
        scale: pick(rng, &[0, -10, 20, i32::MIN]),
        zero_count: rng.u64(..3),
        positive: buckets(rng),
        negative: buckets(rng),
        flags: flags(rng),
        exemplars: exemplars(rng),
        min: perhaps(rng),
        max: perhaps(rng),
        zero_threshold: double(rng),
    }
}

fn summary(rng: &mut Rng) -> SummaryDataPoint {
    SummaryDataPoint {
        attributes: attributes(rng),
        start_time_unix_nano: time(rng),
        time_unix_nano: time(rng),
        count: rng.u64(..5),
        sum: double(rng),
        quantile_values: several(rng, 3, |rng| ValueAtQuantile { quantile: double(rng), value: double(rng) }),
        flags: flags(rng),
    }
}
