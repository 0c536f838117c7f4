//! Each kind of metric: how one looks in the first round, and what becomes of it in the next.

use fastrand::Rng;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint, Metric,
    NumberDataPoint, Sum, Summary, SummaryDataPoint, exemplar, exponential_histogram_data_point::Buckets, metric::Data,
    number_data_point::Value, summary_data_point::ValueAtQuantile,
};
use otelier_tests::generate::{chance, pick, several};
use otelier_tests::payload::{Temporality, attribute};

use super::generate::{key_value, unique};

const SECOND: u64 = 1_000_000_000;
/// When the first round begins, and how long each is.
pub const START: u64 = 1_700_000_000 * SECOND;
const ROUND: u64 = 10 * SECOND;
/// `DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK`.
const NO_VALUE: u32 = 1;

/// Units: plain, by time, in braces, of the Collector's own and of the specification's table, and unknown ones.
const UNITS: [&str; 12] = ["", "", "1", "s", "By", "m/s", "{request}", "{request}/s", "%", "kBy", "W", "odd unit"];

const GAUGES: [&str; 9] =
    ["g.heat", "g/odd name", "g.bare", "g.größe", "g..double__under", "g.ratio", "g.seconds", "g:rule", "2g.digit"];
const COUNTERS: [&str; 6] = ["c.done", "c.done.total", "c.total.kept", "c.bytes", "c.bare", "m"];
/// Deltas whose intervals leave a gap in the second round, or overlap.
const MISALIGNED: [&str; 4] = ["c.gap", "c.overlap", "h.gap", "h.overlap"];
const UP_DOWNS: [&str; 3] = ["u.queue", "u.queue.total", "u.bare"];
const HISTOGRAMS: [&str; 3] = ["h.latency", "h.seconds.spent", "h.bare"];
const EXPONENTIALS: [&str; 2] = ["e.size", "e.bare"];
const SUMMARIES: [&str; 2] = ["s.wait", "s.bare"];

/// The metrics of one scope.
pub fn metrics(rng: &mut Rng) -> Vec<Metric> {
    let mut metrics: Vec<Metric> = (0..rng.usize(3..10)).map(|_| metric(rng)).collect();
    // A gauge beside the counter that is called the same.
    if chance(rng, 20) {
        metrics.push(misaligned(rng));
    }
    if chance(rng, 20) {
        metrics.push(Metric { name: "m".to_owned(), data: Some(gauge(rng)), ..Metric::default() });
    }
    metrics
}

fn metric(rng: &mut Rng) -> Metric {
    let (name, data) = match rng.u32(..12) {
        0..3 => (pick(rng, &GAUGES), gauge(rng)),
        3..6 => (pick(rng, &COUNTERS), sum(rng, true)),
        6 => (pick(rng, &UP_DOWNS), sum(rng, false)),
        7 | 8 => (pick(rng, &HISTOGRAMS), histogram(rng)),
        9 => (pick(rng, &EXPONENTIALS), exponential(rng)),
        10 => (pick(rng, &SUMMARIES), summary(rng)),
        _ => return unknown(rng),
    };
    // One description for one name: which of two is shown is up to chance.
    let is_bare = name == "m" || name.ends_with("bare");
    let description = if is_bare { "" } else { "Say \"what\" \\ it is,\nat length." };
    let unit = match name {
        "m" => "",
        // What the Collector takes for the unit is not at the end.
        "h.seconds.spent" => "s",
        _ => pick(rng, &UNITS),
    };
    Metric {
        name: name.to_owned(),
        description: description.to_owned(),
        unit: unit.to_owned(),
        data: Some(data),
        ..Metric::default()
    }
}

fn misaligned(rng: &mut Rng) -> Metric {
    let name = pick(rng, &MISALIGNED);
    let mut data = if name.starts_with('c') { sum(rng, true) } else { histogram(rng) };
    match &mut data {
        Data::Sum(sum) => {
            sum.aggregation_temporality = Temporality::Delta.into();
            sum.data_points.iter_mut().for_each(|point| point.value = Some(Value::AsInt(rng.i64(1..100))));
        }
        Data::Histogram(histogram) => histogram.aggregation_temporality = Temporality::Delta.into(),
        _ => {}
    }
    Metric { name: name.to_owned(), data: Some(data), ..Metric::default() }
}

/// A gauge that was scraped from somebody who did not know its type.
fn unknown(rng: &mut Rng) -> Metric {
    let metadata = vec![attribute("prometheus.type", "unknown")];
    Metric { name: "x.scraped".to_owned(), metadata, data: Some(gauge(rng)), ..Metric::default() }
}

