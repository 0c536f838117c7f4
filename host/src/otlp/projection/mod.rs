//! From a request's bytes to the columns a plugin declared, in one walk.
//!
//! What the projection does not name is checked and stepped over. `keys` keys the rows, `cells` fills columns of values,
//! `points` and `items` hear the walk.

mod cells;
mod item;
mod items;
mod keys;
mod points;
mod sets;

use super::attribute::Strings;
use super::bounds::BoundsNumbers;
pub use super::columns::HistogramColumns;
use super::columns::{Blob, Columns, Extent, Histograms, Layout, WordSet, Words};
use super::descriptors::{Descriptor, Descriptors, Kinds};
use super::dictionary::{Alike, Dictionary, OVERFLOW, Standing};
use super::hash::Hasher;
use super::key::Level;
use super::keying::{Keying, Source};
use super::levels::{Order, in_either_order};
use super::message::Message;
use super::patterns::Patterns;
use super::wire::{Fault, Malformed};
use super::{check, logs, metrics, spans};
use crate::contract::Signal;
use cells::Cells;
use item::Item;
use keys::{Keys, Partial};
use sets::Sets;
pub use sets::place as set_place;

/// Bytes of keys that one request may have read anew, and of values in columns: this, and this many times its own size. Bounds
/// the work and memory that a request with large resources and many items can cause. A key beyond it has the code of a full
/// dictionary; a value beyond it makes the request one that cannot be read.
const READ_BYTES: usize = 16 << 20;
const READ_FACTOR: usize = 16;

/// What a plugin reads.
#[derive(Debug, Clone, Default)]
pub struct Projection {
    /// Patterns of the metrics whose points are rows.
    pub metrics: Vec<String>,
    /// Whether metrics without points are rows as well.
    pub bare_metrics: bool,
    /// Whether metrics beyond the bounds are read as well, without a number.
    pub unnumbered_metrics: bool,
    /// Which kinds of them; `None`: all.
    pub kinds: Option<Kinds>,
    /// Whether all spans or log records are rows.
    pub items: bool,
    /// Whether `values`, `integers` and `no_value` are filled.
    pub values: bool,
    /// Whether `times` is filled.
    pub times: bool,
    /// Whether `start_times` is filled.
    pub start_times: bool,
    /// Which of `words` are filled.
    pub words: WordSet,
    /// Which of `histograms` are filled.
    pub histograms: HistogramColumns,
    /// The columns of values.
    pub values_of: Vec<Source>,
    /// Whether all attributes of the resource, the scope and the item are handed over.
    pub attributes: [bool; 3],
    /// The keyings, by number.
    pub keyings: Vec<Keying>,
}

impl Projection {
    /// Whether there can be rows in batches of that signal.
    pub fn reads(&self, signal: Signal) -> bool {
        match signal {
            Signal::Metrics => !self.metrics.is_empty(),
            Signal::Traces | Signal::Logs => self.items,
        }
    }

    /// Which kinds of metrics are read.
    pub fn kinds(&self) -> Kinds {
        self.kinds.unwrap_or(Kinds::ALL)
    }

    /// Whether a row of one is the same item in the other, in every batch.
    pub fn has_the_rows_of(&self, other: &Projection) -> bool {
        let with_metrics = |one: &Projection| (one.kinds(), one.bare_metrics, one.unnumbered_metrics);
        self.metrics == other.metrics && with_metrics(self) == with_metrics(other) && self.items == other.items
    }
}

/// Projects batches for one instance and keeps its dictionaries.
#[derive(Debug)]
pub struct Projector {
    signal: Signal,
    projection: Projection,
    descriptors: Descriptors,
    bounds: BoundsNumbers,
    dictionaries: Vec<Dictionary>,
    /// One for each keying; here between batches to be used again.
    partials: Vec<Partial>,
    hasher: Hasher,
    /// Rows of the batch before, and their buckets, to size the columns of the next.
    rows_before: usize,
    buckets_before: usize,
    /// Whether an item had a key without a code since somebody asked.
    without_code: bool,
    /// Bytes of a request's columns at the most.
    columns_bytes_max: usize,
}

/// A request whose columns no instance could take.
pub const TOO_WIDE: Malformed = Malformed {
    offset: 0,
    reason: "what a plugin reads of this request is larger than its memory: send smaller requests, or raise `memory_mib`",
};

impl Projector {
    /// A projector with empty dictionaries of at most `entries_max` keys each.
    pub fn new(signal: Signal, projection: Projection, entries_max: usize) -> Projector {
        Projector::with_hasher(signal, projection, entries_max, Hasher::random())
    }

