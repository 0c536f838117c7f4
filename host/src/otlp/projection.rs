//! From a request's bytes to the columns a plugin declared, in one walk.
//!
//! A key's attributes are hashed where they stand; only a key that has not been seen before is read, brought into canonical form
//! and given a code. What the projection does not name is checked and stepped over.

use super::attribute::{Attribute, Strings, attributes};
use super::columns::{Columns, Run};
use super::descriptors::{Descriptor, Descriptors, Patterns};
use super::dictionary::{Dictionary, NONE, OVERFLOW};
use super::hash::Hasher;
use super::key::{KeyBuilder, Level};
use super::keying::{Grouping, Keying, Names};
use super::message::Message;
use super::metrics::{self, MetricHeader, MetricKind, MetricsVisitor, Number, NumberPoint, Temporality, Visit};
use super::wire::{Fault, Malformed};

/// Bytes of keys that one request may have read anew: this, and this many times its own size. Bounds the work that a request
/// with large resources and many new keys can cause; what is beyond has the code of a full dictionary.
const LEARN_BYTES: usize = 16 << 20;
const LEARN_FACTOR: usize = 16;

/// What a plugin reads.
#[derive(Debug, Clone, Default)]
pub struct Projection {
    /// Names or globs of the metrics whose number points are rows.
    pub metrics: Vec<String>,
    /// Whether `values`, `integers` and `no_value` are filled.
    pub values: bool,
    /// Whether `times` is filled.
    pub times: bool,
    /// Whether `start_times` is filled.
    pub start_times: bool,
    /// The keyings, by number.
    pub keyings: Vec<Keying>,
}

/// Projects batches for one instance and keeps its dictionaries.
#[derive(Debug)]
pub struct Projector {
    projection: Projection,
    descriptors: Descriptors,
    dictionaries: Vec<Dictionary>,
    /// One for each keying; here between batches to be used again.
    partials: Vec<Partial>,
    hasher: Hasher,
    /// Rows of the batch before, to size the columns of the next.
    rows_before: usize,
}

impl Projector {
    /// A projector with empty dictionaries of at most `entries_max` keys each.
    pub fn new(projection: Projection, patterns: Patterns, entries_max: usize) -> Projector {
        let hasher = Hasher::random();
        let dictionary = |_: &Keying| Dictionary::new(hasher.clone(), entries_max);
        let dictionaries = projection.keyings.iter().map(dictionary).collect();
        let partials = projection.keyings.iter().map(Partial::new).collect();
        let descriptors = Descriptors::new(patterns);
        Projector { projection, descriptors, dictionaries, partials, hasher, rows_before: 0 }
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

    /// Metrics met since the last call of this function.
    pub fn take_unsent_descriptors(&mut self) -> Vec<Descriptor> {
        self.descriptors.take_unsent()
    }

    /// A new instance knows nothing: everything counts as unsent again.
    pub fn forget_sent(&mut self) {
        self.descriptors.forget_sent();
        self.dictionaries.iter_mut().for_each(Dictionary::forget_sent);
    }

    /// Reads one metrics request, checking all of it.
    pub fn project(&mut self, request: &[u8], strings: Strings) -> Result<Columns, Malformed> {
        let columns = self.empty_columns();
        let partials = std::mem::take(&mut self.partials);
        let marks: Vec<usize> = self.dictionaries.iter().map(Dictionary::unsaved_mark).collect();
        let mut pass = Pass {
            projector: self,
            columns,
            partials,
            ordinal: 0,
            descriptor: 0,
            resource: Vec::new(),
            scope: Message::default(),
            scope_attributes: Vec::new(),
            metric: None,
            learn_bytes: LEARN_BYTES.saturating_add(request.len().saturating_mul(LEARN_FACTOR)),
        };
        let walked = metrics::walk(request, strings, &mut pass);
        let (mut columns, partials) = (pass.columns, pass.partials);
        self.partials = partials;
        if walked.is_err() {
            // Nobody will ever see a row under these codes.
            self.dictionaries.iter_mut().zip(marks).for_each(|(dictionary, mark)| dictionary.forget_since(mark));
        }
        columns.items = walked?;
        self.rows_before = columns.rows as usize;
        Ok(columns)
    }

    fn empty_columns(&self) -> Columns {
        let rows = self.rows_before;
        let column = |wanted: bool| Vec::with_capacity(if wanted { rows } else { 0 });
        Columns {
            values: column(self.projection.values),
            times: column(self.projection.times),
            start_times: column(self.projection.start_times),
            keys: self.projection.keyings.iter().map(|_| Vec::with_capacity(rows)).collect(),
            ..Columns::default()
        }
    }
}

/// A sum of attribute hashes and how many went in.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    hash: u128,
    count: u32,
}

impl Sum {
    #[inline]
    fn add(&mut self, hash: u128) {
        self.hash = self.hash.wrapping_add(hash);
        self.count += 1;
    }

