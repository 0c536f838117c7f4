//! Many values to one.

use serde::Deserialize;

use super::{Number, Sum};

/// How values become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Function {
    /// The total.
    Sum,
    /// The one with the latest time; of equal times the one that arrived last.
    Last,
    /// The least.
    Min,
    /// The greatest.
    Max,
    /// The arithmetic mean, always a double.
    Mean,
}

impl Function {
    /// As a configuration names it.
    pub fn name(self) -> &'static str {
        match self {
            Function::Sum => "sum",
            Function::Last => "last",
            Function::Min => "min",
            Function::Max => "max",
            Function::Mean => "mean",
        }
    }
}

/// The values so far, under one [`Function`]. A double among them makes the result a double, and it stays one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Accumulator {
    /// Total, last, least or greatest value; the total for the mean.
    pub value: Number,
    /// How many values.
    pub count: u64,
    /// The time of the last value, for `Last`.
    pub time: u64,
}

impl Default for Accumulator {
    fn default() -> Accumulator {
        Accumulator { value: Number::Integer(0), count: 0, time: 0 }
    }
}

impl Accumulator {
    /// Takes a finite value. What it gives is [`Sum::None`] when the value is not taken: the total would not be finite.
    pub fn add(&mut self, function: Function, value: Number, time: u64) -> Sum {
        let first = self.count == 0;
        let chosen = match function {
            Function::Sum => self.value.plus(value),
            Function::Mean => Number::Double(self.value.as_f64()).plus(value),
            Function::Last => Sum::Kept(if first || time >= self.time { value } else { self.value }),
            Function::Min => Sum::Kept(if first || value.order(self.value).is_lt() { value } else { self.value }),
            Function::Max => Sum::Kept(if first || value.order(self.value).is_gt() { value } else { self.value }),
        };
        let (Sum::Kept(next) | Sum::Promoted(next)) = chosen else { return Sum::None };
        let is_double = self.value.is_double() || value.is_double();
        self.value = if is_double { Number::Double(next.as_f64()) } else { next };
        self.count += 1;
        self.time = self.time.max(time);
        chosen
    }

    /// The result; `None` before the first value.
    pub fn result(&self, function: Function) -> Option<Number> {
        match (function, self.count) {
            (_, 0) => None,
            (Function::Mean, count) => Some(Number::Double(self.value.as_f64() / count as f64)),
            _ => Some(self.value),
        }
    }

    /// Begins again; a double stays a double.
    pub fn reset(&mut self) {
        *self = Accumulator { value: self.value.zero(), ..Accumulator::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::Number::{Double, Integer};
    use super::{Accumulator, Function, Number, Sum};

    fn result(function: Function, values: &[(Number, u64)]) -> Option<Number> {
        let mut accumulator = Accumulator::default();
        for (value, time) in values {
            accumulator.add(function, *value, *time);
        }
        accumulator.result(function)
    }

    #[test]
    fn functions() {
        let values = [(Integer(3), 10), (Integer(-1), 30), (Integer(7), 20)];
        let cases = [
            (Function::Sum, Integer(9)),
            (Function::Last, Integer(-1)),
            (Function::Min, Integer(-1)),
            (Function::Max, Integer(7)),
            (Function::Mean, Double(3.0)),
        ];
        for (function, expected) in cases {
            assert_eq!(result(function, &[]), None);
            assert_eq!(result(function, &values), Some(expected), "{function:?}");
        }
    }

    #[test]
    fn a_double_makes_the_result_one() {
        let values = [(Integer(3), 10), (Double(0.5), 5), (Integer(7), 7)];
        let cases = [
            (Function::Sum, Double(10.5)),
            (Function::Last, Double(3.0)),
            (Function::Min, Double(0.5)),
            (Function::Max, Double(7.0)),
            (Function::Mean, Double(3.5)),
        ];
        for (function, expected) in cases {
            assert_eq!(result(function, &values), Some(expected), "{function:?}");
        }
        let mut accumulator = Accumulator::default();
        accumulator.add(Function::Max, Double(1.5), 1);
        accumulator.reset();
        assert_eq!(accumulator.result(Function::Max), None);
        accumulator.add(Function::Max, Integer(1), 1);
        assert_eq!(accumulator.result(Function::Max), Some(Double(1.0)));
    }

    #[test]
    fn of_equal_times_the_later_arrival_wins() {
        assert_eq!(result(Function::Last, &[(Integer(1), 5), (Integer(2), 5)]), Some(Integer(2)));
        assert_eq!(result(Function::Last, &[(Integer(1), 5), (Integer(2), 4)]), Some(Integer(1)));
    }

    #[test]
    fn a_total_stays_finite() {
        let mut accumulator = Accumulator::default();
        accumulator.add(Function::Sum, Double(f64::MAX), 0);
        assert_eq!(accumulator.add(Function::Sum, Double(f64::MAX), 0), Sum::None);
        assert_eq!(accumulator.result(Function::Sum), Some(Double(f64::MAX)));
        let mut accumulator = Accumulator::default();
        accumulator.add(Function::Sum, Integer(i64::MAX), 0);
        assert!(matches!(accumulator.add(Function::Sum, Integer(1), 0), Sum::Promoted(_)));
        assert_eq!(accumulator.result(Function::Sum), Some(Double(9_223_372_036_854_775_808.0)));
    }
}
