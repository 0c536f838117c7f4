//! Writing OTLP: the points a plugin emitted by column, as a metrics request.
//!
//! Points are grouped by the resource and scope attributes of their keys, in the order in which those first appear; the scope
//! has no name. Within a group each emission is one metric.

use std::collections::HashMap;

use super::descriptors::Descriptor;
use super::key::{self, Element, Level};
use super::metrics::{MetricKind, Temporality};
use super::wire::{Malformed, put_bytes, put_fixed64, put_varint_field};

/// The values of an emission.
#[derive(Debug, Clone, PartialEq)]
pub enum Numbers {
    /// `as_double`.
    Doubles(Vec<f64>),
    /// `as_int`.
    Integers(Vec<i64>),
}

impl Numbers {
    /// How many.
    pub fn len(&self) -> usize {
        match self {
            Numbers::Doubles(values) => values.len(),
            Numbers::Integers(values) => values.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Points of one metric, by column. All lists are of the same length, but `start_times` may be empty: unset.
#[derive(Debug, Clone, PartialEq)]
pub struct Emission {
    /// The metric; a gauge or a sum.
    pub descriptor: Descriptor,
    /// Each row's key in the canonical encoding; empty for "no attributes".
    pub keys: Vec<Box<[u8]>>,
    /// `start_time_unix_nano`.
    pub start_times: Vec<u64>,
    /// `time_unix_nano`.
    pub times: Vec<u64>,
    /// The values.
    pub values: Numbers,
}

/// Encodes emissions as one request.
pub fn encode(emissions: &[Emission]) -> Result<Vec<u8>, Malformed> {
    let mut tree = Tree::default();
    for emission in emissions {
        for row in 0..emission.values.len() {
            let elements = match emission.keys.get(row) {
                Some(key) if !key.is_empty() => key::elements(key)?,
                _ => Vec::new(),
            };
            let point = point(emission, row, &elements)?;
            tree.scope(&elements)?.add(emission, &point);
        }
    }
    Ok(tree.finish())
}

/// Groups by resource and scope attributes, each encoded as the message it becomes.
#[derive(Default)]
struct Tree {
    index: HashMap<(Vec<u8>, Vec<u8>), usize>,
    /// (resource, scope, metrics so far), in order of first use.
    groups: Vec<(Vec<u8>, Vec<u8>, Group)>,
}

#[derive(Default)]
struct Group {
    /// Finished metrics.
    metrics: Vec<u8>,
    /// The metric that is being filled and its points.
    open: Option<(Descriptor, Vec<u8>)>,
}

impl Tree {
    fn scope(&mut self, elements: &[Element<'_>]) -> Result<&mut Group, Malformed> {
        let resource = attribute_fields(elements, Level::Resource, 1)?;
        let scope = attribute_fields(elements, Level::Scope, 3)?;
        let groups = &mut self.groups;
        let next = groups.len();
        let index = *self.index.entry((resource, scope)).or_insert_with_key(|(resource, scope)| {
            groups.push((resource.clone(), scope.clone(), Group::default()));
            next
        });
        // `index` was handed out by the line above; the last group stands in for what cannot happen.
        let index = index.min(self.groups.len() - 1);
        Ok(&mut self.groups[index].2)
    }

    fn finish(self) -> Vec<u8> {
        let mut request = Vec::new();
        for (resource, scope, mut group) in self.groups {
            group.close();
            let mut scope_metrics = Vec::new();
            put_bytes(&mut scope_metrics, 1, &scope);
            scope_metrics.extend_from_slice(&group.metrics);
            let mut resource_metrics = Vec::new();
            put_bytes(&mut resource_metrics, 1, &resource);
            put_bytes(&mut resource_metrics, 2, &scope_metrics);
            put_bytes(&mut request, 1, &resource_metrics);
        }
        request
    }
}

impl Group {
    fn add(&mut self, emission: &Emission, point: &[u8]) {
        if self.open.as_ref().is_none_or(|(descriptor, _)| *descriptor != emission.descriptor) {
            self.close();
            self.open = Some((emission.descriptor.clone(), Vec::new()));
        }
        if let Some((_, points)) = &mut self.open {
            put_bytes(points, 1, point);
        }
    }

    fn close(&mut self) {
        let Some((descriptor, mut data)) = self.open.take() else { return };
        let mut metric = Vec::new();
        let mut text = |number, text: &str| {
            if !text.is_empty() {
                put_bytes(&mut metric, number, text.as_bytes());
            }
        };
        text(1, &descriptor.name);
        text(2, &descriptor.description);
        text(3, &descriptor.unit);
        if descriptor.kind == MetricKind::Sum {
            let temporality = match descriptor.temporality {
                Temporality::Unspecified => 0,
                Temporality::Delta => 1,
                Temporality::Cumulative => 2,
            };
            put_varint_field(&mut data, 2, temporality);
            put_varint_field(&mut data, 3, u64::from(descriptor.monotonic));
        }
        put_bytes(&mut metric, descriptor.kind.field(), &data);
        put_bytes(&mut self.metrics, 2, &metric);
    }
}

fn attribute_fields(elements: &[Element<'_>], level: Level, number: u32) -> Result<Vec<u8>, Malformed> {
    let mut out = Vec::new();
    put_attributes(&mut out, elements, level, number)?;
    Ok(out)
}

fn put_attributes(out: &mut Vec<u8>, elements: &[Element<'_>], level: Level, number: u32) -> Result<(), Malformed> {
    let (mut attribute, mut value) = (Vec::new(), Vec::new());
    for element in elements.iter().filter(|element| element.level == level) {
        attribute.clear();
        value.clear();
        key::put_any_value(&mut value, element.value)?;
        put_bytes(&mut attribute, 1, element.name);
        put_bytes(&mut attribute, 2, &value);
        put_bytes(out, number, &attribute);
    }
    Ok(())
}

fn point(emission: &Emission, row: usize, elements: &[Element<'_>]) -> Result<Vec<u8>, Malformed> {
    let mut out = Vec::with_capacity(64);
    if let Some(start_time) = emission.start_times.get(row) {
        put_fixed64(&mut out, 2, *start_time);
    }
    put_fixed64(&mut out, 3, emission.times.get(row).copied().unwrap_or(0));
    match &emission.values {
        Numbers::Doubles(values) => put_fixed64(&mut out, 4, values.get(row).copied().unwrap_or(0.0).to_bits()),
        Numbers::Integers(values) => {
            put_fixed64(&mut out, 6, values.get(row).copied().unwrap_or(0).cast_unsigned());
        }
    }
    put_attributes(&mut out, elements, Level::Item, 7)?;
    Ok(out)
}
