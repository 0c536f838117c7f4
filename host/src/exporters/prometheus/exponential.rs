//! Exponential histograms as classic ones: at most so many buckets, at most so fine.
//!
//! A text exposition has no native histograms, so each is shown with classic buckets at exponential bounds. The scale is
//! lowered, which joins neighbouring buckets exactly, until it is at most [`SCALE_MAX`] and there are at most [`BUCKETS_MAX`]
//! buckets: at scale 2 a bucket ends at 1.19 times where it begins, and 64 of them span a factor of 65,000. Bounds of a lower
//! scale are bounds of every higher one too, so a `le` that stays keeps its meaning when the scale changes.
//! Source: the OpenTelemetry specification, "Metrics Data Model", "ExponentialHistogram".

/// The finest scale shown.
pub const SCALE_MAX: i32 = 2;
/// The most buckets of one series, negative and positive together.
pub const BUCKETS_MAX: usize = 64;

/// Where the buckets of an exponential histogram are; their counts stand beside it, negative ones first.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Exponential {
    /// Bucket `i` ends at 2^((i+1)·2^-scale).
    pub scale: i32,
    /// Measurements of at most this size are in the zero bucket.
    pub zero_threshold: f64,
    /// The count of the zero bucket.
    pub zero_count: u64,
    /// The negative buckets.
    pub negative: Range,
    /// The positive buckets.
    pub positive: Range,
}

/// Consecutive buckets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Range {
    /// The index of the first.
    pub offset: i32,
    /// How many.
    pub length: u32,
}

/// Some counts and the index of the first of them.
type Buckets = (i64, Vec<u64>);

impl Exponential {
    /// The buckets of a point, brought down to what is shown. Returns the counts too.
    pub fn new(
        scale: i32,
        zero: (f64, u64),
        negative: (i32, Vec<u64>),
        positive: (i32, Vec<u64>),
    ) -> (Exponential, Vec<u64>) {
        let widen = |(offset, counts): (i32, Vec<u64>)| trimmed((i64::from(offset), counts));
        Self::limited(i64::from(scale), zero, widen(negative), widen(positive))
    }

    fn limited(scale: i64, zero: (f64, u64), negative: Buckets, positive: Buckets) -> (Exponential, Vec<u64>) {
        let mut shift = (scale - i64::from(SCALE_MAX)).max(0);
        // Ends: shifted far enough, an index is 0 or -1.
        while length(span(&negative), shift) + length(span(&positive), shift) > BUCKETS_MAX as u64 {
            shift += 1;
        }
        let (negative, positive) = (shifted(negative, shift), shifted(positive, shift));
        let range = |(offset, counts): &Buckets| Range {
            offset: i32::try_from(*offset).unwrap_or_default(),
            length: u32::try_from(counts.len()).unwrap_or_default(),
        };
        let shape = Exponential {
            scale: i32::try_from(scale - shift).unwrap_or(i32::MIN),
            zero_threshold: zero.0,
            zero_count: zero.1,
            negative: range(&negative),
            positive: range(&positive),
        };
        let mut counts = negative.1;
        counts.extend(positive.1);
        (shape, counts)
    }

    /// Adds another histogram's buckets at the coarser of both scales, or below. `counts` are this one's.
    pub fn merge(&mut self, counts: &mut Vec<u64>, other: &Exponential, other_counts: &[u64]) {
        let zero = (self.zero_threshold.max(other.zero_threshold), self.zero_count.saturating_add(other.zero_count));
        if self.scale == other.scale && self.negative == other.negative && self.positive == other.positive {
            counts.iter_mut().zip(other_counts).for_each(|(sum, count)| *sum = sum.saturating_add(*count));
            (self.zero_threshold, self.zero_count) = zero;
            return;
        }
        let mut scale = i64::from(self.scale.min(other.scale));
        // Sums get their room only once it is small: indexes may be as far apart as 32 bits allow.
        let (one, two) = loop {
            let (one, two) = (self.at_scale(counts, scale), other.at_scale(other_counts, scale));
            let room = |index: usize| {
                let spans = [&one, &two].map(|buckets| buckets.get(index).and_then(span));
                length(joined(spans), 0)
            };
            if room(0) + room(1) <= BUCKETS_MAX as u64 {
                break (one, two);
            }
            scale -= 1;
        };
        let ([negative, positive], [more_negative, more_positive]) = (one, two);
        let (negative, positive) = (added(negative, &more_negative), added(positive, &more_positive));
        (*self, *counts) = Self::limited(scale, zero, negative, positive);
    }

