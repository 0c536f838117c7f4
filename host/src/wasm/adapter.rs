//! The processor world on a Store: translates between the generated bindings and the [`Context`].

use std::path::Path;

use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{Store, StoreLimits, StoreLimitsBuilder};

use super::bindings::exports::otelier::plugin::processor as exported;
use super::bindings::otelier::plugin::{log, output, projection, rows, storage, types};
use super::bindings::{ProcessorPlugin as World, ProcessorPluginPre};
use super::engine::{Engine, LoadError, TICK};
use super::error::call_error;
use crate::contract::Signal;
use crate::otlp::descriptors::Descriptor;
use crate::otlp::emit::Numbers;
use crate::otlp::key::Level;
use crate::otlp::metrics::{MetricKind, Temporality};
use crate::processor::{
    CallError, Context, NewKeys, Plugin, Processor, Progress, READ_MAX, Rows, Severity, StateError, Stored,
    blob_strings,
};

/// Bytes a guest may hand over in one call of an import, so that a length it made up allocates nothing.
const HOSTCALL_FUEL: usize = 128 << 20;
/// The rest of what a Store may hold.
const TABLE_ELEMENTS_MAX: usize = 20_000;
const INSTANCES_MAX: usize = 16;
/// How many times a call's deadline `start` has.
const START_FACTOR: u64 = 10;

/// A compiled processor plugin.
pub struct ProcessorPlugin {
    engine: Engine,
    pre: ProcessorPluginPre<Data>,
}

struct Data {
    context: Context,
    limits: StoreLimits,
}

impl ProcessorPlugin {
    /// Reads, compiles and links a file.
    pub fn load(engine: &Engine, path: &Path) -> Result<ProcessorPlugin, LoadError> {
        let bytes = std::fs::read(path).map_err(|source| LoadError::Read { path: path.to_owned(), source })?;
        ProcessorPlugin::compile(engine, path, &bytes)
    }

    /// The same with the file's contents in hand.
    pub fn compile(engine: &Engine, path: &Path, bytes: &[u8]) -> Result<ProcessorPlugin, LoadError> {
        let component: Component = engine.compile(path, bytes)?;
        let misfit = |error: wasmtime::Error| LoadError::World { path: path.to_owned(), reason: format!("{error:#}") };
        let mut linker: Linker<Data> = Linker::new(engine.inner());
        World::add_to_linker::<Data, HasSelf<Data>>(&mut linker, |data| data).map_err(misfit)?;
        let pre = linker.instantiate_pre(&component).map_err(misfit)?;
        let pre = ProcessorPluginPre::new(pre).map_err(misfit)?;
        Ok(ProcessorPlugin { engine: engine.clone(), pre })
    }
}

impl Plugin for ProcessorPlugin {
    fn instantiate(&self, context: Context) -> Result<Box<dyn Processor>, CallError> {
        let granted = context.limits();
        let component = context.component().clone();
        let limits = StoreLimitsBuilder::new()
            .memory_size(granted.memory_bytes)
            .table_elements(TABLE_ELEMENTS_MAX)
            .instances(INSTANCES_MAX)
            .trap_on_grow_failure(true)
            .memories(1)
            .tables(INSTANCES_MAX)
            .build();
        let mut store = Store::new(self.engine.inner(), Data { context, limits });
        store.limiter(|data| &mut data.limits);
        store.set_hostcall_fuel(HOSTCALL_FUEL);
        let call_ticks = granted.call_ms.div_ceil(TICK.as_millis() as u64).max(1) + 1;
        store.set_epoch_deadline(call_ticks);
        let world = self.pre.instantiate(&mut store).map_err(|error| call_error(&component, &error))?;
        Ok(Box::new(Instance { store, world, call_ticks }))
    }
}

struct Instance {
    store: Store<Data>,
    world: World,
    call_ticks: u64,
}

