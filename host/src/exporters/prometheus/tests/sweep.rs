//! Every place for a number against every number: what is accepted is in the text format as it came, and in OpenMetrics where that
//! allows it; each sample that is not is counted.

use super::request::{
    COUNTER, DELTA, EXPONENTIAL, Exponential, GAUGE, HISTOGRAM, Histogram, Metric, Point, SUMMARY, UP_DOWN, double,
    exemplar, integer, one, one_encoded, summary,
};
use super::*;

const NUMBERS: [f64; 16] = [
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.1,
    5e-324,
    -5e-324,
    f64::MAX,
    f64::MIN,
    1e-7,
    123_456_789.125,
    9_007_199_254_740_993.0,
    2.5e6,
];
const COUNTS: [u64; 4] = [0, 1, 1 << 53, u64::MAX];
const TIMES: [u64; 4] = [0, 1, 1_700_000_000_123_456_789, u64::MAX];

/// Sends a request and reads both formats. Returns the samples of the text format.
fn both(config: &str, request: Request) -> Vec<strict::Sample> {
    let mut bench = Bench::new(config);
    bench.consume(request);
    let text = strict::read(Format::Text, &bench.text()).unwrap();
    let open_metrics = strict::read(Format::OpenMetrics, &bench.scrape(Format::OpenMetrics)).unwrap();
    let is_start = |sample: &strict::Sample| {
        sample.name.ends_with("_created") && !text.iter().any(|other| other.name == sample.name)
    };
    let open_metrics: Vec<_> = open_metrics.iter().filter(|sample| !is_start(sample)).collect();
    let omitted = bench.registry.total("otelier_prometheus_omitted_samples", &[]);
    assert_eq!(text.len(), open_metrics.len() + usize::try_from(omitted).unwrap(), "{text:?}\n{open_metrics:?}");
    for sample in open_metrics {
        let is_it = |other: &&strict::Sample| {
            let without_suffix = sample.name.strip_suffix("_total");
            (other.name == sample.name || Some(other.name.as_str()) == without_suffix) && own(other) == own(sample)
        };
        let same = text.iter().filter(is_it).any(|other| other.value.to_bits() == sample.value.to_bits());
        assert!(same, "{sample:?} in {text:?}");
    }
    text
}

/// The labels that both formats write alike.
fn own(sample: &strict::Sample) -> Vec<(&String, &String)> {
    sample.labels.iter().filter(|(name, _)| !matches!(name.as_str(), "le" | "quantile")).collect()
}

#[test]
fn numbers_of_every_kind_read_back_as_themselves() {
    for value in NUMBERS {
        for metric in [GAUGE, COUNTER, DELTA, UP_DOWN] {
            let metric = Metric { name: "a", ..metric };
            let text = both("{}", one(metric, &[double(&[], value)]));
            let refused = metric.temporality == 1 && (value.is_nan() || value < 0.0);
            let values: Vec<u64> = text.iter().map(|sample| sample.value.to_bits()).collect();
            assert_eq!(values, if refused { vec![] } else { vec![value.to_bits()] }, "{value}");
        }
    }
    for value in [i64::MIN, -1, 0, i64::MAX] {
        for metric in [GAUGE, COUNTER, UP_DOWN] {
            assert_eq!(both("{}", one(Metric { name: "a", ..metric }, &[integer(&[], value)])).len(), 1);
        }
    }
}

#[test]
fn histograms_of_any_sum_bounds_and_exemplars_are_readable() {
    for (sum, bound) in NUMBERS.iter().flat_map(|sum| NUMBERS.map(|bound| (*sum, bound))) {
        let exemplars = NUMBERS.iter().map(|value| exemplar(*value, 1, 1)).collect();
        let (counts, bounds): (&[u64], &[f64]) = (&[1, 2], &[bound]);
        let point = Histogram { count: 3, sum: Some(sum), counts, bounds, exemplars, ..Default::default() };
        both("{}", one_encoded(Metric { name: "a", ..HISTOGRAM }, &[point.encode()]));
        let delta = Metric { name: "a", temporality: 1, ..HISTOGRAM };
        both("{}", one_encoded(delta, &[point.encode(), point.encode()]));
    }
    for sum in [None, Some(1.0)] {
        let point = Histogram { count: 3, sum, counts: &[3], ..Default::default() };
        both("{}", one_encoded(Metric { name: "a", ..HISTOGRAM }, &[point.encode()]));
    }
}

