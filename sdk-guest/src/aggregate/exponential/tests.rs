use std::collections::BTreeMap;

use super::{Exponential, ExponentialRef, Side, boundary, index_of};
use crate::aggregate::Malformed;

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    /// A scale at which such values make no more buckets than a sender would write.
    fn scale(&mut self, spread: u64) -> i32 {
        let most = (2048 / (2 * spread + 1)).max(1).ilog2() as i32;
        most - self.below(10 + most.unsigned_abs() as u64) as i32
    }

    /// Values over many magnitudes, or few.
    fn value(&mut self, spread: u64) -> f64 {
        let exponent = self.below(spread * 2 + 1) as i32 - spread as i32;
        let value = (1.0 + self.below(1000) as f64 / 1000.0) * 2.0_f64.powi(exponent);
        match self.below(8) {
            0 => 0.0,
            1 => -value,
            _ => value,
        }
    }
}

/// Counts of observations by index, as a map: what is obviously right.
fn side(values: &[f64], scale: i32, threshold: f64, sign: f64) -> BTreeMap<i64, u64> {
    let mut buckets = BTreeMap::new();
    for value in values.iter().map(|value| value * sign).filter(|value| *value > threshold) {
        *buckets.entry(index_of(value, scale)).or_insert(0) += 1;
    }
    buckets
}

fn dense(buckets: &BTreeMap<i64, u64>) -> Side {
    let (Some(first), Some(last)) = (buckets.keys().next(), buckets.keys().last()) else { return Side::default() };
    let counts = (*first..=*last).map(|index| buckets.get(&index).copied().unwrap_or(0)).collect();
    Side { offset: *first as i32, counts }
}

fn observed(values: &[f64], scale: i32, threshold: f64) -> Exponential {
    Exponential {
        scale,
        zero_count: values.iter().filter(|value| value.abs() <= threshold).count() as u64,
        zero_threshold: threshold,
        positive: dense(&side(values, scale, threshold, 1.0)),
        negative: dense(&side(values, scale, threshold, -1.0)),
    }
}

fn count(histogram: &Exponential) -> u64 {
    let sides = histogram.positive.counts.iter().chain(&histogram.negative.counts);
    histogram.zero_count + sides.sum::<u64>()
}

fn trimmed(histogram: &Exponential) -> Exponential {
    let trim = |side: &Side| {
        let point = side.as_point();
        let offset = if point.counts.is_empty() { 0 } else { point.offset as i32 };
        Side { offset, counts: point.counts.to_vec() }
    };
    Exponential { positive: trim(&histogram.positive), negative: trim(&histogram.negative), ..histogram.clone() }
}

fn merged(a: &Exponential, b: &Exponential, most: usize) -> Exponential {
    let mut sum = a.clone();
    sum.merge(&b.as_point(), most);
    sum
}

/// With one threshold, a merge is the histogram of all observations at the scale that it says.
#[test]
fn merging_agrees_with_observations() {
    for seed in 0..1500 {
        let mut random = Random(seed);
        let most = 4 + random.below(40) as usize;
        let spread = [2, 20, 300][random.below(3) as usize];
        let mut all: Vec<f64> = Vec::new();
        let mut total = Exponential::default();
        for _ in 0..1 + random.below(6) {
            let values: Vec<f64> = (0..random.below(30)).map(|_| random.value(spread)).collect();
            let scale = random.scale(spread);
            total.merge(&observed(&values, scale, 0.0).as_point(), most);
            all.extend(values);
            let expected = observed(&all, total.scale, 0.0);
            assert_eq!(trimmed(&total), trimmed(&expected), "seed {seed}");
            assert!(total.positive.counts.len() <= most && total.negative.counts.len() <= most, "seed {seed}");
        }
    }
}

/// A total is no coarser than its parts and its bound make it.
#[test]
fn the_scale_is_the_highest_that_fits() {
    let values: Vec<f64> = (1..=100).map(f64::from).collect();
    let total = Exponential::of(&observed(&values, 10, 0.0).as_point(), 160);
    assert_eq!(total.scale, 4, "2^4 buckets for each of almost seven powers of two");
    let finer = Exponential::of(&observed(&values, 10, 0.0).as_point(), 214);
    assert_eq!(finer.scale, 5);
    assert_eq!(Exponential::of(&observed(&values, 2, 0.0).as_point(), 160).scale, 2);
    let extremes = observed(&[f64::from_bits(1), 1.0, f64::MAX], 3, 0.0);
    let least = Exponential::of(&extremes.as_point(), 1);
    assert_eq!((least.scale, count(&least)), (-10, 3), "every double is in one of three buckets");
}

