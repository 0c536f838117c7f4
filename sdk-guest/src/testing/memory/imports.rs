//! The imports of the contract, answered from memory.

use crate::aggregate::Number;
use crate::{
    Additions, Attribute, AttributeSets, Bitmap, Blob, BoundsLists, BucketCounts, Descriptor, Entries, ExemplarLists,
    ExponentialBuckets, ExponentialHistograms, Found, Histograms, Host, Level, MergeOp, MetricKind, QuantileValues,
    Runs, Severity, Source, StorageError, Temporality, When,
};

use super::super::dictionary::Grouping;
use super::super::edits::Edit;
use super::super::histograms;
use super::super::merge;
use super::{Destination, INTERN_RESERVE, MemoryHost};

/// How many new keys come at once: few, so that tests have several pages.
const NEW_KEYS_MAX: usize = 100;

impl Host for MemoryHost {
    fn log_write(&mut self, severity: Severity, message: &str) {
        self.log.push((severity, message.to_owned()));
    }

    fn clock_steady(&mut self) -> u64 {
        self.steady
    }

    fn storage_get(&mut self, keys: Blob) -> Result<Found, StorageError> {
        self.available()?;
        let (mut present, mut values) = (Bitmap::new(), Blob::default());
        for (index, key) in keys.iter().enumerate() {
            let value = self.durable.storage.get(key);
            if value.is_some() {
                present.set(index);
            }
            values.push(value.map(Vec::as_slice).unwrap_or_default());
        }
        Ok(Found { present: present.into_words(), values })
    }

    fn storage_set(&mut self, keys: Blob, values: Blob) -> Result<(), StorageError> {
        self.available()?;
        assert_eq!(keys.len(), values.len(), "as many keys as values");
        keys.iter().zip(values.iter()).try_for_each(|(key, value)| self.put(key, value))
    }

    fn storage_merge_integers(&mut self, keys: Blob, op: MergeOp, values: Vec<i64>) -> Result<(), StorageError> {
        self.merge(&keys, &values, |stored, value| merge::integers(op, stored, *value))
    }

    fn storage_merge_doubles(&mut self, keys: Blob, op: MergeOp, values: Vec<f64>) -> Result<(), StorageError> {
        self.merge(&keys, &values, |stored, value| merge::doubles(op, stored, *value))
    }

    fn storage_delete(&mut self, keys: Blob) -> Result<(), StorageError> {
        self.available()?;
        keys.iter().for_each(|key| drop(self.durable.storage.remove(key)));
        Ok(())
    }

    fn storage_delete_range(&mut self, start: Vec<u8>, end: Vec<u8>) -> Result<(), StorageError> {
        self.available()?;
        self.durable.storage.retain(|key, _| *key < start || *key >= end);
        Ok(())
    }

    fn storage_range(&mut self, start: Vec<u8>, end: Vec<u8>, limit: u32) -> Result<Entries, StorageError> {
        self.available()?;
        let mut found = self.durable.storage.range(start..end);
        let (mut keys, mut values) = (Blob::default(), Blob::default());
        for (key, value) in found.by_ref().take(limit as usize) {
            keys.push(key);
            values.push(value);
        }
        Ok(Entries { keys, values, more: found.next().is_some() })
    }

    fn projection_metrics(&mut self, patterns: Vec<String>) {
        self.declared.patterns.extend(patterns);
    }

    fn projection_kinds(&mut self, kinds: Vec<MetricKind>) {
        self.declared.kinds.extend(kinds);
    }

    fn projection_items(&mut self) {
        self.declared.items = true;
    }

    fn projection_column(&mut self, name: &str) {
        self.declared.columns.push(name.to_owned());
    }

    fn projection_value_of(&mut self, source: Source) -> u32 {
        self.declared.value_of.push(source);
        self.declared.value_of.len() as u32 - 1
    }

    fn projection_key_by(&mut self, sources: Vec<Source>, durable: bool) -> u32 {
        self.declared.keyings.push((Grouping::KeyBy(sources), durable));
        self.declared.keyings.len() as u32 - 1
    }

    fn projection_values(&mut self) {
        self.declared.values = true;
    }

    fn projection_times(&mut self) {
        self.declared.times = true;
    }

    fn projection_start_times(&mut self) {
        self.declared.start_times = true;
    }

    fn projection_keep(&mut self, attributes: Vec<Attribute>, durable: bool) -> u32 {
        self.declared.keyings.push((Grouping::Keep(attributes), durable));
        self.declared.keyings.len() as u32 - 1
    }

    fn projection_drop(&mut self, attributes: Vec<Attribute>, durable: bool) -> u32 {
        self.declared.keyings.push((Grouping::Drop(attributes), durable));
        self.declared.keyings.len() as u32 - 1
    }

    fn projection_stream(&mut self, only: Option<Temporality>, durable: bool) -> u32 {
        self.declared.keyings.push((Grouping::Stream(only), durable));
        self.declared.keyings.len() as u32 - 1
    }

