//! The series: one for each output metric and group key.

use otelier_sdk::aggregate::{Accumulator, Number, Sum};
use otelier_sdk::table::{Fields, Record, Table};
use otelier_sdk::{Failure, Keying, NO_CODE, NO_KEY, Output, Storage, key};

use crate::metrics::{Metric, Metrics, Mode};
use crate::reasons::Reason;
use crate::slots::NONE;
use crate::stored;

/// A series' metric number in a slot that is free.
const FREE: u32 = u32::MAX;

/// One series. Value and start time are stored together and go on together.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// The output metric, or [`FREE`].
    pub metric: u32,
    /// The group's code.
    pub key: u32,
    /// Whether `value` is a double.
    pub is_double: bool,
    /// Whether this is its metric's series for what found no room.
    pub is_overflow: bool,
    /// Whether `shown` has a result, and whether that is a double.
    pub is_shown: bool,
    pub shown_is_double: bool,
    /// The bits of the total, the last value, or what the open window has so far.
    pub value: u64,
    /// How many values went in; not counted for totals.
    pub count: u64,
    /// The time of the last value.
    pub time: u64,
    /// The bits of the result of the last window that had values.
    pub shown: u64,
    /// Since when the total counts.
    pub start: u64,
    /// When it last took a value, by the host's clock.
    pub updated: u64,
}

impl Default for Series {
    fn default() -> Series {
        Series {
            metric: FREE,
            key: NO_KEY,
            is_double: false,
            is_overflow: false,
            is_shown: false,
            shown_is_double: false,
            value: 0,
            count: 0,
            time: 0,
            shown: 0,
            start: 0,
            updated: 0,
        }
    }
}

impl Record for Series {
    const SIZE: usize = 4 + 4 + 1 + 6 * 8;

    fn write(&self, out: &mut Vec<u8>) {
        let flags = [self.is_double, self.is_overflow, self.is_shown, self.shown_is_double];
        let flags = flags.iter().enumerate().fold(0, |all, (bit, flag)| all | u8::from(*flag) << bit);
        out.extend(self.metric.to_le_bytes());
        out.extend(self.key.to_le_bytes());
        out.push(flags);
        for word in [self.value, self.count, self.time, self.shown, self.start, self.updated] {
            out.extend(word.to_le_bytes());
        }
    }

    fn read(fields: &mut Fields<'_>) -> Option<Series> {
        let (metric, key, flags) = (fields.u32()?, fields.u32()?, fields.u8()?);
        let flag = |bit: u8| flags >> bit & 1 == 1;
        Some(Series {
            metric,
            key,
            is_double: flag(0),
            is_overflow: flag(1),
            is_shown: flag(2),
            shown_is_double: flag(3),
            value: fields.u64()?,
            count: fields.u64()?,
            time: fields.u64()?,
            shown: fields.u64()?,
            start: fields.u64()?,
            updated: fields.u64()?,
        })
    }
}

impl Series {
    pub fn is_free(&self) -> bool {
        self.metric == FREE
    }

    pub fn number(&self) -> Number {
        Number::from_bits(self.value, self.is_double)
    }

    fn set_number(&mut self, number: Number) {
        self.value = number.to_bits();
        self.is_double = number.is_double();
    }

    fn accumulator(&self) -> Accumulator {
        Accumulator { value: self.number(), count: self.count, time: self.time }
    }

    fn set_accumulator(&mut self, accumulator: Accumulator) {
        self.set_number(accumulator.value);
        self.count = accumulator.count;
        self.time = accumulator.time;
    }

    /// What is emitted, if there is anything yet.
    pub fn result(&self, mode: Mode) -> Option<Number> {
        match mode {
            Mode::Total => Some(self.number()),
            Mode::Last => (self.count > 0).then(|| self.number()),
            Mode::Window(_) => self.is_shown.then(|| Number::from_bits(self.shown, self.shown_is_double)),
        }
    }

