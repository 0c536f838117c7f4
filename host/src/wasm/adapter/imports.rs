//! The imports of the contract: each is handed on to the [`Context`](crate::processor::Context), which keeps the rules.

use super::Data;
use super::convert::named;
use crate::otlp::columns::{AttributeSets, Bitmap};
use crate::otlp::edit::{MetricEdit, When};
use crate::otlp::emit::{ExponentialRows, HistogramRows, Observations};
use crate::otlp::metrics::Temporality;
use crate::processor::{
    Identity, MergeOp, NewKeys, Quantiles, READ_MAX, Rows, SetAttribute, Severity, StateError, Violation, blob_strings,
};
use crate::wasm::bindings::otelier::plugin::{clock, log, output, projection, rows, storage, types};

/// What a value that was read takes beside its bytes, there or not.
const ENTRY_BYTES: usize = 64;

impl types::Host for Data {}

impl log::Host for Data {
    fn write(&mut self, severity: log::Severity, message: String) -> wasmtime::Result<()> {
        let severity = match severity {
            log::Severity::Trace => Severity::Trace,
            log::Severity::Debug => Severity::Debug,
            log::Severity::Info => Severity::Info,
            log::Severity::Warn => Severity::Warn,
            log::Severity::Error => Severity::Error,
        };
        self.context.call()?.log(severity, &message);
        Ok(())
    }
}

impl clock::Host for Data {
    fn steady(&mut self) -> wasmtime::Result<u64> {
        Ok(self.context.call()?.steady()?)
    }
}

fn storage_result<T>(result: Result<T, StateError>) -> wasmtime::Result<Result<T, storage::Error>> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(StateError::Quota(quota)) => Ok(Err(storage::Error::Quota(quota))),
        Err(StateError::TooLarge(bound)) => Ok(Err(storage::Error::TooLarge(bound))),
        Err(StateError::NoNumber(place)) => Ok(Err(storage::Error::NoNumber(place))),
        Err(error @ (StateError::Store(_) | StateError::Unmarked)) => {
            Ok(Err(storage::Error::Unavailable(error.to_string())))
        }
        Err(StateError::Key) => Err(Violation::StorageKey.into()),
        Err(StateError::Deadline) => Err(Violation::Deadline.into()),
    }
}

fn merge_op(op: storage::MergeOp) -> MergeOp {
    match op {
        storage::MergeOp::Add => MergeOp::Add,
        storage::MergeOp::Min => MergeOp::Min,
        storage::MergeOp::Max => MergeOp::Max,
    }
}

fn blob<'s>(strings: impl Iterator<Item = &'s [u8]>) -> types::Blob {
    let mut blob = types::Blob { ends: Vec::new(), bytes: Vec::new() };
    for string in strings {
        blob.bytes.extend_from_slice(string);
        blob.ends.push(blob.bytes.len() as u32);
    }
    blob
}

impl storage::Host for Data {
    fn get(&mut self, keys: types::Blob) -> wasmtime::Result<Result<storage::Found, storage::Error>> {
        let state = self.context.call()?.storage()?;
        let mut present = Bitmap::default();
        let (mut values, mut bytes) = (Vec::new(), 0);
        for (index, key) in blob_strings(&keys.ends, &keys.bytes)?.enumerate() {
            let value = match storage_result(state.get(key))? {
                Ok(value) => value,
                Err(error) => return Ok(Err(error)),
            };
            if value.is_some() {
                present.set(index);
            }
            let value = value.unwrap_or_default();
            bytes += value.len() + ENTRY_BYTES;
            if bytes > 4 * READ_MAX {
                return Ok(Err(storage::Error::TooLarge(4 * READ_MAX as u64)));
            }
            values.push(value);
        }
        let values = blob(values.iter().map(|value| &value[..]));
        Ok(Ok(storage::Found { present: present.into_words(), values }))
    }

    fn set(&mut self, keys: types::Blob, values: types::Blob) -> wasmtime::Result<Result<(), storage::Error>> {
        let state = self.context.call()?.storage()?;
        let keys = blob_strings(&keys.ends, &keys.bytes)?;
        let values = blob_strings(&values.ends, &values.bytes)?;
        if keys.len() != values.len() {
            return Err(Violation::StorageValues.into());
        }
        storage_result(keys.zip(values).try_for_each(|(key, value)| state.set(key, value)))
    }

