//! Integer totals are exact whatever the size, the order and the number of the increments of one batch.

use std::collections::BTreeMap;

use otelier_sdk::testing::{Harness, Metric, Point, Shape};

use super::{BY_TYPE, at, lines, of_type, started};
use crate::Aggregate;

/// Rows of one metric: a group and what it counted.
type Rows = Vec<(&'static str, i64)>;

fn send(harness: &mut Harness<Aggregate>, shape: Shape, rows: &[(&'static str, i64)]) {
    let points = rows.iter().map(|(group, value)| of_type(Point::integer(*value), group)).collect();
    let metric = Metric { shape, ..Metric::delta_sum("work.done", points) };
    assert_eq!(harness.process(&[metric], at(1)).unwrap().absorbed, rows.len());
}

fn times(count: usize, group: &'static str, value: i64) -> Rows {
    vec![(group, value); count]
}

fn exact(rows: &[(&'static str, i64)]) -> Vec<String> {
    let mut totals = BTreeMap::<&str, i128>::new();
    rows.iter().for_each(|(group, value)| *totals.entry(group).or_default() += i128::from(*value));
    totals.iter().map(|(group, total)| format!("work.done_batched{{work.type={group}}} {total}")).collect()
}

/// In a fresh component, and once more on top of series that are there.
fn check(name: &str, shape: Shape, rows: &[(&'static str, i64)]) {
    let mut harness = started(BY_TYPE);
    send(&mut harness, shape, rows);
    assert_eq!(lines(&harness.flush(at(5)).unwrap()), exact(rows), "{name}");
    let mut harness = started(BY_TYPE);
    let groups: Rows = ["a", "b", "c"].iter().map(|group| (*group, 3)).collect();
    send(&mut harness, shape, &groups);
    send(&mut harness, shape, rows);
    let all = [groups, rows.to_vec()].concat();
    assert_eq!(lines(&harness.flush(at(5)).unwrap()), exact(&all), "{name}, on top of others");
}

#[test]
fn small_values_after_huge_ones_stay_integers() {
    const FAR: i64 = 1 << 62;
    let cases: [(&str, Rows); 8] = [
        ("nearly all of 64 bits", [times(1, "a", i64::MAX - 50), times(40, "a", 1)].concat()),
        ("a quarter of them", [times(1, "a", FAR), times(37, "a", 7)].concat()),
        ("a quarter of them, then some", [times(1, "a", FAR), times(11, "a", 1 << 40), times(9, "a", 1)].concat()),
        ("small ones first", [times(16, "a", 1), times(1, "a", FAR - 8), times(24, "a", 1)].concat()),
        ("at the bound of what is small", [times(9, "a", (1 << 36) - 1), times(9, "a", 1 << 36)].concat()),
        ("another group between", [times(1, "a", FAR), times(13, "b", 2), times(13, "a", 2)].concat()),
        ("huge in the middle of a step", [times(3, "a", 5), times(1, "a", i64::MAX - 200), times(20, "a", 5)].concat()),
        ("two halves", [times(8, "a", 1), times(2, "a", FAR - 100), times(12, "a", 1)].concat()),
    ];
    for (name, rows) in cases {
        check(name, Shape::DeltaSum, &rows);
    }
}

#[test]
fn only_a_total_beyond_64_bits_is_a_double() {
    let double = "work.done_batched{work.type=a} 9.223372036854776e18";
    let mut harness = started(BY_TYPE);
    send(&mut harness, Shape::DeltaSum, &[times(1, "a", i64::MAX - 10), times(10, "a", 1), times(1, "b", 1)].concat());
    let b = "work.done_batched{work.type=b} 1";
    let most = format!("work.done_batched{{work.type=a}} {}", i64::MAX);
    assert_eq!(lines(&harness.flush(at(5)).unwrap()), [&most, b]);
    send(&mut harness, Shape::DeltaSum, &times(1, "a", 1));
    assert_eq!(lines(&harness.flush(at(6)).unwrap()), [double, b]);
    let mut harness = started(BY_TYPE);
    send(&mut harness, Shape::DeltaSum, &[times(1, "a", i64::MAX - 10), times(40, "a", 1)].concat());
    assert_eq!(lines(&harness.flush(at(5)).unwrap()), [double]);
}

#[test]
fn negative_values_of_sums_that_may_fall() {
    const FAR: i64 = 1 << 62;
    let cases: [(&str, Rows); 6] = [
        ("falls and rises", [times(9, "a", -3), times(17, "a", 2), times(5, "a", -1)].concat()),
        ("nearly all of 64 bits", [times(1, "a", i64::MIN + 50), times(40, "a", -1)].concat()),
        ("there and back", [times(1, "a", FAR), times(9, "a", -1), times(1, "a", -FAR), times(9, "a", -1)].concat()),
        ("rises from far below", [times(1, "a", -FAR), times(30, "a", 1)].concat()),
        // One after the other nothing overflows; what is there and the huge one together would.
        ("the order counts", [times(1, "a", -10), times(1, "a", i64::MAX), times(9, "a", -1)].concat()),
        ("the order counts below", [times(1, "a", 10), times(1, "a", i64::MIN), times(9, "a", 1)].concat()),
    ];
    for (name, rows) in cases {
        check(name, Shape::DeltaUpDownSum, &rows);
    }
}

#[test]
fn every_length_and_every_place_of_a_new_group() {
    for length in 0..36 {
        for place in 0..=length {
            let mut rows = times(length, "a", 1);
            rows.insert(place, ("b", 10));
            rows.push(("c", 100));
            check(&format!("{place} of {length}"), Shape::DeltaSum, &rows);
        }
    }
}

/// Increments of every size in any order, as long as no total on the way leaves 64 bits.
#[test]
fn any_mixture_is_exact() {
    let sizes = [0, 1, 7, (1 << 36) - 1, 1 << 36, 1 << 61, (1 << 62) - 1, 1 << 62, (1 << 62) + 1, i64::MAX - 10];
    let mut random = super::crash::Random(1);
    for round in 0..500 {
        let mut totals = BTreeMap::from([("a", 3_i64), ("b", 3), ("c", 3)]);
        let mut rows = Rows::new();
        for _ in 0..random.below(120) {
            let group = ["a", "b", "c"][random.below(3) as usize];
            // Mostly small ones, so that whole steps are.
            let size = if random.below(8) < 7 { 3 } else { sizes.len() as u64 };
            let value = sizes[random.below(size) as usize] * [1, 1, 1, -1][random.below(4) as usize];
            // Alone and on top of what is there.
            let fits = |total: i64| total.checked_add(value).filter(|total| *total > i64::MIN + 3);
            if let Some(total) = totals.get(group).copied().and_then(fits) {
                totals.insert(group, total);
                rows.push((group, value));
            }
        }
        check(&format!("round {round}"), Shape::DeltaUpDownSum, &rows);
    }
}