    fn at_scale(&self, counts: &[u64], scale: i64) -> [Buckets; 2] {
        let (negative, positive) = self.split(counts);
        [(self.negative.offset, negative), (self.positive.offset, positive)]
            .map(|(offset, counts)| shifted((i64::from(offset), counts.to_vec()), i64::from(self.scale) - scale))
    }

    fn split<'c>(&self, counts: &'c [u64]) -> (&'c [u64], &'c [u64]) {
        counts.split_at_checked(self.negative.length as usize).unwrap_or((counts, &[]))
    }

    /// Where bucket `index` begins; bucket `index - 1` ends there.
    fn bound(&self, index: i64) -> f64 {
        // At a scale far below zero the second factor is infinite.
        if index == 0 { 1.0 } else { (index as f64 * (-f64::from(self.scale)).exp2()).exp2() }
    }

    /// At most how many bounds [`Exponential::each_bound`] has, and one for infinity.
    pub fn bounds_max(&self) -> usize {
        (self.negative.length + self.positive.length) as usize + 4
    }

    /// Calls `each` with every finite bound, ascending, and the count of what is between it and the bound before. What is
    /// above the last one is the rest of the histogram's count.
    pub fn each_bound(&self, counts: &[u64], mut each: impl FnMut(f64, u64)) {
        let (negative, positive) = self.split(counts);
        let (mut last, mut carried) = (f64::NEG_INFINITY, 0_u64);
        let mut emit = |bound: f64, count: u64| {
            carried = carried.saturating_add(count);
            // Neighbours can round to the same number; a bound that is none goes on to the next.
            if bound.is_finite() && bound > last {
                last = bound;
                each(bound, std::mem::take(&mut carried));
            }
        };
        let outside_zero = |bound: f64| if bound > self.zero_threshold { -bound } else { f64::NAN };
        let first = i64::from(self.negative.offset);
        if !negative.is_empty() {
            emit(outside_zero(self.bound(first + negative.len() as i64)), 0);
        }
        for (index, count) in negative.iter().enumerate().rev() {
            emit(outside_zero(self.bound(first + index as i64)), *count);
        }
        emit(self.zero_threshold, self.zero_count);
        let first = i64::from(self.positive.offset);
        if !positive.is_empty() {
            emit(self.bound(first), 0);
        }
        for (index, count) in (first..).zip(positive) {
            emit(self.bound(index + 1), *count);
        }
    }
}

/// The index of the first bucket and of the last.
fn span((offset, counts): &Buckets) -> Option<(i64, i64)> {
    (!counts.is_empty()).then(|| (*offset, offset + counts.len() as i64 - 1))
}

fn joined(spans: [Option<(i64, i64)>; 2]) -> Option<(i64, i64)> {
    let [one, other] = spans;
    match (one, other) {
        (Some(one), Some(other)) => Some((one.0.min(other.0), one.1.max(other.1))),
        (one, other) => one.or(other),
    }
}

/// How many buckets a span has after `shift` steps down.
fn length(span: Option<(i64, i64)>, shift: i64) -> u64 {
    span.map_or(0, |(first, last)| (lowered(last, shift) - lowered(first, shift)).unsigned_abs() + 1)
}

/// The bucket that an index is in, `shift` steps further down.
fn lowered(index: i64, shift: i64) -> i64 {
    index >> shift.clamp(0, 63)
}

/// Without empty buckets at both ends.
fn trimmed((offset, mut counts): Buckets) -> Buckets {
    let end = counts.iter().rposition(|count| *count > 0).map_or(0, |last| last + 1);
    counts.truncate(end);
    let start = counts.iter().position(|count| *count > 0).unwrap_or(0);
    counts.drain(..start);
    (offset + start as i64, counts)
}

fn shifted((offset, counts): Buckets, shift: i64) -> Buckets {
    if shift == 0 || counts.is_empty() {
        return (if counts.is_empty() { 0 } else { offset }, counts);
    }
    let first = lowered(offset, shift);
    let mut joined = Vec::new();
    for (index, count) in (offset..).zip(counts) {
        let place = usize::try_from(lowered(index, shift) - first).unwrap_or_default();
        joined.resize(joined.len().max(place + 1), 0);
        if let Some(sum) = joined.get_mut(place) {
            *sum = u64::saturating_add(*sum, count);
        }
    }
    (first, joined)
}

