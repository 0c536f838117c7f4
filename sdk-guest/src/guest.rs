//! The component's side: the contract's imports as a [`Host`], and its exports around the one [`Instance`] of the module.

use std::cell::RefCell;
use std::marker::PhantomData;

use crate::bindings::exports::otelier::plugin::processor::Guest;
use crate::bindings::otelier::plugin::{clock, log, output, projection, rows, storage};
use crate::{
    Additions, Attribute, AttributeSets, Blob, BoundsLists, BucketCounts, Descriptor, Entries, ExemplarLists,
    ExponentialBuckets, ExponentialHistograms, Failure, Found, Histograms, Host, Instance, Level, MergeOp, MetricKind,
    Processor, Progress, QuantileValues, Runs, Severity, Signal, Source, StorageError, Stored, Temporality, When,
};

/// What [`export!`](crate::export) exports for a processor.
#[derive(Debug)]
pub struct Exported<P>(PhantomData<P>);

/// An [`Instance`] of whichever processor the crate exports.
trait AnyInstance {
    fn start(&mut self, previous: Option<Stored>, now: u64) -> Result<(), Failure>;
    fn process(&mut self, signal: Signal, now: u64) -> Result<(), Failure>;
    fn flush(&mut self, now: u64, last: bool) -> Result<Progress, Failure>;
}

impl<P: Processor> AnyInstance for Instance<P> {
    fn start(&mut self, previous: Option<Stored>, now: u64) -> Result<(), Failure> {
        Instance::start(self, &mut Imports, previous, now)
    }

    fn process(&mut self, signal: Signal, now: u64) -> Result<(), Failure> {
        Instance::process(self, &mut Imports, signal, now)
    }

    fn flush(&mut self, now: u64, last: bool) -> Result<Progress, Failure> {
        Instance::flush(self, &mut Imports, now, last)
    }
}

thread_local! {
    /// A module has one thread and one instance.
    static INSTANCE: RefCell<Option<Box<dyn AnyInstance>>> = const { RefCell::new(None) };
}

fn with_instance<T>(call: impl FnOnce(&mut dyn AnyInstance) -> Result<T, Failure>) -> Result<T, Failure> {
    INSTANCE.with_borrow_mut(|instance| match instance {
        Some(instance) => call(instance.as_mut()),
        None => Err(Failure::bug("the host calls `describe` first")),
    })
}

impl<P: Processor + 'static> Guest for Exported<P> {
    fn describe(signal: Signal, config: String) -> Result<(), Failure> {
        std::panic::set_hook(Box::new(|panic| log::write(Severity::Error, &panic.to_string())));
        let instance = Instance::<P>::describe(&mut Imports, signal, &config)?;
        INSTANCE.set(Some(Box::new(instance)));
        Ok(())
    }

    fn start(previous: Option<Stored>, now: u64) -> Result<(), Failure> {
        with_instance(|instance| instance.start(previous, now))
    }

    fn process(signal: Signal, now: u64) -> Result<(), Failure> {
        with_instance(|instance| instance.process(signal, now))
    }

    fn flush(now: u64, last: bool) -> Result<Progress, Failure> {
        with_instance(|instance| instance.flush(now, last))
    }
}

/// The contract's imports.
struct Imports;

impl Host for Imports {
    fn log_write(&mut self, severity: Severity, message: &str) {
        log::write(severity, message);
    }

    fn clock_steady(&mut self) -> u64 {
        clock::steady()
    }

    fn storage_get(&mut self, keys: Blob) -> Result<Found, StorageError> {
        storage::get(&keys)
    }
    fn storage_set(&mut self, keys: Blob, values: Blob) -> Result<(), StorageError> {
        storage::set(&keys, &values)
    }
    fn storage_merge_integers(&mut self, keys: Blob, op: MergeOp, values: Vec<i64>) -> Result<(), StorageError> {
        storage::merge_integers(&keys, op, &values)
    }
    fn storage_merge_doubles(&mut self, keys: Blob, op: MergeOp, values: Vec<f64>) -> Result<(), StorageError> {
        storage::merge_doubles(&keys, op, &values)
    }
    fn storage_delete(&mut self, keys: Blob) -> Result<(), StorageError> {
        storage::delete(&keys)
    }
    fn storage_delete_range(&mut self, start: Vec<u8>, end: Vec<u8>) -> Result<(), StorageError> {
        storage::delete_range(&start, &end)
    }
    fn storage_range(&mut self, start: Vec<u8>, end: Vec<u8>, limit: u32) -> Result<Entries, StorageError> {
        storage::range(&start, &end, limit)
    }

    fn projection_metrics(&mut self, patterns: Vec<String>) {
        projection::metrics(&patterns);
    }
    fn projection_kinds(&mut self, kinds: Vec<MetricKind>) {
        projection::kinds(&kinds);
    }
    fn projection_items(&mut self) {
        projection::items();
    }
    fn projection_values(&mut self) {
        projection::values();
    }
    fn projection_times(&mut self) {
        projection::times();
    }
    fn projection_start_times(&mut self) {
        projection::start_times();
    }
    fn projection_column(&mut self, name: &str) {
        projection::column(name);
    }
    fn projection_value_of(&mut self, source: Source) -> u32 {
        projection::value_of(&source)
    }
    fn projection_key_by(&mut self, sources: Vec<Source>, durable: bool) -> u32 {
        projection::key_by(&sources, durable)
    }
    fn projection_keep(&mut self, attributes: Vec<Attribute>, durable: bool) -> u32 {
        projection::keep(&attributes, durable)
    }
    fn projection_drop(&mut self, attributes: Vec<Attribute>, durable: bool) -> u32 {
        projection::drop(&attributes, durable)
    }
    fn projection_stream(&mut self, only: Option<Temporality>, durable: bool) -> u32 {
        projection::stream(only, durable)
    }
    fn projection_alike(&mut self, keying: u32) {
        projection::alike(keying);
    }
    fn projection_state(&mut self, format: u32) {
        projection::state(format);
    }

