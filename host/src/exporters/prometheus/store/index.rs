//! From a hash to the places of series: a hash table in parts.
//!
//! Each part grows alone, so no batch waits for a large table to be built anew, and the number of parts is chosen so that a
//! full store fills its tables well: eleven bytes a series instead of twenty-one at a million.

use hashbrown::HashTable;

/// How many entries a part has when the store is full: a table of 4096 slots holds 3584, and parts differ a little.
const PART_ENTRIES: usize = 3300;
const PARTS_MAX: usize = 1 << 16;

/// Places by hash.
#[derive(Debug)]
pub struct Index {
    parts: Vec<HashTable<u32>>,
}

impl Index {
    /// An empty index that is at its best with `entries` entries.
    pub fn new(entries: usize) -> Index {
        let parts = entries.div_ceil(PART_ENTRIES).clamp(1, PARTS_MAX);
        Index { parts: std::iter::repeat_with(HashTable::new).take(parts).collect() }
    }

    /// The tables look at the lowest and the highest bits: a part is chosen by those between.
    fn part(&self, hash: u64) -> usize {
        let middle = (hash >> 20) & 0xffff_ffff;
        ((middle * self.parts.len() as u64) >> 32) as usize
    }

    /// The place with this hash that `is_it`.
    #[inline]
    pub fn find(&self, hash: u64, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        self.parts.get(self.part(hash))?.find(hash, |place| is_it(*place)).copied()
    }

    /// Adds a place. `hash_of` gives the hash of the places already there.
    pub fn insert(&mut self, hash: u64, place: u32, hash_of: impl Fn(u32) -> u64) {
        let part = self.part(hash);
        if let Some(table) = self.parts.get_mut(part) {
            table.insert_unique(hash, place, |place| hash_of(*place));
        }
    }

    /// Removes a place, and gives memory back when most of a part is empty.
    pub fn remove(&mut self, hash: u64, place: u32, hash_of: impl Fn(u32) -> u64) {
        let part = self.part(hash);
        let Some(table) = self.parts.get_mut(part) else { return };
        if let Ok(entry) = table.find_entry(hash, |other| *other == place) {
            entry.remove();
        }
        if table.len() < table.capacity() / 8 {
            table.shrink_to(table.len() * 2, |place| hash_of(*place));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Spreads small numbers over all bits.
    fn hash(number: u32) -> u64 {
        u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    #[test]
    fn places_are_found_until_they_are_removed_and_memory_is_given_back() {
        let mut index = Index::new(20_000);
        for number in 0..20_000 {
            index.insert(hash(number), number, hash);
        }
        assert!((0..20_000).all(|number| index.find(hash(number), |place| place == number) == Some(number)));
        for number in 0..20_000 {
            index.remove(hash(number), number, hash);
            assert_eq!(index.find(hash(number), |place| place == number), None);
        }
        assert!(index.parts.iter().all(|table| table.capacity() < 16));
    }
}
