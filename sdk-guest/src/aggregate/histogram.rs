//! Buckets between explicit bounds.
//!
//! Histograms with the same bounds merge by adding counts. Those with different bounds merge on the bounds that both have: the
//! count between two of them is exact in both, and nothing is interpolated. An observation has *lost resolution* when its
//! bucket in the result is wider than the one it came in; those are counted, each time it happens.

/// Why a histogram cannot be read as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// Bounds that do not ascend strictly, or are NaN or infinite.
    Bounds,
    /// Not one bucket more than bounds, or counts that do not add up to the count.
    Buckets,
    /// An exponential histogram with a scale outside of -10 to 20, buckets beyond what a double holds, or a zero threshold
    /// that is no finite number from 0 on.
    Scale,
}

/// Whether bounds ascend strictly and are finite.
pub fn check_bounds(bounds: &[f64]) -> Result<(), Malformed> {
    let ascend = bounds.iter().zip(bounds.iter().skip(1)).all(|(a, b)| a < b);
    if ascend && bounds.iter().all(|bound| bound.is_finite()) { Ok(()) } else { Err(Malformed::Bounds) }
}

/// Whether the counts are one more than the bounds and add up to the count. Without bounds there may be no counts either: that is
/// one bucket for everything.
#[inline]
pub fn check_counts(bounds: usize, counts: &[u64], count: u64) -> Result<(), Malformed> {
    if bounds == 0 && counts.is_empty() {
        return Ok(());
    }
    if counts.len() == bounds + 1 && adds_up(counts, count) { Ok(()) } else { Err(Malformed::Buckets) }
}

/// A request has fewer than 2^31 counts; each below this, they add up to less than 2^63.
const HUGE: u64 = 1 << 32;

/// Whether counts have that sum. It follows that none of them is greater, so that a total's buckets fit where its count does.
#[inline]
pub fn adds_up(counts: &[u64], count: u64) -> bool {
    // As long as no count is huge, the sum of a request's counts stays below 64 bits, and the addition is all there is to do.
    let bits = counts.iter().fold(0, |bits, one| bits | one);
    if bits < HUGE {
        return counts.iter().sum::<u64>() == count;
    }
    let mut sum = 0_u64;
    let mut overflows = false;
    for one in counts {
        let (next, overflowed) = sum.overflowing_add(*one);
        sum = next;
        overflows |= overflowed;
    }
    !overflows && sum == count
}

/// The bounds that both have; both ascend.
pub fn common_bounds(a: &[f64], b: &[f64]) -> Vec<f64> {
    let mut rest = b;
    let is_in_b = |bound: &f64| {
        let below = rest.iter().take_while(|other| *other < bound).count();
        rest = rest.get(below..).unwrap_or_default();
        rest.first() == Some(bound)
    };
    a.iter().copied().filter(is_in_b).collect()
}

/// How the buckets of some bounds go into those of fewer bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coarsening {
    /// For each bucket: the wider one that holds it, and whether that holds others too.
    places: Vec<(u32, bool)>,
}

impl Coarsening {
    /// `to` is part of `from`; both ascend.
    pub fn new(from: &[f64], to: &[f64]) -> Coarsening {
        let mut place = 0_u32;
        let mut rest = to.iter().peekable();
        let mut places: Vec<(u32, bool)> = Vec::with_capacity(from.len() + 1);
        for bound in from {
            places.push((place, false));
            if rest.next_if(|next| *next <= bound).is_some() {
                place += 1;
            }
        }
        places.push((place, false));
        let mut widths = vec![0_u32; to.len() + 1];
        for (place, _) in &places {
            if let Some(width) = widths.get_mut(*place as usize) {
                *width += 1;
            }
        }
        for (place, is_shared) in &mut places {
            *is_shared = widths.get(*place as usize).is_some_and(|width| *width > 1);
        }
        Coarsening { places }
    }

    /// Adds counts to wider buckets; tells how many observations lost resolution. The sum of all counts must fit in 64 bits.
    pub fn add(&self, counts: &[u64], into: &mut [u64]) -> u64 {
        let mut lost = 0_u64;
        for ((place, is_shared), count) in self.places.iter().zip(counts) {
            if let Some(bucket) = into.get_mut(*place as usize) {
                *bucket = bucket.wrapping_add(*count);
            }
            lost = lost.wrapping_add(if *is_shared { *count } else { 0 });
        }
        lost
    }
}

#[cfg(test)]
mod tests {
    use super::{Coarsening, Malformed, check_bounds, check_counts, common_bounds};