    #[inline]
    fn plus(self, other: Sum) -> Sum {
        Sum { hash: self.hash.wrapping_add(other.hash), count: self.count + other.count }
    }
}

/// One keying's sums on the way down: what the resource, the scope and the metric gave, and the current point.
#[derive(Debug)]
struct Partial {
    keying: Keying,
    /// The keying's view of item attributes, for the hot loop.
    items: Names,
    resource: Sum,
    scope: Sum,
    metric: Sum,
    /// Resource, scope and metric together.
    base: Sum,
    item: Sum,
    covers: bool,
}

impl Partial {
    fn new(keying: &Keying) -> Partial {
        let zero = Sum::default();
        let items = keying.names(Level::Item);
        Partial {
            keying: keying.clone(),
            items,
            resource: zero,
            scope: zero,
            metric: zero,
            base: zero,
            item: zero,
            covers: false,
        }
    }
}

struct Pass<'p, 'a> {
    projector: &'p mut Projector,
    columns: Columns,
    partials: Vec<Partial>,
    ordinal: u32,
    descriptor: u32,
    resource: Vec<Attribute<'a>>,
    scope: Message<'a>,
    scope_attributes: Vec<Attribute<'a>>,
    metric: Option<MetricHeader<'a>>,
    /// What is left of the bytes of keys that may be read anew.
    learn_bytes: usize,
}

impl<'a> Pass<'_, 'a> {
    /// Sums an enclosing message's attributes for every keying.
    fn sum_level(&self, level: Level, attributes: &[Attribute<'a>]) -> Vec<Sum> {
        let mut sums = vec![Sum::default(); self.partials.len()];
        for attribute in attributes {
            let hash = self.projector.hasher.hash(level as u8, attribute.raw);
            for (partial, sum) in self.partials.iter().zip(&mut sums) {
                if partial.keying.takes(level, attribute.key) {
                    sum.add(hash);
                }
            }
        }
        sums
    }

    fn is_stream(partial: &Partial) -> bool {
        matches!(partial.keying.grouping, Grouping::Stream(_))
    }

    /// The code of a key that was not found by its row hash.
    #[cold]
    fn learn(&mut self, index: usize, hash: u128, point: &NumberPoint<'a>) -> Result<u32, Fault> {
        let Some(partial) = self.partials.get(index) else { return Ok(NONE) };
        let mut key = KeyBuilder::default();
        let item = attributes(&Message::whole(point.raw), 7)?;
        let mut bytes = 0;
        for (level, attributes) in
            [(Level::Resource, &self.resource), (Level::Scope, &self.scope_attributes), (Level::Item, &item)]
        {
            for attribute in attributes {
                bytes += attribute.key.len().max(1);
                if bytes > self.learn_bytes {
                    self.learn_bytes = 0;
                    return Ok(OVERFLOW);
                }
                if partial.keying.takes(level, attribute.key) {
                    bytes += attribute.raw.len();
                    key.attribute(level, attribute)?;
                }
            }
        }
        if Self::is_stream(partial) {
            self.stream_identity(&mut key)?;
        }
        self.learn_bytes = self.learn_bytes.saturating_sub(bytes);
        let (key, repeated) = key.finish();
        // The sum of hashes knows no order; a key with a repeated attribute does.
        let hash = Some(hash).filter(|_| !repeated);
        Ok(self.projector.dictionaries.get_mut(index).map_or(NONE, |dictionary| dictionary.learn(hash, &key)))
    }

    fn stream_identity(&self, key: &mut KeyBuilder) -> Result<(), Fault> {
        let (name, version) = scope_identity(&self.scope)?;
        key.text(Level::ScopeIdentity, b"name", name);
        key.text(Level::ScopeIdentity, b"version", version);
        let Some(metric) = &self.metric else { return Ok(()) };
        key.text(Level::MetricIdentity, b"name", metric.name);
        key.text(Level::MetricIdentity, b"unit", metric.unit);
        key.text(Level::MetricIdentity, b"shape", &shape(metric));
        Ok(())
    }
}

/// Kind, temporality and monotonicity in one text. Part of stored keys: these words stay.
fn shape(metric: &MetricHeader<'_>) -> Vec<u8> {
    let kind = match metric.kind {
        Some(MetricKind::Gauge) => "gauge",
        Some(MetricKind::Sum) => "sum",
        Some(MetricKind::Histogram) => "histogram",
        Some(MetricKind::ExponentialHistogram) => "exponential-histogram",
        Some(MetricKind::Summary) => "summary",
        None => "none",
    };
    let temporality = match metric.temporality {
        Temporality::Unspecified => "unspecified",
        Temporality::Delta => "delta",
        Temporality::Cumulative => "cumulative",
    };
    let monotonic = if metric.monotonic { "monotonic" } else { "any" };
    format!("{kind} {temporality} {monotonic}").into_bytes()
}

