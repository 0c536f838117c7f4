//! The batch at hand, by column.

use std::ops::Range;

use crate::aggregate::Number;
use crate::{Bitmap, Blob, Descriptor, Host, Keying, Log, Output, Signal, Storage};

/// One call's rows. A column can be pulled once, and only what was declared; what is not pulled costs nothing.
pub struct Batch<'c> {
    pub(crate) host: &'c mut dyn Host,
    pub(crate) descriptors: &'c mut Vec<Descriptor>,
    pub(crate) signal: Signal,
    pub(crate) now: u64,
}

/// Rows that belong to one metric.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Where in each column they stand.
    pub rows: Range<usize>,
    /// The metric's number, for [`Batch::descriptor`]; stays the same until the instance is rebuilt.
    pub descriptor: u32,
}

impl Batch<'_> {
    /// Nanoseconds since the Unix epoch.
    pub fn now(&self) -> u64 {
        self.now
    }

    /// Which signal the batch holds.
    pub fn signal(&self) -> Signal {
        self.signal
    }

    /// How many rows, at least 1.
    pub fn count(&mut self) -> usize {
        self.host.rows_count() as usize
    }

    /// The rows by metric, in order; together they are all rows.
    pub fn runs(&mut self) -> Vec<Run> {
        let runs = self.host.rows_metrics();
        if runs.descriptors.iter().any(|number| *number as usize >= self.descriptors.len()) {
            self.descriptors.extend(self.host.rows_new_descriptors());
        }
        let mut start = 0;
        let run = |(end, descriptor): (u32, u32)| {
            let rows = start..end as usize;
            start = rows.end;
            Run { rows, descriptor }
        };
        runs.ends.into_iter().zip(runs.descriptors).map(run).collect()
    }

    /// A metric's own fields, by the number that [`Batch::runs`] gave it.
    pub fn descriptor(&self, number: u32) -> Option<&Descriptor> {
        self.descriptors.get(number as usize)
    }

    /// The values.
    pub fn values(&mut self) -> Values {
        Values {
            words: self.host.rows_values(),
            integers: Bitmap::from_words(self.host.rows_integers()),
            absent: Bitmap::from_words(self.host.rows_no_value()),
        }
    }

    /// `time_unix_nano` of each row: nanoseconds since the Unix epoch, 0 unset.
    pub fn times(&mut self) -> Vec<u64> {
        self.host.rows_times()
    }

    /// `start_time_unix_nano` of each row: nanoseconds since the Unix epoch, 0 unset.
    pub fn start_times(&mut self) -> Vec<u64> {
        self.host.rows_start_times()
    }

    /// Each row's code. [`NO_KEY`](crate::NO_KEY) and [`NO_CODE`](crate::NO_CODE) are special.
    pub fn keys(&mut self, keying: Keying) -> Vec<u32> {
        self.host.rows_keys(keying.0)
    }

    /// The keys behind codes that are new since this was last called; after a start, all of them.
    pub fn new_keys(&mut self, keying: Keying) -> NewKeys {
        let additions = self.host.rows_new_keys(keying.0);
        NewKeys { codes: additions.codes, keys: additions.entries }
    }

    /// These rows go no further.
    pub fn drop_rows(&mut self, rows: Bitmap) {
        self.host.output_drop(rows.into_words());
    }

    /// These rows are part of the processor's state now and go no further. A row is dropped or absorbed, never both.
    pub fn absorb(&mut self, rows: Bitmap) {
        self.host.output_absorb(rows.into_words());
    }

    /// What the call sends on besides the rows that pass.
    pub fn output(&mut self) -> Output<'_> {
        Output { host: self.host }
    }

    /// The component's storage.
    pub fn storage(&mut self) -> Storage<'_> {
        Storage { host: self.host }
    }

    /// The host's log.
    pub fn log(&mut self) -> Log<'_> {
        Log { host: self.host }
    }
}

/// The values of a batch.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Values {
    words: Vec<u64>,
    integers: Bitmap,
    absent: Bitmap,
}

/// The values of some rows, by what they have in common: a loop over either slice needs no question per row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Numbers<'v> {
    /// All are integers: `word.cast_signed()`.
    Integers(&'v [u64]),
    /// All are doubles: `f64::from_bits(word)`.
    Doubles(&'v [u64]),
    /// Some of each, or rows without a value: ask [`Values::get`] for each.
    Mixed,
}

impl Values {
    /// The values of some rows.
    pub fn numbers(&self, rows: Range<usize>) -> Numbers<'_> {
        let words = self.words.get(rows.clone()).unwrap_or_default();
        if self.absent.has_any(rows.clone()) {
            Numbers::Mixed
        } else if self.integers.has_all(rows.clone()) {
            Numbers::Integers(words)
        } else if !self.integers.has_any(rows) {
            Numbers::Doubles(words)
        } else {
            Numbers::Mixed
        }
    }

    /// One row's value; `None` where the row has none.
    #[inline]
    pub fn get(&self, row: usize) -> Option<Number> {
        let word = *self.words.get(row)?;
        if self.absent.get(row) {
            None
        } else if self.integers.get(row) {
            Some(Number::Integer(word.cast_signed()))
        } else {
            Some(Number::Double(f64::from_bits(word)))
        }
    }
}

/// Dictionary entries.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NewKeys {
    codes: Vec<u32>,
    keys: Blob,
}

impl NewKeys {
    /// Each code with its key in the canonical encoding (see [`key`](crate::key)).
    pub fn iter(&self) -> impl Iterator<Item = (u32, &[u8])> {
        self.codes.iter().copied().zip(self.keys.iter())
    }
}