    fn projection_alike(&mut self, keying: u32) {
        // Attributes of points are texts here.
        assert!((keying as usize) < self.declared.keyings.len(), "there is no keying {keying}");
    }

    fn projection_state(&mut self, format: u32) {
        self.declared.state_format = Some(format);
    }

    fn projection_expected_memory(&mut self) -> u64 {
        0
    }

    fn projection_flush_every(&mut self, interval_ms: u32) {
        self.declared.flush_every_ms = Some(interval_ms);
    }

    fn rows_count(&mut self) -> u32 {
        self.rows as u32
    }

    fn rows_metrics(&mut self) -> Runs {
        let (ends, descriptors) = self.columns.runs.take().expect("`metrics` can be pulled once, in `process`");
        Runs { ends, descriptors }
    }

    fn rows_new_descriptors(&mut self) -> Vec<Descriptor> {
        let new = self.descriptors.get(self.descriptors_sent..).unwrap_or_default().to_vec();
        self.descriptors_sent = self.descriptors.len();
        new
    }

    fn rows_values(&mut self) -> Vec<u64> {
        self.columns.values.take().expect("`values` was not declared, or pulled before")
    }

    fn rows_integers(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.columns.integers).into_words()
    }

    fn rows_no_value(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.columns.no_value).into_words()
    }

    fn rows_times(&mut self) -> Vec<u64> {
        self.columns.times.take().expect("`times` was not declared, or pulled before")
    }

    fn rows_start_times(&mut self) -> Vec<u64> {
        self.columns.start_times.take().expect("`start_times` was not declared, or pulled before")
    }

    fn rows_column(&mut self, name: &str) -> Vec<u64> {
        self.columns.words.remove(name).unwrap_or_else(|| panic!("`{name}` was not declared, or pulled before"))
    }

    fn rows_bounds(&mut self) -> Vec<u32> {
        self.columns.bounds.take().expect("`bounds` was not declared, or pulled before")
    }

    fn rows_new_bounds(&mut self) -> BoundsLists {
        let mut new = BoundsLists { ends: Vec::new(), bounds: Vec::new() };
        for list in self.input_bounds.lists.iter().skip(self.input_bounds.sent) {
            new.bounds.extend(list);
            new.ends.push(new.bounds.len() as u32);
        }
        self.input_bounds.sent = self.input_bounds.lists.len();
        new
    }

    fn rows_buckets(&mut self) -> BucketCounts {
        self.columns.buckets.take().expect("`buckets` was not declared, or pulled before")
    }

    fn rows_positive_buckets(&mut self) -> ExponentialBuckets {
        self.columns.positive_buckets.take().expect("`positive_buckets` was not declared, or pulled before")
    }

    fn rows_negative_buckets(&mut self) -> ExponentialBuckets {
        self.columns.negative_buckets.take().expect("`negative_buckets` was not declared, or pulled before")
    }

    fn rows_quantiles(&mut self) -> QuantileValues {
        self.columns.quantiles.take().expect("`quantiles` was not declared, or pulled before")
    }

    fn rows_exemplars(&mut self) -> ExemplarLists {
        self.columns.exemplars.take().expect("`exemplars` was not declared, or pulled before")
    }

    fn rows_values_of(&mut self, number: u32) -> Blob {
        let column = self.columns.value_of.get_mut(number as usize).expect("the column was not declared");
        column.take().expect("`values_of` can be pulled once")
    }

    fn rows_attributes(&mut self, level: Level) -> AttributeSets {
        self.attribute_sets(level)
    }

    fn rows_metadata(&mut self, name: &str) -> Vec<String> {
        let of_name = self.metadata.iter().filter(|(known, _)| known == name);
        of_name.map(|(_, value)| value.clone()).collect()
    }

    fn rows_sender(&mut self) -> Option<String> {
        self.sender.clone()
    }

    fn rows_keys(&mut self, keying: u32) -> Vec<u32> {
        let column = self.columns.keys.get_mut(keying as usize).expect("the keying was not declared");
        column.take().expect("`keys` can be pulled once")
    }

    fn rows_new_keys(&mut self, keying: u32) -> Additions {
        let dictionary = &mut self.durable.dictionaries[keying as usize];
        let page = dictionary.unsent.len().min(NEW_KEYS_MAX);
        let codes: Vec<u32> = dictionary.unsent.drain(..page).collect();
        let key = |code: &u32| dictionary.keys[*code as usize].as_deref().unwrap_or_default();
        let entries = codes.iter().map(key).collect();
        Additions { codes, entries }
    }

    fn output_drop(&mut self, rows: Vec<u64>) {
        let rows = Bitmap::from_words(rows);
        (0..self.rows).filter(|row| rows.get(*row)).for_each(|row| self.dropped.set(row));
        assert!(!rows.has_any(self.rows..self.rows + 64), "rows are dropped that do not exist");
    }

    fn output_absorb(&mut self, rows: Vec<u64>) {
        let rows = Bitmap::from_words(rows);
        (0..self.rows).filter(|row| rows.get(*row)).for_each(|row| self.absorbed.set(row));
        assert!(!rows.has_any(self.rows..self.rows + 64), "rows are absorbed that do not exist");
    }

    fn output_set_attribute(
        &mut self,
        rows: Vec<u64>,
        attribute: Attribute,
        when: When,
        values: Blob,
        indices: Vec<u32>,
    ) {
        self.edits.push(Edit::Set { rows: Bitmap::from_words(rows), attribute, when, values, indices });
    }

    fn output_remove_attribute(&mut self, rows: Vec<u64>, attribute: Attribute) {
        self.edits.push(Edit::Remove { rows: Bitmap::from_words(rows), attribute });
    }

    fn output_rename_attribute(&mut self, rows: Vec<u64>, attribute: Attribute, key: String) {
        self.edits.push(Edit::Rename { rows: Bitmap::from_words(rows), attribute, key });
    }

    fn output_copy_attribute(&mut self, rows: Vec<u64>, attribute: Attribute, key: String, when: When) {
        self.edits.push(Edit::Copy { rows: Bitmap::from_words(rows), attribute, key, when });
    }

    fn output_set_attributes(&mut self, rows: Vec<u64>, level: Level, maps: Blob, indices: Vec<u32>) {
        self.edits.push(Edit::SetMany { rows: Bitmap::from_words(rows), level, maps, indices });
    }

    fn output_remove_attributes(&mut self, rows: Vec<u64>, level: Level, keys: Blob, indices: Vec<u32>) {
        self.edits.push(Edit::RemoveMany { rows: Bitmap::from_words(rows), level, keys, indices });
    }

    fn output_set_field(&mut self, rows: Vec<u64>, field: String, values: Blob, indices: Vec<u32>) {
        self.edits.push(Edit::Field { rows: Bitmap::from_words(rows), field, values, indices });
    }

    fn output_edit_metric(&mut self, descriptor: u32, name: String, unit: String, description: String) {
        self.edits.push(Edit::Metric { descriptor, name, unit, description });
    }

    fn output_describe(&mut self, descriptor: Descriptor) -> u32 {
        let known = self.described.iter().position(|known| *known == descriptor);
        known.unwrap_or_else(|| {
            self.described.push(descriptor);
            self.described.len() - 1
        }) as u32
    }

    fn output_intern(&mut self, keying: u32, entries: Blob) -> Vec<u32> {
        let entries_max = self.dictionary_entries + INTERN_RESERVE;
        let dictionary = &mut self.durable.dictionaries[keying as usize];
        entries.iter().map(|key| dictionary.code(key, entries_max)).collect()
    }

    fn output_release(&mut self, keying: u32, codes: Vec<u32>) {
        self.released.push((keying, codes));
    }

    fn output_emit_doubles(
        &mut self,
        descriptor: u32,
        keying: u32,
        keys: Vec<u32>,
        start_times: Vec<u64>,
        times: Vec<u64>,
        values: Vec<f64>,
    ) {
        let values = values.into_iter().map(Number::Double).collect();
        self.emit_numbers(Destination { descriptor, keying }, &keys, [start_times, times], values);
    }

    fn output_emit_integers(
        &mut self,
        descriptor: u32,
        keying: u32,
        keys: Vec<u32>,
        start_times: Vec<u64>,
        times: Vec<u64>,
        values: Vec<i64>,
    ) {
        let values = values.into_iter().map(Number::Integer).collect();
        self.emit_numbers(Destination { descriptor, keying }, &keys, [start_times, times], values);
    }

    fn output_bounds(&mut self, bounds: Vec<f64>) -> u32 {
        assert!(bounds.is_sorted() && !bounds.iter().any(|bound| bound.is_nan()), "bounds ascend: {bounds:?}");
        let known = self.output_bounds.iter().position(|known| *known == bounds);
        known.unwrap_or_else(|| {
            self.output_bounds.push(bounds);
            self.output_bounds.len() - 1
        }) as u32
    }

    fn output_emit_histograms(&mut self, descriptor: u32, keying: u32, points: Histograms) {
        let emission = histograms::histograms(points, &self.output_bounds);
        self.emit_contents(Destination { descriptor, keying }, emission);
    }

    fn output_emit_exponential_histograms(&mut self, descriptor: u32, keying: u32, points: ExponentialHistograms) {
        self.emit_contents(Destination { descriptor, keying }, histograms::exponential_histograms(points));
    }

    fn output_exemplars(&mut self, rows: Vec<u32>, entries: Blob) {
        let (place, first) = self.last_emission.expect("exemplars follow an emission");
        histograms::attach(&mut self.emitted[place].points[first..], &rows, &entries);
    }
}
