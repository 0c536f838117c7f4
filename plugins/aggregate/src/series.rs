//! One series, and what is kept beside it unless it is a total.
//!
//! Totals are what there may be a million of: a record has what they need, and the rest stands in a table of its own.

use otelier_sdk::NO_KEY;
use otelier_sdk::aggregate::{Accumulator, Function, Number};
use otelier_sdk::table::{Fields, Record};

/// A series' metric number in a slot that is free.
const FREE: u16 = u16::MAX;

/// One series. Value and start time are stored together and go on together.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// The output metric, or [`FREE`].
    pub metric: u16,
    /// Whether `value` is a double.
    pub is_double: bool,
    /// Whether this is its metric's series for what found no room.
    pub is_overflow: bool,
    /// The group's code.
    pub key: u32,
    /// The bits of the total, the last value, or what the open window has so far.
    pub value: u64,
    /// Since when the total counts.
    pub start: u64,
    /// When it last took a value, by the steady clock.
    pub updated: u64,
}

impl Default for Series {
    fn default() -> Series {
        Series { metric: FREE, is_double: false, is_overflow: false, key: NO_KEY, value: 0, start: 0, updated: 0 }
    }
}

impl Record for Series {
    const SIZE: usize = 2 + 1 + 4 + 3 * 8;

    fn write(&self, out: &mut Vec<u8>) {
        // Eight bytes first that are mostly those of the neighbours.
        out.extend(self.updated.to_le_bytes());
        out.extend(self.start.to_le_bytes());
        out.extend(self.value.to_le_bytes());
        out.extend(self.key.to_le_bytes());
        out.extend(self.metric.to_le_bytes());
        out.push(u8::from(self.is_double) | u8::from(self.is_overflow) << 1);
    }

    fn read(fields: &mut Fields<'_>) -> Option<Series> {
        let (updated, start, value) = (fields.u64()?, fields.u64()?, fields.u64()?);
        let (key, metric) = (fields.u32()?, u16::from_le_bytes([fields.u8()?, fields.u8()?]));
        let flags = fields.u8()?;
        let (is_double, is_overflow) = (flags & 1 != 0, flags & 2 != 0);
        Some(Series { metric, is_double, is_overflow, key, value, start, updated })
    }
}

impl Series {
    /// One that has taken nothing yet.
    pub fn new(metric: u32, key: u32, start: u64) -> Series {
        // Metrics are fewer than 2^16.
        Series { metric: metric as u16, key, start, ..Series::default() }
    }

    pub fn is_free(&self) -> bool {
        self.metric == FREE
    }

    pub fn number(&self) -> Number {
        Number::from_bits(self.value, self.is_double)
    }

    pub fn set_number(&mut self, number: Number) {
        self.value = number.to_bits();
        self.is_double = number.is_double();
    }
}

/// What a series that is no total has beside its value.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observed {
    /// Whether `shown` has a result, and whether that is a double.
    is_shown: bool,
    shown_is_double: bool,
    /// How many values went in.
    pub count: u64,
    /// The time of the last value.
    time: u64,
    /// The bits of the result of the last window that had values.
    shown: u64,
}

impl Record for Observed {
    const SIZE: usize = 1 + 3 * 8;

    fn write(&self, out: &mut Vec<u8>) {
        for word in [self.count, self.time, self.shown] {
            out.extend(word.to_le_bytes());
        }
        out.push(u8::from(self.is_shown) | u8::from(self.shown_is_double) << 1);
    }

    fn read(fields: &mut Fields<'_>) -> Option<Observed> {
        let (count, time, shown, flags) = (fields.u64()?, fields.u64()?, fields.u64()?, fields.u8()?);
        Some(Observed { is_shown: flags & 1 != 0, shown_is_double: flags & 2 != 0, count, time, shown })
    }
}

impl Observed {
    /// The result of the last window that had values.
    pub fn shown(&self) -> Option<Number> {
        self.is_shown.then(|| Number::from_bits(self.shown, self.shown_is_double))
    }

    pub fn accumulator(&self, series: &Series) -> Accumulator {
        Accumulator { value: series.number(), count: self.count, time: self.time }
    }

    pub fn set_accumulator(&mut self, series: &mut Series, accumulator: Accumulator) {
        series.set_number(accumulator.value);
        self.count = accumulator.count;
        self.time = accumulator.time;
    }

    /// Ends the window: its result is shown until another window has one.
    pub fn close_window(&mut self, series: &mut Series, function: Function) {
        let mut accumulator = self.accumulator(series);
        if let Some(result) = accumulator.result(function) {
            self.shown = result.to_bits();
            self.shown_is_double = result.is_double();
            self.is_shown = true;
            accumulator.reset();
            self.set_accumulator(series, accumulator);
        }
    }
}
