//! The batch at hand, by column.

use std::ops::Range;

use crate::aggregate::Number;
use crate::{
    Additions, Attribute, AttributeSets, Bitmap, Blob, BoundsLists, BucketCounts, Column, Descriptor, ExemplarLists,
    ExponentialBuckets, Field, Host, Keying, Keys, Level, Log, Output, QuantileValues, Signal, Storage, ValueColumn,
    When,
};

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
    /// Nanoseconds since the Unix epoch, by the wall clock, which may be set back or forth.
    pub fn now(&self) -> u64 {
        self.now
    }

    /// Nanoseconds on a clock that never goes back and is never set; it stands still while the host is down. For intervals and expiry.
    pub fn steady(&mut self) -> u64 {
        self.host.clock_steady()
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

    /// One word a row; two for [`Column::TraceId`]. What is a double stands as its bits: `f64::from_bits`.
    pub fn column(&mut self, column: Column) -> Vec<u64> {
        self.host.rows_column(column.name())
    }

    /// The number of each row's explicit bounds; [`NO_BOUNDS`](crate::NO_BOUNDS) where it has none to tell.
    pub fn bounds(&mut self) -> Vec<u32> {
        self.host.rows_bounds()
    }

    /// Bounds that are new since this was last called; their numbers go on from the last one. As the sender wrote them.
    pub fn new_bounds(&mut self) -> BoundsLists {
        self.host.rows_new_bounds()
    }

    /// The bucket counts of histograms with explicit bounds.
    pub fn buckets(&mut self) -> BucketCounts {
        self.host.rows_buckets()
    }

    /// The buckets of exponential histograms for positive observations.
    pub fn positive_buckets(&mut self) -> ExponentialBuckets {
        self.host.rows_positive_buckets()
    }

    /// The same for negative ones.
    pub fn negative_buckets(&mut self) -> ExponentialBuckets {
        self.host.rows_negative_buckets()
    }

    /// The quantiles of summaries.
    pub fn quantiles(&mut self) -> QuantileValues {
        self.host.rows_quantiles()
    }

    /// Each point's exemplars, for [`Output::exemplars`] and nobody else to read.
    pub fn exemplars(&mut self) -> ExemplarLists {
        self.host.rows_exemplars()
    }

    /// One value a row, encoded as in a key ([`key::read_value`](crate::key::read_value)); empty where absent.
    pub fn values_of(&mut self, column: ValueColumn) -> Blob {
        self.host.rows_values_of(column.0)
    }

    /// All attributes of a level, which [`Declare::attributes`](crate::Declare::attributes) opens: maps, encoded as values of keys
    /// ([`key::map_entries`](crate::key::map_entries)), each resource's, scope's or item's once.
    pub fn attributes(&mut self, level: Level) -> AttributeSets {
        self.host.rows_attributes(level)
    }

    /// The values of a name, in lower case, among what the receiver keeps of the request's headers (`include_metadata`), in their order.
    pub fn metadata(&mut self, name: &str) -> Vec<String> {
        self.host.rows_metadata(name)
    }

    /// The address that the request came from, without the port; none where it came through no network.
    pub fn sender(&mut self) -> Option<String> {
        self.host.rows_sender()
    }

    /// Each row's key.
    pub fn keys(&mut self, keying: Keying) -> Keys {
        Keys(self.host.rows_keys(keying.0))
    }

    /// Calls `each` with every code that is new since this was last called, and its key in the canonical encoding (see [`key`](crate::key));
    /// after a start, that is all of them. They come in pages, so that they never take much memory at once.
    pub fn each_new_key(&mut self, keying: Keying, mut each: impl FnMut(u32, &[u8])) {
        loop {
            let Additions { codes, entries } = self.host.rows_new_keys(keying.0);
            if codes.is_empty() {
                return;
            }
            codes.iter().zip(entries.iter()).for_each(|(code, key)| each(*code, key));
        }
    }

    /// These rows go no further.
    pub fn drop_rows(&mut self, rows: Bitmap) {
        self.host.output_drop(rows.into_words());
    }

    /// These rows are part of the processor's state now and go no further. A row is dropped or absorbed, never both.
    pub fn absorb(&mut self, rows: Bitmap) {
        self.host.output_absorb(rows.into_words());
    }

    /// Sets an attribute of these rows to one value, encoded as in a key ([`key::write_value`](crate::key::write_value)). Edits
    /// take place in the order in which they are asked for, each on what the one before left.
    pub fn set_attribute(&mut self, rows: Bitmap, attribute: Attribute, when: When, value: Vec<u8>) {
        self.host.output_set_attribute(rows.into_words(), attribute, when, Blob::one(value), Vec::new());
    }

    /// The same with a value for each row: the n-th of `rows` gets `values[indices[n]]`. Without indices there is one value, for all of them.
    pub fn set_attribute_by_row(
        &mut self,
        rows: Bitmap,
        attribute: Attribute,
        when: When,
        values: Blob,
        indices: Vec<u32>,
    ) {
        self.host.output_set_attribute(rows.into_words(), attribute, when, values, indices);
    }

    /// Removes an attribute of these rows.
    pub fn remove_attribute(&mut self, rows: Bitmap, attribute: Attribute) {
        self.host.output_remove_attribute(rows.into_words(), attribute);
    }

    /// Gives an attribute of these rows another key; what had that key is replaced.
    pub fn rename_attribute(&mut self, rows: Bitmap, attribute: Attribute, key: String) {
        self.host.output_rename_attribute(rows.into_words(), attribute, key);
    }

    /// Gives the value of an attribute of these rows to another key at the same level, where the attribute is there. The host copies it, however
    /// long it is: nothing has to be read.
    pub fn copy_attribute(&mut self, rows: Bitmap, attribute: Attribute, key: String, when: When) {
        self.host.output_copy_attribute(rows.into_words(), attribute, key, when);
    }

    /// Sets many attributes of a level at once: the n-th of `rows` gets those of `maps[indices[n]]`, each a map encoded as a value of keys
    /// ([`key::write_map`](crate::key::write_map)). Others stay. Without indices there is one map, for all of them.
    pub fn set_attributes(&mut self, rows: Bitmap, level: Level, maps: Blob, indices: Vec<u32>) {
        self.host.output_set_attributes(rows.into_words(), level, maps, indices);
    }

    /// Removes many attributes of a level at once, by lists of keys ([`key::write_texts`](crate::key::write_texts)).
    pub fn remove_attributes(&mut self, rows: Bitmap, level: Level, keys: Blob, indices: Vec<u32>) {
        self.host.output_remove_attributes(rows.into_words(), level, keys, indices);
    }

    /// Sets a field of these spans or log records to one value, encoded as in a key ([`key::write_value`](crate::key::write_value)); which
    /// ones can be set, and to what, stands at [`Field`]. [`Value::Empty`](crate::key::Value::Empty) takes the field away. Columns show what came.
    pub fn set_field(&mut self, rows: Bitmap, field: Field, value: Vec<u8>) {
        self.set_field_by_row(rows, field, Blob::one(value), Vec::new());
    }

    /// The same with a value for each row: the n-th of `rows` gets `values[indices[n]]`. Without indices there is one value, for all of them.
    pub fn set_field_by_row(&mut self, rows: Bitmap, field: Field, values: Blob, indices: Vec<u32>) {
        self.host.output_set_field(rows.into_words(), field.name().to_owned(), values, indices);
    }

    /// Gives the metrics of this batch with that number (see [`Batch::runs`]) another name, unit and description; the rest of
    /// `descriptor` is not looked at.
    pub fn edit_metric(&mut self, number: u32, descriptor: &Descriptor) {
        let Descriptor { name, unit, description, .. } = descriptor.clone();
        self.host.output_edit_metric(number, name, unit, description);
    }

    /// What the call sends on besides the rows that pass: points, in metrics pipelines and out of connectors.
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
