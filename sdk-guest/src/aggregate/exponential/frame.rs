//! What two exponential histograms have in common once they are put on one scale and one zero threshold.

use super::index::{boundary, index_of};
use super::{BUCKETS_LEAST, Exponential, ExponentialRef, Side, SideRef};

/// A scale and a zero threshold for two histograms. It is the same for either order of the two.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Frame {
    scale: i32,
    zero_threshold: f64,
    /// Buckets up to this one are part of the zero bucket, by their index at `cut_scale`.
    cut: Option<i64>,
    cut_scale: i32,
}

impl Frame {
    pub fn around(a: &ExponentialRef<'_>, b: &ExponentialRef<'_>, buckets_max: usize) -> Frame {
        let scale = a.scale.min(b.scale);
        let mut frame = Frame { scale, zero_threshold: a.zero_threshold, cut: None, cut_scale: scale };
        if a.zero_threshold != b.zero_threshold {
            frame.widen_zero(a, b);
        }
        frame.narrow(a, b, buckets_max);
        frame
    }

    /// The greater threshold; raised to the upper boundary of a bucket that lies across it, if anything is in there.
    fn widen_zero(&mut self, a: &ExponentialRef<'_>, b: &ExponentialRef<'_>) {
        let threshold = a.zero_threshold.max(b.zero_threshold);
        let across = index_of(threshold, self.scale);
        let upper = boundary(across + 1, self.scale).min(f64::MAX);
        let is_populated = [a, b].into_iter().any(|one| {
            let shift = one.scale - self.scale;
            [one.positive, one.negative].iter().any(|side| side.iter().any(|(index, _)| index >> shift == across))
        });
        let reaches = threshold >= upper || is_populated;
        self.zero_threshold = if reaches { upper.max(threshold) } else { threshold };
        self.cut = Some(if reaches { across } else { across - 1 });
    }

    /// Lowers the scale until either side has at most so many buckets.
    fn narrow(&mut self, a: &ExponentialRef<'_>, b: &ExponentialRef<'_>, buckets_max: usize) {
        let range = |is_negative: bool| {
            let ends = [a, b].map(|one| self.ends(one.scale, &one.side(is_negative)));
            ends.into_iter().flatten().reduce(|(a, b), (c, d)| (a.min(c), b.max(d)))
        };
        let ranges = [range(false), range(true)];
        let width_max = buckets_max.max(BUCKETS_LEAST) as i64;
        let is_too_wide =
            |shift: i32| ranges.iter().flatten().any(|(first, last)| (last >> shift) - (first >> shift) >= width_max);
        let shift = (0..62).find(|shift| !is_too_wide(*shift)).unwrap_or(62);
        self.scale -= shift;
    }

    /// The first and the last bucket of a side that are not part of the zero bucket, at the frame's scale.
    fn ends(&self, scale: i32, side: &SideRef<'_>) -> Option<(i64, i64)> {
        let shift = scale - self.scale;
        let mut kept = side.iter().map(|(index, _)| index >> shift).filter(|index| !self.is_zero(*index));
        let first = kept.next()?;
        let last = (side.offset + side.counts.len() as i64 - 1) >> shift;
        Some((first, last))
    }

    /// Whether a bucket, by its index at the cut's scale, is part of the zero bucket.
    fn is_zero(&self, index: i64) -> bool {
        self.cut.is_some_and(|cut| index <= cut)
    }

    /// The sum of histograms, in this frame.
    pub fn place(&self, histograms: &[&ExponentialRef<'_>]) -> Exponential {
        let zero_count = histograms.iter().fold(0_u64, |sum, one| sum.wrapping_add(one.zero_count));
        let mut placed = Exponential {
            scale: self.scale,
            zero_count,
            zero_threshold: self.zero_threshold,
            positive: Side::default(),
            negative: Side::default(),
        };
        placed.positive = self.place_side(histograms, false, &mut placed.zero_count);
        placed.negative = self.place_side(histograms, true, &mut placed.zero_count);
        placed
    }

    fn place_side(&self, histograms: &[&ExponentialRef<'_>], is_negative: bool, zero_count: &mut u64) -> Side {
        let more = self.cut_scale - self.scale;
        let ends = histograms.iter().map(|one| (one.scale, one.side(is_negative)));
        let ends = ends.filter_map(|(scale, side)| Frame { scale: self.cut_scale, ..*self }.ends(scale, &side));
        let range = ends.reduce(|(a, b), (c, d)| (a.min(c), b.max(d)));
        // A frame around these histograms is at most so wide: this allocates no more than `buckets_max`.
        let (first, last) = range.map_or((0, -1), |(first, last)| (first >> more, last >> more));
        let mut counts = vec![0_u64; usize::try_from(last - first + 1).unwrap_or(0)];
        for one in histograms {
            let shift = one.scale - self.cut_scale;
            for (index, count) in one.side(is_negative).iter() {
                let index = index >> shift;
                let at = usize::try_from((index >> more) - first).ok();
                let bucket = at.filter(|_| !self.is_zero(index)).and_then(|at| counts.get_mut(at));
                let bucket = bucket.unwrap_or(&mut *zero_count);
                *bucket = bucket.wrapping_add(count);
            }
        }
        Side { offset: i32::try_from(first).unwrap_or(0), counts }
    }
}
