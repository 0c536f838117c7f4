//! Exponential histograms: buckets whose boundaries are powers of 2^(2^-scale), after the specification's data model.
//!
//! Invariants:
//!
//! - What is checked ([`ExponentialRef::checked`]) has a scale of -10 to 20, buckets that hold doubles, a zero threshold that is finite and
//!   not negative, and counts that add up to the point's. So index arithmetic fits in 64 bits with room to spare, and a
//!   bucket of a total fits wherever the total's count does.
//! - Two histograms are put on one `Frame` before they are added or subtracted: the lower scale, or one that is lower still, so
//!   that either side has at most so many buckets; and the greater zero threshold. Buckets below a threshold that grew go to
//!   the zero count; one that is populated and lies across it raises it to its upper boundary.
//! - No count is ever lost: zero count and buckets add up to what they added up to before.

mod frame;
mod index;

use super::Malformed;
use super::histogram::adds_up;
use frame::Frame;
use index::{SCALES, bucket_range};

pub use index::{boundary, index_of};

/// Four buckets hold every double at the least scale that is read: a bound below that is not kept.
const BUCKETS_LEAST: usize = 4;

/// Buckets on one side of zero, from the first populated one to the last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Side {
    /// The index of the first bucket.
    pub offset: i32,
    /// The counts.
    pub counts: Vec<u64>,
}

/// The same in a point, not yet the histogram's own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SideRef<'p> {
    offset: i64,
    counts: &'p [u64],
}

/// An exponential histogram, but for what [`Moments`](super::Moments) hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Exponential {
    /// The resolution.
    pub scale: i32,
    /// Observations in the zero bucket.
    pub zero_count: u64,
    /// How far from zero that goes.
    pub zero_threshold: f64,
    /// Positive observations.
    pub positive: Side,
    /// Negative ones, by their absolute value.
    pub negative: Side,
}

/// The same in a point, checked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ExponentialRef<'p> {
    scale: i32,
    zero_count: u64,
    zero_threshold: f64,
    positive: SideRef<'p>,
    negative: SideRef<'p>,
}

impl<'p> SideRef<'p> {
    fn new(offset: i32, counts: &'p [u64]) -> SideRef<'p> {
        let first = counts.iter().position(|count| *count > 0).unwrap_or(counts.len());
        let end = counts.iter().rposition(|count| *count > 0).map_or(first, |last| last + 1);
        SideRef { offset: i64::from(offset) + first as i64, counts: counts.get(first..end).unwrap_or_default() }
    }

    fn is_within(&self, range: &std::ops::RangeInclusive<i64>) -> bool {
        let last = self.offset + self.counts.len() as i64 - 1;
        self.counts.is_empty() || (range.contains(&self.offset) && range.contains(&last))
    }

    /// Each populated bucket's index, and its count.
    fn iter(&self) -> impl Iterator<Item = (i64, u64)> {
        (self.offset..).zip(self.counts.iter().copied()).filter(|(_, count)| *count > 0)
    }
}

impl<'p> ExponentialRef<'p> {
    fn side(&self, is_negative: bool) -> SideRef<'p> {
        if is_negative { self.negative } else { self.positive }
    }

    /// A point's columns, each side as offset and counts; refused when they make no histogram of `count` observations.
    pub fn checked(
        scale: i64,
        [count, zero_count]: [u64; 2],
        zero_threshold: f64,
        positive: (i32, &'p [u64]),
        negative: (i32, &'p [u64]),
    ) -> Result<ExponentialRef<'p>, Malformed> {
        let scale = i32::try_from(scale).ok().filter(|scale| SCALES.contains(scale)).ok_or(Malformed::Scale)?;
        let sides = [SideRef::new(positive.0, positive.1), SideRef::new(negative.0, negative.1)];
        let range = bucket_range(scale);
        let is_wide = zero_threshold.is_finite() && zero_threshold >= 0.0;
        if !is_wide || !sides.iter().all(|side| side.is_within(&range)) {
            return Err(Malformed::Scale);
        }
        let [positive, negative] = sides;
        let outside = count.checked_sub(zero_count).ok_or(Malformed::Buckets)?;
        let below = negative.counts.iter().try_fold(0_u64, |sum, one| sum.checked_add(*one));
        let above = below.and_then(|below| outside.checked_sub(below)).ok_or(Malformed::Buckets)?;
        if !adds_up(positive.counts, above) {
            return Err(Malformed::Buckets);
        }
        Ok(ExponentialRef { scale, zero_count, zero_threshold, positive, negative })
    }
}

impl Default for Exponential {
    fn default() -> Exponential {
        Exponential {
            scale: *SCALES.end(),
            zero_count: 0,
            zero_threshold: 0.0,
            positive: Side::default(),
            negative: Side::default(),
        }
    }
}

impl Side {
    fn as_point(&self) -> SideRef<'_> {
        SideRef::new(self.offset, &self.counts)
    }

