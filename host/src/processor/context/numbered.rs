//! What a guest has described, by number: the same again has the same number.

use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::ops::Deref;
use std::sync::Arc;

use hashbrown::HashTable;

/// Values by number.
#[derive(Debug)]
pub struct Numbered<T> {
    values: Vec<T>,
    numbers: HashTable<u32>,
    hasher: RandomState,
}

impl<T> Default for Numbered<T> {
    fn default() -> Numbered<T> {
        Numbered { values: Vec::new(), numbers: HashTable::new(), hasher: RandomState::new() }
    }
}

impl<T: Hash + PartialEq> Numbered<T> {
    /// The number of a value that is known.
    pub fn find(&self, value: &T) -> Option<u32> {
        let is_it = |number: &u32| self.values.get(*number as usize) == Some(value);
        self.numbers.find(self.hasher.hash_one(value), is_it).copied()
    }

    /// The number of a value that is not.
    pub fn add(&mut self, value: T) -> u32 {
        let (number, hasher) = (self.values.len() as u32, &self.hasher);
        let hash = hasher.hash_one(&value);
        self.values.push(value);
        let values = &self.values;
        // A table that grows asks for the hashes of what it holds, all of them in `values`.
        let rehash = |number: &u32| values.get(*number as usize).map_or(0, |value| hasher.hash_one(value));
        self.numbers.insert_unique(hash, number, rehash);
        number
    }
}

impl<T> Deref for Numbered<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.values
    }
}

/// Explicit bounds of a histogram. Zeros of both signs are two values here, which does no harm.
#[derive(Debug, Clone)]
pub struct Bounds(pub Arc<[f64]>);

impl Bounds {
    fn bits(&self) -> impl Iterator<Item = u64> {
        self.0.iter().map(|bound| bound.to_bits())
    }
}

impl PartialEq for Bounds {
    fn eq(&self, other: &Bounds) -> bool {
        self.bits().eq(other.bits())
    }
}

impl Hash for Bounds {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bits().for_each(|bits| bits.hash(state));
    }
}

#[cfg(test)]
mod tests {
    use super::{Bounds, Numbered};

    #[test]
    fn the_same_again_has_the_same_number() {
        let mut numbered = Numbered::default();
        let bounds = |number: u32| Bounds([0.5, f64::from(number)].into());
        for number in 0..1000 {
            assert_eq!(numbered.find(&bounds(number)), None);
            assert_eq!(numbered.add(bounds(number)), number);
        }
        assert!((0..1000).all(|number| numbered.find(&bounds(number)) == Some(number)));
        assert_eq!(numbered.len(), 1000);
    }
}