impl Instance {
    /// One export under its deadline.
    fn call<T>(
        &mut self,
        ticks: u64,
        export: impl FnOnce(&exported::Guest, &mut Store<Data>) -> wasmtime::Result<Result<T, types::Failure>>,
    ) -> Result<T, CallError> {
        self.store.set_epoch_deadline(ticks);
        match export(self.world.otelier_plugin_processor(), &mut self.store) {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(failure)) => Err(CallError::Failure { message: failure.message, retryable: failure.retryable }),
            Err(error) => Err(call_error(self.store.data().context.component(), &error)),
        }
    }
}

impl Processor for Instance {
    fn context(&mut self) -> &mut Context {
        &mut self.store.data_mut().context
    }

    fn describe(&mut self, signal: Signal, config: &str) -> Result<(), CallError> {
        self.call(self.call_ticks, |guest, store| guest.call_describe(store, signal.into(), config))
    }

    fn start(&mut self, previous: Option<Stored>, now: u64) -> Result<(), CallError> {
        let previous = previous.map(|Stored { format, config }| exported::Stored { format, config });
        // Reads the whole state, from a cold disk perhaps.
        self.call(self.call_ticks * START_FACTOR, |guest, store| guest.call_start(store, previous.as_ref(), now))
    }

    fn process(&mut self, signal: Signal, now: u64) -> Result<(), CallError> {
        self.call(self.call_ticks, |guest, store| guest.call_process(store, signal.into(), now))
    }

    fn flush(&mut self, now: u64, last: bool) -> Result<Progress, CallError> {
        self.call(self.call_ticks, |guest, store| guest.call_flush(store, now, last)).map(|progress| match progress {
            exported::Progress::Done => Progress::Done,
            exported::Progress::More => Progress::More,
        })
    }
}

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
        self.context.log(severity, &message);
        Ok(())
    }
}

fn storage_result<T>(result: Result<T, StateError>) -> Result<T, storage::Error> {
    result.map_err(|error| match error {
        StateError::TooLarge(bound) => storage::Error::TooLarge(bound),
        StateError::Key | StateError::Store(_) => storage::Error::Unavailable(error.to_string()),
    })
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
        let state = self.context.storage()?;
        let mut present = crate::otlp::columns::Bitmap::default();
        let (mut values, mut bytes) = (Vec::new(), 0);
        for (index, key) in blob_strings(&keys.ends, &keys.bytes)?.iter().enumerate() {
            match storage_result(state.get(key)) {
                Ok(Some(value)) => {
                    bytes += value.len();
                    if bytes > 4 * READ_MAX {
                        return Ok(Err(storage::Error::TooLarge(4 * READ_MAX as u64)));
                    }
                    present.set(index);
                    values.push(value);
                }
                Ok(None) => values.push(bytes::Bytes::new()),
                Err(error) => return Ok(Err(error)),
            }
        }
        let values = blob(values.iter().map(|value| &value[..]));
        Ok(Ok(storage::Found { present: present.into_words(), values }))
    }

    fn set(&mut self, keys: types::Blob, values: types::Blob) -> wasmtime::Result<Result<(), storage::Error>> {
        let state = self.context.storage()?;
        let keys = blob_strings(&keys.ends, &keys.bytes)?;
        let values = blob_strings(&values.ends, &values.bytes)?;
        if keys.len() != values.len() {
            return Err(crate::processor::Violation::Lengths.into());
        }
        Ok(keys.iter().zip(values).try_for_each(|(key, value)| storage_result(state.set(key, value))))
    }

    fn delete(&mut self, keys: types::Blob) -> wasmtime::Result<Result<(), storage::Error>> {
        let state = self.context.storage()?;
        let keys = blob_strings(&keys.ends, &keys.bytes)?;
        Ok(keys.iter().try_for_each(|key| storage_result(state.delete(key))))
    }

    fn delete_range(&mut self, start: Vec<u8>, end: Vec<u8>) -> wasmtime::Result<Result<(), storage::Error>> {
        Ok(storage_result(self.context.storage()?.delete_range(&start, &end)))
    }

    fn range(
        &mut self,
        start: Vec<u8>,
        end: Vec<u8>,
        limit: u32,
    ) -> wasmtime::Result<Result<storage::Entries, storage::Error>> {
        let found = storage_result(self.context.storage()?.range(&start, &end, limit as usize));
        Ok(found.map(|found| storage::Entries {
            keys: blob(found.entries.iter().map(|(key, _)| &key[..])),
            values: blob(found.entries.iter().map(|(_, value)| &value[..])),
            more: found.more,
        }))
    }
}