    /// Adds in place where every bucket is there already.
    fn add_in_place(&mut self, other: &SideRef<'_>) -> bool {
        let Ok(first) = usize::try_from(other.offset - i64::from(self.offset)) else { return other.counts.is_empty() };
        let Some(buckets) = self.counts.get_mut(first..first + other.counts.len()) else {
            return other.counts.is_empty();
        };
        buckets.iter_mut().zip(other.counts).for_each(|(bucket, count)| *bucket = bucket.wrapping_add(*count));
        true
    }

    fn has_place_for(&self, other: &SideRef<'_>) -> bool {
        let first = other.offset - i64::from(self.offset);
        other.counts.is_empty() || (first >= 0 && first + other.counts.len() as i64 <= self.counts.len() as i64)
    }
}

impl Exponential {
    /// It as a point.
    pub fn as_point(&self) -> ExponentialRef<'_> {
        ExponentialRef {
            scale: self.scale,
            zero_count: self.zero_count,
            zero_threshold: self.zero_threshold,
            positive: self.positive.as_point(),
            negative: self.negative.as_point(),
        }
    }

    /// A point as a histogram of its own, with at most `buckets_max` buckets on each side.
    pub fn of(point: &ExponentialRef<'_>, buckets_max: usize) -> Exponential {
        let frame = Frame::around(point, point, buckets_max);
        frame.place(&[point])
    }

    /// Adds a point. The counts of both must fit in 64 bits together: check that first.
    pub fn merge(&mut self, point: &ExponentialRef<'_>, buckets_max: usize) {
        let is_empty = self.zero_count == 0 && self.positive.counts.is_empty() && self.negative.counts.is_empty();
        if is_empty && self.zero_threshold <= point.zero_threshold {
            *self = Exponential::of(point, buckets_max);
            return;
        }
        let is_plain = self.scale == point.scale
            && self.zero_threshold == point.zero_threshold
            && self.positive.counts.len().max(self.negative.counts.len()) <= buckets_max.max(BUCKETS_LEAST)
            && self.positive.has_place_for(&point.positive)
            && self.negative.has_place_for(&point.negative);
        if is_plain && self.positive.add_in_place(&point.positive) && self.negative.add_in_place(&point.negative) {
            self.zero_count = self.zero_count.wrapping_add(point.zero_count);
            return;
        }
        *self = {
            let own = self.as_point();
            Frame::around(&own, point, buckets_max).place(&[&own, point])
        };
    }
}

impl ExponentialRef<'_> {
    /// What a cumulative point counted since the one before it, at the lower of both scales; `None` when any bucket fell, so
    /// that it must have begun again.
    pub fn since(&self, before: &ExponentialRef<'_>, buckets_max: usize) -> Option<Exponential> {
        let frame = Frame::around(self, before, buckets_max);
        let (mut now, before) = (frame.place(&[self]), frame.place(&[before]));
        now.zero_count = now.zero_count.checked_sub(before.zero_count)?;
        for (side, before) in [(&mut now.positive, &before.positive), (&mut now.negative, &before.negative)] {
            let missing = before.as_point();
            if !side.has_place_for(&missing) {
                return None;
            }
            for (index, count) in missing.iter() {
                let bucket = usize::try_from(index - i64::from(side.offset)).ok();
                let bucket = bucket.and_then(|bucket| side.counts.get_mut(bucket))?;
                *bucket = bucket.checked_sub(count)?;
            }
        }
        Some(now)
    }
}

#[cfg(test)]
mod tests;