fn scope_identity<'a>(scope: &Message<'a>) -> Result<(&'a [u8], &'a [u8]), Fault> {
    let (mut name, mut version): (&[u8], &[u8]) = (&[], &[]);
    scope.each_field(|field| {
        match field.number {
            1 => name = field.value.bytes(field.raw)?,
            2 => version = field.value.bytes(field.raw)?,
            _ => {}
        }
        Ok(())
    })?;
    Ok((name, version))
}

impl<'a> MetricsVisitor<'a> for Pass<'_, 'a> {
    fn resource(&mut self, resource: &Message<'a>) -> Result<(), Fault> {
        self.resource = attributes(resource, 1)?;
        let sums = self.sum_level(Level::Resource, &self.resource);
        for (partial, sum) in self.partials.iter_mut().zip(sums) {
            partial.resource = sum;
        }
        Ok(())
    }

    fn scope(&mut self, scope: &Message<'a>) -> Result<(), Fault> {
        self.scope_attributes = attributes(scope, 3)?;
        let mut sums = self.sum_level(Level::Scope, &self.scope_attributes);
        let hasher = &self.projector.hasher;
        let (name, version) = scope_identity(scope)?;
        for (partial, sum) in self.partials.iter_mut().zip(&mut sums) {
            if Self::is_stream(partial) {
                sum.add(hasher.hash(Level::ScopeIdentity as u8, name));
                sum.add(hasher.hash(Level::ScopeIdentity as u8 | 0x80, version));
            }
            partial.scope = *sum;
        }
        self.scope = scope.clone();
        Ok(())
    }

    fn metric(&mut self, metric: &MetricHeader<'a>) -> Result<Visit, Fault> {
        let ordinal = self.ordinal;
        self.ordinal += 1;
        let Some(descriptor) = self.projector.descriptors.number(metric) else { return Ok(Visit::Skip) };
        let hasher = &self.projector.hasher;
        for partial in &mut self.partials {
            partial.covers = partial.keying.covers(metric.temporality);
            partial.metric = Sum::default();
            if Self::is_stream(partial) {
                partial.metric.add(hasher.hash(Level::MetricIdentity as u8, metric.name));
                partial.metric.add(hasher.hash(Level::MetricIdentity as u8 | 0x80, metric.unit));
                partial.metric.add(hasher.hash(Level::MetricIdentity as u8 | 0x40, &shape(metric)));
            }
            partial.base = partial.resource.plus(partial.scope).plus(partial.metric);
            partial.item = Sum::default();
        }
        self.descriptor = descriptor;
        self.metric = Some(*metric);
        self.columns.runs.push(Run { end: self.columns.rows, descriptor, ordinal });
        Ok(Visit::Points)
    }

    #[inline(always)]
    fn attribute(&mut self, key: &'a [u8], raw: &'a [u8]) -> Result<(), Fault> {
        let hasher = &self.projector.hasher;
        let mut hash = None;
        for partial in &mut self.partials {
            if partial.covers && partial.items.takes(key) {
                partial.item.add(*hash.get_or_insert_with(|| hasher.hash(Level::Item as u8, raw)));
            }
        }
        Ok(())
    }

    #[inline(always)]
    fn number(&mut self, point: &NumberPoint<'a>) -> Result<(), Fault> {
        let columns = &mut self.columns;
        let row = columns.rows as usize;
        columns.rows += 1;
        if let Some(run) = columns.runs.last_mut() {
            run.end = columns.rows;
        }
        let projection = &self.projector.projection;
        if projection.values {
            let word = match point.value {
                _ if point.is_stale() => None,
                Number::None => None,
                Number::Double(value) => Some(value.to_bits()),
                Number::Integer(value) => {
                    columns.integers.set(row);
                    Some(value.cast_unsigned())
                }
            };
            if word.is_none() {
                columns.no_value.set(row);
            }
            columns.values.push(word.unwrap_or(0));
        }
        if projection.times {
            columns.times.push(point.time);
        }
        if projection.start_times {
            columns.start_times.push(point.start_time);
        }
        for index in 0..self.partials.len() {
            let code = self.code(index, point)?;
            if let Some(column) = self.columns.keys.get_mut(index) {
                column.push(code);
            }
        }
        Ok(())
    }
}

impl<'a> Pass<'_, 'a> {
    #[inline(always)]
    fn code(&mut self, index: usize, point: &NumberPoint<'a>) -> Result<u32, Fault> {
        let Some(partial) = self.partials.get_mut(index) else { return Ok(NONE) };
        let total = partial.base.plus(partial.item);
        partial.item = Sum::default();
        if !partial.covers || total.count == 0 {
            return Ok(NONE);
        }
        match self.projector.dictionaries.get(index).and_then(|dictionary| dictionary.find(total.hash)) {
            Some(code) => Ok(code),
            None => self.learn(index, total.hash, point),
        }
    }
}
