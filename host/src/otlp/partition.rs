//! Which of several instances of a processor an item belongs to, and a request divided among them.
//!
//! Items with the same values under the partition attributes have the same partition, on every machine and for good: the state of a partition
//! is of these items. Where no attribute is named, items are divided by their place in the request.

use bytes::Bytes;

use crate::contract::Signal;

use super::Strings;
use super::columns::{Bitmap, Layout};
use super::dictionary::{Dictionary, OVERFLOW};
use super::edit::{self, EditError, Edits};
use super::hash::Hasher;
use super::key::{self, Level};
use super::keying::{Grouping, Keying};
use super::projection::Projector;
use super::wire::Malformed;

/// A dictionary of more keys than this, or with more bytes of them, is begun anew with the next request.
const KEYS_KEPT: usize = 1 << 20;
const KEY_BYTES_KEPT: usize = 64 << 20;

/// No row had that code yet.
const UNKNOWN: u32 = u32::MAX;

const TOO_LONG: &str = "the attributes of `partition_by` take too many bytes";
const UNDIVIDED: &str = "items that cannot be divided among instances";

/// How items are divided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partitions {
    by: Vec<(Level, Vec<u8>)>,
    count: u32,
}

impl Partitions {
    /// So many partitions, by these attributes of resources, scopes and items.
    pub fn new(by: Vec<(Level, Vec<u8>)>, count: u32) -> Partitions {
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
        Hasher::fixed().hash(1, &self.keying().identity()) as u64
    }

    /// The partition of a key, which may have more attributes.
    pub fn of(&self, key: &[u8]) -> Result<u32, Malformed> {
        let mut own = vec![key::VERSION];
        let elements = if key.is_empty() { Vec::new() } else { key::elements(key)? };
        for element in &elements {
            if self.by.iter().any(|(level, name)| *level == element.level && name == element.name) {
                own.extend_from_slice(element.bytes(key));
            }
        }
        Ok((Hasher::fixed().hash(0, &own) as u64 % u64::from(self.count)) as u32)
    }

    fn keying(&self) -> Keying {
        Keying { grouping: Grouping::Keep(self.by.clone()), durable: false }
    }
}

/// Divides requests of one signal.
#[derive(Debug)]
pub struct Divider {
    signal: Signal,
    partitions: Partitions,
    projector: Projector,
    /// Code → partition, or [`UNKNOWN`].
    known: Vec<u32>,
}

/// A request and whose its items are.
#[derive(Debug)]
pub struct Division {
    /// How many items the request has.
    pub items: u64,
    /// What each partition has that has any, ascending.
    pub shares: Vec<Share>,
    layout: Layout,
}

/// The items of one partition.
#[derive(Debug)]
pub struct Share {
    /// Its number.
    pub partition: u32,
    /// How many.
    pub items: u64,
    /// The rows of the others, if there are any.
    others: Option<Bitmap>,
}

impl Divider {
    /// One that knows no keys yet.
    pub fn new(signal: Signal, partitions: Partitions) -> Divider {
        let projector = projector(signal, &partitions);
        Divider { signal, partitions, projector, known: Vec::new() }
    }

    /// Divides a request; a small one only where attributes say so. Every byte of it is checked.
    pub fn divide(&mut self, request: &[u8], strings: Strings, rows_min: u32) -> Result<Division, Malformed> {
        let key_bytes = self.projector.dictionary(0).map_or(0, Dictionary::key_bytes);
        if self.known.len() > KEYS_KEPT || key_bytes > KEY_BYTES_KEPT {
            self.projector = projector(self.signal, &self.partitions);
            self.known.clear();
        }
        let mut columns = self.projector.project(request, strings)?;
        let layout = std::mem::take(&mut columns.layout);
        let (rows, items) = (layout.rows, layout.items);
        if u64::from(rows) != items {
            return Err(Malformed { offset: 0, reason: UNDIVIDED });
        }
        let keys = columns.keys.pop().filter(|_| !self.partitions.by.is_empty());
        let owners = match keys {
            Some(codes) => self.by_key(&codes)?,
            None if rows < rows_min => vec![0; rows as usize],
            None => self.by_place(rows),
        };
        Ok(Division { items, shares: shares(&owners, self.partitions.count), layout })
    }

    fn by_key(&mut self, codes: &[u32]) -> Result<Vec<u32>, Malformed> {
        let owner = |code: &u32| match self.known.get(*code as usize) {
            Some(owner) if *owner != UNKNOWN => Ok(*owner),
            _ => self.learn(*code),
        };
        codes.iter().map(owner).collect()
    }

    #[cold]
    fn learn(&mut self, code: u32) -> Result<u32, Malformed> {
        if code == OVERFLOW {
            return Err(Malformed { offset: 0, reason: TOO_LONG });
        }
        let key = self.projector.dictionary(0).and_then(|dictionary| dictionary.key(code));
        let owner = self.partitions.of(key.unwrap_or_default())?;
        let index = code as usize;
        if self.known.len() <= index {
            self.known.resize(index + 1, UNKNOWN);
        }
        if let Some(known) = self.known.get_mut(index) {
            *known = owner;
        }
        Ok(owner)
    }

    fn by_place(&self, rows: u32) -> Vec<u32> {
        let place = |row: u32| u64::from(row) * u64::from(self.partitions.count) / u64::from(rows.max(1));
        (0..rows).map(|row| place(row) as u32).collect()
    }
}

impl Division {
    /// The request with the items of a share alone.
    pub fn take(&self, signal: Signal, request: &Bytes, share: &Share) -> Result<Bytes, EditError> {
        match &share.others {
            None => Ok(request.clone()),
            Some(others) => Ok(edit::apply(signal, request, &self.layout, others, &Edits::default())?.into()),
        }
    }
}

fn projector(signal: Signal, partitions: &Partitions) -> Projector {
    let mut keyings = vec![partitions.keying()];
    keyings.retain(|_| !partitions.by.is_empty());
    Projector::of_everything(signal, keyings)
}

fn shares(owners: &[u32], count: u32) -> Vec<Share> {
    let mut rows = vec![0_u64; count as usize];
    for owner in owners {
        if let Some(rows) = rows.get_mut(*owner as usize) {
            *rows += 1;
        }
    }
    let share = |(partition, items): (u32, u64)| {
        let is_alone = items == owners.len() as u64;
        let others = || {
            let mut others = Bitmap::default();
            let foreign = owners.iter().enumerate().filter(|(_, owner)| **owner != partition);
            foreign.for_each(|(row, _)| others.set(row));
            others
        };
        Share { partition, items, others: (!is_alone).then(others) }
    };
    // A request without items is somebody's as well.
    let has_any = |(partition, items): &(u32, u64)| *items > 0 || (owners.is_empty() && *partition == 0);
    (0..).zip(rows).filter(has_any).map(share).collect()
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
        assert_eq!(["", "a", "b", "order", "refund"].map(of), [7, 13, 0, 6, 3]);
        assert_eq!(partitions.of(b"").unwrap(), 12);
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
    fn shares_have_every_row_once() {
        let shares = shares(&[2, 0, 2, 2], 4);
        let found: Vec<_> = shares.iter().map(|share| (share.partition, share.items)).collect();
        assert_eq!(found, [(0, 1), (2, 3)]);
        let others = |share: usize| shares.get(share).unwrap().others.as_ref().unwrap().rows().collect::<Vec<_>>();
        assert_eq!((others(0), others(1)), (vec![0, 2, 3], vec![1]));
    }
}