#[test]
fn exponential_histograms_of_any_sum_scale_and_side_are_readable() {
    for (sum, scale) in NUMBERS.iter().flat_map(|sum| [-20, -1, 0, 1, 20].map(|scale| (*sum, scale))) {
        for (positive, negative) in [(3, 0), (0, 3), (2, 1), (0, 0)] {
            let counts = [positive, negative];
            let (positive, negative) = (&counts[..1], &counts[1..]);
            let (positive, negative) = ((-2, positive), (7, negative));
            let count = counts.iter().sum();
            let point = Exponential { count, sum: Some(sum), scale, positive, negative, ..Default::default() };
            both("{}", one_encoded(Metric { name: "a", ..EXPONENTIAL }, &[point.encode()]));
        }
    }
}

#[test]
fn summaries_of_any_sum_and_quantiles_are_readable() {
    for (sum, value) in NUMBERS.iter().flat_map(|sum| NUMBERS.map(|value| (*sum, value))) {
        for quantile in NUMBERS {
            let point = summary(&[], 0, 3, sum, &[(quantile, value), (0.5, value), (0.0, value), (-0.0, value)]);
            both("{}", one_encoded(Metric { name: "a", ..SUMMARY }, &[point]));
        }
    }
}

#[test]
fn counts_and_times_of_any_size_are_readable() {
    for (count, time) in COUNTS.iter().flat_map(|count| TIMES.map(|time| (*count, time))) {
        for config in ["{}", r#"{"send_timestamps": true}"#] {
            let point = Point { time, start_time: time, exemplar: Some((1.0, time)), ..integer(&[], 1) };
            both(config, one(Metric { name: "a", ..COUNTER }, &[point]));
            let counts = [count, 0];
            let exemplars = vec![exemplar(0.5, time, 1)];
            let point = Histogram {
                start_time: time,
                time,
                count,
                counts: &counts,
                bounds: &[1.0],
                exemplars,
                ..Default::default()
            };
            let sum = Histogram { sum: Some(1.0), pairs: &[("a", "b")], ..point.clone() };
            both(config, one_encoded(Metric { name: "a", ..HISTOGRAM }, &[point.encode(), sum.encode()]));
            both(config, one_encoded(Metric { name: "a", ..SUMMARY }, &[summary(&[], time.min(9), count, 1.0, &[])]));
        }
    }
}

#[test]
fn texts_of_any_characters_read_back_as_themselves() {
    for value in
        ["\"", "\\", "\n", "a\\\"b\n", "\\n", "}", "{a=\"b\"}", " # {} 1", ",", "\0", "a\rb", "é\u{1F600}", " "]
    {
        let metric = Metric { name: "a", help: value, ..GAUGE };
        let text = both("{}", one(metric, &[integer(&[("k", value)], 1)]));
        assert_eq!(text[0].labels["k"], value);
    }
    for name in
        ["", "_", "é", "1", ":", "a:b", "a\nb", "a b", "__a", "a__", "total", "_total", "a.total", "created", "-"]
    {
        for (metric, unit) in
            [GAUGE, COUNTER, UP_DOWN].iter().flat_map(|metric| ["", "1", "s", "é", "{a}"].map(|unit| (metric, unit)))
        {
            for config in ["{}", r#"{"add_metric_suffixes": false, "namespace": "é"}"#, r#"{"namespace": "9"}"#] {
                let metric = Metric { name, unit, ..*metric };
                assert_eq!(
                    both(config, one(metric, &[integer(&[(name, "x")], 1)])).len(),
                    usize::from(!name.is_empty())
                );
            }
        }
    }
}
