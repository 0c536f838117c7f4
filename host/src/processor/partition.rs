//! One of several instances of a processor: it sees the items of its partition, and keeps the state of these.

use std::sync::Arc;

use super::declared::Declared;
use crate::contract::{ComponentId, Instances, PartitionKey, PartitionLevel, Signal};
use crate::otlp::Malformed;
use crate::otlp::key::{self, Level};
use crate::otlp::partition::Partitions;

/// An attribute of points whose key is not of the partition that emits them, such as of a series for what found no room: two instances
/// must not emit one series.
const ATTRIBUTE: &[u8] = b"otelier.partition";

/// Which of a processor's instances one is.
#[derive(Debug, Clone)]
pub struct Partition {
    /// From zero.
    pub number: u32,
    /// All of them.
    pub of: Arc<Partitions>,
}

/// A plugin that cannot be divided that way.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PartitionError {
    /// Nothing says which state an item belongs to.
    #[error(
        "the plugin keeps state, and {instances} instances of it need a `partition_by` in its manifest entry: attributes that every series of the plugin has, such as one that it groups by"
    )]
    NoAttributes {
        /// How many.
        instances: u32,
    },
    /// What its state is of cannot be told.
    #[error(
        "the plugin keeps state and groups by no attributes, so its items cannot be divided among `instances`; remove them"
    )]
    NoKeys,
    /// A series would be in several partitions.
    #[error(
        "`partition_by` names {level} attribute `{name}`, and the plugin has {signal} under keys without it; name an attribute that all its keys keep, or remove `instances`"
    )]
    NotInKey {
        /// Of what.
        level: &'static str,
        /// The attribute.
        name: String,
        /// What it groups.
        signal: Signal,
    },
}

impl Partition {
    /// What keys of its state begin with, behind the component id. Of another division it is something else.
    pub(super) fn prefix(&self) -> Vec<u8> {
        let (count, identity) = (self.of.count().to_be_bytes(), self.of.identity().to_be_bytes());
        [&count[..], &identity, &self.number.to_be_bytes()].concat()
    }

    /// A key under which no other instance emits anything: of its own partition as it is, any other with the partition's number. Different
    /// keys stay different.
    pub(super) fn own(&self, key: &[u8]) -> Result<Box<[u8]>, Malformed> {
        let elements = key::elements_or_none(key)?;
        let marked = elements.iter().find(|element| element.level == Level::Item && element.name == ATTRIBUTE);
        if marked.is_none() && self.of.of_elements(&elements) == self.number {
            return Ok(key.into());
        }
        let mut mark = Vec::new();
        key::put_integer_value(&mut mark, i64::from(self.number));
        // A mark that came with the key stays readable, and a key with one is never the same as a key that gets it here.
        let mark = marked.map_or_else(|| mark.clone(), |before| key::both_as_bytes(before.value, &mark));
        Ok(key::with_element(&elements, Level::Item, ATTRIBUTE, &mark).into())
    }
}

/// The partitions that a manifest entry asks for.
pub fn partitions_of(instances: &Instances) -> Partitions {
    let attribute = |PartitionKey { level, key }: &PartitionKey| {
        let level = match level {
            PartitionLevel::Resource => Level::Resource,
            PartitionLevel::Scope => Level::Scope,
            PartitionLevel::Item => Level::Item,
        };
        (level, key.clone().into_bytes())
    };
    Partitions::new(instances.partition_by.iter().map(attribute).collect(), instances.count)
}

/// Whether a plugin that declares this can be divided.
pub fn check(partitions: &Partitions, signal: Signal, declared: &Declared) -> Result<(), PartitionError> {
    if partitions.count() == 1 || declared.state_format.is_none() {
        return Ok(());
    }
    if partitions.by().is_empty() {
        return Err(PartitionError::NoAttributes { instances: partitions.count() });
    }
    let keyings = &declared.projection.keyings;
    if keyings.is_empty() {
        return Err(PartitionError::NoKeys);
    }
    let is_missing = |(level, name): &&(Level, Vec<u8>)| !keyings.iter().all(|keying| keying.takes(*level, name));
    match partitions.by().iter().find(is_missing) {
        None => Ok(()),
        Some((level, name)) => Err(PartitionError::NotInKey {
            level: match level {
                Level::Resource => "resource",
                Level::Scope => "scope",
                _ => "item",
            },
            name: String::from_utf8_lossy(name).into_owned(),
            signal,
        }),
    }
}

