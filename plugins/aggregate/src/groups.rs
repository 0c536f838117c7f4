//! The series: one for each output metric and group key.

use otelier_sdk::aggregate::{Function, Number, Sum};
use otelier_sdk::table::Table;
use otelier_sdk::{Failure, Keying, NO_CODE, NO_KEY, Output, Storage, key};

use crate::flush::Idle;
use crate::metrics::{Metric, Metrics, Mode};
use crate::reasons::Reason;
use crate::series::{Observed, Series};
use crate::slots::NONE;
use crate::stored;

/// All series.
#[derive(Debug)]
pub struct Groups {
    keying: Keying,
    series_max: usize,
    table: Table<Series>,
    /// By the same slots, as far as there are series that are no totals.
    observed: Table<Observed>,
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
            observed: Table::new(stored::OBSERVED),
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

    pub fn observed(&mut self) -> &mut Table<Observed> {
        &mut self.observed
    }

    pub fn load(&mut self, storage: &mut Storage<'_>, metrics: &mut Metrics) -> Result<(), Failure> {
        self.table.load(storage)?;
        self.observed.load(storage)?;
        for (slot, series) in self.table.iter() {
            if series.is_free() {
                self.free.push(slot);
                continue;
            }
            let metric = metrics.get_mut(series.metric.into());
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

    /// Stores what the call has changed.
    pub fn save(&mut self, storage: &mut Storage<'_>) -> Result<(), Failure> {
        self.table.save(storage)?;
        self.observed.save(storage)
    }

    /// What is emitted of a series, if there is anything yet.
    pub fn result(&self, slot: u32, mode: Mode) -> Option<Number> {
        let number = self.table.get(slot)?.number();
        match mode {
            Mode::Total => Some(number),
            Mode::Last => self.observed.get(slot).filter(|observed| observed.count > 0).map(|_| number),
            Mode::Window(_) => self.observed.get(slot)?.shown(),
        }
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
        let new = Series::new(metric, key, start);
        if key != NO_CODE && self.live < self.series_max {
            let slot = self.make(new);
            target.slots.set(key, slot);
            self.live += 1;
            return Ok((slot, false));
        }
        if key != NO_CODE {
            self.unneeded.push(key);
        }
        if target.overflow == NONE {
            let key = output.intern(self.keying, key::overflow()).ok_or(Reason::NoRoom)?;
            // A sender that marks its own points so may have made it.
            let slot = match target.slots.get(key) {
                NONE => self.make(Series { key, ..new }),
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
                    _ => Function::Last,
                };
                let Some(observed) = self.observed.touch_or_make(slot) else { return Err(Reason::NoRoom) };
                let mut accumulator = observed.accumulator(series);
                let taken = accumulator.add(function, value, time);
                observed.set_accumulator(series, accumulator);
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
    pub fn finish_batch(&mut self, metrics: &Metrics, steady: u64, output: &mut Output<'_>) {
        self.table.update_touched(|series| series.updated = steady);
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
            let mode = metrics.get(series.metric.into()).map(|metric| metric.mode);
            let Some(Mode::Window(function)) = mode else { continue };
            if self.observed.get(slot).is_none_or(|observed| observed.count == 0) {
                continue;
            }
            if let (Some(series), Some(observed)) = (self.table.touch(slot), self.observed.touch(slot)) {
                observed.close_window(series, function);
            }
        }
    }

    /// Removes series that have taken nothing for too long: those in the first slots from `from` on, at most so many.
    /// Tells their slots.
    pub fn expire(
        &mut self,
        metrics: &mut Metrics,
        idle: Idle,
        from: u32,
        most: usize,
        output: &mut Output<'_>,
    ) -> Vec<u32> {
        let is_idle = |series: &Series| !series.is_free() && idle.is(series.updated);
        let slots = from..self.table.len() as u32;
        let idle = slots.filter(|slot| self.table.get(*slot).is_some_and(is_idle));
        let idle: Vec<u32> = idle.take(most).collect();
        let mut released = Vec::new();
        for slot in &idle {
            let Some(series) = self.table.touch(*slot).map(std::mem::take) else { continue };
            if let Some(observed) = self.observed.touch(*slot) {
                *observed = Observed::default();
            }
            self.free.push(*slot);
            if !series.is_overflow {
                self.live -= 1;
            }
            let Some(metric) = metrics.get_mut(series.metric.into()) else { continue };
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
