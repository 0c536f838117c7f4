//! What a histogram says of its observations besides its buckets: how many, their sum, the least and the greatest.
//!
//! A total has a sum as long as every part had one, and a minimum as long as the least observation in it is known. What was lost
//! stays lost: nobody can tell what it would have been. A part without observations changes nothing.

use super::Ignored;

/// The moments of a histogram point, or of a total of many.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moments {
    /// How many observations.
    pub count: u64,
    /// Their sum; NaN: there is none.
    pub sum: f64,
    /// The least of them; NaN: not known. Infinity before the first.
    pub min: f64,
    /// The greatest of them; NaN: not known. Minus infinity before the first.
    pub max: f64,
}

/// Moments to be added to a total.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Increment {
    /// The moments.
    pub moments: Moments,
    /// Whether `min` is one of the observations that are added. If not, it is a bound: none of them is less.
    pub min_is_exact: bool,
    /// The same for `max`.
    pub max_is_exact: bool,
}

/// The total would exceed 64 bits, or its sum would be infinite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLarge;

impl Moments {
    /// No observations.
    pub const EMPTY: Moments = Moments { count: 0, sum: 0.0, min: f64::INFINITY, max: f64::NEG_INFINITY };

    /// All of a point.
    pub fn whole(self) -> Increment {
        Increment { moments: self, min_is_exact: true, max_is_exact: true }
    }

    /// The total with an increment. Nothing is rounded to fit: a count beyond 64 bits or an infinite sum is refused.
    #[inline]
    pub fn plus(&self, increment: &Increment) -> Result<Moments, TooLarge> {
        let part = &increment.moments;
        if part.count == 0 {
            return Ok(*self);
        }
        let count = self.count.checked_add(part.count).ok_or(TooLarge)?;
        let sum = self.sum + part.sum;
        if sum.is_infinite() {
            return Err(TooLarge);
        }
        let min = lesser(self.min, part.min, increment.min_is_exact);
        let max = -lesser(-self.max, -part.max, increment.max_is_exact);
        Ok(Moments { count, sum, min, max })
    }

    /// What a cumulative point counted since the one before it; `None` when the count fell, so that it must have begun again.
    ///
    /// The specification says that minimum and maximum cannot be converted from cumulative to delta: they are those of the whole
    /// sequence. Two things are known all the same. Where the minimum fell, the new one was observed in between. And in any
    /// case no observation in between is less, so that a total with a minimum below it keeps that.
    pub fn since(&self, before: &Moments) -> Result<Option<Increment>, Ignored> {
        let Some(count) = self.count.checked_sub(before.count) else { return Ok(None) };
        let sum = self.sum - before.sum;
        if sum.is_infinite() {
            return Err(Ignored::NotFinite);
        }
        let moments = Moments { count, sum, ..*self };
        let first = before.count == 0;
        let (min_is_exact, max_is_exact) = (first || self.min < before.min, first || self.max > before.max);
        Ok(Some(Increment { moments, min_is_exact, max_is_exact }))
    }

    /// The minimum, if there are observations and it is known.
    pub fn known_min(&self) -> Option<f64> {
        (self.count > 0 && !self.min.is_nan()).then_some(self.min)
    }

    /// The maximum, if there are observations and it is known.
    pub fn known_max(&self) -> Option<f64> {
        (self.count > 0 && !self.max.is_nan()).then_some(self.max)
    }
}

/// The lesser of a total's minimum and a part's, which may be a bound only; NaN where that is not known.
#[inline]
fn lesser(total: f64, part: f64, is_exact: bool) -> f64 {
    if total <= part {
        total
    } else if part < total && is_exact {
        part
    } else {
        f64::NAN
    }
}

#[cfg(test)]
mod tests {
    use super::{Moments, TooLarge};
    use crate::aggregate::Ignored;

    fn of(count: u64, sum: f64, min: f64, max: f64) -> Moments {
        Moments { count, sum, min, max }
    }

    fn same(a: &Moments, b: &Moments) -> bool {
        let equal = |a: f64, b: f64| a == b || (a.is_nan() && b.is_nan());
        a.count == b.count && equal(a.sum, b.sum) && equal(a.min, b.min) && equal(a.max, b.max)
    }

    #[test]
    fn parts_add_up() {
        const NAN: f64 = f64::NAN;
        let a = of(3, 6.0, 1.0, 3.0);
        let cases = [
            (Moments::EMPTY, a, a),
            (a, Moments::EMPTY, a),
            (a, of(2, 10.0, 0.5, 9.5), of(5, 16.0, 0.5, 9.5)),
            (a, of(2, NAN, NAN, 9.5), of(5, NAN, NAN, 9.5)),
            (of(3, NAN, NAN, NAN), a, of(6, NAN, NAN, NAN)),
            (a, of(0, NAN, NAN, NAN), a),
        ];
        for (total, part, expected) in cases {
            let sum = total.plus(&part.whole()).unwrap();
            assert!(same(&sum, &expected), "{total:?} + {part:?} = {sum:?}, not {expected:?}");
        }
        assert_eq!(of(u64::MAX, 0.0, 0.0, 0.0).plus(&a.whole()), Err(TooLarge));
        assert_eq!(of(1, f64::MAX, 0.0, 0.0).plus(&of(1, f64::MAX, 0.0, 0.0).whole()), Err(TooLarge));
    }

    #[test]
    fn what_a_cumulative_point_says_of_the_extremes() {
        let before = of(3, 6.0, 1.0, 3.0);
        // (point, total so far, total with it)
        let cases = [
            ("both fell out of the range", of(5, 16.0, 0.5, 9.5), of(9, 0.0, 2.0, 2.0), (0.5, 9.5)),
            ("nothing new, and the total is wider", of(5, 10.0, 1.0, 3.0), of(9, 0.0, 0.0, 4.0), (0.0, 4.0)),
            (
                "nothing new, and the total is narrower",
                of(5, 10.0, 1.0, 3.0),
                of(9, 0.0, 2.0, 2.0),
                (f64::NAN, f64::NAN),
            ),
            ("no extremes", of(5, 10.0, f64::NAN, f64::NAN), of(9, 0.0, 2.0, 2.0), (f64::NAN, f64::NAN)),
            ("nothing was observed", before, of(9, 0.0, 2.0, 2.0), (2.0, 2.0)),
        ];
        for (name, point, total, (min, max)) in cases {
            let increment = point.since(&before).unwrap().unwrap();
            let sum = total.plus(&increment).unwrap();
            let expected = of(total.count + point.count - 3, total.sum + point.sum - 6.0, min, max);
            assert!(same(&sum, &expected), "{name}: {sum:?}");
        }
        assert_eq!(of(2, 6.0, 1.0, 3.0).since(&before), Ok(None));
        assert_eq!(of(4, f64::MAX, 1.0, 3.0).since(&of(3, f64::MIN, 1.0, 3.0)), Err(Ignored::NotFinite));
    }

    #[test]
    fn extremes_are_shown_once_there_are_some() {
        assert_eq!((Moments::EMPTY.known_min(), Moments::EMPTY.known_max()), (None, None));
        assert_eq!(of(1, 1.0, 1.0, f64::NAN).known_min(), Some(1.0));
        assert_eq!(of(1, 1.0, 1.0, f64::NAN).known_max(), None);
    }
}
