//! Histograms and crashes at every moment, against a model that keeps every observation.

use std::collections::BTreeMap;

use otelier_sdk::aggregate::exponential::index_of;
use otelier_sdk::testing::{Content, ExponentialHistogram, Harness, Histogram, Metric, Point, Shape};

use super::crash::Random;
use super::{BY_TYPE, CREATED, at, of_type, started};
use crate::Aggregate;

/// More bounds than one chunk of words has.
fn bounds() -> Vec<f64> {
    (0..40).map(|bound| f64::from(bound) * 25.0).collect()
}

const SCALE: i32 = 1;

fn explicit(values: &[u64]) -> Histogram {
    let bounds = bounds();
    let mut buckets = vec![0; bounds.len() + 1];
    for value in values {
        buckets[bounds.iter().take_while(|bound| **bound < *value as f64).count()] += 1;
    }
    let sum = Some(values.iter().sum::<u64>() as f64);
    let extreme = |value: Option<&u64>| value.map(|value| *value as f64);
    let (min, max) = (extreme(values.iter().min()), extreme(values.iter().max()));
    Histogram { count: values.len() as u64, sum, min, max, bounds, buckets }
}

fn exponential(values: &[u64]) -> ExponentialHistogram {
    let mut indexes = BTreeMap::new();
    for value in values.iter().filter(|value| **value > 0) {
        *indexes.entry(index_of(*value as f64, SCALE) as i32).or_insert(0_u64) += 1;
    }
    let first = indexes.keys().next().copied().unwrap_or(0);
    let last = indexes.keys().last().copied().unwrap_or(-1);
    let counts = (first..=last).map(|index| indexes.get(&index).copied().unwrap_or(0)).collect();
    let Histogram { count, sum, min, max, .. } = explicit(values);
    let zero_count = values.iter().filter(|value| **value == 0).count() as u64;
    let (scale, positive) = (SCALE, (first, counts));
    ExponentialHistogram { count, sum, min, max, scale, zero_count, positive, ..ExponentialHistogram::default() }
}

/// Every observation by group, and those that each cumulative stream has made.
#[derive(Clone, Default, PartialEq, Debug)]
struct Model {
    groups: BTreeMap<String, Vec<u64>>,
    /// Observations that arrived of each stream.
    arrived: BTreeMap<u64, usize>,
}

const SHAPES: [[Shape; 2]; 2] = [
    [Shape::DeltaHistogram, Shape::CumulativeHistogram],
    [Shape::DeltaExponentialHistogram, Shape::CumulativeExponentialHistogram],
];

fn point(kind: usize, values: &[u64]) -> Point {
    if kind == 0 { Point::histogram(explicit(values)) } else { Point::exponential(exponential(values)) }
}

/// A batch with deltas and cumulative points of both kinds, which hold the same, and what it does to the model.
fn batch(random: &mut Random, model: &mut Model, made: &mut BTreeMap<u64, Vec<u64>>, time: u64) -> Vec<Metric> {
    let mut rows: [[Vec<Point>; 2]; 2] = Default::default();
    for _ in 0..random.below(12) {
        let group = format!("g{}", random.below(7));
        let values: Vec<u64> = (0..1 + random.below(5)).map(|_| random.below(1200)).collect();
        for (kind, rows) in rows.iter_mut().enumerate() {
            rows[0].push(of_type(point(kind, &values), &group));
        }
        model.groups.entry(group).or_default().extend(values);
    }
    for _ in 0..random.below(12) {
        let stream = random.below(20);
        let group = format!("g{}", stream % 7);
        let values = made.entry(stream).or_default();
        values.extend((0..1 + random.below(5)).map(|_| random.below(1200)));
        let before = model.arrived.insert(stream, values.len()).unwrap_or(0);
        model.groups.entry(group.clone()).or_default().extend(&values[before..]);
        for (kind, rows) in rows.iter_mut().enumerate() {
            // Points of one batch are at different times.
            let nanoseconds = rows[1].len() as u64;
            let point = of_type(point(kind, values), &group).with("id", &stream.to_string());
            rows[1].push(point.at(at(1), time + nanoseconds));
        }
    }
    let metrics = SHAPES.into_iter().flatten().zip(rows.into_iter().flatten());
    metrics.map(|(shape, points)| Metric::shaped(shape, "work.time", points)).collect()
}

fn check(harness: &mut Harness<Aggregate>, model: &Model, now: u64, context: &str) {
    let emitted = harness.flush(now).unwrap();
    let points: Vec<_> = emitted.iter().flat_map(|metric| &metric.points).collect();
    assert_eq!(points.len(), model.groups.len() * 2, "{context}");
    for point in points {
        assert_eq!(point.start_time, CREATED, "{context}");
        let values = &model.groups[&point.attributes["work.type"]];
        match &point.content {
            Content::Histogram(histogram) => assert_eq!(*histogram, explicit(values), "{context}"),
            Content::Exponential(histogram) => assert_eq!(*histogram, exponential(values), "{context}"),
            other => panic!("{other:?}"),
        }
    }
}

/// Batches, flushes, commits and crashes in any order: every total is the histogram of all that was committed and came since.
/// So cumulative input gives what the deltas it came from would have given.
#[test]
fn totals_are_exact_whenever_it_crashes() {
    for seed in 0..8 {
        let mut random = Random(seed);
        let mut harness = started(BY_TYPE);
        let (mut model, mut committed) = (Model::default(), Model::default());
        let mut made = BTreeMap::new();
        for second in 10..200 {
            let now = at(second);
            match random.below(6) {
                0..3 => {
                    let metrics = batch(&mut random, &mut model, &mut made, now);
                    let outcome = harness.process(&metrics, now).unwrap();
                    assert_eq!(outcome.dropped, 0, "seed {seed}");
                }
                3 => check(&mut harness, &model, now, &format!("seed {seed}")),
                4 => {
                    harness.commit();
                    committed = model.clone();
                }
                _ => {
                    harness.crash(now).unwrap();
                    model = committed.clone();
                    if random.below(2) == 0 {
                        check(&mut harness, &model, now, &format!("seed {seed}, after a crash"));
                    }
                }
            }
        }
    }
}

/// What a batch writes depends on the buckets it moves, not on all there are.
#[test]
fn a_wide_histogram_is_not_journaled_whole() {
    let wide: Vec<f64> = (0..2000).map(f64::from).collect();
    let mut harness = started(BY_TYPE);
    let one = |value: usize| {
        let mut buckets = vec![0; wide.len() + 1];
        buckets[value] = 1;
        let histogram = super::histograms::of(&wide, &buckets, value as f64, [value as f64; 2]);
        vec![Metric::shaped(Shape::DeltaHistogram, "work.time", vec![Point::histogram(histogram)])]
    };
    harness.process(&one(5), at(1)).unwrap();
    harness.flush(at(2)).unwrap();
    let bytes = |harness: &mut Harness<Aggregate>| {
        harness.host().storage().iter().filter(|(key, _)| key.get(1) == Some(&b'j')).map(|(_, value)| value.len()).sum()
    };
    let before: usize = bytes(&mut harness);
    harness.process(&one(1000), at(3)).unwrap();
    let written = bytes(&mut harness) - before;
    assert!((1..500).contains(&written), "{written} bytes");
}