/// Whatever scales, thresholds and sides two histograms have: their merge does not depend on the order, and loses no count.
#[test]
fn merging_commutes_and_loses_nothing() {
    for seed in 0..2000 {
        let mut random = Random(seed);
        let most = 4 + random.below(40) as usize;
        let spread = [2, 20, 300][random.below(3) as usize];
        let mut one = || {
            let values: Vec<f64> = (0..random.below(30)).map(|_| random.value(spread)).collect();
            let threshold = if random.below(2) == 0 { 0.0 } else { random.value(spread).abs() };
            let scale = random.scale(spread);
            observed(&values, scale, threshold)
        };
        let (a, b) = (one(), one());
        let (left, right) = (merged(&a, &b, most), merged(&b, &a, most));
        assert_eq!(count(&left), count(&a) + count(&b), "seed {seed}");
        if count(&a) > 0 && count(&b) > 0 {
            assert_eq!(trimmed(&left), trimmed(&right), "seed {seed}");
        }
        assert!(left.zero_threshold >= a.zero_threshold.max(b.zero_threshold), "seed {seed}");
    }
}

/// With thresholds of every size, a merge is the histogram of all observations at the scale and the threshold that it says.
#[test]
fn merging_with_thresholds_agrees_with_observations() {
    for seed in 0..1000 {
        let mut random = Random(seed);
        let most = 4 + random.below(40) as usize;
        let spread = [2, 20, 300][random.below(3) as usize];
        let mut all: Vec<f64> = Vec::new();
        let mut total = Exponential::default();
        for _ in 0..1 + random.below(6) {
            let values: Vec<f64> = (0..1 + random.below(30)).map(|_| random.value(spread)).collect();
            let threshold = if random.below(2) == 0 { 0.0 } else { random.value(spread).abs() };
            total.merge(&observed(&values, random.scale(spread), threshold).as_point(), most);
            all.extend(values);
            let expected = observed(&all, total.scale, total.zero_threshold);
            assert_eq!(trimmed(&total), trimmed(&expected), "seed {seed}");
        }
    }
}

/// After the specification: buckets below the greater threshold are part of the zero bucket, and one that lies across it, if
/// anything is in there, raises it to its upper boundary.
#[test]
fn zero_thresholds() {
    let a = observed(&[0.3, 1.5, 3.0, -0.4, -3.0], 0, 0.0);
    // 3.0 lies in (2, 4], which holds something in `a`.
    let across = merged(&a, &observed(&[0.0, 2.5, 9.0], 0, 3.0), 160);
    assert_eq!((across.zero_threshold, across.zero_count), (4.0, 7));
    assert_eq!((across.positive, across.negative), (Side { offset: 3, counts: vec![1] }, Side::default()));
    // 0.75 lies in (0.5, 1], where nothing is.
    let between = merged(&a, &observed(&[0.0, 9.0], 0, 0.75), 160);
    assert_eq!((between.zero_threshold, between.zero_count), (0.75, 3));
    assert_eq!(between.positive, Side { offset: 0, counts: vec![1, 1, 0, 1] });
    // A boundary is part of the bucket below it.
    let boundary = merged(&a, &observed(&[9.0], 0, 2.0), 160);
    assert_eq!((boundary.zero_threshold, boundary.zero_count), (2.0, 3));
    assert_eq!(boundary.negative, Side { offset: 1, counts: vec![1] });
    let huge = merged(&observed(&[f64::MAX], 0, 0.0), &observed(&[], 0, f64::MAX.next_down()), 160);
    assert_eq!((huge.zero_threshold, huge.zero_count), (f64::MAX, 1));
}

