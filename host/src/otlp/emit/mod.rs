//! Writing OTLP: the points a plugin emitted by column, as a metrics request.
//!
//! Points are grouped by resource and scope of their keys, in the order in which those first appear; a scope has the name and the version
//! that the key has as fields, or none. Within a group each emission is one metric. Other elements of a key that are no attributes are
//! left out.

mod point;

use std::borrow::Cow;
use std::collections::HashMap;

use super::descriptors::Descriptor;
use super::field::Field;
use super::key::{self, Element, Level, VERSION};
use super::metrics::{MetricKind, Temporality};
use super::wire::{Malformed, put_bytes, put_varint_field};

pub use point::{ExponentialRows, HistogramRows, Observations, Points};

/// Points of one metric, by column. All columns have a value for each row, but `start_times` may be empty: unset.
#[derive(Debug, Clone, PartialEq)]
pub struct Emission {
    /// The metric; its kind is that of the points.
    pub descriptor: Descriptor,
    /// Each row's key in the canonical encoding; empty for "no attributes".
    pub keys: Vec<Box<[u8]>>,
    /// `start_time_unix_nano`.
    pub start_times: Vec<u64>,
    /// `time_unix_nano`.
    pub times: Vec<u64>,
    /// The rest.
    pub points: Points,
    /// (row, `Exemplar` message), ascending by row.
    pub exemplars: Vec<(u32, Box<[u8]>)>,
}

/// Points that cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum EmitError {
    /// A key that does not read as one.
    #[error("a key cannot be read: {0}")]
    Key(#[from] Malformed),
    /// Each resource and scope has texts of its own.
    #[error(
        "the points take more than {0} bytes with the texts of their metrics, which stand once in each resource and scope"
    )]
    TooLarge(usize),
}

/// Encodes emissions as one request of at most about `bytes_max` bytes.
pub fn encode(emissions: &[Emission], bytes_max: usize) -> Result<Vec<u8>, EmitError> {
    let mut tree = Tree { emissions, bytes_max, ..Tree::default() };
    for (number, emission) in emissions.iter().enumerate() {
        let mut exemplars = emission.exemplars.as_slice();
        for (row, key) in emission.keys.iter().enumerate() {
            let elements = if key.is_empty() { Vec::new() } else { key::elements(key)? };
            let own = exemplars.partition_point(|(at, _)| *at as usize <= row);
            let (now, later) = exemplars.split_at_checked(own).unwrap_or_default();
            exemplars = later;
            let group = tree.group(key, &elements)?;
            let text = group.begin(emissions, number);
            tree.take(text)?;
            tree.point.clear();
            point::put(&mut tree.point, emission, row, &elements, now)?;
            tree.end_point()?;
        }
    }
    Ok(tree.finish())
}

/// The scope's name and version, as texts; empty where the key has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ScopeIdentity<'e> {
    name: &'e [u8],
    version: &'e [u8],
}

impl<'e> ScopeIdentity<'e> {
    fn of(elements: &[Element<'e>]) -> ScopeIdentity<'e> {
        let mut identity = ScopeIdentity { name: &[], version: &[] };
        // Fields stand last.
        for element in elements.iter().rev().take_while(|element| element.level == Level::Field) {
            match Field::of(element.name) {
                Some(Field::ScopeName) => identity.name = key::text_of(element.value).unwrap_or_default(),
                Some(Field::ScopeVersion) => identity.version = key::text_of(element.value).unwrap_or_default(),
                _ => {}
            }
        }
        identity
    }

    /// A text that no other prefix and identity has.
    fn behind<'p>(&self, prefix: &'p [u8]) -> Cow<'p, [u8]> {
        if self.name.is_empty() && self.version.is_empty() {
            return Cow::Borrowed(prefix);
        }
        let length = (self.name.len() as u64).to_be_bytes();
        // No level has that number.
        Cow::Owned([prefix, &[u8::MAX], &length, self.name, self.version].concat())
    }
}

/// Groups by resource and scope.
#[derive(Default)]
struct Tree<'e> {
    emissions: &'e [Emission],
    /// What is written so far, about, and may be.
    bytes: usize,
    bytes_max: usize,
    /// The part of a key that holds them, with name and version of the scope → group.
    index: HashMap<Box<[u8]>, usize>,
    /// In order of first use.
    groups: Vec<Group>,
    /// The group of the point at hand.
    current: usize,
    point: Vec<u8>,
}

#[derive(Default)]
struct Group {
    /// The part of a key that led to it.
    prefix: Box<[u8]>,
    /// The scope's name and version.
    name: Box<[u8]>,
    version: Box<[u8]>,
    /// The `Resource` and the `InstrumentationScope`.
    resource: Vec<u8>,
    scope: Vec<u8>,
    /// Finished metrics.
    metrics: Vec<u8>,
    /// The emission whose metric is being filled, and its points.
    open: Option<(usize, Vec<u8>)>,
}