    fn merge_integers(
        &mut self,
        keys: types::Blob,
        op: storage::MergeOp,
        values: Vec<i64>,
    ) -> wasmtime::Result<Result<(), storage::Error>> {
        let state = self.context.call()?.storage()?;
        let keys = blob_strings(&keys.ends, &keys.bytes)?;
        if keys.len() != values.len() {
            return Err(Violation::StorageValues.into());
        }
        storage_result(state.merge_integers(merge_op(op), keys.zip(values)))
    }

    fn merge_doubles(
        &mut self,
        keys: types::Blob,
        op: storage::MergeOp,
        values: Vec<f64>,
    ) -> wasmtime::Result<Result<(), storage::Error>> {
        let state = self.context.call()?.storage()?;
        let keys = blob_strings(&keys.ends, &keys.bytes)?;
        if keys.len() != values.len() {
            return Err(Violation::StorageValues.into());
        }
        storage_result(state.merge_doubles(merge_op(op), keys.zip(values)))
    }

    fn delete(&mut self, keys: types::Blob) -> wasmtime::Result<Result<(), storage::Error>> {
        let state = self.context.call()?.storage()?;
        let mut keys = blob_strings(&keys.ends, &keys.bytes)?;
        storage_result(keys.try_for_each(|key| state.delete(key)))
    }

    fn delete_range(&mut self, start: Vec<u8>, end: Vec<u8>) -> wasmtime::Result<Result<(), storage::Error>> {
        storage_result(self.context.call()?.storage()?.delete_range(&start, &end))
    }

    fn range(
        &mut self,
        start: Vec<u8>,
        end: Vec<u8>,
        limit: u32,
    ) -> wasmtime::Result<Result<storage::Entries, storage::Error>> {
        let found = storage_result(self.context.call()?.storage()?.range(&start, &end, limit as usize))?;
        Ok(found.map(|found| storage::Entries {
            keys: blob(found.entries.iter().map(|(key, _)| &key[..])),
            values: blob(found.entries.iter().map(|(_, value)| &value[..])),
            more: found.more,
        }))
    }
}

impl projection::Host for Data {
    fn metrics(&mut self, patterns: Vec<String>) -> wasmtime::Result<()> {
        Ok(self.context.call()?.declare()?.metrics(patterns).map_err(Violation::from)?)
    }

    fn kinds(&mut self, kinds: Vec<types::MetricKind>) -> wasmtime::Result<()> {
        let kinds: Vec<_> = kinds.into_iter().map(Into::into).collect();
        self.context.call()?.declare()?.kinds(&kinds);
        Ok(())
    }

    fn items(&mut self) -> wasmtime::Result<()> {
        self.context.call()?.declare()?.projection.items = true;
        Ok(())
    }

    fn column(&mut self, name: String) -> wasmtime::Result<()> {
        let signal = self.context.host().signal();
        Ok(self.context.call()?.declare()?.column(signal, name).map_err(Violation::from)?)
    }

    fn value_of(&mut self, source: types::Source) -> wasmtime::Result<u32> {
        let signal = self.context.host().signal();
        Ok(self.context.call()?.declare()?.value_of(signal, source.into()).map_err(Violation::from)?)
    }

    fn key_by(&mut self, sources: Vec<types::Source>, durable: bool) -> wasmtime::Result<u32> {
        let signal = self.context.host().signal();
        let sources = sources.into_iter().map(Into::into).collect();
        Ok(self.context.call()?.declare()?.key_by(signal, sources, durable).map_err(Violation::from)?)
    }

    fn values(&mut self) -> wasmtime::Result<()> {
        let signal = self.context.host().signal();
        Ok(self.context.call()?.declare()?.values(signal).map_err(Violation::from)?)
    }

    fn times(&mut self) -> wasmtime::Result<()> {
        self.context.call()?.declare()?.projection.times = true;
        Ok(())
    }