fn gauge(rng: &mut Rng) -> Data {
    let edges = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, f64::MIN_POSITIVE, f64::MAX, 1e21, 123_456_789.5];
    let data_points = points(rng, |rng| match rng.u32(..4) {
        0 => Value::AsDouble(pick(rng, &edges)),
        1 => Value::AsInt(pick(rng, &[i64::MAX, i64::MIN, 0])),
        2 => Value::AsInt(rng.i64(-5..100)),
        _ => Value::AsDouble(f64::from(rng.i32(-100..1000)) / 8.0),
    });
    Data::Gauge(Gauge { data_points })
}

fn sum(rng: &mut Rng, is_monotonic: bool) -> Data {
    let lowest = if is_monotonic { 0 } else { -50 };
    let aggregation_temporality = temporality(rng);
    let is_cumulative = aggregation_temporality == i32::from(Temporality::Cumulative);
    let data_points = points(rng, |rng| match rng.u32(..12) {
        // No counter is that; senders send it all the same.
        0 if is_cumulative => Value::AsDouble(pick(rng, &[f64::NAN, -3.0])),
        1..6 => Value::AsInt(rng.i64(lowest..100)),
        _ => Value::AsDouble((rng.i64(lowest..1000) as f64) / 8.0),
    });
    Data::Sum(Sum { data_points, aggregation_temporality, is_monotonic })
}

fn temporality(rng: &mut Rng) -> i32 {
    let temporality = if chance(rng, 40) { Temporality::Delta } else { Temporality::Cumulative };
    temporality.into()
}

fn points(rng: &mut Rng, mut value: impl FnMut(&mut Rng) -> Value) -> Vec<NumberDataPoint> {
    (0..rng.usize(1..=3))
        .map(|_| NumberDataPoint {
            attributes: unique(several(rng, 3, key_value)),
            exemplars: exemplars(rng),
            value: Some(value(rng)),
            ..NumberDataPoint::default()
        })
        .collect()
}

/// In the order of their time.
fn exemplars(rng: &mut Rng) -> Vec<Exemplar> {
    if chance(rng, 60) {
        return Vec::new();
    }
    let first = START + rng.u64(1..1000) * 1_000_000;
    (0..rng.u64(1..=3))
        .map(|number| Exemplar {
            filtered_attributes: match rng.u32(..4) {
                0 => vec![attribute("user.id", "u-1"), attribute("trace_id", "mine")],
                1 => vec![attribute("long", &"x".repeat(120)), attribute("nul", "a\0b")],
                _ => Vec::new(),
            },
            time_unix_nano: first + number * SECOND,
            trace_id: if rng.bool() { vec![7; 16] } else { Vec::new() },
            span_id: if rng.bool() { vec![8; 8] } else { Vec::new() },
            value: Some(match rng.bool() {
                true => exemplar::Value::AsInt(rng.i64(0..20)),
                false => exemplar::Value::AsDouble(f64::from(rng.i32(-10..40)) / 4.0),
            }),
        })
        .collect()
}

fn histogram(rng: &mut Rng) -> Data {
    let bounds: &[f64] = match rng.u32(..6) {
        0 => &[],
        1 => &[-2.5, 0.0, 1.0],
        2 => &[0.0001, 0.005, 1e6, 1_234_567.0, 1e21],
        _ => &[0.5, 1.0, 2.5],
    };
    let data_points = (0..rng.usize(1..=2))
        .map(|_| {
            let bucket_counts: Vec<u64> = (0..=bounds.len()).map(|_| rng.u64(..5)).collect();
            HistogramDataPoint {
                attributes: unique(several(rng, 2, key_value)),
                count: bucket_counts.iter().sum(),
                sum: (!chance(rng, 20)).then(|| f64::from(rng.u32(..100)) / 4.0),
                bucket_counts,
                explicit_bounds: bounds.to_vec(),
                exemplars: exemplars(rng),
                min: Some(0.25),
                max: Some(9.0),
                ..HistogramDataPoint::default()
            }
        })
        .collect();
    Data::Histogram(Histogram { data_points, aggregation_temporality: temporality(rng) })
}

fn exponential(rng: &mut Rng) -> Data {
    let side =
        |rng: &mut Rng| Buckets { offset: rng.i32(-3..3), bucket_counts: (0..4).map(|_| rng.u64(..4)).collect() };
    let data_points = (0..rng.usize(1..=2))
        .map(|_| {
            let (positive, zero_count) = (side(rng), rng.u64(..3));
            let negative = if chance(rng, 20) { side(rng) } else { Buckets::default() };
            let counted = [&positive, &negative].map(|side| side.bucket_counts.iter().sum::<u64>());
            ExponentialHistogramDataPoint {
                attributes: unique(several(rng, 2, key_value)),
                count: counted.iter().sum::<u64>() + zero_count,
                sum: Some(f64::from(rng.u32(..100)) / 4.0),
                scale: pick(rng, &[0, 0, 1, 3, -2, 10]),
                zero_count,
                positive: Some(positive),
                negative: Some(negative),
                ..ExponentialHistogramDataPoint::default()
            }
        })
        .collect();
    Data::ExponentialHistogram(ExponentialHistogram {
        data_points,
        aggregation_temporality: Temporality::Cumulative.into(),
    })
}