/// Both together.
fn added(one: Buckets, other: &Buckets) -> Buckets {
    if other.1.is_empty() {
        return one;
    }
    if one.1.is_empty() {
        return other.clone();
    }
    let first = one.0.min(other.0);
    let end = (one.0 + one.1.len() as i64).max(other.0 + other.1.len() as i64);
    let mut sums = vec![0_u64; usize::try_from(end - first).unwrap_or_default()];
    for (offset, counts) in [&one, other] {
        let start = usize::try_from(offset - first).unwrap_or_default();
        for (sum, count) in sums.iter_mut().skip(start).zip(counts) {
            *sum = sum.saturating_add(*count);
        }
    }
    (first, sums)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds((shape, counts): &(Exponential, Vec<u64>)) -> Vec<(f64, u64)> {
        let mut found = Vec::new();
        shape.each_bound(counts, |bound, count| found.push((bound, count)));
        found
    }

    #[test]
    fn buckets_of_both_signs_ascend() {
        let histogram = Exponential::new(0, (0.0, 5), (0, vec![1, 2]), (1, vec![0, 3, 4, 0]));
        let expected = [(-4.0, 0), (-2.0, 2), (-1.0, 1), (0.0, 5), (4.0, 0), (8.0, 3), (16.0, 4)];
        assert_eq!(bounds(&histogram), expected);
        assert!(histogram.0.bounds_max() > expected.len());
    }

    #[test]
    fn a_fine_scale_is_lowered_and_no_count_is_lost() {
        let histogram = Exponential::new(20, (0.0, 0), (0, Vec::new()), (-1_000, vec![1; 160]));
        assert_eq!(histogram.0.scale, SCALE_MAX);
        assert_eq!(histogram.1.iter().sum::<u64>(), 160);
        // Seven octaves at scale 5: 224 buckets, at scale 2: 28.
        let histogram = Exponential::new(5, (0.0, 0), (0, Vec::new()), (0, vec![2; 224]));
        assert_eq!((histogram.0.scale, histogram.1.as_slice()), (2, [16; 28].as_slice()));
        let wide = Exponential::new(3, (0.0, 0), (-4000, vec![1; 4000]), (0, vec![1; 4000]));
        assert!(wide.1.len() <= BUCKETS_MAX && wide.1.iter().sum::<u64>() == 8000, "{wide:?}");
    }

    #[test]
    fn what_is_merged_is_what_was_measured_together() {
        let (mut shape, mut counts) = Exponential::new(2, (0.0, 1), (3, vec![1]), (0, vec![1, 2, 3]));
        let (other, other_counts) = Exponential::new(0, (0.0, 2), (0, vec![7]), (-1, vec![10, 20]));
        shape.merge(&mut counts, &other, &other_counts);
        let expected = Exponential::new(0, (0.0, 3), (0, vec![8]), (-1, vec![10, 26]));
        assert_eq!((shape, counts), expected);
        // The same buckets again: the short way.
        let (mut twice, mut twice_counts) = expected.clone();
        twice.merge(&mut twice_counts, &expected.0, &expected.1);
        assert_eq!((twice, twice_counts), Exponential::new(0, (0.0, 6), (0, vec![16]), (-1, vec![20, 52])));
    }

    #[test]
    fn far_apart_and_extreme_indexes_stay_bounded() {
        let (mut shape, mut counts) = Exponential::new(2, (0.0, 0), (0, Vec::new()), (i32::MAX - 1, vec![1, 1]));
        let (other, other_counts) = Exponential::new(2, (0.0, 0), (0, Vec::new()), (i32::MIN, vec![1]));
        shape.merge(&mut counts, &other, &other_counts);
        assert!(counts.len() <= BUCKETS_MAX && counts.iter().sum::<u64>() == 3);
        let (shape, counts) = Exponential::new(i32::MIN, (0.0, 0), (0, Vec::new()), (i32::MAX, vec![1]));
        shape.each_bound(&counts, |bound, _| assert!(bound.is_finite()));
        let (shape, counts) = Exponential::new(i32::MAX, (0.0, 0), (0, Vec::new()), (i32::MAX, vec![1]));
        shape.each_bound(&counts, |bound, _| assert!(bound.is_finite()));
    }

    #[test]
    fn bounds_inside_the_zero_bucket_are_not_shown() {
        let histogram = Exponential::new(0, (3.0, 5), (0, vec![1, 2]), (0, vec![1, 2]));
        assert_eq!(bounds(&histogram), [(-4.0, 0), (3.0, 8), (4.0, 3)]);
    }
}