/// What a metric and the group around it take beside texts and attributes.
const FRAME_BYTES: usize = 64;
/// What stands before a point.
const LENGTH_BYTES: usize = 6;

impl Tree<'_> {
    /// Counts what is written.
    fn take(&mut self, bytes: usize) -> Result<(), EmitError> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > self.bytes_max { Err(EmitError::TooLarge(self.bytes_max)) } else { Ok(()) }
    }

    fn group(&mut self, key: &[u8], elements: &[Element<'_>]) -> Result<&mut Group, EmitError> {
        // Elements ascend by level, so what encloses an item stands first.
        let own = elements.iter().find(|element| element.level > Level::Scope);
        let prefix = match own {
            Some(element) => key.get(..element.offset).unwrap_or_default(),
            None if key.is_empty() => &[VERSION],
            None => key,
        };
        let identity = ScopeIdentity::of(elements);
        // Keys often come in the order in which they were made.
        let is_other = |group: &Group| *group.prefix != *prefix || identity != group.identity();
        if self.groups.get(self.current).is_none_or(is_other) {
            self.current = match self.index.get(&*identity.behind(prefix)) {
                Some(index) => *index,
                None => self.add(prefix, identity, elements)?,
            };
        }
        Ok(&mut self.groups[self.current])
    }

    fn add(
        &mut self,
        prefix: &[u8],
        identity: ScopeIdentity<'_>,
        elements: &[Element<'_>],
    ) -> Result<usize, EmitError> {
        let (mut resource, mut scope) = (Vec::new(), Vec::new());
        point::put_attributes(&mut resource, elements, Level::Resource, 1)?;
        for (number, text) in [(1, identity.name), (2, identity.version)] {
            if !text.is_empty() {
                put_bytes(&mut scope, number, text);
            }
        }
        point::put_attributes(&mut scope, elements, Level::Scope, 3)?;
        self.take(FRAME_BYTES + resource.len() + scope.len())?;
        let (name, version) = (identity.name.into(), identity.version.into());
        self.index.insert(identity.behind(prefix).into(), self.groups.len());
        self.groups.push(Group { prefix: prefix.into(), name, version, resource, scope, ..Group::default() });
        Ok(self.groups.len() - 1)
    }

    fn end_point(&mut self) -> Result<(), EmitError> {
        if let Some((_, points)) = self.groups.get_mut(self.current).and_then(|group| group.open.as_mut()) {
            put_bytes(points, 1, &self.point);
        }
        self.take(self.point.len() + LENGTH_BYTES)
    }

    fn finish(self) -> Vec<u8> {
        let mut request = Vec::new();
        for mut group in self.groups {
            group.close(self.emissions);
            let mut scope_metrics = Vec::new();
            put_bytes(&mut scope_metrics, 1, &group.scope);
            scope_metrics.extend_from_slice(&group.metrics);
            let mut resource_metrics = Vec::new();
            put_bytes(&mut resource_metrics, 1, &group.resource);
            put_bytes(&mut resource_metrics, 2, &scope_metrics);
            put_bytes(&mut request, 1, &resource_metrics);
        }
        request
    }
}

impl Group {
    fn identity(&self) -> ScopeIdentity<'_> {
        ScopeIdentity { name: &self.name, version: &self.version }
    }

    /// The metric of the next point, which is of that emission. Tells how many bytes that takes where it is another one.
    fn begin(&mut self, emissions: &[Emission], number: usize) -> usize {
        let descriptor = |number: usize| emissions.get(number).map(|emission| &emission.descriptor);
        let wanted = descriptor(number);
        if self.open.as_ref().is_some_and(|(open, _)| *open == number || descriptor(*open) == wanted) {
            return 0;
        }
        self.close(emissions);
        self.open = Some((number, Vec::new()));
        FRAME_BYTES + wanted.map_or(0, |metric| metric.name.len() + metric.unit.len() + metric.description.len())
    }

    fn close(&mut self, emissions: &[Emission]) {
        let Some((number, mut data)) = self.open.take() else { return };
        let Some(Emission { descriptor, .. }) = emissions.get(number) else { return };
        let mut metric = Vec::new();
        let mut text = |number, text: &str| {
            if !text.is_empty() {
                put_bytes(&mut metric, number, text.as_bytes());
            }
        };
        text(1, &descriptor.name);
        text(2, &descriptor.description);
        text(3, &descriptor.unit);
        let temporality = match descriptor.temporality {
            Temporality::Unspecified => 0,
            Temporality::Delta => 1,
            Temporality::Cumulative => 2,
        };
        if matches!(descriptor.kind, MetricKind::Sum | MetricKind::Histogram | MetricKind::ExponentialHistogram) {
            put_varint_field(&mut data, 2, temporality);
        }
        if descriptor.kind == MetricKind::Sum {
            put_varint_field(&mut data, 3, u64::from(descriptor.monotonic));
        }
        put_bytes(&mut metric, descriptor.kind.field(), &data);
        put_bytes(&mut self.metrics, 2, &metric);
    }
}