    fn start_times(&mut self) -> wasmtime::Result<()> {
        self.context.call()?.declare()?.projection.start_times = true;
        Ok(())
    }

    fn keep(&mut self, attributes: Vec<types::Attribute>, durable: bool) -> wasmtime::Result<u32> {
        Ok(self.context.call()?.declare()?.keep(named(attributes), durable).map_err(Violation::from)?)
    }

    fn drop(&mut self, attributes: Vec<types::Attribute>, durable: bool) -> wasmtime::Result<u32> {
        let declared = self.context.call()?.declare()?;
        Ok(declared.drop_attributes(named(attributes), durable).map_err(Violation::from)?)
    }

    fn stream(&mut self, only: Option<types::Temporality>, durable: bool) -> wasmtime::Result<u32> {
        let only = only.map(Temporality::from);
        Ok(self.context.call()?.declare()?.stream(only, durable).map_err(Violation::from)?)
    }

    fn alike(&mut self, keying: u32) -> wasmtime::Result<()> {
        Ok(self.context.call()?.declare()?.alike(keying).map_err(Violation::from)?)
    }

    fn state(&mut self, format: u32) -> wasmtime::Result<()> {
        self.context.call()?.declare()?.state_format = Some(format);
        Ok(())
    }

    fn expected_memory(&mut self) -> wasmtime::Result<u64> {
        Ok(self.context.call()?.expected_memory()? as u64)
    }

    fn flush_every(&mut self, interval_ms: u32) -> wasmtime::Result<()> {
        Ok(self.context.call()?.declare()?.flush_every(interval_ms).map_err(Violation::from)?)
    }
}

impl rows::Host for Data {
    fn count(&mut self) -> wasmtime::Result<u32> {
        Ok(self.context.call()?.count()?)
    }

    fn metrics(&mut self) -> wasmtime::Result<rows::Runs> {
        let (ends, descriptors) = self.context.call()?.metrics()?;
        Ok(rows::Runs { ends, descriptors })
    }

    fn new_descriptors(&mut self) -> wasmtime::Result<Vec<types::Descriptor>> {
        Ok(self.context.call()?.new_descriptors()?.into_iter().map(types::Descriptor::from).collect())
    }

    fn values(&mut self) -> wasmtime::Result<Vec<u64>> {
        Ok(self.context.call()?.values()?)
    }

    fn integers(&mut self) -> wasmtime::Result<Vec<u64>> {
        Ok(self.context.call()?.integers()?)
    }

    fn no_value(&mut self) -> wasmtime::Result<Vec<u64>> {
        Ok(self.context.call()?.no_value()?)
    }

    fn times(&mut self) -> wasmtime::Result<Vec<u64>> {
        Ok(self.context.call()?.times()?)
    }

    fn start_times(&mut self) -> wasmtime::Result<Vec<u64>> {
        Ok(self.context.call()?.start_times()?)
    }

    fn column(&mut self, name: String) -> wasmtime::Result<Vec<u64>> {
        Ok(self.context.call()?.column(&name)?)
    }

    fn bounds(&mut self) -> wasmtime::Result<Vec<u32>> {
        Ok(self.context.call()?.bounds()?)
    }

    fn new_bounds(&mut self) -> wasmtime::Result<rows::BoundsLists> {
        let mut lists = rows::BoundsLists { ends: Vec::new(), bounds: Vec::new() };
        for list in self.context.call()?.new_bounds()? {
            lists.bounds.extend(list);
            lists.ends.push(lists.bounds.len() as u32);
        }
        Ok(lists)
    }

    fn buckets(&mut self) -> wasmtime::Result<rows::BucketCounts> {
        let (ends, counts) = self.context.call()?.buckets()?;
        Ok(rows::BucketCounts { ends, counts })
    }

    fn positive_buckets(&mut self) -> wasmtime::Result<types::ExponentialBuckets> {
        Ok(self.context.call()?.exponential_buckets(false)?.into())
    }

    fn negative_buckets(&mut self) -> wasmtime::Result<types::ExponentialBuckets> {
        Ok(self.context.call()?.exponential_buckets(true)?.into())
    }

