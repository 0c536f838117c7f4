//! The number a series shows, and how a new one joins it.

use super::drops::Reason;

/// A sample value. Integers stay integers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// `as_int`.
    Integer(i64),
    /// `as_double`.
    Double(f64),
}

impl Value {
    /// As a double, rounded where it must be.
    pub fn as_double(self) -> f64 {
        match self {
            Value::Integer(number) => number as f64,
            Value::Double(number) => number,
        }
    }

    /// The sum; a double as soon as one of them is, or 64 bits are too few.
    fn plus(self, other: Value) -> Value {
        match (self, other) {
            (Value::Integer(a), Value::Integer(b)) => {
                a.checked_add(b).map_or(Value::Double(a as f64 + b as f64), Value::Integer)
            }
            (a, b) => Value::Double(a.as_double() + b.as_double()),
        }
    }
}

/// What a series shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// The value.
    pub value: Value,
    /// `start_time_unix_nano`; zero is unknown.
    pub start_time: u64,
    /// `time_unix_nano`.
    pub time: u64,
}

/// How a new point and the one already there become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Update {
    /// Gauges, summaries and whatever is cumulative: the newer one stands.
    Replace,
    /// Deltas: the values add up, from the first delta's start. Whether their times touch is not asked: without `job` and
    /// `instance` several processes report into one series, and their deltas overlap.
    Accumulate,
}

impl Point {
    /// Takes one more point. One that is older than what is shown changes nothing.
    pub fn update(&mut self, update: Update, new: Point) -> Result<(), Reason> {
        match update {
            Update::Replace if new.time < self.time => return Err(Reason::OutOfOrder),
            Update::Replace => *self = new,
            Update::Accumulate => {
                self.value = self.value.plus(new.value);
                self.time = self.time.max(new.time);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(value: Value, start_time: u64, time: u64) -> Point {
        Point { value, start_time, time }
    }

    #[test]
    fn deltas_add_up_from_the_first_ones_start() {
        let mut shown = point(Value::Integer(5), 10, 20);
        assert_eq!(shown.update(Update::Accumulate, point(Value::Integer(7), 20, 30)), Ok(()));
        assert_eq!(shown, point(Value::Integer(12), 10, 30));
        assert_eq!(shown.update(Update::Accumulate, point(Value::Double(0.5), 30, 25)), Ok(()));
        assert_eq!(shown, point(Value::Double(12.5), 10, 30));
    }

    #[test]
    fn an_integer_becomes_a_double_when_it_overflows() {
        let mut shown = point(Value::Integer(i64::MAX), 0, 1);
        assert_eq!(shown.update(Update::Accumulate, point(Value::Integer(1), 0, 2)), Ok(()));
        assert_eq!(shown.value, Value::Double(9_223_372_036_854_775_808.0));
    }

    #[test]
    fn an_older_point_does_not_replace_a_newer_one() {
        let mut shown = point(Value::Integer(5), 0, 20);
        assert_eq!(shown.update(Update::Replace, point(Value::Integer(4), 0, 19)), Err(Reason::OutOfOrder));
        assert_eq!(shown.value, Value::Integer(5));
        assert_eq!(shown.update(Update::Replace, point(Value::Integer(6), 0, 20)), Ok(()));
        assert_eq!(shown.value, Value::Integer(6));
    }
}