fn named(attributes: Vec<types::Attribute>) -> Vec<(Level, String)> {
    let level = |level| match level {
        types::Level::Resource => Level::Resource,
        types::Level::Scope => Level::Scope,
        types::Level::Item => Level::Item,
        types::Level::Metadata => Level::Metadata,
    };
    attributes.into_iter().map(|attribute| (level(attribute.level), attribute.key)).collect()
}

impl projection::Host for Data {
    fn metrics(&mut self, patterns: Vec<String>) -> wasmtime::Result<()> {
        Ok(self.context.declare()?.metrics(patterns).map_err(crate::processor::Violation::from)?)
    }

    fn values(&mut self) -> wasmtime::Result<()> {
        self.context.declare()?.projection.values = true;
        Ok(())
    }

    fn times(&mut self) -> wasmtime::Result<()> {
        self.context.declare()?.projection.times = true;
        Ok(())
    }

    fn start_times(&mut self) -> wasmtime::Result<()> {
        self.context.declare()?.projection.start_times = true;
        Ok(())
    }

    fn keep(&mut self, attributes: Vec<types::Attribute>, durable: bool) -> wasmtime::Result<u32> {
        Ok(self.context.declare()?.keep(named(attributes), durable).map_err(crate::processor::Violation::from)?)
    }

    fn drop(&mut self, attributes: Vec<types::Attribute>, durable: bool) -> wasmtime::Result<u32> {
        let declared = self.context.declare()?;
        Ok(declared.drop_attributes(named(attributes), durable).map_err(crate::processor::Violation::from)?)
    }

    fn stream(&mut self, only: Option<types::Temporality>, durable: bool) -> wasmtime::Result<u32> {
        let only = only.map(Temporality::from);
        Ok(self.context.declare()?.stream(only, durable).map_err(crate::processor::Violation::from)?)
    }

    fn state(&mut self, format: u32) -> wasmtime::Result<()> {
        self.context.declare()?.state_format = Some(format);
        Ok(())
    }

    fn flush_every(&mut self, interval_ms: u32) -> wasmtime::Result<()> {
        Ok(self.context.declare()?.flush_every(interval_ms).map_err(crate::processor::Violation::from)?)
    }
}

impl rows::Host for Data {
    fn count(&mut self) -> wasmtime::Result<u32> {
        Ok(self.context.count()?)
    }

    fn metrics(&mut self) -> wasmtime::Result<rows::Runs> {
        let (ends, descriptors) = self.context.metrics()?;
        Ok(rows::Runs { ends, descriptors })
    }

    fn new_descriptors(&mut self) -> wasmtime::Result<Vec<types::Descriptor>> {
        Ok(self.context.new_descriptors()?.into_iter().map(types::Descriptor::from).collect())
    }

    fn values(&mut self) -> wasmtime::Result<Vec<u64>> {
        Ok(self.context.values()?)
    }

    fn integers(&mut self) -> wasmtime::Result<Vec<u64>> {
        Ok(self.context.integers()?)
    }

    fn no_value(&mut self) -> wasmtime::Result<Vec<u64>> {
        Ok(self.context.no_value()?)
    }

    fn times(&mut self) -> wasmtime::Result<Vec<u64>> {
        Ok(self.context.times()?)
    }

    fn start_times(&mut self) -> wasmtime::Result<Vec<u64>> {
        Ok(self.context.start_times()?)
    }

