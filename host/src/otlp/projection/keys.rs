//! Keying on the way down: sums of hashes at each level, and a code at each item.
//!
//! A key's attributes are hashed where they stand; only a key that has not been seen before is read, brought into canonical form
//! and given a code.

use super::item::{FieldValue, Item};
use crate::otlp::attribute::{Attribute, attributes};
use crate::otlp::dictionary::{Dictionary, NONE, OVERFLOW};
use crate::otlp::field::{Field, Place};
use crate::otlp::hash::Hasher;
use crate::otlp::key::{KeyBuilder, Level};
use crate::otlp::keying::{Grouping, Keying, Names};
use crate::otlp::message::Message;
use crate::otlp::metrics::{MetricHeader, MetricKind, Temporality};
use crate::otlp::wire::Fault;

/// A salt for each field, apart from those of levels.
const FIELD_SALT: u8 = 0x10;

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

/// One keying's sums on the way down: what the resource, the scope and the metric gave, and the current item.
#[derive(Debug)]
pub struct Partial {
    keying: Keying,
    /// The keying's view of item attributes, for the hot loop.
    items: Names,
    /// The fields that belong to the key.
    fields: Vec<Field>,
    resource: Sum,
    scope: Sum,
    metric: Sum,
    /// Resource, scope and metric together.
    base: Sum,
    item: Sum,
    covers: bool,
}

impl Partial {
    /// For one keying.
    pub fn new(keying: &Keying) -> Partial {
        let zero = Sum::default();
        Partial {
            keying: keying.clone(),
            items: keying.names(Level::Item),
            fields: keying.fields(),
            resource: zero,
            scope: zero,
            metric: zero,
            base: zero,
            item: zero,
            covers: false,
        }
    }

    fn is_stream(&self) -> bool {
        matches!(self.keying.grouping, Grouping::Stream(_))
    }

    fn set_base(&mut self) {
        self.base = self.resource.plus(self.scope).plus(self.metric);
        self.item = Sum::default();
    }
}

/// All keyings of one pass over a request.
pub struct Keys<'p, 'a> {
    pub hasher: &'p Hasher,
    pub dictionaries: &'p mut [Dictionary],
    pub partials: Vec<Partial>,
    pub resource: Vec<Attribute<'a>>,
    /// The scope's name and version.
    identity: (&'a [u8], &'a [u8]),
    pub scope_attributes: Vec<Attribute<'a>>,
    metric: Option<MetricHeader<'a>>,
    /// What is left of the bytes of keys that may be read anew.
    learn_bytes: usize,
    /// Whether an item has a key without a code.
    pub without_code: bool,
}

impl<'p, 'a> Keys<'p, 'a> {
    /// Before the first resource.
    pub fn new(
        hasher: &'p Hasher,
        dictionaries: &'p mut [Dictionary],
        partials: Vec<Partial>,
        learn_bytes: usize,
    ) -> Self {
        let (resource, identity, scope_attributes, metric) = (Vec::new(), Default::default(), Vec::new(), None);
        let without_code = false;
        Keys { hasher, dictionaries, partials, resource, identity, scope_attributes, metric, learn_bytes, without_code }
    }

