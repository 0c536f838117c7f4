//! One series: its label text and its latest value.

use std::sync::Arc;
use std::time::Duration;

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
    /// Gauges and cumulative sums: the newer one stands.
    Replace,
    /// Delta sums: the values add up, from the first delta's start.
    Accumulate,
}

/// One line of an exposition. With its places in slab and indexes about 130 bytes, plus the label text.
#[derive(Debug)]
pub struct Series {
    /// `{a="b"}`, or nothing. Shared with scrapes that are under way.
    pub labels: Arc<str>,
    /// The hash of what the last point of this series was identified by.
    pub stream: u128,
    /// The hash of `labels`; for `target_info`, of the resource they were made of.
    pub labels_hash: u64,
    /// When the series was made, in the store's own count. A scrape shows only series that are older than itself.
    pub born: u64,
    /// When the last point arrived, by the exporter's clock.
    pub seen: Duration,
    /// What it shows.
    pub point: Point,
}

impl Series {
    /// Takes one more point. A point that is older than the one shown changes nothing, but the series is alive.
    pub fn update(&mut self, update: Update, new: Point, now: Duration) -> Result<(), Reason> {
        self.seen = now;
        match update {
            Update::Replace if new.time < self.point.time => return Err(Reason::OutOfOrder),
            Update::Replace => self.point = new,
            Update::Accumulate => {
                self.point.value = self.point.value.plus(new.value);
                self.point.time = self.point.time.max(new.time);
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

    fn series(first: Point) -> Series {
        let seen = Duration::ZERO;
        Series { labels: Arc::from(""), stream: 0, labels_hash: 0, born: 0, seen, point: first }
    }

    #[test]
    fn deltas_add_up_from_the_first_ones_start() {
        let mut series = series(point(Value::Integer(5), 10, 20));
        assert_eq!(series.update(Update::Accumulate, point(Value::Integer(7), 20, 30), Duration::ZERO), Ok(()));
        assert_eq!(series.point, point(Value::Integer(12), 10, 30));
        assert_eq!(series.update(Update::Accumulate, point(Value::Double(0.5), 30, 25), Duration::ZERO), Ok(()));
        assert_eq!(series.point, point(Value::Double(12.5), 10, 30));
    }

    #[test]
    fn an_integer_becomes_a_double_when_it_overflows() {
        let mut series = series(point(Value::Integer(i64::MAX), 0, 1));
        assert_eq!(series.update(Update::Accumulate, point(Value::Integer(1), 0, 2), Duration::ZERO), Ok(()));
        assert_eq!(series.point.value, Value::Double(9_223_372_036_854_775_808.0));
    }

    #[test]
    fn an_older_point_does_not_replace_a_newer_one() {
        let mut series = series(point(Value::Integer(5), 0, 20));
        let older = point(Value::Integer(4), 0, 19);
        assert_eq!(series.update(Update::Replace, older, Duration::from_secs(9)), Err(Reason::OutOfOrder));
        assert_eq!((series.point.value, series.seen), (Value::Integer(5), Duration::from_secs(9)));
        assert_eq!(series.update(Update::Replace, point(Value::Integer(6), 0, 20), Duration::ZERO), Ok(()));
        assert_eq!(series.point.value, Value::Integer(6));
    }
}
