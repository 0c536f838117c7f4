//! Which of several instances of a processor an item belongs to, and a request divided among them.
//!
//! Items with the same values under the partition attributes have the same partition, on every machine and for good: the state of a partition
//! is of these items. Where no attribute is named, items are divided by their place in the request.

mod cut;
mod owners;

use bytes::Bytes;

use super::hash::Hasher;
use super::key::{self, Level};
use super::keying::{Grouping, Keying};
use super::wire::Malformed;
use super::{Strings, check};
use crate::contract::Signal;

/// How items are divided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partitions {
    by: Vec<(Level, Vec<u8>)>,
    count: u32,
}

/// A part of a request: the items of one partition, in their order, with what they stand in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Whose.
    pub partition: u32,
    /// A request.
    pub bytes: Bytes,
    /// How many items, of the one with none: zero.
    pub items: u64,
}

impl Partitions {
    /// So many partitions, by these attributes of resources, scopes and items.
    pub fn new(mut by: Vec<(Level, Vec<u8>)>, count: u32) -> Partitions {
        by.sort();
        by.dedup();
        Partitions { by, count: count.max(1) }
    }

    /// How many.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// The attributes.
    pub fn by(&self) -> &[(Level, Vec<u8>)] {
        &self.by
    }

    /// A number that is another for other attributes, whatever order they are named in.
    pub fn identity(&self) -> u64 {
        let keying = Keying { grouping: Grouping::Keep(self.by.clone()), durable: false, alike: false };
        Hasher::fixed().hash(1, &keying.identity()) as u64
    }

    /// The partition of a key, which may have more attributes.
    pub fn of(&self, key: &[u8]) -> Result<u32, Malformed> {
        Ok(self.of_elements(&key::elements_or_none(key)?))
    }

    /// The same of a key that was read.
    pub fn of_elements(&self, elements: &[key::Element<'_>]) -> u32 {
        let hasher = Hasher::fixed();
        let hash = |element: &key::Element<'_>| {
            let place = self.by.iter().position(|(level, name)| *level == element.level && name == element.name)?;
            Some(hash_of(&hasher, place, element.value))
        };
        self.of_hash(elements.iter().filter_map(hash).fold(0, u64::wrapping_add))
    }

    /// Divides a request, checking every byte of it. One of fewer items is only divided where attributes say so.
    pub fn divide(
        &self,
        signal: Signal,
        request: &Bytes,
        strings: Strings,
        items_min: u64,
    ) -> Result<Vec<Part>, Malformed> {
        let owners = match self.by.as_slice() {
            [] => self.by_place(check(signal, request, strings)?, items_min),
            _ => owners::owners(self, signal, request, strings)?,
        };
        let first = owners.first().copied().unwrap_or_default();
        match owners.iter().all(|owner| *owner == first) {
            true => Ok(vec![Part { partition: first, bytes: request.clone(), items: owners.len() as u64 }]),
            false => cut::cut(signal, request, &owners, self.count),
        }
    }

    /// Equal shares, one behind the other.
    fn by_place(&self, items: u64, items_min: u64) -> Vec<u32> {
        let count = if items < items_min { 1 } else { u64::from(self.count) };
        (0..items).map(|item| (item * count / items.max(1)) as u32).collect()
    }

    fn of_hash(&self, hash: u64) -> u32 {
        (hash % u64::from(self.count)) as u32
    }
}

/// What an attribute adds: `place` is that among the partition attributes, `value` as keys have it. Stored state depends on it.
fn hash_of(hasher: &Hasher, place: usize, value: &[u8]) -> u64 {
    // There are never so many.
    hasher.hash(place.min(usize::from(u8::MAX)) as u8, value) as u64
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::key::KeyBuilder;
    use super::*;

    fn key(attributes: &[(Level, &str, &str)]) -> Vec<u8> {
        let mut builder = KeyBuilder::default();
        attributes.iter().for_each(|(level, name, text)| builder.text(*level, name.as_bytes(), text.as_bytes()));
        builder.finish().0
    }

    fn by_work_type(count: u32) -> Partitions {
        Partitions::new(vec![(Level::Item, b"work.type".to_vec())], count)
    }

    /// State was written under these.
    #[test]
    fn partitions_stay_what_they_are() {
        let partitions = by_work_type(16);
        let of = |text| partitions.of(&key(&[(Level::Item, "work.type", text)])).unwrap();
        assert_eq!(["", "a", "b", "order", "refund"].map(of), [6, 2, 9, 0, 3]);
        assert_eq!(partitions.of(b"").unwrap(), 0);
        assert_eq!(partitions.identity(), 11_410_221_433_932_312_244);
    }

    #[test]
    fn other_attributes_do_not_matter() {
        let partitions = by_work_type(1000);
        let alone = partitions.of(&key(&[(Level::Item, "work.type", "order")])).unwrap();
        let more = [
            (Level::Resource, "work.type", "x"),
            (Level::Item, "work.id", "1"),
            (Level::Item, "work.type", "order"),
            (Level::Item, "zone", "2"),
        ];
        assert_eq!(partitions.of(&key(&more)).unwrap(), alone);
        assert_eq!(partitions.of(&key(&[])).unwrap(), partitions.of(b"").unwrap());
        assert_ne!(partitions.of(b"").unwrap(), alone);
    }

    #[test]
    fn shares_by_place_are_equal() {
        let partitions = Partitions::new(Vec::new(), 3);
        assert_eq!(partitions.by_place(7, 0), [0, 0, 0, 1, 1, 2, 2]);
        assert_eq!(partitions.by_place(7, 8), [0; 7]);
        assert_eq!(partitions.by_place(0, 0), [0; 0]);
    }
}