    fn quantiles(&mut self) -> wasmtime::Result<rows::QuantileValues> {
        let Quantiles { ends, pairs } = self.context.call()?.quantiles()?;
        let (quantiles, values) = pairs.into_iter().unzip();
        Ok(rows::QuantileValues { ends, quantiles, values })
    }

    fn exemplars(&mut self) -> wasmtime::Result<rows::ExemplarLists> {
        let (ends, entries) = self.context.call()?.exemplars()?;
        Ok(rows::ExemplarLists { ends, entries: entries.into() })
    }

    fn values_of(&mut self, number: u32) -> wasmtime::Result<types::Blob> {
        Ok(self.context.call()?.values_of(number)?.into())
    }

    fn attributes(&mut self, level: types::Level) -> wasmtime::Result<rows::AttributeSets> {
        let AttributeSets { numbers, sets } = self.context.call()?.attributes(level.into())?;
        Ok(rows::AttributeSets { numbers, sets: sets.into() })
    }

    fn metadata(&mut self, name: String) -> wasmtime::Result<Vec<String>> {
        Ok(self.context.call()?.metadata(&name)?)
    }

    fn sender(&mut self) -> wasmtime::Result<Option<String>> {
        Ok(self.context.call()?.sender()?)
    }

    fn keys(&mut self, keying: u32) -> wasmtime::Result<Vec<u32>> {
        Ok(self.context.call()?.keys(keying)?)
    }

    fn new_keys(&mut self, keying: u32) -> wasmtime::Result<rows::Additions> {
        let NewKeys { codes, ends, bytes } = self.context.call()?.new_keys(keying)?;
        Ok(rows::Additions { codes, entries: types::Blob { ends, bytes } })
    }
}

fn condition(when: output::When) -> When {
    match when {
        output::When::Always => When::Always,
        output::When::Absent => When::Absent,
        output::When::Present => When::Present,
    }
}

impl output::Host for Data {
    fn drop(&mut self, rows: Vec<u64>) -> wasmtime::Result<()> {
        Ok(self.context.call()?.drop_rows(rows)?)
    }

    fn absorb(&mut self, rows: Vec<u64>) -> wasmtime::Result<()> {
        Ok(self.context.call()?.absorb(rows)?)
    }

    fn set_attribute(
        &mut self,
        rows: Vec<u64>,
        attribute: types::Attribute,
        when: output::When,
        values: types::Blob,
        indices: Vec<u32>,
    ) -> wasmtime::Result<()> {
        let values = blob_strings(&values.ends, &values.bytes)?.collect();
        let when = condition(when);
        Ok(self.context.call()?.set_attribute(rows, attribute.into(), SetAttribute { when, values, indices })?)
    }

    fn remove_attribute(&mut self, rows: Vec<u64>, attribute: types::Attribute) -> wasmtime::Result<()> {
        Ok(self.context.call()?.remove_attribute(rows, attribute.into())?)
    }

    fn rename_attribute(&mut self, rows: Vec<u64>, attribute: types::Attribute, key: String) -> wasmtime::Result<()> {
        Ok(self.context.call()?.rename_attribute(rows, attribute.into(), key)?)
    }

    fn copy_attribute(
        &mut self,
        rows: Vec<u64>,
        attribute: types::Attribute,
        key: String,
        when: output::When,
    ) -> wasmtime::Result<()> {
        Ok(self.context.call()?.copy_attribute(rows, attribute.into(), key, condition(when))?)
    }

    fn set_attributes(
        &mut self,
        rows: Vec<u64>,
        level: types::Level,
        maps: types::Blob,
        indices: Vec<u32>,
    ) -> wasmtime::Result<()> {
        let maps = blob_strings(&maps.ends, &maps.bytes)?.collect();
        Ok(self.context.call()?.set_attributes(rows, level.into(), maps, indices)?)
    }

    fn remove_attributes(
        &mut self,
        rows: Vec<u64>,
        level: types::Level,
        keys: types::Blob,
        indices: Vec<u32>,
    ) -> wasmtime::Result<()> {
        let keys = blob_strings(&keys.ends, &keys.bytes)?.collect();
        Ok(self.context.call()?.remove_attributes(rows, level.into(), keys, indices)?)
    }