    /// A projector that can take over dictionaries of this one.
    pub fn beside(&self, projection: Projection, entries_max: usize) -> Projector {
        let mut beside = Projector::with_hasher(self.signal, projection, entries_max, self.hasher.clone());
        beside.columns_bytes_max = self.columns_bytes_max;
        beside
    }

    /// A request whose columns are larger is refused, and leaves nothing in the dictionaries: nobody could release its keys.
    pub fn bound_columns(&mut self, bytes_max: usize) {
        self.columns_bytes_max = bytes_max;
    }

    /// Where each dictionary stands, for [`take_back`](Projector::take_back).
    pub fn standings(&self) -> Vec<Standing> {
        self.dictionaries.iter().map(Dictionary::standing).collect()
    }

    /// Exchanges dictionaries once more with whoever got them, and makes them what they were before.
    pub fn take_back(&mut self, other: &mut Projector, standings: Vec<Standing>) {
        self.exchange(other);
        self.dictionaries.iter_mut().zip(standings).for_each(|(dictionary, standing)| dictionary.go_back(standing));
    }

    /// Exchanges the durable dictionaries that both have, with a projector that was made [`beside`](Projector::beside) this one. Returns
    /// the other's durable keyings that have no counterpart here.
    pub fn exchange(&mut self, other: &mut Projector) -> Vec<usize> {
        let mut alone = Vec::new();
        for (theirs, keying) in other.projection.keyings.iter().enumerate().filter(|(_, keying)| keying.durable) {
            let identity = keying.identity();
            let same = |(_, keying): &(usize, &Keying)| keying.durable && keying.identity() == identity;
            let ours = self.projection.keyings.iter().enumerate().find(same);
            let ours = ours.and_then(|(ours, keying)| Some((self.dictionaries.get_mut(ours)?, keying.alike)));
            match (ours, other.dictionaries.get_mut(theirs)) {
                (Some((ours, alike)), Some(theirs)) => {
                    std::mem::swap(ours, theirs);
                    ours.set_alike(alike);
                    theirs.set_alike(keying.alike);
                }
                _ => alone.push(theirs),
            }
        }
        alone
    }

    fn with_hasher(signal: Signal, projection: Projection, entries_max: usize, hasher: Hasher) -> Projector {
        let dictionary = |keying: &Keying| {
            let mut dictionary = Dictionary::new(hasher.clone(), entries_max);
            dictionary.set_alike(keying.alike);
            dictionary
        };
        let kinds = projection.kinds();
        Projector {
            signal,
            descriptors: Descriptors::new(Patterns::new(&projection.metrics), kinds, hasher.clone()),
            bounds: BoundsNumbers::default(),
            dictionaries: projection.keyings.iter().map(dictionary).collect(),
            partials: projection.keyings.iter().map(Partial::new).collect(),
            projection,
            hasher,
            rows_before: 0,
            buckets_before: 0,
            without_code: false,
            columns_bytes_max: usize::MAX,
        }
    }

    /// What it projects.
    pub fn projection(&self) -> &Projection {
        &self.projection
    }

    /// The dictionary of a keying.
    pub fn dictionary(&self, keying: usize) -> Option<&Dictionary> {
        self.dictionaries.get(keying)
    }

    /// The dictionary of a keying.
    pub fn dictionary_mut(&mut self, keying: usize) -> Option<&mut Dictionary> {
        self.dictionaries.get_mut(keying)
    }

    /// Whether a dictionary has entries that are not stored.
    pub fn has_unsaved(&self) -> bool {
        self.dictionaries.iter().any(Dictionary::has_unsaved)
    }

    /// Whether a metric of that number was met.
    pub fn has_descriptor(&self, number: u32) -> bool {
        self.descriptors.get(number).is_some()
    }

    /// How many rows of what was projected last have a key without a code, of each keying where there are any.
    pub fn take_without_code(&mut self, columns: &Columns) -> Vec<(usize, u64)> {
        if !std::mem::take(&mut self.without_code) {
            return Vec::new();
        }
        let count = |codes: &Vec<u32>| codes.iter().filter(|code| **code == OVERFLOW).count() as u64;
        columns.keys.iter().map(count).enumerate().filter(|(_, rows)| *rows > 0).collect()
    }

    /// Keys that count as others which are written alike, since the last call of this function: the last of each keying.
    pub fn take_met_alike(&mut self) -> Vec<Alike> {
        self.dictionaries.iter_mut().filter_map(Dictionary::take_met_alike).collect()
    }