    /// Ends the window: its result is shown until another window has one.
    fn close_window(&mut self, mode: Mode) {
        let Mode::Window(function) = mode else { return };
        let mut accumulator = self.accumulator();
        if let Some(result) = accumulator.result(function) {
            self.shown = result.to_bits();
            self.shown_is_double = result.is_double();
            self.is_shown = true;
            accumulator.reset();
            self.set_accumulator(accumulator);
        }
    }
}

/// All series.
#[derive(Debug)]
pub struct Groups {
    keying: Keying,
    series_max: usize,
    table: Table<Series>,
    free: Vec<u32>,
    /// Series in use, without those for what found no room.
    live: usize,
    /// Key codes of this call that may have no series.
    unneeded: Vec<u32>,
}

impl Groups {
    pub fn new(keying: Keying, series_max: u32) -> Groups {
        Groups {
            keying,
            series_max: series_max as usize,
            table: Table::new(stored::SERIES),
            free: Vec::new(),
            live: 0,
            unneeded: Vec::new(),
        }
    }

    pub fn live(&self) -> usize {
        self.live
    }

    /// How many there may be.
    pub fn limit(&mut self, series_max: usize) {
        self.series_max = series_max;
    }

    pub fn table(&mut self) -> &mut Table<Series> {
        &mut self.table
    }

    pub fn load(&mut self, storage: &mut Storage<'_>, metrics: &mut Metrics) -> Result<(), Failure> {
        self.table.load(storage)?;
        for (slot, series) in self.table.iter() {
            if series.is_free() {
                self.free.push(slot);
                continue;
            }
            let metric = metrics.get_mut(series.metric);
            let metric = metric.ok_or_else(|| Failure::damaged(format_args!("series {slot} has no metric")))?;
            metric.slots.set(series.key, slot);
            if series.is_overflow {
                metric.overflow = slot;
            } else {
                self.live += 1;
            }
        }
        Ok(())
    }

    /// The series of a group, made where there is none. Whether it is the one for what found no room comes with it.
    pub fn find(
        &mut self,
        metrics: &mut Metrics,
        metric: u32,
        key: u32,
        start: u64,
        output: &mut Output<'_>,
    ) -> Result<(u32, bool), Reason> {
        let Some(target) = metrics.get_mut(metric) else { return Err(Reason::Metrics) };
        let slot = target.slots.get(key);
        if slot != NONE {
            return Ok((slot, slot == target.overflow));
        }
        if key != NO_CODE && self.live < self.series_max {
            let slot = self.make(Series { metric, key, start, ..Series::default() });
            target.slots.set(key, slot);
            self.live += 1;
            return Ok((slot, false));
        }
        if key != NO_CODE {
            self.unneeded.push(key);
        }
        if target.overflow == NONE {
            let key = output.intern(self.keying, key::overflow());
            if key == NO_CODE {
                return Err(Reason::NoRoom);
            }
            // A sender that marks its own points so may have made it.
            let slot = match target.slots.get(key) {
                NONE => self.make(Series { metric, key, start, ..Series::default() }),
                slot => {
                    self.live -= 1;
                    slot
                }
            };
            if let Some(series) = self.table.touch(slot) {
                series.is_overflow = true;
            }
            target.slots.set(key, slot);
            target.overflow = slot;
        }
        Ok((target.overflow, true))
    }

    fn make(&mut self, series: Series) -> u32 {
        let Some(slot) = self.free.pop() else { return self.table.push(series) };
        if let Some(place) = self.table.touch(slot) {
            *place = series;
        }
        slot
    }

    /// Adds to an integer total; false where it is none, or would not stay one.
    pub fn add_plain(&mut self, slot: u32, increment: i64) -> bool {
        let Some(series) = self.table.touch(slot).filter(|series| !series.is_double) else { return false };
        let total = series.value.cast_signed().checked_add(increment);
        if let Some(total) = total {
            series.value = total.cast_unsigned();
        }
        total.is_some()
    }

