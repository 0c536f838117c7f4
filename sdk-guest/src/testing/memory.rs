//! A host in memory: storage, dictionaries, and the columns and results of one call. What a guest sees of it is in `imports`.

mod imports;

use std::collections::BTreeMap;

use crate::aggregate::Number;
use crate::{
    Bitmap, Blob, BucketCounts, Descriptor, ExemplarLists, ExponentialBuckets, Field, MetricKind, NO_CODE, NO_KEY,
    QuantileValues, Severity, Source, StorageError, key,
};

use super::dictionary::{Dictionary, Grouping};
use super::edits::Edit;
use super::histograms::{DEFAULT_KINDS, Emission, InputBounds, PointColumns};
use super::items::Fed;
use super::{Content, Emitted, EmittedPoint, Metric, Point, Shape};

const KEY_MAX: usize = 1024;
const VALUE_MAX: usize = 16 << 20;
const CALL_MAX: usize = 64 << 20;
/// Keys beyond a dictionary's bound that a guest may intern.
const INTERN_RESERVE: usize = 4096;

/// What survives a crash once it is committed.
#[derive(Debug, Clone, Default)]
pub(super) struct Durable {
    pub storage: BTreeMap<Vec<u8>, Vec<u8>>,
    pub dictionaries: Vec<Dictionary>,
}

/// A [`Host`](crate::Host) that keeps everything in memory. It panics where the real one would trap the call.
#[derive(Debug, Default)]
pub struct MemoryHost {
    pub(super) durable: Durable,
    pub(super) declared: Declared,
    pub(super) descriptors: Vec<Descriptor>,
    pub(super) descriptors_sent: usize,
    pub(super) columns: Columns,
    pub(super) rows: usize,
    /// The items of this call, rows or not.
    pub(super) fed: Vec<Fed>,
    /// Rows that stand for a metric without points.
    pub(super) bare: Bitmap,
    pub(super) dropped: Bitmap,
    pub(super) absorbed: Bitmap,
    pub(super) emitted: Vec<Emitted>,
    /// Edits of this call, in order.
    pub(super) edits: Vec<Edit>,
    /// Bounds the guest described.
    pub(super) output_bounds: Vec<Vec<f64>>,
    pub(super) input_bounds: InputBounds,
    /// Where the points of the last emission stand: which of `emitted`, and from which point on.
    last_emission: Option<(usize, usize)>,
    released: Vec<(u32, Vec<u32>)>,
    described: Vec<Descriptor>,
    written: usize,
    /// Lines of the log, all calls.
    pub log: Vec<(Severity, String)>,
    /// Keys in each dictionary.
    pub dictionary_entries: usize,
    /// What a receiver kept of the request's headers: names in lower case, and values.
    pub metadata: Vec<(String, String)>,
    /// Where the request came from.
    pub sender: Option<String>,
    /// What the steady clock shows.
    pub(super) steady: u64,
    /// The store does not answer.
    pub unavailable: bool,
}

/// What a processor declared.
#[derive(Debug, Default)]
pub(super) struct Declared {
    patterns: Vec<String>,
    /// All of them where empty.
    pub kinds: Vec<MetricKind>,
    /// Spans and log records are rows.
    pub items: bool,
    /// Columns declared by name.
    pub columns: Vec<String>,
    /// Columns of values.
    pub value_of: Vec<Source>,
    values: bool,
    pub times: bool,
    pub start_times: bool,
    keyings: Vec<(Grouping, bool)>,
    pub state_format: Option<u32>,
    pub flush_every_ms: Option<u32>,
}

impl Declared {
    fn reads_bare_metrics(&self) -> bool {
        self.columns.iter().any(|name| name == "metrics_without_points")
    }
}

/// Columns that have not been pulled yet.
#[derive(Debug, Default)]
pub(super) struct Columns {
    /// Columns by name.
    pub words: BTreeMap<String, Vec<u64>>,
    pub bounds: Option<Vec<u32>>,
    pub buckets: Option<BucketCounts>,
    pub positive_buckets: Option<ExponentialBuckets>,
    pub negative_buckets: Option<ExponentialBuckets>,
    pub quantiles: Option<QuantileValues>,
    pub exemplars: Option<ExemplarLists>,
    pub value_of: Vec<Option<Blob>>,
    runs: Option<(Vec<u32>, Vec<u32>)>,
    values: Option<Vec<u64>>,
    integers: Bitmap,
    no_value: Bitmap,
    pub times: Option<Vec<u64>>,
    pub start_times: Option<Vec<u64>>,
    pub keys: Vec<Option<Vec<u32>>>,
}

fn matches(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern.split_first(), name.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) if matches(rest, name) => true,
        (Some((b'*', _)), Some((_, name))) => matches(pattern, name),
        (Some((b'?', rest)), Some((_, name))) => matches(rest, name),
        (Some((a, rest)), Some((b, name))) => a == b && matches(rest, name),
        _ => false,
    }
}

impl MemoryHost {
    pub(super) fn new() -> MemoryHost {
        MemoryHost { dictionary_entries: 1_000_000, ..MemoryHost::default() }
    }