/// A cumulative sequence is the sum of what it counted from point to point, though its scale falls on the way.
#[test]
fn differences_of_a_sequence_add_up_to_it() {
    for seed in 0..1000 {
        let mut random = Random(seed);
        let most = 4 + random.below(40) as usize;
        let highest = random.scale(150);
        let mut values: Vec<f64> = Vec::new();
        let mut last = observed(&[], 20, 0.0);
        let mut total = Exponential::default();
        for step in 0..8 {
            values.extend((0..random.below(20)).map(|_| random.value(2 + step * 20)));
            let mut now = observed(&values, highest - random.below(2) as i32, 0.0);
            now = Exponential::of(&now.as_point(), most);
            let increment = now.as_point().since(&last.as_point(), most).unwrap();
            total.merge(&increment.as_point(), most);
            assert_eq!(count(&total), values.len() as u64, "seed {seed}");
            assert_eq!(trimmed(&total), trimmed(&observed(&values, total.scale, 0.0)), "seed {seed}");
            last = now;
        }
        if last.positive.counts.len() > 1 {
            let fewer = observed(&values[..1], highest, 0.0);
            assert_eq!(fewer.as_point().since(&last.as_point(), most), None, "it must have begun again");
        }
    }
}

#[test]
fn a_threshold_that_grows_within_a_sequence_is_no_reset() {
    let before = observed(&[0.3, 1.5, 3.0], 0, 0.0);
    let now = observed(&[0.3, 1.5, 3.0, 5.0, 0.1], 0, 1.0);
    let increment = now.as_point().since(&before.as_point(), 160).unwrap();
    assert_eq!((increment.zero_count, increment.zero_threshold), (1, 1.0));
    assert_eq!(trimmed(&increment).positive, Side { offset: 2, counts: vec![1] });
}

#[test]
fn hostile_points_are_refused() {
    let point = |scale, count, zero_count, threshold, positive: (i32, &[u64]), negative: (i32, &[u64])| {
        ExponentialRef::checked(scale, [count, zero_count], threshold, positive, negative)
            .map(|point| Exponential::of(&point, 160))
    };
    let none: (i32, &[u64]) = (0, &[]);
    let cases = [
        ("scale above", point(21, 1, 0, 0.0, (0, &[1]), none), Malformed::Scale),
        ("scale below", point(-11, 1, 0, 0.0, (0, &[1]), none), Malformed::Scale),
        ("no 32-bit scale", point(i64::MAX, 1, 0, 0.0, (0, &[1]), none), Malformed::Scale),
        ("offset beyond doubles", point(0, 1, 0, 0.0, (1025, &[1]), none), Malformed::Scale),
        ("greatest offset", point(20, 1, 0, 0.0, (i32::MAX, &[1]), none), Malformed::Scale),
        ("behind the greatest offset", point(20, 1, 0, 0.0, (i32::MAX, &[0, 0, 1]), none), Malformed::Scale),
        ("least offset", point(20, 1, 0, 0.0, none, (i32::MIN, &[1])), Malformed::Scale),
        ("threshold that is not a number", point(0, 1, 1, f64::NAN, none, none), Malformed::Scale),
        ("negative threshold", point(0, 1, 1, -1.0, none, none), Malformed::Scale),
        ("infinite threshold", point(0, 1, 1, f64::INFINITY, none, none), Malformed::Scale),
        ("too few counts", point(0, 3, 1, 0.0, (0, &[1]), none), Malformed::Buckets),
        ("too many counts", point(0, 1, 1, 0.0, (0, &[1]), none), Malformed::Buckets),
        ("more zeros than observations", point(0, 1, 2, 0.0, none, none), Malformed::Buckets),
        ("a sum beyond 64 bits", point(0, 1, 0, 0.0, (0, &[2, u64::MAX]), none), Malformed::Buckets),
        ("the same below zero", point(0, 1, 0, 0.0, none, (0, &[2, u64::MAX])), Malformed::Buckets),
    ];
    for (name, got, expected) in cases {
        assert_eq!(got, Err(expected), "{name}");
    }
    let empty = point(20, 0, 0, 0.0, (i32::MAX, &[0, 0]), (i32::MIN, &[0])).unwrap();
    assert_eq!(count(&empty), 0, "an offset without counts says nothing");
    let most = point(20, u64::MAX, 1, 0.0, ((1024 << 20) - 1, &[u64::MAX - 2]), (-(1074 << 20) - 1, &[1])).unwrap();
    assert_eq!(count(&most), u64::MAX);
    assert!(boundary(i64::from(most.positive.offset), most.scale).is_finite());
}