    /// Sums an enclosing message's attributes for every keying.
    fn sum_level(&self, level: Level, attributes: &[Attribute<'a>]) -> Vec<Sum> {
        let mut sums = vec![Sum::default(); self.partials.len()];
        for attribute in attributes {
            let hash = self.hasher.hash(level as u8, attribute.raw);
            for (partial, sum) in self.partials.iter().zip(&mut sums) {
                if partial.keying.takes(level, attribute.key) {
                    sum.add(hash);
                }
            }
        }
        sums
    }

    /// A resource begins.
    pub fn resource(&mut self, resource: &Message<'a>) -> Result<(), Fault> {
        self.resource = attributes(resource, 1)?;
        let sums = self.sum_level(Level::Resource, &self.resource);
        for (partial, sum) in self.partials.iter_mut().zip(sums) {
            partial.resource = sum;
        }
        Ok(())
    }

    /// A scope begins.
    pub fn scope(&mut self, scope: &Message<'a>) -> Result<(), Fault> {
        self.scope_attributes = attributes(scope, 3)?;
        let mut sums = self.sum_level(Level::Scope, &self.scope_attributes);
        let hasher = self.hasher;
        let (name, version) = scope_identity(scope)?;
        for (partial, sum) in self.partials.iter_mut().zip(&mut sums) {
            if partial.is_stream() {
                sum.add(hasher.hash(Level::ScopeIdentity as u8, name));
                sum.add(hasher.hash(Level::ScopeIdentity as u8 | 0x80, version));
            }
            for field in &partial.fields {
                add_field(hasher, sum, *field, &scope_field(*field, name, version));
            }
            partial.scope = *sum;
            // Spans and records have no level between the scope and themselves.
            partial.metric = Sum::default();
            partial.covers = partial.keying.covers(Temporality::Unspecified);
            partial.set_base();
        }
        self.metric = None;
        self.identity = (name, version);
        Ok(())
    }

    /// A metric begins.
    pub fn metric(&mut self, metric: &MetricHeader<'a>) {
        let hasher = self.hasher;
        for partial in &mut self.partials {
            partial.covers = partial.keying.covers(metric.temporality);
            partial.metric = Sum::default();
            if partial.is_stream() {
                partial.metric.add(hasher.hash(Level::MetricIdentity as u8, metric.name));
                partial.metric.add(hasher.hash(Level::MetricIdentity as u8 | 0x80, metric.unit));
                partial.metric.add(hasher.hash(Level::MetricIdentity as u8 | 0x40, &shape(metric)));
            }
            for field in &partial.fields {
                add_field(hasher, &mut partial.metric, *field, &metric_field(*field, metric));
            }
            partial.set_base();
        }
        self.metric = Some(*metric);
    }

    /// An attribute of the item at hand.
    #[inline(always)]
    pub fn attribute(&mut self, key: &'a [u8], raw: &'a [u8]) {
        let mut hash = None;
        for partial in &mut self.partials {
            if partial.covers && partial.items.takes(key) {
                partial.item.add(*hash.get_or_insert_with(|| self.hasher.hash(Level::Item as u8, raw)));
            }
        }
    }

    /// The fields of the item at hand; of points there are none.
    pub fn fields(&mut self, item: &Item<'_, 'a>) {
        for partial in &mut self.partials {
            for field in &partial.fields {
                add_field(self.hasher, &mut partial.item, *field, &item.field(*field));
            }
        }
    }

    /// The code of the item at hand for a keying; its sum begins anew.
    #[inline(always)]
    pub fn code(&mut self, index: usize, item: &Item<'_, 'a>) -> Result<u32, Fault> {
        let Some(partial) = self.partials.get_mut(index) else { return Ok(NONE) };
        let total = partial.base.plus(partial.item);
        partial.item = Sum::default();
        if !partial.covers || total.count == 0 {
            return Ok(NONE);
        }
        match self.dictionaries.get(index).and_then(|dictionary| dictionary.find(total.hash)) {
            Some(code) => Ok(code),
            None => self.learn(index, total.hash, item),
        }
    }

    /// The code of a key that was not found by its row hash.
    #[cold]
    fn learn(&mut self, index: usize, hash: u128, item: &Item<'_, 'a>) -> Result<u32, Fault> {
        let code = self.learned(index, hash, item)?;
        self.without_code |= code == OVERFLOW;
        Ok(code)
    }

    fn learned(&mut self, index: usize, hash: u128, item: &Item<'_, 'a>) -> Result<u32, Fault> {
        let Some(partial) = self.partials.get(index) else { return Ok(NONE) };
        let mut key = KeyBuilder::default();
        let (raw, number) = item.attributes();
        let own = attributes(&Message::whole(raw), number)?;
        // Charged before it is read: what stands once in a request may be read for every row.
        let mut bytes = self.enclosing_bytes(partial, item);
        for (level, attributes) in
            [(Level::Resource, &self.resource), (Level::Scope, &self.scope_attributes), (Level::Item, &own)]
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
        if bytes > self.learn_bytes {
            self.learn_bytes = 0;
            return Ok(OVERFLOW);
        }
        if partial.is_stream() {
            self.stream_identity(&mut key);
        }
        self.field_elements(partial, item, &mut key)?;
        self.learn_bytes = self.learn_bytes.saturating_sub(bytes);
        let (key, repeated) = key.finish();
        // The sum of hashes knows no order; a key with a repeated attribute does.
        let hash = Some(hash).filter(|_| !repeated);
        Ok(self.dictionaries.get_mut(index).map_or(NONE, |dictionary| dictionary.learn(hash, &key)))
    }

    /// Bytes of identity and fields that belong to a key.
    fn enclosing_bytes(&self, partial: &Partial, item: &Item<'_, 'a>) -> usize {
        let (name, version) = self.identity;
        let metric = self.metric.map_or(0, |metric| metric.name.len() + metric.unit.len());
        let identity = if partial.is_stream() { name.len() + version.len() + metric } else { 0 };
        identity + partial.fields.iter().map(|field| self.field(*field, item).len()).sum::<usize>()
    }

    fn stream_identity(&self, key: &mut KeyBuilder) {
        let (name, version) = self.identity;
        key.text(Level::ScopeIdentity, b"name", name);
        key.text(Level::ScopeIdentity, b"version", version);
        let Some(metric) = &self.metric else { return };
        key.text(Level::MetricIdentity, b"name", metric.name);
        key.text(Level::MetricIdentity, b"unit", metric.unit);
        key.text(Level::MetricIdentity, b"shape", &shape(metric));
    }

    fn field<'v>(&self, field: Field, item: &Item<'v, 'a>) -> FieldValue<'v, 'a>
    where
        'a: 'v,
    {
        let (name, version) = self.identity;
        match (item.place(field), &self.metric) {
            (Some(Place::Scope), _) => scope_field(field, name, version),
            (Some(Place::Metric), Some(metric)) => metric_field(field, metric),
            _ => item.field(field),
        }
    }

    /// Adds the fields of a key.
    fn field_elements(&self, partial: &Partial, item: &Item<'_, 'a>, key: &mut KeyBuilder) -> Result<(), Fault> {
        for field in &partial.fields {
            let (level, name) = (Level::Field, field.name().as_bytes());
            match &self.field(*field, item) {
                FieldValue::Absent => {}
                FieldValue::Text(text) => key.text(level, name, text),
                FieldValue::Integer(number) => key.integer(level, name, *number),
                FieldValue::Bytes(bytes) => key.bytes(level, name, bytes),
                FieldValue::Any(message) => key.value(level, name, message)?,
            }
        }
        Ok(())
    }
}

fn add_field(hasher: &Hasher, sum: &mut Sum, field: Field, value: &FieldValue<'_, '_>) {
    let salt = FIELD_SALT + field as u8;
    match value {
        FieldValue::Absent => {}
        FieldValue::Text(bytes) | FieldValue::Bytes(bytes) => sum.add(hasher.hash(salt, bytes)),
        FieldValue::Integer(number) => sum.add(hasher.hash(salt, &number.to_le_bytes())),
        FieldValue::Any(message) => match message.one_piece() {
            Some(piece) => sum.add(hasher.hash(salt, piece)),
            None => sum.add(hasher.hash(salt, &message.pieces().collect::<Vec<_>>().concat())),
        },
    }
}

pub fn scope_field<'a>(field: Field, name: &'a [u8], version: &'a [u8]) -> FieldValue<'a, 'a> {
    match field {
        Field::ScopeName => FieldValue::text(name),
        Field::ScopeVersion => FieldValue::text(version),
        _ => FieldValue::Absent,
    }
}

pub fn metric_field<'a>(field: Field, metric: &MetricHeader<'a>) -> FieldValue<'a, 'a> {
    match field {
        Field::Name => FieldValue::text(metric.name),
        Field::Unit => FieldValue::text(metric.unit),
        _ => FieldValue::Absent,
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

pub fn scope_identity<'a>(scope: &Message<'a>) -> Result<(&'a [u8], &'a [u8]), Fault> {
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