    #[test]
    fn hostile_bounds_and_counts() {
        for good in [&[][..], &[0.0], &[-1.5, 0.0, 7.0]] {
            assert_eq!(check_bounds(good), Ok(()));
        }
        let infinite = [f64::INFINITY, f64::NEG_INFINITY];
        for bad in [&[1.0, 1.0][..], &[2.0, 1.0], &[f64::NAN], &[0.0, f64::NAN, 1.0], &infinite[..1], &infinite[1..]] {
            assert_eq!(check_bounds(bad), Err(Malformed::Bounds), "{bad:?}");
        }
        // (bounds, counts, count)
        let good: [(usize, &[u64], u64); 4] =
            [(0, &[], 7), (0, &[7], 7), (2, &[1, 2, 3], 6), (1, &[0, u64::MAX], u64::MAX)];
        for (bounds, counts, count) in good {
            assert_eq!(check_counts(bounds, counts, count), Ok(()), "{counts:?}");
        }
        let bad: [(usize, &[u64], u64); 6] =
            [(1, &[], 7), (1, &[7], 7), (1, &[1, 2, 3], 6), (1, &[1, 2], 4), (1, &[2, u64::MAX], 1), (0, &[6], 7)];
        for (bounds, counts, count) in bad {
            assert_eq!(check_counts(bounds, counts, count), Err(Malformed::Buckets), "{counts:?}");
        }
    }

    #[test]
    fn what_two_lists_share() {
        assert_eq!(common_bounds(&[1.0, 2.0, 4.0, 8.0], &[0.5, 2.0, 3.0, 8.0, 9.0]), [2.0, 8.0]);
        assert!(common_bounds(&[1.0], &[2.0]).is_empty());
        assert!(common_bounds(&[], &[2.0]).is_empty());
    }

    #[test]
    fn wider_buckets_hold_what_they_hold() {
        let coarsening = Coarsening::new(&[1.0, 2.0, 4.0, 8.0], &[2.0, 4.0]);
        let mut into = [100, 100, 100];
        assert_eq!(coarsening.add(&[1, 2, 3, 4, 5], &mut into), 12, "all but what stays between 2 and 4");
        assert_eq!(into, [103, 103, 109]);
        let same = Coarsening::new(&[1.0, 2.0], &[1.0, 2.0]);
        let mut into = [0, 0, 0];
        assert_eq!(same.add(&[1, 2, 3], &mut into), 0);
        assert_eq!(into, [1, 2, 3]);
        let mut one = [0];
        assert_eq!(Coarsening::new(&[1.0, 2.0], &[]).add(&[1, 2, 3], &mut one), 6);
        assert_eq!(one, [6]);
    }

    /// A list of observations is the histogram that is obviously right: of any bounds, and of the common ones.
    #[test]
    fn merging_agrees_with_observations() {
        let mut state = 7_u64;
        let mut below = |bound: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % bound
        };
        let counted = |bounds: &[f64], observations: &[f64]| {
            let mut counts = vec![0_u64; bounds.len() + 1];
            for value in observations {
                // The upper bound belongs to the bucket.
                counts[bounds.iter().take_while(|bound| *bound < value).count()] += 1;
            }
            counts
        };
        for round in 0..2000 {
            let mut bounds = || (0..20).filter(|_| below(3) == 0).map(f64::from).collect::<Vec<f64>>();
            let (a, b) = (bounds(), bounds());
            let mut some = || (0..below(30)).map(|_| below(50) as f64 / 2.0).collect::<Vec<f64>>();
            let (left, right) = (some(), some());
            let common = common_bounds(&a, &b);
            assert_eq!(common, common_bounds(&b, &a), "round {round}");
            let mut merged = vec![0; common.len() + 1];
            let lost = Coarsening::new(&a, &common).add(&counted(&a, &left), &mut merged)
                + Coarsening::new(&b, &common).add(&counted(&b, &right), &mut merged);
            let all: Vec<f64> = left.iter().chain(&right).copied().collect();
            assert_eq!(merged, counted(&common, &all), "round {round}");
            assert_eq!(merged.iter().sum::<u64>(), all.len() as u64);
            let bucket = |bounds: &[f64], value: f64| {
                let at = bounds.iter().take_while(|bound| **bound < value).count();
                (at.checked_sub(1).map(|at| bounds[at]), bounds.get(at).copied())
            };
            let wider = |bounds: &[f64], some: &[f64]| {
                some.iter().filter(|value| bucket(bounds, **value) != bucket(&common, **value)).count() as u64
            };
            assert_eq!(lost, wider(&a, &left) + wider(&b, &right), "round {round}");
        }
    }
}
