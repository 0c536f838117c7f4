//! The contract's imports in the SDK's types. Columns move; nothing of a row is copied.

use bytes::Bytes;
use otelier::otlp::columns::Bitmap;
use otelier::otlp::edit::MetricEdit;
use otelier::otlp::emit::{ExponentialRows, HistogramRows, Observations};
use otelier::processor::{
    Context, Declared, Identity, NewKeys, Quantiles, Rows, SetAttribute, Severity as HostSeverity, State, StateError,
    Violation, blob_strings,
};
use otelier_sdk::{
    Additions, Attribute, AttributeSets, Blob, BoundsLists, BucketCounts, Descriptor, Entries, ExemplarLists,
    ExponentialBuckets, ExponentialHistograms, Found, Histograms, Host, Level, MergeOp, MetricKind, QuantileValues,
    Runs, Severity, Source, StorageError, Temporality, When,
};

use super::types::{
    guest_blob, guest_buckets, guest_descriptor, host_buckets, host_descriptor, host_kind, host_level, host_merge_op,
    host_source, host_temporality, host_when, named, named_one, storage_error,
};

/// The context for the length of one call.
pub struct Imports<'c> {
    context: &'c mut Context,
    /// The first request that the contract does not allow. It ends the call when that returns.
    pub violation: Option<Violation>,
}

impl<'c> Imports<'c> {
    /// The imports of one call.
    pub fn new(context: &'c mut Context) -> Imports<'c> {
        Imports { context, violation: None }
    }

    fn allowed<T: Default>(&mut self, result: Result<T, Violation>) -> T {
        result.unwrap_or_else(|violation| {
            self.violation.get_or_insert(violation);
            T::default()
        })
    }

    fn storage<T: Default>(
        &mut self,
        call: impl FnOnce(&mut State) -> Result<Result<T, StateError>, Violation>,
    ) -> Result<T, StorageError> {
        let result = self.context.storage().and_then(call);
        match result {
            Ok(result) => result.map_err(storage_error),
            Err(violation) => Ok(self.allowed(Err(violation))),
        }
    }

    fn declare<T: Default>(&mut self, call: impl FnOnce(&mut Declared) -> Result<T, Violation>) -> T {
        let result = self.context.declare().and_then(call);
        self.allowed(result)
    }

    fn emit(&mut self, identity: Identity, rows: Rows) {
        let result = self.context.emit(identity, rows);
        self.allowed(result);
    }
}

impl Host for Imports<'_> {
    fn log_write(&mut self, severity: Severity, message: &str) {
        let severity = match severity {
            Severity::Trace => HostSeverity::Trace,
            Severity::Debug => HostSeverity::Debug,
            Severity::Info => HostSeverity::Info,
            Severity::Warn => HostSeverity::Warn,
            Severity::Error => HostSeverity::Error,
        };
        self.context.log(severity, message);
    }

    fn clock_steady(&mut self) -> u64 {
        let steady = self.context.steady();
        self.allowed(steady)
    }

    fn storage_get(&mut self, keys: Blob) -> Result<Found, StorageError> {
        let found = self.storage(|state| {
            let keys = blob_strings(&keys.ends, &keys.bytes)?;
            Ok(keys.into_iter().map(|key| state.get(key)).collect::<Result<Vec<Option<Bytes>>, _>>())
        })?;
        let mut present = Bitmap::default();
        found.iter().enumerate().filter(|(_, value)| value.is_some()).for_each(|(index, _)| present.set(index));
        let values = found.iter().map(|value| value.as_deref().unwrap_or_default()).collect();
        Ok(Found { present: present.into_words(), values })
    }

    fn storage_set(&mut self, keys: Blob, values: Blob) -> Result<(), StorageError> {
        self.storage(|state| {
            let keys = blob_strings(&keys.ends, &keys.bytes)?;
            let values = blob_strings(&values.ends, &values.bytes)?;
            if keys.len() != values.len() {
                return Err(Violation::StorageValues);
            }
            Ok(keys.into_iter().zip(values).try_for_each(|(key, value)| state.set(key, value)))
        })
    }

    fn storage_merge_integers(&mut self, keys: Blob, op: MergeOp, values: Vec<i64>) -> Result<(), StorageError> {
        self.storage(|state| {
            let keys = blob_strings(&keys.ends, &keys.bytes)?;
            if keys.len() != values.len() {
                return Err(Violation::StorageValues);
            }
            Ok(state.merge_integers(host_merge_op(op), keys.zip(values)))
        })
    }