    /// Takes one value into a series. `Promoted`: taken, and the total is a double now.
    pub fn take(&mut self, slot: u32, mode: Mode, value: Number, time: u64) -> Result<Sum, Reason> {
        let Some(series) = self.table.touch(slot) else { return Err(Reason::NoRoom) };
        let taken = match mode {
            Mode::Total => {
                let sum = series.number().plus(value);
                if let Sum::Kept(total) | Sum::Promoted(total) = sum {
                    series.set_number(total);
                }
                sum
            }
            Mode::Last | Mode::Window(_) => {
                let function = match mode {
                    Mode::Window(function) => function,
                    _ => otelier_sdk::aggregate::Function::Last,
                };
                let mut accumulator = series.accumulator();
                let taken = accumulator.add(function, value, time);
                series.set_accumulator(accumulator);
                taken
            }
        };
        if taken == Sum::None { Err(Reason::TooLarge) } else { Ok(taken) }
    }

    /// Rows with these codes went into no series, of this metric or of none: what has no series when the batch is over is
    /// released.
    pub fn let_go(&mut self, metric: Option<&Metric>, codes: &[u32]) {
        let has_series = |code: &u32| metric.is_some_and(|metric| metric.slots.get(*code) != NONE);
        self.unneeded.extend(codes.iter().filter(|code| !has_series(code)));
    }

    /// The end of a batch: codes that found no series are released.
    pub fn finish_batch(&mut self, metrics: &Metrics, now: u64, output: &mut Output<'_>) {
        self.table.update_touched(|series| series.updated = now);
        let mut unneeded = std::mem::take(&mut self.unneeded);
        unneeded.sort_unstable();
        unneeded.dedup();
        unneeded.retain(|code| !metrics.use_key(*code));
        release(output, self.keying, unneeded);
    }

    /// Ends the open windows of a range of slots.
    pub fn close_windows(&mut self, metrics: &Metrics, slots: std::ops::Range<u32>) {
        for slot in slots {
            let Some(series) = self.table.get(slot) else { return };
            let mode = metrics.get(series.metric).map(|metric| metric.mode);
            let Some(mode @ Mode::Window(_)) = mode.filter(|_| series.count > 0) else { continue };
            if let Some(series) = self.table.touch(slot) {
                series.close_window(mode);
            }
        }
    }

    /// Removes series that have taken nothing since `deadline`: those in the first slots from `from` on, at most so many.
    /// Tells their slots.
    pub fn expire(
        &mut self,
        metrics: &mut Metrics,
        deadline: u64,
        from: u32,
        most: usize,
        output: &mut Output<'_>,
    ) -> Vec<u32> {
        let is_idle = |series: &Series| !series.is_free() && series.updated <= deadline;
        let slots = from..self.table.len() as u32;
        let idle = slots.filter(|slot| self.table.get(*slot).is_some_and(is_idle));
        let idle: Vec<u32> = idle.take(most).collect();
        let mut released = Vec::new();
        for slot in &idle {
            let Some(series) = self.table.touch(*slot).map(std::mem::take) else { continue };
            self.free.push(*slot);
            if !series.is_overflow {
                self.live -= 1;
            }
            let Some(metric) = metrics.get_mut(series.metric) else { continue };
            metric.slots.clear(series.key);
            if metric.overflow == *slot {
                metric.overflow = NONE;
            }
            released.push(series.key);
        }
        released.retain(|code| !metrics.use_key(*code));
        release(output, self.keying, released);
        idle
    }
}

/// Gives codes back. The host gives out the last one first, so the lowest comes last: codes stay dense.
pub fn release(output: &mut Output<'_>, keying: Keying, mut codes: Vec<u32>) {
    codes.retain(|code| *code != NO_KEY && *code != NO_CODE);
    if codes.is_empty() {
        return;
    }
    codes.sort_unstable_by(|a, b| b.cmp(a));
    codes.dedup();
    output.release(keying, codes);
}