    fn projection_expected_memory(&mut self) -> u64 {
        projection::expected_memory()
    }
    fn projection_flush_every(&mut self, interval_ms: u32) {
        projection::flush_every(interval_ms);
    }

    fn rows_count(&mut self) -> u32 {
        rows::count()
    }
    fn rows_metrics(&mut self) -> Runs {
        rows::metrics()
    }
    fn rows_new_descriptors(&mut self) -> Vec<Descriptor> {
        rows::new_descriptors()
    }
    fn rows_values(&mut self) -> Vec<u64> {
        rows::values()
    }
    fn rows_integers(&mut self) -> Vec<u64> {
        rows::integers()
    }
    fn rows_no_value(&mut self) -> Vec<u64> {
        rows::no_value()
    }
    fn rows_times(&mut self) -> Vec<u64> {
        rows::times()
    }
    fn rows_start_times(&mut self) -> Vec<u64> {
        rows::start_times()
    }
    fn rows_column(&mut self, name: &str) -> Vec<u64> {
        rows::column(name)
    }
    fn rows_bounds(&mut self) -> Vec<u32> {
        rows::bounds()
    }
    fn rows_new_bounds(&mut self) -> BoundsLists {
        rows::new_bounds()
    }
    fn rows_buckets(&mut self) -> BucketCounts {
        rows::buckets()
    }
    fn rows_positive_buckets(&mut self) -> ExponentialBuckets {
        rows::positive_buckets()
    }
    fn rows_negative_buckets(&mut self) -> ExponentialBuckets {
        rows::negative_buckets()
    }
    fn rows_quantiles(&mut self) -> QuantileValues {
        rows::quantiles()
    }
    fn rows_exemplars(&mut self) -> ExemplarLists {
        rows::exemplars()
    }
    fn rows_values_of(&mut self, number: u32) -> Blob {
        rows::values_of(number)
    }
    fn rows_attributes(&mut self, level: Level) -> AttributeSets {
        rows::attributes(level)
    }
    fn rows_metadata(&mut self, name: &str) -> Vec<String> {
        rows::metadata(name)
    }
    fn rows_sender(&mut self) -> Option<String> {
        rows::sender()
    }
    fn rows_keys(&mut self, keying: u32) -> Vec<u32> {
        rows::keys(keying)
    }
    fn rows_new_keys(&mut self, keying: u32) -> Additions {
        rows::new_keys(keying)
    }

    fn output_drop(&mut self, rows: Vec<u64>) {
        output::drop(&rows);
    }
    fn output_absorb(&mut self, rows: Vec<u64>) {
        output::absorb(&rows);
    }
    fn output_set_attribute(
        &mut self,
        rows: Vec<u64>,
        attribute: Attribute,
        when: When,
        values: Blob,
        indices: Vec<u32>,
    ) {
        output::set_attribute(&rows, &attribute, when, &values, &indices);
    }
    fn output_remove_attribute(&mut self, rows: Vec<u64>, attribute: Attribute) {
        output::remove_attribute(&rows, &attribute);
    }
    fn output_rename_attribute(&mut self, rows: Vec<u64>, attribute: Attribute, key: String) {
        output::rename_attribute(&rows, &attribute, &key);
    }
    fn output_copy_attribute(&mut self, rows: Vec<u64>, attribute: Attribute, key: String, when: When) {
        output::copy_attribute(&rows, &attribute, &key, when);
    }
    fn output_set_attributes(&mut self, rows: Vec<u64>, level: Level, maps: Blob, indices: Vec<u32>) {
        output::set_attributes(&rows, level, &maps, &indices);
    }
    fn output_remove_attributes(&mut self, rows: Vec<u64>, level: Level, keys: Blob, indices: Vec<u32>) {
        output::remove_attributes(&rows, level, &keys, &indices);
    }
    fn output_set_field(&mut self, rows: Vec<u64>, field: String, values: Blob, indices: Vec<u32>) {
        output::set_field(&rows, &field, &values, &indices);
    }
    fn output_edit_metric(&mut self, descriptor: u32, name: String, unit: String, description: String) {
        output::edit_metric(descriptor, &name, &unit, &description);
    }
    fn output_describe(&mut self, descriptor: Descriptor) -> u32 {
        output::describe(&descriptor)
    }
    fn output_intern(&mut self, keying: u32, entries: Blob) -> Vec<u32> {
        output::intern(keying, &entries)
    }
    fn output_release(&mut self, keying: u32, codes: Vec<u32>) {
        output::release(keying, &codes);
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
        output::emit_doubles(descriptor, keying, &keys, &start_times, &times, &values);
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
        output::emit_integers(descriptor, keying, &keys, &start_times, &times, &values);
    }
    fn output_bounds(&mut self, bounds: Vec<f64>) -> u32 {
        output::bounds(&bounds)
    }
    fn output_emit_histograms(&mut self, descriptor: u32, keying: u32, points: Histograms) {
        output::emit_histograms(descriptor, keying, &points);
    }
    fn output_emit_exponential_histograms(&mut self, descriptor: u32, keying: u32, points: ExponentialHistograms) {
        output::emit_exponential_histograms(descriptor, keying, &points);
    }
    fn output_exemplars(&mut self, rows: Vec<u32>, entries: Blob) {
        output::exemplars(&rows, &entries);
    }
}
