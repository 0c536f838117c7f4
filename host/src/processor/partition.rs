//! One of several instances of a processor: it sees the items of its partition, and keeps the state of these.

use std::sync::Arc;

use super::declared::Declared;
use crate::contract::{Instances, PartitionKey, PartitionLevel, Signal};
use crate::otlp::Malformed;
use crate::otlp::key::{self, Level};
use crate::otlp::partition::Partitions;
use crate::storage::Division;

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
    /// Where it keeps its state. Of another division it is elsewhere.
    pub(super) fn division(&self) -> Division {
        Division { count: self.of.count(), identity: self.of.identity(), number: self.number }
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::otlp::key::KeyBuilder;

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
