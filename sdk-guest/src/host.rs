//! The imports of the contract as a trait: what a call asks of the host.
//!
//! One function per import, with the contract's own types and by value, so that a host in the same process moves columns and
//! copies nothing. A request that the contract does not allow ends a component's call as a trap; a native host panics, or
//! remembers it and discards the call when it returns.

use crate::{
    Additions, Attribute, AttributeSets, Blob, BoundsLists, BucketCounts, Descriptor, Entries, ExemplarLists,
    ExponentialBuckets, ExponentialHistograms, Found, Histograms, Level, MergeOp, MetricKind, QuantileValues, Runs,
    Severity, Source, StorageError, Temporality, When,
};

/// The host's end of a call.
#[allow(missing_docs)] // Each function is documented in the contract under the name it has here: `interface_function`.
pub trait Host {
    fn log_write(&mut self, severity: Severity, message: &str);

    fn clock_steady(&mut self) -> u64;

    fn storage_get(&mut self, keys: Blob) -> Result<Found, StorageError>;
    fn storage_set(&mut self, keys: Blob, values: Blob) -> Result<(), StorageError>;
    fn storage_merge_integers(&mut self, keys: Blob, op: MergeOp, values: Vec<i64>) -> Result<(), StorageError>;
    fn storage_merge_doubles(&mut self, keys: Blob, op: MergeOp, values: Vec<f64>) -> Result<(), StorageError>;
    fn storage_delete(&mut self, keys: Blob) -> Result<(), StorageError>;
    fn storage_delete_range(&mut self, start: Vec<u8>, end: Vec<u8>) -> Result<(), StorageError>;
    fn storage_range(&mut self, start: Vec<u8>, end: Vec<u8>, limit: u32) -> Result<Entries, StorageError>;

    fn projection_metrics(&mut self, patterns: Vec<String>);
    fn projection_kinds(&mut self, kinds: Vec<MetricKind>);
    fn projection_items(&mut self);
    fn projection_values(&mut self);
    fn projection_times(&mut self);
    fn projection_start_times(&mut self);
    fn projection_column(&mut self, name: &str);
    fn projection_value_of(&mut self, source: Source) -> u32;
    fn projection_key_by(&mut self, sources: Vec<Source>, durable: bool) -> u32;
    fn projection_keep(&mut self, attributes: Vec<Attribute>, durable: bool) -> u32;
    fn projection_drop(&mut self, attributes: Vec<Attribute>, durable: bool) -> u32;
    fn projection_stream(&mut self, only: Option<Temporality>, durable: bool) -> u32;
    fn projection_alike(&mut self, keying: u32);
    fn projection_state(&mut self, format: u32);
    fn projection_expected_memory(&mut self) -> u64;
    fn projection_flush_every(&mut self, interval_ms: u32);

    fn rows_count(&mut self) -> u32;
    fn rows_metrics(&mut self) -> Runs;
    fn rows_new_descriptors(&mut self) -> Vec<Descriptor>;
    fn rows_values(&mut self) -> Vec<u64>;
    fn rows_integers(&mut self) -> Vec<u64>;
    fn rows_no_value(&mut self) -> Vec<u64>;
    fn rows_times(&mut self) -> Vec<u64>;
    fn rows_start_times(&mut self) -> Vec<u64>;
    fn rows_column(&mut self, name: &str) -> Vec<u64>;
    fn rows_bounds(&mut self) -> Vec<u32>;
    fn rows_new_bounds(&mut self) -> BoundsLists;
    fn rows_buckets(&mut self) -> BucketCounts;
    fn rows_positive_buckets(&mut self) -> ExponentialBuckets;
    fn rows_negative_buckets(&mut self) -> ExponentialBuckets;
    fn rows_quantiles(&mut self) -> QuantileValues;
    fn rows_exemplars(&mut self) -> ExemplarLists;
    fn rows_values_of(&mut self, number: u32) -> Blob;
    fn rows_attributes(&mut self, level: Level) -> AttributeSets;
    fn rows_metadata(&mut self, name: &str) -> Vec<String>;
    fn rows_sender(&mut self) -> Option<String>;
    fn rows_keys(&mut self, keying: u32) -> Vec<u32>;
    fn rows_new_keys(&mut self, keying: u32) -> Additions;

    fn output_drop(&mut self, rows: Vec<u64>);
    fn output_absorb(&mut self, rows: Vec<u64>);
    fn output_set_attribute(
        &mut self,
        rows: Vec<u64>,
        attribute: Attribute,
        when: When,
        values: Blob,
        indices: Vec<u32>,
    );
    fn output_remove_attribute(&mut self, rows: Vec<u64>, attribute: Attribute);
    fn output_rename_attribute(&mut self, rows: Vec<u64>, attribute: Attribute, key: String);
    fn output_copy_attribute(&mut self, rows: Vec<u64>, attribute: Attribute, key: String, when: When);
    fn output_set_attributes(&mut self, rows: Vec<u64>, level: Level, maps: Blob, indices: Vec<u32>);
    fn output_remove_attributes(&mut self, rows: Vec<u64>, level: Level, keys: Blob, indices: Vec<u32>);
    fn output_set_field(&mut self, rows: Vec<u64>, field: String, values: Blob, indices: Vec<u32>);
    fn output_edit_metric(&mut self, descriptor: u32, name: String, unit: String, description: String);
    fn output_describe(&mut self, descriptor: Descriptor) -> u32;
    fn output_intern(&mut self, keying: u32, entries: Blob) -> Vec<u32>;
    fn output_release(&mut self, keying: u32, codes: Vec<u32>);
    fn output_emit_doubles(
        &mut self,
        descriptor: u32,
        keying: u32,
        keys: Vec<u32>,
        start_times: Vec<u64>,
        times: Vec<u64>,
        values: Vec<f64>,
    );
    fn output_emit_integers(
        &mut self,
        descriptor: u32,
        keying: u32,
        keys: Vec<u32>,
        start_times: Vec<u64>,
        times: Vec<u64>,
        values: Vec<i64>,
    );
    fn output_bounds(&mut self, bounds: Vec<f64>) -> u32;
    fn output_emit_histograms(&mut self, descriptor: u32, keying: u32, points: Histograms);
    fn output_emit_exponential_histograms(&mut self, descriptor: u32, keying: u32, points: ExponentialHistograms);
    fn output_exemplars(&mut self, rows: Vec<u32>, entries: Blob);
}
