//! The partition of each item of a request: the values of the partition attributes, hashed where they stand.
//!
//! What a resource or scope has is hashed once for all its items, so the work is bounded by the size of the request, and nothing is
//! remembered between requests.

use super::{Partitions, hash_of};
use crate::contract::Signal;
use crate::otlp::Strings;
use crate::otlp::attribute::{Attribute, attributes};
use crate::otlp::hash::Hasher;
use crate::otlp::key::{self, Level};
use crate::otlp::levels::in_either_order;
use crate::otlp::logs::{self, LogRecord, LogsVisitor};
use crate::otlp::message::Message;
use crate::otlp::metrics::{self, MetricHeader, MetricsVisitor, NumberPoint, Visit};
use crate::otlp::points::{ExponentialPoint, HistogramPoint, SummaryPoint};
use crate::otlp::spans::{self, Span, SpansVisitor};
use crate::otlp::wire::{Fault, Malformed};

/// The owner of each item, in the order of a walk. Every byte of the request is checked.
pub fn owners(
    partitions: &Partitions,
    signal: Signal,
    request: &[u8],
    strings: Strings,
) -> Result<Vec<u32>, Malformed> {
    in_either_order(|order| {
        let mut owners = Owners::new(partitions);
        match signal {
            Signal::Metrics => metrics::walk(request, strings, order, &mut owners),
            Signal::Traces => spans::walk(request, strings, order, &mut owners),
            Signal::Logs => logs::walk(request, strings, order, &mut owners),
        }?;
        Ok(owners.owners)
    })
}

struct Owners<'p, 'a> {
    partitions: &'p Partitions,
    hasher: Hasher,
    /// What the resource and the scope add.
    resource: u64,
    scope: u64,
    /// Attributes of the item at hand that count, by their place among the partition's; of several the last.
    item: Vec<Option<&'a [u8]>>,
    value: Vec<u8>,
    owners: Vec<u32>,
}

impl<'p, 'a> Owners<'p, 'a> {
    fn new(partitions: &'p Partitions) -> Self {
        let item = vec![None; partitions.by.len()];
        let (hasher, value, owners) = (Hasher::fixed(), Vec::new(), Vec::new());
        Owners { partitions, hasher, resource: 0, scope: 0, item, value, owners }
    }

    /// What the attributes of a resource or scope add.
    fn level(&mut self, level: Level, attributes: &[Attribute<'a>]) -> Result<u64, Fault> {
        let mut sum = 0_u64;
        for (place, (at, name)) in self.partitions.by.iter().enumerate() {
            let last = attributes.iter().rev().find(|attribute| *at == level && *name == attribute.key);
            if let Some(attribute) = last {
                sum = sum.wrapping_add(self.hash(place, attribute.raw)?);
            }
        }
        Ok(sum)
    }

    fn hash(&mut self, place: usize, raw: &'a [u8]) -> Result<u64, Fault> {
        self.value.clear();
        match Attribute::read_plain(raw) {
            Some((_, text)) => key::put_text_value(&mut self.value, text),
            None => key::put_value(&mut self.value, &Attribute::read(raw, Strings::Bytes)?.value()?)?,
        }
        Ok(hash_of(&self.hasher, place, &self.value))
    }

    fn begin_resource(&mut self, resource: &Message<'a>) -> Result<(), Fault> {
        self.resource = self.level(Level::Resource, &attributes(resource, 1)?)?;
        Ok(())
    }

    fn begin_scope(&mut self, scope: &Message<'a>) -> Result<(), Fault> {
        self.scope = self.level(Level::Scope, &attributes(scope, 3)?)?;
        Ok(())
    }

    #[inline(always)]
    fn begin_attribute(&mut self, key: &'a [u8], raw: &'a [u8]) {
        for ((level, name), place) in self.partitions.by.iter().zip(&mut self.item) {
            if *name == key && *level == Level::Item {
                *place = Some(raw);
            }
        }
    }

    fn finish(&mut self) -> Result<(), Fault> {
        let mut sum = self.resource.wrapping_add(self.scope);
        for place in 0..self.item.len() {
            if let Some(raw) = self.item.get_mut(place).and_then(Option::take) {
                sum = sum.wrapping_add(self.hash(place, raw)?);
            }
        }
        self.owners.push(self.partitions.of_hash(sum));
        Ok(())
    }
}

impl<'a> MetricsVisitor<'a> for Owners<'_, 'a> {
    fn resource(&mut self, resource: &Message<'a>) -> Result<(), Fault> {
        self.begin_resource(resource)
    }

    fn scope(&mut self, scope: &Message<'a>) -> Result<(), Fault> {
        self.begin_scope(scope)
    }

    fn metric(&mut self, _: &MetricHeader<'a>) -> Result<Visit, Fault> {
        Ok(Visit::Points)
    }

    #[inline(always)]
    fn attribute(&mut self, key: &'a [u8], raw: &'a [u8]) -> Result<(), Fault> {
        self.begin_attribute(key, raw);
        Ok(())
    }

    fn number(&mut self, _: &NumberPoint<'a>) -> Result<(), Fault> {
        self.finish()
    }

    fn histogram(&mut self, _: &HistogramPoint<'a>) -> Result<(), Fault> {
        self.finish()
    }

    fn exponential(&mut self, _: &ExponentialPoint<'a>) -> Result<(), Fault> {
        self.finish()
    }

    fn summary(&mut self, _: &SummaryPoint<'a>) -> Result<(), Fault> {
        self.finish()
    }
}

impl<'a> SpansVisitor<'a> for Owners<'_, 'a> {
    fn resource(&mut self, resource: &Message<'a>) -> Result<(), Fault> {
        self.begin_resource(resource)
    }

    fn scope(&mut self, scope: &Message<'a>) -> Result<(), Fault> {
        self.begin_scope(scope)
    }

    #[inline(always)]
    fn attribute(&mut self, key: &'a [u8], raw: &'a [u8]) -> Result<(), Fault> {
        self.begin_attribute(key, raw);
        Ok(())
    }

    fn span(&mut self, _: &Span<'a>) -> Result<(), Fault> {
        self.finish()
    }
}

impl<'a> LogsVisitor<'a> for Owners<'_, 'a> {
    fn resource(&mut self, resource: &Message<'a>) -> Result<(), Fault> {
        self.begin_resource(resource)
    }

    fn scope(&mut self, scope: &Message<'a>) -> Result<(), Fault> {
        self.begin_scope(scope)
    }

    #[inline(always)]
    fn attribute(&mut self, key: &'a [u8], raw: &'a [u8]) -> Result<(), Fault> {
        self.begin_attribute(key, raw);
        Ok(())
    }

    fn record(&mut self, _: &LogRecord<'a>) -> Result<(), Fault> {
        self.finish()
    }
}