    fn storage_merge_doubles(&mut self, keys: Blob, op: MergeOp, values: Vec<f64>) -> Result<(), StorageError> {
        self.storage(|state| {
            let keys = blob_strings(&keys.ends, &keys.bytes)?;
            if keys.len() != values.len() {
                return Err(Violation::StorageValues);
            }
            Ok(state.merge_doubles(host_merge_op(op), keys.zip(values)))
        })
    }

    fn storage_delete(&mut self, keys: Blob) -> Result<(), StorageError> {
        self.storage(|state| {
            let keys = blob_strings(&keys.ends, &keys.bytes)?;
            Ok(keys.into_iter().try_for_each(|key| state.delete(key)))
        })
    }

    fn storage_delete_range(&mut self, start: Vec<u8>, end: Vec<u8>) -> Result<(), StorageError> {
        self.storage(|state| Ok(state.delete_range(&start, &end)))
    }

    fn storage_range(&mut self, start: Vec<u8>, end: Vec<u8>, limit: u32) -> Result<Entries, StorageError> {
        let found = self.storage(|state| Ok(state.range(&start, &end, limit as usize)))?;
        let keys = found.entries.iter().map(|(key, _)| &key[..]).collect();
        let values = found.entries.iter().map(|(_, value)| &value[..]).collect();
        Ok(Entries { keys, values, more: found.more })
    }

    fn projection_metrics(&mut self, patterns: Vec<String>) {
        self.declare(|declared| Ok(declared.metrics(patterns)?));
    }

    fn projection_kinds(&mut self, kinds: Vec<MetricKind>) {
        let kinds: Vec<_> = kinds.into_iter().map(host_kind).collect();
        self.declare(|declared| {
            declared.kinds(&kinds);
            Ok(())
        });
    }

    fn projection_items(&mut self) {
        self.declare(|declared| {
            declared.projection.items = true;
            Ok(())
        });
    }

    fn projection_column(&mut self, name: &str) {
        let signal = self.context.signal();
        self.declare(|declared| Ok(declared.column(signal, name.to_owned())?));
    }

    fn projection_value_of(&mut self, source: Source) -> u32 {
        let signal = self.context.signal();
        self.declare(|declared| Ok(declared.value_of(signal, host_source(source))?))
    }

    fn projection_key_by(&mut self, sources: Vec<Source>, durable: bool) -> u32 {
        let signal = self.context.signal();
        let sources = sources.into_iter().map(host_source).collect();
        self.declare(|declared| Ok(declared.key_by(signal, sources, durable)?))
    }

    fn projection_values(&mut self) {
        let signal = self.context.signal();
        self.declare(|declared| Ok(declared.values(signal)?));
    }

    fn projection_times(&mut self) {
        self.declare(|declared| {
            declared.projection.times = true;
            Ok(())
        });
    }

    fn projection_start_times(&mut self) {
        self.declare(|declared| {
            declared.projection.start_times = true;
            Ok(())
        });
    }

    fn projection_keep(&mut self, attributes: Vec<Attribute>, durable: bool) -> u32 {
        self.declare(|declared| Ok(declared.keep(named(attributes), durable)?))
    }

    fn projection_drop(&mut self, attributes: Vec<Attribute>, durable: bool) -> u32 {
        self.declare(|declared| Ok(declared.drop_attributes(named(attributes), durable)?))
    }

    fn projection_stream(&mut self, only: Option<Temporality>, durable: bool) -> u32 {
        self.declare(|declared| Ok(declared.stream(only.map(host_temporality), durable)?))
    }

    fn projection_alike(&mut self, keying: u32) {
        self.declare(|declared| Ok(declared.alike(keying)?));
    }

    fn projection_state(&mut self, format: u32) {
        self.declare(|declared| {
            declared.state_format = Some(format);
            Ok(())
        });
    }

    fn projection_expected_memory(&mut self) -> u64 {
        0
    }

    fn projection_flush_every(&mut self, interval_ms: u32) {
        self.declare(|declared| Ok(declared.flush_every(interval_ms)?));
    }

    fn rows_count(&mut self) -> u32 {
        let count = self.context.count();
        self.allowed(count)
    }

    fn rows_metrics(&mut self) -> Runs {
        let metrics = self.context.metrics();
        let (ends, descriptors) = self.allowed(metrics);
        Runs { ends, descriptors }
    }

