//! Which pipeline gets what of a batch.

use std::collections::HashMap;

use bytes::Bytes;

use super::condition::{Comparison, Condition, Literal};
use super::config::Action;
use crate::contract::{Batch, Connector, Metadata, Routed, Unroutable};
use crate::otlp::attribute::{AnyValue, Attribute, attributes};
use crate::otlp::message::Message;
use crate::otlp::resources::{Group, groups};
use crate::otlp::wire::Fault;
use crate::otlp::{Malformed, count};

/// What a route fits.
#[derive(Debug, Clone, PartialEq)]
pub enum Matcher {
    /// What stands under a resource.
    Resource(Condition),
    /// A whole request. Keys are in lower case.
    Request(Condition),
}

impl Matcher {
    /// The request metadata that it asks for.
    pub fn metadata(&self) -> Vec<&str> {
        match self {
            Matcher::Resource(_) => Vec::new(),
            Matcher::Request(condition) => condition.keys(),
        }
    }
}

/// A route whose pipelines are places among those behind the connector.
pub struct Rule {
    pub matcher: Matcher,
    pub action: Action,
    pub targets: Vec<usize>,
}

/// A connector that routes.
pub struct Router {
    pub rules: Vec<Rule>,
    pub default: Vec<usize>,
    /// Of pipelines behind it.
    pub count: usize,
}

/// `Resource.attributes`.
const ATTRIBUTES: u32 = 1;

impl Connector for Router {
    fn route(&self, batch: &Batch) -> Result<Routed, Unroutable> {
        self.routed(batch).map_err(|Malformed { offset, reason }| Unroutable { offset, reason })
    }
}

impl Router {
    fn routed(&self, batch: &Batch) -> Result<Routed, Malformed> {
        let in_metadata: Vec<bool> = self.rules.iter().map(|rule| fits_request(&rule.matcher, &batch.metadata)).collect();
        let groups = groups(&batch.bytes)?;
        let mut ways = Vec::with_capacity(groups.resources.len());
        for group in &groups.resources {
            ways.push(self.targets(group, &in_metadata).map_err(|fault| fault.within(&batch.bytes))?);
        }
        // Pipelines that get the same share it.
        let mut made: HashMap<Vec<bool>, Option<Batch>> = HashMap::new();
        let part = |place: usize| {
            let takes: Vec<bool> = ways.iter().map(|way| way.get(place).copied().unwrap_or(false)).collect();
            if takes.iter().all(|takes| *takes) {
                return Some(batch.clone());
            }
            if !takes.iter().any(|takes| *takes) {
                return None;
            }
            let bytes = || groups.with(takes.iter().copied());
            made.entry(takes.clone()).or_insert_with(|| Some(part_of(batch, bytes()))).clone()
        };
        let parts = (0..self.count).map(part).collect();
        let lost = |way: &Vec<bool>| !way.iter().any(|goes| *goes);
        let unrouted = match ways.iter().any(lost) {
            true => count(batch.signal, &groups.with(ways.iter().map(lost))),
            false => 0,
        };
        Ok(Routed { parts, unrouted })
    }

    /// For each pipeline, whether it gets what stands under a resource.
    fn targets(&self, group: &Group<'_>, in_metadata: &[bool]) -> Result<Vec<bool>, Fault> {
        let mut targets = vec![false; self.count];
        let attributes = Attributes::read(&group.resource)?;
        for (rule, fits_request) in self.rules.iter().zip(in_metadata) {
            let fits = match &rule.matcher {
                Matcher::Resource(condition) => condition.holds(&|comparison| attributes.fits(comparison)),
                Matcher::Request(_) => *fits_request,
            };
            if !fits {
                continue;
            }
            mark(&mut targets, &rule.targets);
            if rule.action == Action::Move {
                return Ok(targets);
            }
        }
        mark(&mut targets, &self.default);
        Ok(targets)
    }
}

fn mark(targets: &mut [bool], places: &[usize]) {
    for place in places {
        targets.get_mut(*place).into_iter().for_each(|target| *target = true);
    }
}

fn part_of(batch: &Batch, bytes: Vec<u8>) -> Batch {
    let items = count(batch.signal, &bytes);
    Batch { bytes: Bytes::from(bytes), items: Some(items), ..batch.clone() }
}

/// As in the Collector any value of a name may fit, and of a name that is not there none does, not even with `!=`.
fn fits_request(matcher: &Matcher, metadata: &Metadata) -> bool {
    let Matcher::Request(condition) = matcher else { return false };
    condition.holds(&|comparison: &Comparison| {
        let mut values = metadata.values(&comparison.key);
        values.any(|value| comparison.holds(&Literal::Text(value.as_bytes().to_vec())))
    })
}

/// A resource's attributes.
struct Attributes<'a>(Vec<Attribute<'a>>);

impl<'a> Attributes<'a> {
    fn read(resource: &Message<'a>) -> Result<Attributes<'a>, Fault> {
        attributes(resource, ATTRIBUTES).map(Attributes)
    }

    /// Of a key that comes twice the first counts, as in the Collector.
    fn fits(&self, comparison: &Comparison) -> bool {
        let found = self.0.iter().find(|attribute| attribute.key == comparison.key.as_bytes());
        // The request was checked: every value reads.
        comparison.holds(&found.and_then(|attribute| literal(attribute).ok()).unwrap_or(Literal::Nil))
    }
}

fn literal(attribute: &Attribute<'_>) -> Result<Literal, Fault> {
    Ok(match AnyValue::read(&attribute.value()?)? {
        AnyValue::Empty => Literal::Nil,
        AnyValue::String(text) => Literal::Text(text.to_vec()),
        AnyValue::Bool(value) => Literal::Bool(value),
        AnyValue::Int(value) => Literal::Integer(value),
        AnyValue::Double(value) => Literal::Double(value),
        AnyValue::Array(_) | AnyValue::Map(_) | AnyValue::Bytes(_) => Literal::Other,
    })
}