fn summary(rng: &mut Rng) -> Data {
    let data_points = (0..rng.usize(1..=2))
        .map(|_| SummaryDataPoint {
            attributes: unique(several(rng, 2, key_value)),
            count: rng.u64(..50),
            sum: if chance(rng, 15) { -1.5 } else { f64::from(rng.u32(..100)) / 4.0 },
            quantile_values: [0.0, 0.5, 0.99, 1.0]
                .into_iter()
                .take(rng.usize(..=4))
                .map(|quantile| {
                    let value =
                        if chance(rng, 15) { pick(rng, &[f64::NAN, -2.0]) } else { f64::from(rng.u32(..40)) / 8.0 };
                    ValueAtQuantile { quantile, value }
                })
                .collect(),
            ..SummaryDataPoint::default()
        })
        .collect();
    Data::Summary(Summary { data_points })
}

/// Calls `each` with the attributes of every point.
pub fn each_attributes(metric: &mut Metric, mut each: impl FnMut(&mut Vec<KeyValue>)) {
    match metric.data.as_mut() {
        Some(Data::Gauge(gauge)) => gauge.data_points.iter_mut().for_each(|point| each(&mut point.attributes)),
        Some(Data::Sum(sum)) => sum.data_points.iter_mut().for_each(|point| each(&mut point.attributes)),
        Some(Data::Histogram(histogram)) => {
            histogram.data_points.iter_mut().for_each(|point| each(&mut point.attributes));
        }
        Some(Data::ExponentialHistogram(histogram)) => {
            histogram.data_points.iter_mut().for_each(|point| each(&mut point.attributes));
        }
        Some(Data::Summary(summary)) => summary.data_points.iter_mut().for_each(|point| each(&mut point.attributes)),
        None => {}
    }
}

/// Makes a metric of the first round one of that round: times move on, cumulative counts grow, a delta follows the one before it, and now
/// and then a stream ends.
pub fn advance(metric: &mut Metric, round: u64, rng: &mut Rng) {
    let ended = |rng: &mut Rng| if round > 0 && chance(rng, 5) { NO_VALUE } else { 0 };
    let (from, to) = (START + round * ROUND, START + (round + 1) * ROUND);
    let shift = match metric.name.get(2..) {
        Some("gap") if round == 1 => SECOND as i64,
        Some("overlap") if round == 1 => -(SECOND as i64),
        _ => 0,
    };
    let since = |temporality: i32| match temporality == i32::from(Temporality::Delta) {
        true => from.saturating_add_signed(shift),
        false => START,
    };
    // What has been counted in the rounds before has been counted as often.
    let times = |temporality: i32| if temporality == i32::from(Temporality::Delta) { 1 } else { round + 1 };
    match metric.data.as_mut() {
        Some(Data::Gauge(gauge)) => {
            for point in &mut gauge.data_points {
                (point.time_unix_nano, point.flags) = (to, ended(rng));
            }
        }
        Some(Data::Sum(sum)) => {
            let (start, times) = (since(sum.aggregation_temporality), times(sum.aggregation_temporality));
            for point in &mut sum.data_points {
                (point.start_time_unix_nano, point.time_unix_nano, point.flags) = (start, to, ended(rng));
                point.value = point.value.map(|value| match value {
                    Value::AsInt(value) => Value::AsInt(value * times as i64),
                    Value::AsDouble(value) => Value::AsDouble(value * times as f64),
                });
            }
        }
        Some(Data::Histogram(histogram)) => {
            let (start, times) = (since(histogram.aggregation_temporality), times(histogram.aggregation_temporality));
            for point in &mut histogram.data_points {
                (point.start_time_unix_nano, point.time_unix_nano, point.flags) = (start, to, ended(rng));
                point.count *= times;
                point.sum = point.sum.map(|sum| sum * times as f64);
                point.bucket_counts.iter_mut().for_each(|count| *count *= times);
            }
        }
        Some(Data::ExponentialHistogram(histogram)) => {
            for point in &mut histogram.data_points {
                (point.start_time_unix_nano, point.time_unix_nano, point.flags) = (START, to, ended(rng));
            }
        }
        Some(Data::Summary(summary)) => {
            for point in &mut summary.data_points {
                (point.start_time_unix_nano, point.time_unix_nano, point.flags) = (START, to, ended(rng));
                point.count *= round + 1;
            }
        }
        None => {}
    }
}
