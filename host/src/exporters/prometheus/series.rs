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
    /// Deltas: they add up from the first one's start as long as each begins where the last one ended.
    Accumulate,
    /// Deltas of another stream than the last one's: they add up whatever their times.
    Add,
}

/// What became of the total.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joined {
    /// It goes on.
    Onward,
    /// A new one began.
    Anew,
}

impl Update {
    /// Whether a delta of these times joins a total that reaches until `reached`. The data model's "detecting alignment issues":
    /// after a gap a new total begins, and what was counted before is not counted again. One that says no interval, as those of
    /// StatsD do not, has no place in time and always joins.
    pub fn join(self, reached: u64, start_time: u64, time: u64) -> Result<Joined, Reason> {
        let has_interval = start_time > 0 && start_time < time && reached > 0;
        match self {
            Update::Replace if time < reached => Err(Reason::OutOfOrder),
            Update::Accumulate if has_interval && start_time < reached => Err(Reason::Overlap),
            Update::Accumulate if has_interval && start_time > reached => Ok(Joined::Anew),
            _ => Ok(Joined::Onward),
        }
    }
}

impl Point {
    /// Takes one more point. One that is refused changes nothing.
    pub fn update(&mut self, update: Update, new: Point) -> Result<Joined, Reason> {
        let joined = update.join(self.time, new.start_time, new.time)?;
        if update == Update::Replace || joined == Joined::Anew {
            *self = new;
        } else {
            self.value = self.value.plus(new.value);
            self.time = self.time.max(new.time);
        }
        Ok(joined)
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
        assert_eq!(shown.update(Update::Accumulate, point(Value::Integer(7), 20, 30)), Ok(Joined::Onward));
        assert_eq!(shown, point(Value::Integer(12), 10, 30));
        assert_eq!(shown.update(Update::Accumulate, point(Value::Double(0.5), 30, 35)), Ok(Joined::Onward));
        assert_eq!(shown, point(Value::Double(12.5), 10, 35));
    }

    #[test]
    fn a_total_begins_anew_after_a_gap_and_counts_nothing_twice() {
        let mut shown = point(Value::Integer(5), 10, 20);
        for (start, end) in [(10, 20), (15, 25), (5, 30), (1, 2)] {
            let overlapping = point(Value::Integer(7), start, end);
            assert_eq!(shown.update(Update::Accumulate, overlapping), Err(Reason::Overlap), "{start} to {end}");
        }
        assert_eq!(shown, point(Value::Integer(5), 10, 20));
        assert_eq!(shown.update(Update::Accumulate, point(Value::Integer(7), 21, 30)), Ok(Joined::Anew));
        assert_eq!(shown, point(Value::Integer(7), 21, 30));
    }

    #[test]
    fn deltas_without_an_interval_and_those_of_another_stream_always_join() {
        let mut shown = point(Value::Integer(5), 10, 20);
        for (update, start, end) in
            [(Update::Accumulate, 0, 15), (Update::Accumulate, 18, 18), (Update::Add, 10, 20), (Update::Add, 90, 99)]
        {
            assert_eq!(shown.update(update, point(Value::Integer(1), start, end)), Ok(Joined::Onward));
        }
        assert_eq!(shown, point(Value::Integer(9), 10, 99));
    }

    #[test]
    fn an_integer_becomes_a_double_when_it_overflows() {
        let mut shown = point(Value::Integer(i64::MAX), 0, 1);
        assert_eq!(shown.update(Update::Accumulate, point(Value::Integer(1), 0, 2)), Ok(Joined::Onward));
        assert_eq!(shown.value, Value::Double(9_223_372_036_854_775_808.0));
    }

    #[test]
    fn an_older_point_does_not_replace_a_newer_one() {
        let mut shown = point(Value::Integer(5), 0, 20);
        assert_eq!(shown.update(Update::Replace, point(Value::Integer(4), 0, 19)), Err(Reason::OutOfOrder));
        assert_eq!(shown.value, Value::Integer(5));
        assert_eq!(shown.update(Update::Replace, point(Value::Integer(6), 0, 20)), Ok(Joined::Onward));
        assert_eq!(shown.value, Value::Integer(6));
    }
}
