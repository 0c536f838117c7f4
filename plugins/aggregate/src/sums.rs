//! The sums of one run of integers, by key code: the innermost loop, with nothing in it but what a sum needs.

use otelier_sdk::aggregate::{Number, Sum};
use otelier_sdk::table::Table;

use crate::groups::Groups;
use crate::metrics::{Metric, Mode};
use crate::series::Series;

/// The sum under one code, valid in the run whose number it carries.
#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    total: i64,
    run: u32,
    slot: u32,
}

impl Cell {
    /// Moves the sum into its series; 1 if that became a double.
    fn move_into(&mut self, groups: &mut Groups) -> u64 {
        let total = std::mem::take(&mut self.total);
        if groups.add_plain(self.slot, total) {
            return 0;
        }
        let taken = groups.take(self.slot, Mode::Total, Number::Integer(total), 0);
        u64::from(matches!(taken, Ok(Sum::Promoted(_))))
    }
}

/// Sums that belong to series once the run is over.
#[derive(Debug, Default)]
pub struct Sums {
    by_code: Vec<Cell>,
    /// The codes of this run.
    codes: Vec<u32>,
    run: u32,
}

impl Sums {
    /// Begins a run: the rows of one metric.
    pub fn begin(&mut self) {
        self.run = self.run.wrapping_add(1);
        if self.run == 0 {
            self.by_code.clear();
            self.run = 1;
        }
    }

    /// Adds rows up to the first that needs another look: a group that is new, in the overflow series or a double, a value
    /// below `least`, a sum that comes near 64 bits. Tells how many were added.
    pub fn add(
        &mut self,
        table: &mut Table<Series>,
        metric: &Metric,
        keys: &[u32],
        words: &[u64],
        least: i64,
    ) -> usize {
        let mut at = 0;
        loop {
            let (keys, words) = (keys.get(at..).unwrap_or_default(), words.get(at..).unwrap_or_default());
            let known = add_known(&mut self.by_code, self.run, keys, words, least);
            let mut rows = keys.iter().zip(words).skip(known);
            let opened = rows.by_ref().take_while(|(key, word)| {
                let value = word.cast_signed();
                let plain = value >= least && value.unsigned_abs() <= FAR;
                let has_sum = (**key as usize) < CELLS_MAX;
                plain
                    && if has_sum {
                        self.open(table, metric, **key, value)
                    } else {
                        add_one(table, metric, **key, value)
                    }
            });
            let added = known + opened.count();
            if added == 0 {
                return at;
            }
            at += added;
        }
    }

    /// Opens the sum of a code with its first value; false where its series is no integer total, or it is open already.
    fn open(&mut self, table: &Table<Series>, metric: &Metric, key: u32, value: i64) -> bool {
        let slot = metric.slots.get(key);
        let plain = slot != metric.overflow && table.get(slot).is_some_and(|series| !series.is_double);
        let index = key as usize;
        if !plain {
            return false;
        }
        if self.by_code.len() <= index {
            self.by_code.resize(index + 1, Cell::default());
        }
        match self.by_code.get_mut(index) {
            Some(cell) if cell.run != self.run => *cell = Cell { total: value, run: self.run, slot },
            _ => return false,
        }
        self.codes.push(key);
        true
    }

    /// Brings a code's series up to date before it takes a value by itself: in another order than they came, values could
    /// overflow that do not. Tells how many totals became doubles.
    pub fn catch_up(&mut self, groups: &mut Groups, key: u32) -> u64 {
        let run = self.run;
        let cell = self.by_code.get_mut(key as usize).filter(|cell| cell.run == run);
        cell.map_or(0, |cell| cell.move_into(groups))
    }

    /// Ends the run: the sums go into their series. Tells how many totals became doubles.
    pub fn finish(&mut self, groups: &mut Groups) -> u64 {
        let mut promoted = 0;
        for code in self.codes.drain(..) {
            promoted += self.by_code.get_mut(code as usize).map_or(0, |cell| cell.move_into(groups));
        }
        promoted
    }
}

/// Adds to an integer total at once; false where the series is none, or would not stay one.
fn add_one(table: &mut Table<Series>, metric: &Metric, key: u32, value: i64) -> bool {
    let slot = metric.slots.get(key);
    if slot == metric.overflow {
        return false;
    }
    let Some(series) = table.touch(slot).filter(|series| !series.is_double) else { return false };
    let Some(total) = series.value.cast_signed().checked_add(value) else { return false };
    series.value = total.cast_unsigned();
    true
}

/// Codes from here on go into their series one by one. Of so many groups few rows of a request share one, and sums of their
/// own would take half as much memory as the series.
const CELLS_MAX: usize = 4096;
/// Rows that are added in one step.
const STEP: usize = 8;
/// Values below this add up to less than 2^62 in a request, which has fewer than 2^26 rows.
const SMALL: u64 = 1 << 36;
/// A sum further from zero than this gets another look, so that small values never overflow one that is here.
const FAR: u64 = 1 << 62;

/// Adds rows as long as their codes have a sum and the sum stays an integer.
fn add_known(by_code: &mut [Cell], run: u32, keys: &[u32], words: &[u64], least: i64) -> usize {
    let (key_steps, keys_left) = keys.as_chunks::<STEP>();
    let (word_steps, words_left) = words.as_chunks::<STEP>();
    let mut at = 0;
    for (keys, words) in key_steps.iter().zip(word_steps) {
        // Small and not negative, all of them: what is left of an addition is the addition.
        let small = words.iter().fold(0, |bits, word| bits | word) < SMALL;
        let added =
            if small { add_small(by_code, run, keys, words) } else { add_any(by_code, run, keys, words, least) };
        at += added;
        if added < STEP {
            return at;
        }
    }
    at + add_any(by_code, run, keys_left, words_left, least)
}

#[inline(always)]
fn add_small(by_code: &mut [Cell], run: u32, keys: &[u32; STEP], words: &[u64; STEP]) -> usize {
    for at in 0..STEP {
        match by_code.get_mut(keys[at] as usize) {
            Some(cell) if cell.run == run => cell.total = cell.total.wrapping_add(words[at].cast_signed()),
            _ => return at,
        }
    }
    STEP
}

fn add_any(by_code: &mut [Cell], run: u32, keys: &[u32], words: &[u64], least: i64) -> usize {
    for (at, (key, word)) in keys.iter().zip(words).enumerate() {
        let value = word.cast_signed();
        let Some(cell) = by_code.get_mut(*key as usize).filter(|cell| cell.run == run) else { return at };
        match cell.total.checked_add(value) {
            Some(total) if value >= least && total.unsigned_abs() <= FAR => cell.total = total,
            _ => return at,
        }
    }
    keys.len().min(words.len())
}
