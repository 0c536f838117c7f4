//! Crashes at every moment.

use std::collections::BTreeMap;

use otelier_sdk::testing::{Harness, Metric, Point};

use super::{BY_TYPE, CREATED, at, lines, of_type, one, started};
use crate::Aggregate;

#[test]
fn value_and_start_time_go_on_together() {
    let mut harness = started(BY_TYPE);
    harness.process(&one(), at(1)).unwrap();
    harness.commit();
    for restart in 2..5 {
        harness.crash(at(restart * 100)).unwrap();
        harness.process(&one(), at(restart * 100)).unwrap();
        harness.commit();
    }
    let emitted = harness.flush(at(1000)).unwrap();
    assert_eq!(lines(&emitted), ["work.done_batched{work.type=a} 4"]);
    assert!(emitted.iter().flat_map(|metric| &metric.points).all(|point| point.start_time == CREATED));
}

#[test]
fn what_was_not_committed_is_gone_whole() {
    let mut harness = started(BY_TYPE);
    harness.process(&one(), at(1)).unwrap();
    harness.crash(at(2)).unwrap();
    assert!(harness.flush(at(2)).unwrap().is_empty());
    harness.process(&one(), at(3)).unwrap();
    assert_eq!(lines(&harness.flush(at(5)).unwrap()), ["work.done_batched{work.type=a} 1"]);
}

/// What the totals must be, and what the senders of cumulative streams have counted.
#[derive(Clone, Default, PartialEq, Debug)]
struct Model {
    totals: BTreeMap<String, i64>,
    /// The last value of each stream that arrived.
    arrived: BTreeMap<u64, i64>,
}

pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// A batch with deltas and cumulative points, and what it does to the totals.
fn batch(random: &mut Random, model: &mut Model, counted: &mut BTreeMap<u64, i64>, time: u64) -> Vec<Metric> {
    let mut deltas = Vec::new();
    for _ in 0..random.below(20) {
        let (group, value) = (random.below(9), random.below(100).cast_signed());
        *model.totals.entry(format!("{{work.type=g{group}}}")).or_default() += value;
        deltas.push(of_type(Point::integer(value), &format!("g{group}")));
    }
    let mut totals = Vec::new();
    for _ in 0..random.below(20) {
        let stream = random.below(40);
        let value = counted.entry(stream).or_default();
        *value += random.below(50).cast_signed();
        let group = stream % 9;
        let before = model.arrived.insert(stream, *value).unwrap_or(0);
        *model.totals.entry(format!("{{work.type=g{group}}}")).or_default() += *value - before;
        let point = of_type(Point::integer(*value), &format!("g{group}")).with("id", &stream.to_string());
        // Points of one batch are at different times.
        let nanoseconds = totals.len() as u64;
        totals.push(point.at(at(1), time + nanoseconds));
    }
    vec![Metric::delta_sum("work.done", deltas), Metric::cumulative_sum("work.done", totals)]
}

fn shown(harness: &mut Harness<Aggregate>, now: u64) -> BTreeMap<String, i64> {
    let lines = lines(&harness.flush(now).unwrap());
    let pair = |line: &String| {
        let (name, value) = line.split_once(' ').unwrap();
        (name.strip_prefix("work.done_batched").unwrap().to_owned(), value.parse().unwrap())
    };
    lines.iter().map(pair).collect()
}

/// Batches, flushes, commits and crashes in any order: the totals are those of the last commit and what came since.
#[test]
fn totals_are_exact_whenever_it_crashes() {
    for seed in 0..30 {
        let mut random = Random(seed);
        let mut harness = started(BY_TYPE);
        let (mut model, mut committed) = (Model::default(), Model::default());
        let mut counted = BTreeMap::new();
        for second in 10..400 {
            let now = at(second);
            match random.below(6) {
                0..3 => {
                    let metrics = batch(&mut random, &mut model, &mut counted, now);
                    let outcome = harness.process(&metrics, now).unwrap();
                    assert_eq!(outcome.dropped, 0);
                }
                3 => assert_eq!(shown(&mut harness, now), model.totals, "seed {seed}"),
                4 => {
                    harness.commit();
                    committed = model.clone();
                }
                _ => {
                    harness.crash(now).unwrap();
                    model = committed.clone();
                    if random.below(2) == 0 {
                        assert_eq!(shown(&mut harness, now), model.totals, "seed {seed}, after a crash");
                    }
                }
            }
        }
    }
}
