//! A point's value: an integer as long as that is exact.

use std::cmp::Ordering;

/// The value of a number point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// `as_int`.
    Integer(i64),
    /// `as_double`.
    Double(f64),
}

/// What adding gives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Sum {
    /// Of the kind that was asked for: an integer exactly, a double as IEEE 754 rounds it.
    Kept(Number),
    /// Two integers whose sum is none any more: a double from here on, exact to 53 bits.
    Promoted(Number),
    /// Infinite, or not a number; there is no such total.
    None,
}

impl Number {
    /// As a double; integers beyond 53 bits are rounded.
    #[inline]
    pub fn as_f64(self) -> f64 {
        match self {
            Number::Integer(value) => value as f64,
            Number::Double(value) => value,
        }
    }

    /// Whether it is a number at all: neither NaN nor infinite.
    #[inline]
    pub fn is_finite(self) -> bool {
        match self {
            Number::Integer(_) => true,
            Number::Double(value) => value.is_finite(),
        }
    }

    /// Whether it is below zero.
    #[inline]
    pub fn is_negative(self) -> bool {
        match self {
            Number::Integer(value) => value < 0,
            Number::Double(value) => value < 0.0,
        }
    }

    /// Whether it is a double.
    #[inline]
    pub fn is_double(self) -> bool {
        matches!(self, Number::Double(_))
    }

    /// Zero of the same kind.
    pub fn zero(self) -> Number {
        match self {
            Number::Integer(_) => Number::Integer(0),
            Number::Double(_) => Number::Double(0.0),
        }
    }

    /// Its 64 bits, to be read back with [`Number::from_bits`].
    #[inline]
    pub fn to_bits(self) -> u64 {
        match self {
            Number::Integer(value) => value.cast_unsigned(),
            Number::Double(value) => value.to_bits(),
        }
    }

    /// The number with these bits.
    #[inline]
    pub fn from_bits(bits: u64, is_double: bool) -> Number {
        if is_double { Number::Double(f64::from_bits(bits)) } else { Number::Integer(bits.cast_signed()) }
    }

    /// Adds. Integers add exactly; with a double on either side the sum is a double. Doubles add as they come, without
    /// compensation: the error is at most half a unit in the last place for each addition.
    #[inline]
    pub fn plus(self, other: Number) -> Sum {
        let (Number::Integer(a), Number::Integer(b)) = (self, other) else {
            return double(self.as_f64() + other.as_f64());
        };
        match a.checked_add(b) {
            Some(sum) => Sum::Kept(Number::Integer(sum)),
            None => Sum::Promoted(Number::Double(a as f64 + b as f64)),
        }
    }

    /// Subtracts, by the same rules.
    #[inline]
    pub fn minus(self, other: Number) -> Sum {
        let (Number::Integer(a), Number::Integer(b)) = (self, other) else {
            return double(self.as_f64() - other.as_f64());
        };
        match a.checked_sub(b) {
            Some(difference) => Sum::Kept(Number::Integer(difference)),
            None => Sum::Promoted(Number::Double(a as f64 - b as f64)),
        }
    }

    /// Which is greater. Two integers compare exactly, NaN is greater than everything.
    pub fn order(self, other: Number) -> Ordering {
        match (self, other) {
            (Number::Integer(a), Number::Integer(b)) => a.cmp(&b),
            _ => self.as_f64().total_cmp(&other.as_f64()),
        }
    }
}

fn double(value: f64) -> Sum {
    if value.is_finite() { Sum::Kept(Number::Double(value)) } else { Sum::None }
}

#[cfg(test)]
mod tests {
    use super::Number::{Double, Integer};
    use super::{Number, Sum};

    #[test]
    fn sums() {
        let cases = [
            (Integer(2), Integer(3), Sum::Kept(Integer(5))),
            (Integer(i64::MAX), Integer(0), Sum::Kept(Integer(i64::MAX))),
            (Integer(i64::MAX), Integer(1), Sum::Promoted(Double(9_223_372_036_854_775_808.0))),
            (Integer(i64::MIN), Integer(-1), Sum::Promoted(Double(-9_223_372_036_854_775_808.0))),
            (Integer(2), Double(0.5), Sum::Kept(Double(2.5))),
            (Double(0.5), Integer(2), Sum::Kept(Double(2.5))),
            (Double(f64::MAX), Double(f64::MAX), Sum::None),
            (Double(1.0), Double(f64::NAN), Sum::None),
        ];
        for (a, b, sum) in cases {
            assert_eq!(a.plus(b), sum, "{a:?} + {b:?}");
        }
        assert_eq!(Integer(2).minus(Integer(5)), Sum::Kept(Integer(-3)));
        assert_eq!(Integer(i64::MIN).minus(Integer(1)), Sum::Promoted(Double(-9_223_372_036_854_775_808.0)));
        assert_eq!(Double(2.5).minus(Integer(2)), Sum::Kept(Double(0.5)));
    }

    #[test]
    fn bits_and_back() {
        for number in [Integer(-1), Integer(i64::MAX), Double(-0.5), Double(0.0)] {
            assert_eq!(Number::from_bits(number.to_bits(), number.is_double()), number);
        }
    }

    #[test]
    fn order_is_exact_for_integers() {
        assert!(Integer(i64::MAX).order(Integer(i64::MAX - 1)).is_gt());
        assert!(Integer(1).order(Double(1.5)).is_lt());
        assert!(Double(-2.0).order(Integer(-1)).is_lt());
    }
}