    /// Forgets what belongs to an instance, and finds the durable dictionaries of what the new one declared.
    pub(super) fn described(&mut self) {
        let keyings = &self.declared.keyings;
        let before = std::mem::take(&mut self.durable.dictionaries);
        self.durable.dictionaries = keyings
            .iter()
            .map(|(grouping, durable)| {
                let same = |old: &&Dictionary| old.grouping.identity() == grouping.identity();
                let kept = before.iter().filter(|old| old.durable && *durable).find(same).cloned();
                let mut dictionary = kept.unwrap_or_else(|| Dictionary::new(grouping.clone(), *durable));
                dictionary.unsent = dictionary.codes.values().copied().collect();
                dictionary
            })
            .collect();
    }

    pub(super) fn begin(&mut self) {
        self.columns = Columns::default();
        self.rows = 0;
        self.fed.clear();
        self.bare = Bitmap::new();
        self.dropped = Bitmap::new();
        self.absorbed = Bitmap::new();
        self.emitted.clear();
        self.last_emission = None;
        self.edits.clear();
        self.released.clear();
        self.written = 0;
    }

    /// Projects a batch; returns how many points are no rows.
    pub(super) fn project(&mut self, metrics: &[Metric]) -> usize {
        let mut columns = Columns::default();
        let (mut values, mut times, mut start_times) = (Vec::new(), Vec::new(), Vec::new());
        let mut keys = vec![Vec::new(); self.durable.dictionaries.len()];
        let (mut ends, mut numbers) = (Vec::new(), Vec::new());
        let mut passed = 0;
        let mut input_bounds = std::mem::take(&mut self.input_bounds);
        let mut point_columns = PointColumns::new();
        let kinds = if self.declared.kinds.is_empty() { &DEFAULT_KINDS[..] } else { &self.declared.kinds };
        let kinds = kinds.to_vec();
        for metric in metrics {
            let descriptor = metric.descriptor();
            let is_read = |pattern: &String| matches(pattern.as_bytes(), descriptor.name.as_bytes());
            let is_row = self.declared.patterns.iter().any(is_read) && kinds.contains(&descriptor.kind);
            self.fed.extend(metric.points.iter().map(|point| Fed::point(&descriptor, point, is_row)));
            let is_bare = is_row && metric.points.is_empty() && self.declared.reads_bare_metrics();
            if !is_row || metric.points.is_empty() && !is_bare {
                passed += metric.points.len();
                continue;
            }
            let bare = [Point::default()];
            if is_bare {
                self.bare.set(values.len());
                self.fed.push(Fed::point(&descriptor, &Point::default(), true));
            }
            for point in if is_bare { &bare[..] } else { &metric.points } {
                let value = point_columns.push(point, &mut input_bounds);
                match value {
                    Some(Number::Integer(_)) => columns.integers.set(values.len()),
                    Some(Number::Double(_)) => {}
                    None => columns.no_value.set(values.len()),
                }
                values.push(value.map_or(0, Number::to_bits));
                times.push(point.time);
                start_times.push(point.start_time);
                for (dictionary, column) in self.durable.dictionaries.iter_mut().zip(&mut keys) {
                    column.push(dictionary.project(&descriptor, point, self.dictionary_entries));
                }
            }
            numbers.push(self.number(descriptor));
            ends.push(values.len() as u32);
        }
        self.rows = values.len();
        columns.runs = Some((ends, numbers));
        columns.values = self.declared.values.then_some(values);
        columns.times = self.declared.times.then_some(times);
        columns.start_times = self.declared.start_times.then_some(start_times);
        columns.keys = keys.into_iter().map(Some).collect();
        point_columns.finish(&self.declared.columns, &mut columns);
        self.input_bounds = input_bounds;
        self.columns = columns;
        passed
    }