    fn set_field(
        &mut self,
        rows: Vec<u64>,
        field: String,
        values: types::Blob,
        indices: Vec<u32>,
    ) -> wasmtime::Result<()> {
        let values = blob_strings(&values.ends, &values.bytes)?.collect();
        Ok(self.context.call()?.set_field(rows, field, values, indices)?)
    }

    fn edit_metric(
        &mut self,
        descriptor: u32,
        name: String,
        unit: String,
        description: String,
    ) -> wasmtime::Result<()> {
        Ok(self.context.call()?.edit_metric(MetricEdit { descriptor, name, unit, description })?)
    }

    fn describe(&mut self, descriptor: types::Descriptor) -> wasmtime::Result<u32> {
        Ok(self.context.call()?.describe(descriptor.into())?)
    }

    fn intern(&mut self, keying: u32, entries: types::Blob) -> wasmtime::Result<Vec<u32>> {
        let keys = blob_strings(&entries.ends, &entries.bytes)?;
        Ok(self.context.call()?.intern(keying, keys)?)
    }

    fn release(&mut self, keying: u32, codes: Vec<u32>) -> wasmtime::Result<()> {
        Ok(self.context.call()?.release(keying, codes)?)
    }

    fn emit_doubles(
        &mut self,
        descriptor: u32,
        keying: u32,
        keys: Vec<u32>,
        start_times: Vec<u64>,
        times: Vec<u64>,
        values: Vec<f64>,
    ) -> wasmtime::Result<()> {
        let identity = Identity { descriptor, keying, keys, start_times, times };
        Ok(self.context.call()?.emit(identity, Rows::Doubles(values))?)
    }

    fn emit_integers(
        &mut self,
        descriptor: u32,
        keying: u32,
        keys: Vec<u32>,
        start_times: Vec<u64>,
        times: Vec<u64>,
        values: Vec<i64>,
    ) -> wasmtime::Result<()> {
        let identity = Identity { descriptor, keying, keys, start_times, times };
        Ok(self.context.call()?.emit(identity, Rows::Integers(values))?)
    }

    fn bounds(&mut self, bounds: Vec<f64>) -> wasmtime::Result<u32> {
        Ok(self.context.call()?.describe_bounds(bounds)?)
    }

    fn emit_histograms(&mut self, descriptor: u32, keying: u32, points: output::Histograms) -> wasmtime::Result<()> {
        let output::Histograms { keys, start_times, times, counts, sums, no_sum, mins, maxs, .. } = points;
        let identity = Identity { descriptor, keying, keys, start_times, times };
        let observations = Observations { counts, sums, no_sum: Bitmap::from_words(no_sum), mins, maxs };
        let output::Histograms { bounds, bucket_ends, bucket_counts, .. } = points;
        let rows = HistogramRows { observations, bucket_ends, bucket_counts, ..HistogramRows::default() };
        Ok(self.context.call()?.emit(identity, Rows::Histograms(rows, bounds))?)
    }

    fn emit_exponential_histograms(
        &mut self,
        descriptor: u32,
        keying: u32,
        points: output::ExponentialHistograms,
    ) -> wasmtime::Result<()> {
        let output::ExponentialHistograms { keys, start_times, times, counts, sums, no_sum, mins, maxs, .. } = points;
        let identity = Identity { descriptor, keying, keys, start_times, times };
        let rows = ExponentialRows {
            observations: Observations { counts, sums, no_sum: Bitmap::from_words(no_sum), mins, maxs },
            scales: points.scales,
            zero_counts: points.zero_counts,
            zero_thresholds: points.zero_thresholds,
            positive: points.positive.into(),
            negative: points.negative.into(),
        };
        Ok(self.context.call()?.emit(identity, Rows::Exponential(rows))?)
    }

    fn exemplars(&mut self, rows: Vec<u32>, entries: types::Blob) -> wasmtime::Result<()> {
        let entries = blob_strings(&entries.ends, &entries.bytes)?;
        Ok(self.context.call()?.attach_exemplars(rows, entries)?)
    }
}