    /// Metrics met since the last call of this function.
    pub fn take_unsent_descriptors(&mut self) -> Vec<Descriptor> {
        self.descriptors.take_unsent()
    }

    /// Explicit bounds met since the last call of this function.
    pub fn take_unsent_bounds(&mut self) -> Vec<Vec<f64>> {
        self.bounds.take_unsent()
    }

    /// A new instance knows nothing: everything counts as unsent again.
    pub fn forget_sent(&mut self) {
        self.descriptors.forget_sent();
        self.bounds.forget_sent();
        self.dictionaries.iter_mut().for_each(Dictionary::forget_sent);
    }

    /// Reads one request, checking all of it.
    pub fn project(&mut self, request: &[u8], strings: Strings) -> Result<Columns, Malformed> {
        if !self.projection.reads(self.signal) {
            let items = check(self.signal, request, strings)?;
            return Ok(Columns { layout: Layout { items, ..Layout::default() }, ..Columns::default() });
        }
        let columns = in_either_order(|order| self.try_walk(request, strings, order))?;
        self.rows_before = columns.layout.rows as usize;
        self.buckets_before = columns.histograms.bucket_counts.len();
        Ok(columns)
    }

    fn try_walk(&mut self, request: &[u8], strings: Strings, order: Order) -> Result<Columns, Malformed> {
        let marks: Vec<usize> = self.dictionaries.iter().map(Dictionary::unsaved_mark).collect();
        let (descriptors, bounds) = (self.descriptors.mark(), self.bounds.mark());
        let walked = self.walk(request, strings, order).and_then(|columns| match columns.bytes() {
            bytes if bytes > self.columns_bytes_max => Err(TOO_WIDE),
            _ => Ok(columns),
        });
        if walked.is_err() {
            // Nobody will ever see a row under these codes and numbers.
            self.dictionaries.iter_mut().zip(marks).for_each(|(dictionary, mark)| dictionary.forget_since(mark));
            self.descriptors.forget_since(descriptors);
            self.bounds.forget_since(bounds);
        }
        walked
    }

    /// Whether a column of values is filled when the request is projected. One that is keyed by as well is mostly declared for
    /// rows whose key found no room: it is filled when it is pulled.
    pub fn fills(&self, number: usize) -> bool {
        let Some(source) = self.projection.values_of.get(number) else { return false };
        let keys = |keying: &Keying| match source {
            Source::Attribute(level, name) => keying.takes(*level, name),
            Source::Field(field) => keying.fields().contains(field),
        };
        !self.projection.keyings.iter().any(keys)
    }

    /// One column of values of a request that was projected before.
    pub fn values_of(&mut self, number: usize, request: &[u8], strings: Strings) -> Result<Blob, Malformed> {
        let Some(source) = self.projection.values_of.get(number) else { return Ok(Blob::default()) };
        let alone = Projection {
            metrics: self.projection.metrics.clone(),
            bare_metrics: self.projection.bare_metrics,
            unnumbered_metrics: self.projection.unnumbered_metrics,
            kinds: self.projection.kinds,
            items: self.projection.items,
            ..Projection::default()
        };
        let mut pass = Pass {
            cells: Cells::new(&[Some(source.clone())], budget(request)),
            keys: Keys::new(&self.hasher, &mut [], Vec::new(), 0),
            descriptors: &mut self.descriptors,
            bounds: &mut self.bounds,
            projection: &alone,
            columns: Columns::default(),
            sets: Sets::default(),
            ordinal: 0,
            metric: None,
            is_beyond_bound: false,
        };
        // Which order it has was found out before, and is not worth remembering.
        pass.walk(self.signal, request, strings, Order::Any)?;
        Ok(pass.cells.into_columns().pop().unwrap_or_default())
    }

    fn walk(&mut self, request: &[u8], strings: Strings, order: Order) -> Result<Columns, Malformed> {
        let sources = self.projection.values_of.iter().enumerate();
        let filled = sources.map(|(number, source)| Some(source.clone()).filter(|_| self.fills(number)));
        let filled: Vec<Option<Source>> = filled.collect();
        let budget = budget(request);
        let columns = self.empty_columns();
        let partials = std::mem::take(&mut self.partials);
        let mut pass = Pass {
            cells: Cells::new(&filled, budget),
            keys: Keys::new(&self.hasher, &mut self.dictionaries, partials, budget),
            descriptors: &mut self.descriptors,
            bounds: &mut self.bounds,
            projection: &self.projection,
            columns,
            sets: Sets::new(self.projection.attributes),
            ordinal: 0,
            metric: None,
            is_beyond_bound: false,
        };
        let walked = pass.walk(self.signal, request, strings, order);
        pass.close_scope();
        pass.close_resource();
        let Pass { keys, cells, mut columns, sets, .. } = pass;
        let without_code = keys.without_code;
        self.partials = keys.partials;
        self.without_code |= without_code;
        columns.values_of = cells.into_columns();
        columns.attributes = sets.into_columns();
        columns.layout.items = walked?;
        Ok(columns)
    }