/// What all keys of a component's state begin with. Two components' never overlap, nor do two partitions': an id has no control character,
/// and what stands behind it is of one length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace {
    prefix: Vec<u8>,
    id: usize,
}

/// Behind the id of a component with one instance.
const WHOLE: u8 = 0;
/// Behind the id of one with several.
const DIVIDED: u8 = 1;

impl Namespace {
    /// Of a component, or of a partition of it.
    pub fn new(component: &ComponentId, partition: Option<&Partition>) -> Namespace {
        let id = component.to_string().into_bytes();
        let (length, rest) = (id.len(), partition.map(Partition::prefix));
        let behind = rest.map_or_else(|| vec![WHOLE], |rest| [&[DIVIDED], &rest[..]].concat());
        Namespace { prefix: [id, behind].concat(), id: length }
    }

    pub(super) fn prefix(&self) -> &[u8] {
        &self.prefix
    }

    /// Among how many instances a key of the component was divided.
    pub(super) fn instances_of(&self, key: &[u8]) -> u32 {
        let divided = key.get(self.id..).and_then(|behind| behind.strip_prefix(&[DIVIDED]));
        divided.and_then(|behind| behind.first_chunk()).map_or(1, |count| u32::from_be_bytes(*count))
    }

    /// Ranges of the component's keys that are of another division.
    pub(super) fn others(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let (id, behind) = self.prefix.split_at(self.id);
        let at = |byte: u8| [id, &[byte]].concat();
        let (whole, divided, end) = (at(WHOLE), at(DIVIDED), at(DIVIDED + 1));
        match behind.split_last_chunk::<4>().filter(|_| behind.first() == Some(&DIVIDED)) {
            None => vec![(divided, end)],
            // All numbers of this division.
            Some((division, _)) => {
                let first = [id, division].concat();
                let mut behind_last = first.clone();
                behind_last.extend([u8::MAX; 5]);
                vec![(whole, first), (behind_last, end)]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::otlp::key::KeyBuilder;

    fn namespace(partition: Option<(u32, u32, &[u8])>) -> Namespace {
        let id = "aggregate/a".parse().unwrap();
        let partition = partition.map(|(number, count, name)| Partition {
            number,
            of: Arc::new(Partitions::new(vec![(Level::Item, name.to_vec())], count)),
        });
        Namespace::new(&id, partition.as_ref())
    }

    #[test]
    fn another_division_is_seen_and_the_own_is_not() {
        let divisions: [&[Namespace]; 4] = [
            &[namespace(None)],
            &[namespace(Some((0, 2, b"a"))), namespace(Some((1, 2, b"a")))],
            &[namespace(Some((0, 3, b"a"))), namespace(Some((2, 3, b"a")))],
            &[namespace(Some((0, 2, b"b"))), namespace(Some((1, 2, b"b")))],
        ];
        for (number, division) in divisions.iter().enumerate() {
            for (other, namespaces) in divisions.iter().enumerate() {
                for (one, another) in division.iter().flat_map(|one| namespaces.iter().map(move |other| (one, other))) {
                    let key = [another.prefix(), b"\x03key"].concat();
                    let is_seen = one.others().iter().any(|(start, end)| *start <= key && key < *end);
                    assert_eq!(one.instances_of(&key), [1, 2, 3, 2][other]);
                    assert_eq!(is_seen, number != other, "{one:?} {another:?}");
                }
            }
        }
    }

    #[test]
    fn a_foreign_key_gets_the_number() {
        let of = Arc::new(Partitions::new(vec![(Level::Item, b"a".to_vec())], 2));
        let owner = of.of(b"").unwrap();
        let partition = |number| Partition { number, of: Arc::clone(&of) };
        assert_eq!(partition(owner).own(b"").unwrap(), Box::from([]));
        let marked = partition(1 - owner).own(b"").unwrap();
        let mut mark = KeyBuilder::default();
        mark.integer(Level::Item, ATTRIBUTE, i64::from(1 - owner));
        assert_eq!(*marked, *mark.finish().0);
        // Whoever sends such a key, it does not become what the instance makes itself.
        let again = [0, 1].map(|number| partition(number).own(&marked).unwrap());
        assert!(again.iter().all(|again| *again != marked), "{again:?}");
        assert_ne!(again[0], again[1]);
        assert!(again.iter().all(|again| key::check(again).is_ok()), "{again:?}");
    }
}