    fn keys(&mut self, keying: u32) -> wasmtime::Result<Vec<u32>> {
        Ok(self.context.keys(keying)?)
    }

    fn new_keys(&mut self, keying: u32) -> wasmtime::Result<rows::Additions> {
        let NewKeys { codes, ends, bytes } = self.context.new_keys(keying)?;
        Ok(rows::Additions { codes, entries: types::Blob { ends, bytes } })
    }
}

impl output::Host for Data {
    fn drop(&mut self, rows: Vec<u64>) -> wasmtime::Result<()> {
        Ok(self.context.drop_rows(rows)?)
    }

    fn absorb(&mut self, rows: Vec<u64>) -> wasmtime::Result<()> {
        Ok(self.context.absorb(rows)?)
    }

    fn describe(&mut self, descriptor: types::Descriptor) -> wasmtime::Result<u32> {
        Ok(self.context.describe(descriptor.into())?)
    }

    fn intern(&mut self, keying: u32, entries: types::Blob) -> wasmtime::Result<Vec<u32>> {
        let keys = blob_strings(&entries.ends, &entries.bytes)?;
        Ok(self.context.intern(keying, &keys)?)
    }

    fn release(&mut self, keying: u32, codes: Vec<u32>) -> wasmtime::Result<()> {
        Ok(self.context.release(keying, codes)?)
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
        let rows = Rows { keys, start_times, times, values: Numbers::Doubles(values) };
        Ok(self.context.emit(descriptor, keying, rows)?)
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
        let rows = Rows { keys, start_times, times, values: Numbers::Integers(values) };
        Ok(self.context.emit(descriptor, keying, rows)?)
    }
}

impl From<Signal> for types::Signal {
    fn from(signal: Signal) -> Self {
        match signal {
            Signal::Metrics => types::Signal::Metrics,
            Signal::Traces => types::Signal::Traces,
            Signal::Logs => types::Signal::Logs,
        }
    }
}

impl From<types::Temporality> for Temporality {
    fn from(temporality: types::Temporality) -> Self {
        match temporality {
            types::Temporality::Unspecified => Temporality::Unspecified,
            types::Temporality::Delta => Temporality::Delta,
            types::Temporality::Cumulative => Temporality::Cumulative,
        }
    }
}

impl From<Temporality> for types::Temporality {
    fn from(temporality: Temporality) -> Self {
        match temporality {
            Temporality::Unspecified => types::Temporality::Unspecified,
            Temporality::Delta => types::Temporality::Delta,
            Temporality::Cumulative => types::Temporality::Cumulative,
        }
    }
}

const KINDS: [(MetricKind, types::MetricKind); 5] = [
    (MetricKind::Gauge, types::MetricKind::Gauge),
    (MetricKind::Sum, types::MetricKind::Sum),
    (MetricKind::Histogram, types::MetricKind::Histogram),
    (MetricKind::ExponentialHistogram, types::MetricKind::ExponentialHistogram),
    (MetricKind::Summary, types::MetricKind::Summary),
];

impl From<types::Descriptor> for Descriptor {
    fn from(descriptor: types::Descriptor) -> Self {
        let kind = KINDS.iter().find(|(_, wit)| *wit == descriptor.kind);
        Descriptor {
            name: descriptor.name,
            unit: descriptor.unit,
            description: descriptor.description,
            kind: kind.map_or(MetricKind::Gauge, |(kind, _)| *kind),
            temporality: descriptor.temporality.into(),
            monotonic: descriptor.monotonic,
        }
    }
}

impl From<Descriptor> for types::Descriptor {
    fn from(descriptor: Descriptor) -> Self {
        let kind = KINDS.iter().find(|(kind, _)| *kind == descriptor.kind);
        types::Descriptor {
            name: descriptor.name,
            unit: descriptor.unit,
            description: descriptor.description,
            kind: kind.map_or(types::MetricKind::Gauge, |(_, wit)| *wit),
            temporality: descriptor.temporality.into(),
            monotonic: descriptor.monotonic,
        }
    }
}