    fn empty_columns(&self) -> Columns {
        let rows = self.rows_before;
        let column = |wanted: bool| Vec::with_capacity(if wanted { rows } else { 0 });
        Columns {
            values: column(self.projection.values),
            times: column(self.projection.times),
            start_times: column(self.projection.start_times),
            words: Words::new(self.projection.words),
            histograms: Histograms { bucket_counts: Vec::with_capacity(self.buckets_before), ..Histograms::default() },
            keys: self.projection.keyings.iter().map(|_| Vec::with_capacity(rows)).collect(),
            ..Columns::default()
        }
    }
}

fn budget(request: &[u8]) -> usize {
    READ_BYTES.saturating_add(request.len().saturating_mul(READ_FACTOR))
}

/// One walk over a request.
struct Pass<'p, 'a> {
    projection: &'p Projection,
    descriptors: &'p mut Descriptors,
    bounds: &'p mut BoundsNumbers,
    keys: Keys<'p, 'a>,
    cells: Cells<'a>,
    columns: Columns,
    sets: Sets,
    /// Metrics so far.
    ordinal: u32,
    /// The first row of the metric at hand, if its points are rows.
    metric: Option<u32>,
    /// The points of the metric at hand are no rows because of a bound.
    is_beyond_bound: bool,
}

impl<'a> Pass<'_, 'a> {
    fn walk(&mut self, signal: Signal, request: &'a [u8], strings: Strings, order: Order) -> Result<u64, Malformed> {
        let items = match signal {
            Signal::Metrics => metrics::walk(request, strings, order, self),
            Signal::Traces => spans::walk(request, strings, order, self),
            Signal::Logs => logs::walk(request, strings, order, self),
        }?;
        self.close_metric().map_err(|fault| fault.within(request))?;
        Ok(items)
    }

    fn begin_resource(&mut self, resource: &Message<'a>) -> Result<(), Fault> {
        self.close_metric()?;
        self.close_scope();
        self.close_resource();
        self.columns.layout.resources.push(Extent::default());
        self.keys.resource(resource)?;
        self.sets.begin(Level::Resource, &self.keys.resource)?;
        self.cells.resource(&self.keys)
    }

    fn begin_scope(&mut self, scope: &Message<'a>) -> Result<(), Fault> {
        self.close_metric()?;
        self.close_scope();
        self.columns.layout.scopes.push(Extent::default());
        self.keys.scope(scope)?;
        self.sets.begin(Level::Scope, &self.keys.scope_attributes)?;
        self.cells.scope(scope, &self.keys)
    }

    fn close_resource(&mut self) {
        let layout = &mut self.columns.layout;
        if let Some(resource) = layout.resources.last_mut() {
            resource.end = layout.rows;
            resource.children_end = layout.scopes.len() as u32;
        }
    }

    fn close_scope(&mut self) {
        let layout = &mut self.columns.layout;
        if let Some(scope) = layout.scopes.last_mut() {
            scope.end = layout.rows;
            scope.children_end = self.ordinal;
        }
    }

    #[inline(always)]
    fn begin_attribute(&mut self, key: &'a [u8], raw: &'a [u8]) {
        self.keys.attribute(key, raw);
        self.cells.attribute(key, raw);
    }

    /// What rows of all signals have: times, keys, values. The row ends with it.
    #[inline(always)]
    fn finish_row(&mut self, start_time: u64, time: u64, item: &Item<'_, 'a>) -> Result<(), Fault> {
        self.columns.layout.rows += 1;
        if self.projection.times {
            self.columns.times.push(time);
        }
        if self.projection.start_times {
            self.columns.start_times.push(start_time);
        }
        for index in 0..self.keys.partials.len() {
            let code = self.keys.code(index, item)?;
            if let Some(column) = self.columns.keys.get_mut(index) {
                column.push(code);
            }
        }
        if !self.sets.are_empty() {
            self.sets.item(item)?;
        }
        if self.cells.are_empty() { Ok(()) } else { self.cells.item(item) }
    }
}