    fn rows_new_descriptors(&mut self) -> Vec<Descriptor> {
        let descriptors = self.context.new_descriptors();
        self.allowed(descriptors).into_iter().map(guest_descriptor).collect()
    }

    fn rows_values(&mut self) -> Vec<u64> {
        let values = self.context.values();
        self.allowed(values)
    }

    fn rows_integers(&mut self) -> Vec<u64> {
        let integers = self.context.integers();
        self.allowed(integers)
    }

    fn rows_no_value(&mut self) -> Vec<u64> {
        let no_value = self.context.no_value();
        self.allowed(no_value)
    }

    fn rows_times(&mut self) -> Vec<u64> {
        let times = self.context.times();
        self.allowed(times)
    }

    fn rows_start_times(&mut self) -> Vec<u64> {
        let start_times = self.context.start_times();
        self.allowed(start_times)
    }

    fn rows_column(&mut self, name: &str) -> Vec<u64> {
        let column = self.context.column(name);
        self.allowed(column)
    }

    fn rows_bounds(&mut self) -> Vec<u32> {
        let column = self.context.bounds();
        self.allowed(column)
    }

    fn rows_new_bounds(&mut self) -> BoundsLists {
        let lists = self.context.new_bounds();
        let mut all = BoundsLists { ends: Vec::new(), bounds: Vec::new() };
        for list in self.allowed(lists) {
            all.bounds.extend(list);
            all.ends.push(all.bounds.len() as u32);
        }
        all
    }

    fn rows_buckets(&mut self) -> BucketCounts {
        let columns = self.context.buckets();
        let (ends, counts) = self.allowed(columns);
        BucketCounts { ends, counts }
    }

    fn rows_positive_buckets(&mut self) -> ExponentialBuckets {
        let buckets = self.context.exponential_buckets(false);
        guest_buckets(self.allowed(buckets))
    }

    fn rows_negative_buckets(&mut self) -> ExponentialBuckets {
        let buckets = self.context.exponential_buckets(true);
        guest_buckets(self.allowed(buckets))
    }

    fn rows_quantiles(&mut self) -> QuantileValues {
        let columns = self.context.quantiles();
        let Quantiles { ends, pairs } = self.allowed(columns);
        let (quantiles, values) = pairs.into_iter().unzip();
        QuantileValues { ends, quantiles, values }
    }

    fn rows_exemplars(&mut self) -> ExemplarLists {
        let columns = self.context.exemplars();
        let (ends, entries) = self.allowed(columns);
        ExemplarLists { ends, entries: guest_blob(entries) }
    }

    fn rows_values_of(&mut self, number: u32) -> Blob {
        let column = self.context.values_of(number);
        guest_blob(self.allowed(column))
    }

    fn rows_attributes(&mut self, level: Level) -> AttributeSets {
        let sets = self.context.attributes(host_level(level));
        let otelier::otlp::columns::AttributeSets { numbers, sets } = self.allowed(sets);
        AttributeSets { numbers, sets: guest_blob(sets) }
    }

    fn rows_metadata(&mut self, name: &str) -> Vec<String> {
        let values = self.context.metadata(name);
        self.allowed(values)
    }

    fn rows_sender(&mut self) -> Option<String> {
        let sender = self.context.sender();
        self.allowed(sender)
    }

    fn rows_keys(&mut self, keying: u32) -> Vec<u32> {
        let keys = self.context.keys(keying);
        self.allowed(keys)
    }

    fn rows_new_keys(&mut self, keying: u32) -> Additions {
        let keys = self.context.new_keys(keying).map(|NewKeys { codes, ends, bytes }| (codes, ends, bytes));
        let (codes, ends, bytes) = self.allowed(keys);
        Additions { codes, entries: Blob { ends, bytes } }
    }

    fn output_drop(&mut self, rows: Vec<u64>) {
        let result = self.context.drop_rows(rows);
        self.allowed(result);
    }

    fn output_absorb(&mut self, rows: Vec<u64>) {
        let result = self.context.absorb(rows);
        self.allowed(result);
    }

    fn output_set_attribute(
        &mut self,
        rows: Vec<u64>,
        attribute: Attribute,
        when: When,
        values: Blob,
        indices: Vec<u32>,
    ) {
        let result = blob_strings(&values.ends, &values.bytes).and_then(|values| {
            let set = SetAttribute { when: host_when(when), values: values.collect(), indices };
            self.context.set_attribute(rows, named_one(attribute), set)
        });
        self.allowed(result);
    }