    fn number(&mut self, descriptor: Descriptor) -> u32 {
        let known = self.descriptors.iter().position(|known| *known == descriptor);
        known.unwrap_or_else(|| {
            self.descriptors.push(descriptor);
            self.descriptors.len() - 1
        }) as u32
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// The call counts: codes it released are free.
    pub(super) fn finish(&mut self) {
        for (keying, codes) in std::mem::take(&mut self.released) {
            self.durable.dictionaries[keying as usize].release(&codes);
        }
    }

    /// A new instance: nothing was sent and nothing described.
    pub(super) fn forget_instance(&mut self) {
        self.declared = Declared::default();
        self.descriptors_sent = 0;
        self.described.clear();
        self.input_bounds.sent = 0;
        self.output_bounds.clear();
    }

    /// Entries in storage.
    pub fn storage(&self) -> &BTreeMap<Vec<u8>, Vec<u8>> {
        &self.durable.storage
    }

    /// How many keys a keying's dictionary holds.
    pub fn dictionary_len(&self, keying: usize) -> usize {
        self.durable.dictionaries.get(keying).map_or(0, |dictionary| dictionary.codes.len())
    }

    /// The declared flush interval in milliseconds.
    pub fn flush_every_ms(&self) -> Option<u32> {
        self.declared.flush_every_ms
    }

    fn available(&self) -> Result<(), StorageError> {
        assert!(self.declared.state_format.is_some(), "storage is open only after `declare.state`");
        if self.unavailable { Err(StorageError::Unavailable("the test says so".to_owned())) } else { Ok(()) }
    }

    fn grow(&mut self, bytes: usize) -> Result<(), StorageError> {
        self.written += bytes;
        if self.written > CALL_MAX { Err(StorageError::TooLarge(CALL_MAX as u64)) } else { Ok(()) }
    }

    /// Merges a number into each key, and changes none where that cannot be done for all.
    fn merge<T>(
        &mut self,
        keys: &Blob,
        values: &[T],
        join: impl Fn(Option<[u8; 8]>, &T) -> [u8; 8],
    ) -> Result<(), StorageError> {
        self.available()?;
        assert_eq!(keys.len(), values.len(), "as many keys as values");
        let before = (self.durable.storage.clone(), self.written);
        let merged = (0..).zip(keys.iter().zip(values)).try_for_each(|(place, (key, value))| {
            let stored = self.durable.storage.get(key).map(|stored| <[u8; 8]>::try_from(stored.as_slice()));
            let stored = stored.transpose().map_err(|_| StorageError::NoNumber(place))?;
            self.put(key, &join(stored, value))
        });
        if merged.is_err() {
            (self.durable.storage, self.written) = before;
        }
        merged
    }

    fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), StorageError> {
        self.grow(key.len() + value.len())?;
        if key.is_empty() || key.len() > KEY_MAX || value.len() > VALUE_MAX {
            return Err(StorageError::TooLarge(VALUE_MAX as u64));
        }
        self.durable.storage.insert(key.to_vec(), value.to_vec());
        Ok(())
    }

    fn emit(
        &mut self,
        to: Destination,
        keys: &[u32],
        [start_times, times]: [Vec<u64>; 2],
        values: Vec<(Option<Number>, Content)>,
    ) {
        let lengths = [keys.len(), times.len(), values.len()];
        assert!(lengths.iter().all(|length| *length == keys.len()), "the columns of an emission differ in length");
        assert!(start_times.is_empty() || start_times.len() == keys.len(), "start times for some points only");
        let descriptor = self.described[to.descriptor as usize].clone();
        let dictionary = &self.durable.dictionaries[to.keying as usize];
        let points = keys.iter().zip(values).enumerate().map(|(row, (code, (value, content)))| EmittedPoint {
            start_time: start_times.get(row).copied().unwrap_or(0),
            time: times[row],
            value,
            content,
            ..named(dictionary, *code)
        });
        let points: Vec<EmittedPoint> = points.collect();
        let shape = Shape::of(&descriptor);
        let Descriptor { name, unit, description, .. } = descriptor;
        let same = |one: &Emitted| one.name == name && one.shape == shape && one.unit == unit;
        let place = self.emitted.iter().position(same).unwrap_or_else(|| {
            self.emitted.push(Emitted { name, unit, description, shape, points: Vec::new() });
            self.emitted.len() - 1
        });
        self.last_emission = Some((place, self.emitted[place].points.len()));
        self.emitted[place].points.extend(points);
    }

    fn emit_numbers(&mut self, to: Destination, keys: &[u32], times: [Vec<u64>; 2], values: Vec<Number>) {
        let values = values.into_iter().map(|value| (Some(value), Content::Number)).collect();
        self.emit(to, keys, times, values);
    }

    fn emit_contents(&mut self, to: Destination, emission: Emission) {
        let (times, keys, contents) = emission;
        self.emit(to, &keys, times, contents.into_iter().map(|content| (None, content)).collect());
    }
}

/// What an emission belongs to: a described metric, and the keying of its codes.
#[derive(Clone, Copy)]
struct Destination {
    descriptor: u32,
    keying: u32,
}

/// A point with nothing but what its key says: the attributes, and the name and the version of the scope. Other elements of a key are
/// no part of a point.
fn named(dictionary: &Dictionary, code: u32) -> EmittedPoint {
    let mut point = EmittedPoint::default();
    if code == NO_KEY {
        return point;
    }
    assert!(code != NO_CODE, "a point without a key cannot be emitted");
    let entry = dictionary.keys.get(code as usize).and_then(Option::as_ref);
    let entry = entry.unwrap_or_else(|| panic!("code {code} stands for nothing"));
    let elements = key::elements(entry).expect("a dictionary holds canonical keys");
    for element in elements {
        let (name, value) = (text(element.name), shown(element.value));
        let mut attribute = |level: &str| drop(point.attributes.insert(format!("{level}{name}"), value.clone()));
        match element.level {
            0 => attribute("resource."),
            1 => attribute("scope."),
            2 => attribute(""),
            key::FIELD if name == Field::ScopeName.name() => point.scope_name = value,
            key::FIELD if name == Field::ScopeVersion.name() => point.scope_version = value,
            _ => {}
        }
    }
    point
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn shown(value: key::Value<'_>) -> String {
    match value {
        key::Value::String(value) => text(value),
        key::Value::Bool(value) => value.to_string(),
        other => format!("{other:?}"),
    }
}