    fn output_remove_attribute(&mut self, rows: Vec<u64>, attribute: Attribute) {
        let result = self.context.remove_attribute(rows, named_one(attribute));
        self.allowed(result);
    }

    fn output_rename_attribute(&mut self, rows: Vec<u64>, attribute: Attribute, key: String) {
        let result = self.context.rename_attribute(rows, named_one(attribute), key);
        self.allowed(result);
    }

    fn output_copy_attribute(&mut self, rows: Vec<u64>, attribute: Attribute, key: String, when: When) {
        let result = self.context.copy_attribute(rows, named_one(attribute), key, host_when(when));
        self.allowed(result);
    }

    fn output_set_attributes(&mut self, rows: Vec<u64>, level: Level, maps: Blob, indices: Vec<u32>) {
        let maps = blob_strings(&maps.ends, &maps.bytes).map(Iterator::collect);
        let result = maps.and_then(|maps| self.context.set_attributes(rows, host_level(level), maps, indices));
        self.allowed(result);
    }

    fn output_remove_attributes(&mut self, rows: Vec<u64>, level: Level, keys: Blob, indices: Vec<u32>) {
        let keys = blob_strings(&keys.ends, &keys.bytes).map(Iterator::collect);
        let result = keys.and_then(|keys| self.context.remove_attributes(rows, host_level(level), keys, indices));
        self.allowed(result);
    }

    fn output_set_field(&mut self, rows: Vec<u64>, field: String, values: Blob, indices: Vec<u32>) {
        let values = blob_strings(&values.ends, &values.bytes).map(Iterator::collect);
        let result = values.and_then(|values| self.context.set_field(rows, field, values, indices));
        self.allowed(result);
    }

    fn output_edit_metric(&mut self, descriptor: u32, name: String, unit: String, description: String) {
        let result = self.context.edit_metric(MetricEdit { descriptor, name, unit, description });
        self.allowed(result);
    }

    fn output_describe(&mut self, descriptor: Descriptor) -> u32 {
        let number = self.context.describe(host_descriptor(descriptor));
        self.allowed(number)
    }

    fn output_intern(&mut self, keying: u32, entries: Blob) -> Vec<u32> {
        let strings = blob_strings(&entries.ends, &entries.bytes);
        let codes = strings.and_then(|keys| self.context.intern(keying, keys));
        self.allowed(codes)
    }

    fn output_release(&mut self, keying: u32, codes: Vec<u32>) {
        let result = self.context.release(keying, codes);
        self.allowed(result);
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
        self.emit(Identity { descriptor, keying, keys, start_times, times }, Rows::Doubles(values));
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
        self.emit(Identity { descriptor, keying, keys, start_times, times }, Rows::Integers(values));
    }

    fn output_bounds(&mut self, bounds: Vec<f64>) -> u32 {
        let number = self.context.describe_bounds(bounds);
        self.allowed(number)
    }

    fn output_emit_histograms(&mut self, descriptor: u32, keying: u32, points: Histograms) {
        let Histograms { keys, start_times, times, counts, sums, no_sum, mins, maxs, .. } = points;
        let Histograms { bounds, bucket_ends, bucket_counts, .. } = points;
        let observations = Observations { counts, sums, no_sum: Bitmap::from_words(no_sum), mins, maxs };
        let rows = HistogramRows { observations, bucket_ends, bucket_counts, ..HistogramRows::default() };
        self.emit(Identity { descriptor, keying, keys, start_times, times }, Rows::Histograms(rows, bounds));
    }

    fn output_emit_exponential_histograms(&mut self, descriptor: u32, keying: u32, points: ExponentialHistograms) {
        let ExponentialHistograms { keys, start_times, times, counts, sums, no_sum, mins, maxs, .. } = points;
        let rows = ExponentialRows {
            observations: Observations { counts, sums, no_sum: Bitmap::from_words(no_sum), mins, maxs },
            scales: points.scales,
            zero_counts: points.zero_counts,
            zero_thresholds: points.zero_thresholds,
            positive: host_buckets(points.positive),
            negative: host_buckets(points.negative),
        };
        self.emit(Identity { descriptor, keying, keys, start_times, times }, Rows::Exponential(rows));
    }

    fn output_exemplars(&mut self, rows: Vec<u32>, entries: Blob) {
        let entries = blob_strings(&entries.ends, &entries.bytes);
        let result = entries.and_then(|entries| self.context.attach_exemplars(rows, entries));
        self.allowed(result);
    }
}
