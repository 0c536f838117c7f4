//! Dictionaries: from a row's key to a dense code and back.
//!
//! Invariants: code 0 is "no attribute present" and has no entry; a code stands for one canonical key until it is released; the
//! number of keys is bounded, and a key beyond the bound has the code [`OVERFLOW`]. The look-up by row hash is a cache over the
//! canonical keys: several encodings of one key (another order, longer varints, repeats) lead to the same code.
//!
//! An entry takes its key's bytes and about 44 more: 16 for the row hash and 4 for the key's place, both dense by code, and
//! about 12 in each of two tables. A look-up reads one slot and one hash, and mostly not even the slot: senders repeat their
//! streams in the same order, in which the codes were given out, so the code after the last one is tried first.

mod alike;
mod codes;
mod keys;
mod marks;

use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

use hashbrown::HashTable;

pub use self::alike::Alike;
use self::alike::written;
use self::codes::Codes;
use self::keys::Keys;
use self::marks::Marks;
use super::hash::Hasher;
use super::key::KEY_MAX;

/// None of the keying's attributes is present.
pub const NONE: u32 = 0;
/// The dictionary is full and the key is not in it.
pub const OVERFLOW: u32 = u32::MAX;
/// Bytes of keys per entry that a dictionary may hold on average.
const KEY_BYTES_AVERAGE: usize = 512;
/// Room beyond the bound for keys that a guest makes itself, so that an overflow series always has a name.
const INTERN_RESERVE: usize = 4096;
/// Smaller ones are in the processor's cache as a whole, and their rows come in any order.
const EXPECT_ENTRIES_MIN: usize = 1024;

/// One keying's keys and codes.
#[derive(Debug)]
pub struct Dictionary {
    /// Row hash → code.
    by_hash: Codes,
    /// Row hash → code, of codes that have another hash already: several encodings of one key were seen. Rare.
    more_hashes: HashTable<(Words, u32)>,
    /// Canonical key → code.
    by_key: Codes,
    /// Code → the row hash that leads to it, or [`NO_HASH`].
    hashes: Vec<Words>,
    /// Code → where its key is; 0 for code 0 and for released codes.
    places: Vec<u32>,
    keys: Keys,
    /// The code that the next row has if rows come in the order of their codes.
    expected: Cell<u32>,
    /// Released codes, to be given out again: the lowest first, so that a new code depends on which are in use and on nothing else. Whoever
    /// makes the same calls from the same state gives out the same.
    free: BinaryHeap<Reverse<u32>>,
    /// Codes the guest has not been told of.
    unsent: Marks,
    /// Codes added since the last call of `take_unsaved`.
    unsaved: Vec<u32>,
    /// Codes that were handed to the store.
    saved: Marks,
    entries_max: usize,
    /// Bytes of all keys.
    key_bytes: usize,
    hasher: Hasher,
    /// Whether keys whose values are written alike are one key.
    alike: bool,
    /// The last that came in another type than the key it is: both.
    met_alike: Option<Alike>,
}

/// What a guest had been told of a dictionary, and what had been handed to the store.
#[derive(Debug)]
pub struct Standing {
    unsent: Marks,
    unsaved: usize,
}

/// A hash in two words: 8-byte alignment keeps a slot at 24 bytes.
type Words = [u64; 2];

/// No row hash is known. A row with this very hash has its place among `more_hashes`.
const NO_HASH: Words = [0, 0];

fn parts(hash: u128) -> Words {
    [hash as u64, (hash >> 64) as u64]
}

/// Both words in one, for a table that looks at the upper bits: in a single word of a hash these may be close to each other for
/// keys that differ in a few digits. The factors are those of wyhash; what has to be secret is in the hash.
#[inline]
fn fold(hash: Words) -> u64 {
    let product = u128::from(hash[0] ^ 0x2d35_8dcc_aa6c_78a5) * u128::from(hash[1] ^ 0x8bb8_4b93_962e_acc9);
    product as u64 ^ (product >> 64) as u64
}

impl Dictionary {
    /// An empty dictionary of at most `entries_max` keys.
    pub fn new(hasher: Hasher, entries_max: usize) -> Dictionary {
        Dictionary {
            by_hash: Codes::default(),
            more_hashes: HashTable::new(),
            by_key: Codes::default(),
            hashes: vec![NO_HASH],
            places: vec![0],
            keys: Keys::default(),
            expected: Cell::new(NONE),
            free: BinaryHeap::new(),
            unsent: Marks::default(),
            unsaved: Vec::new(),
            saved: Marks::default(),
            entries_max,
            key_bytes: 0,
            hasher,
            alike: false,
            met_alike: None,
        }
    }

    /// How many keys it holds.
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Whether it holds no keys.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The code of a row hash seen before.
    #[inline]
    pub fn find(&self, hash: u128) -> Option<u32> {
        let wanted = parts(hash);
        let is_wanted = |code: u32| self.hashes.get(code as usize) == Some(&wanted);
        if self.hashes.len() > EXPECT_ENTRIES_MIN {
            let expected = self.expected.get();
            if is_wanted(expected) && wanted != NO_HASH {
                self.expected.set(expected + 1);
                return Some(expected);
            }
        }
        let found = self.by_hash.find(fold(wanted), is_wanted);
        let code = found.or_else(|| if self.more_hashes.is_empty() { None } else { self.find_more(wanted) })?;
        self.expected.set(code + 1);
        Some(code)
    }

    #[cold]
    fn find_more(&self, wanted: Words) -> Option<u32> {
        self.more_hashes.find(wanted[0], |(known, _)| *known == wanted).map(|(_, code)| *code)
    }

    /// The code of a canonical key, remembered under the row hash that led to it unless the hash could mean another key too.
    pub fn learn(&mut self, hash: Option<u128>, key: &[u8]) -> u32 {
        let code = self.code(key, self.entries_max);
        if let Some(hash) = hash.filter(|_| code != OVERFLOW) {
            self.remember(parts(hash), code);
        }
        code
    }

    fn remember(&mut self, hash: Words, code: u32) {
        match self.hashes.get_mut(code as usize) {
            Some(known @ &mut NO_HASH) if hash != NO_HASH => {
                *known = hash;
                self.by_hash.insert(fold(hash), code);
            }
            _ => {
                // Every key may have many encodings; forgetting them all costs one look-up by key each.
                if self.more_hashes.len() > 3 * self.len() + 1024 {
                    self.more_hashes.clear();
                }
                self.more_hashes.insert_unique(hash[0], (hash, code), |(known, _)| known[0]);
            }
        }
    }

    /// The code of a canonical key that a guest made.
    pub fn intern(&mut self, key: &[u8]) -> u32 {
        self.code(key, self.entries_max.saturating_add(INTERN_RESERVE))
    }

    fn code(&mut self, key: &[u8], entries_max: usize) -> u32 {
        let key_hash = self.key_hash(key);
        if let Some(code) = self.find_key(key_hash, key) {
            self.meet_alike(code, key);
            return code;
        }
        let bytes_max = entries_max.saturating_mul(KEY_BYTES_AVERAGE).max(KEY_MAX);
        let has_room = self.key_bytes + key.len() <= bytes_max && self.keys.bytes() + key.len() <= keys::BYTES_MAX;
        if self.len() >= entries_max || key.len() > KEY_MAX || !has_room {
            return OVERFLOW;
        }
        let code = self.free.pop().map_or(self.places.len() as u32, |Reverse(code)| code);
        self.place(code, key, key_hash);
        self.unsaved.push(code);
        code
    }

    fn key_hash(&self, key: &[u8]) -> u64 {
        match self.alike {
            true => fold(parts(self.hasher.hash(u8::MAX, &written(key)))),
            false => fold(parts(self.hasher.hash(u8::MAX, key))),
        }
    }

    /// The code of a key, or of one that is written like it.
    fn find_key(&self, key_hash: u64, key: &[u8]) -> Option<u32> {
        if !self.alike {
            return self.by_key.find(key_hash, |code| self.key(code) == Some(key));
        }
        let wanted = written(key);
        self.by_key.find(key_hash, |code| self.key(code).is_some_and(|known| written(known) == wanted))
    }

    fn place(&mut self, code: u32, key: &[u8], key_hash: u64) {
        let index = code as usize;
        if self.places.len() <= index {
            self.places.resize(index + 1, 0);
            self.hashes.resize(index + 1, NO_HASH);
        }
        if let Some(place) = self.places.get_mut(index) {
            *place = self.keys.add(key);
        }
        self.key_bytes += key.len();
        self.by_key.insert(key_hash, code);
        self.unsent.set(code);
        self.saved.clear(code);
    }

    /// Puts back a stored key under its code. False when the code is taken, reserved or beyond the bound, or the key has another
    /// code: the stored dictionary is damaged, or the bound was lowered.
    pub fn restore(&mut self, code: u32, key: &[u8]) -> bool {
        let bound = self.entries_max.saturating_add(INTERN_RESERVE);
        let key_hash = self.key_hash(key);
        // An older state may hold two keys that are written alike: each goes on.
        let is_known = self.by_key.find(key_hash, |code| self.key(code) == Some(key)).is_some();
        if code == NONE || code as usize > bound || self.key(code).is_some() || is_known {
            return false;
        }
        self.place(code, key, key_hash);
        self.saved.set(code);
        true
    }

    /// Call after the last `restore`: codes that were released before are given out again.
    pub fn restored(&mut self) {
        let free = self.places.iter().enumerate().skip(1).filter(|(_, place)| **place == 0);
        self.free = free.map(|(code, _)| Reverse(code as u32)).collect();
    }

    /// The canonical key behind a code.
    pub fn key(&self, code: u32) -> Option<&[u8]> {
        self.keys.get(*self.places.get(code as usize)?)
    }

    /// Forgets codes; unknown ones are ignored.
    pub fn release(&mut self, codes: &[u32]) {
        if codes.is_empty() {
            return;
        }
        for code in codes {
            let Some(key) = self.key(*code) else { continue };
            let (key_hash, bytes) = (self.key_hash(key), key.len());
            self.by_key.remove(key_hash, *code);
            self.keys.remove(bytes);
            self.key_bytes -= bytes;
            if let Some(place) = self.places.get_mut(*code as usize) {
                *place = 0;
            }
            if let Some(hash) = self.hashes.get_mut(*code as usize) {
                self.by_hash.remove(fold(*hash), *code);
                *hash = NO_HASH;
            }
            self.unsent.clear(*code);
            self.free.push(Reverse(*code));
        }
        if !self.more_hashes.is_empty() {
            let places = &self.places;
            self.more_hashes.retain(|(_, code)| places.get(*code as usize).is_some_and(|place| *place != 0));
        }
        if self.keys.is_sparse() {
            self.close_gaps();
        }
    }

    fn close_gaps(&mut self) {
        let before = std::mem::take(&mut self.keys);
        for place in &mut self.places {
            *place = before.get(*place).map_or(0, |key| self.keys.add(key));
        }
    }

    /// Codes added since the last call of this function, for the guest.
    pub fn take_unsent(&mut self) -> Vec<u32> {
        self.unsent.take()
    }

    /// Of what was taken, the guest was not told these.
    pub fn put_back_unsent(&mut self, codes: &[u32]) {
        codes.iter().for_each(|code| self.unsent.set(*code));
    }

    /// Where the dictionary and its guest stand, for [`go_back`](Dictionary::go_back).
    pub fn standing(&self) -> Standing {
        Standing { unsent: self.unsent.clone(), unsaved: self.unsaved_mark() }
    }

    /// Forgets what was added and told since: another guest was given the dictionary, and did not keep it.
    pub fn go_back(&mut self, standing: Standing) {
        self.forget_since(standing.unsaved);
        self.unsent = standing.unsent;
    }

    /// Every living code counts as unsent again: the instance was rebuilt.
    pub fn forget_sent(&mut self) {
        let living = (0_u32..).zip(&self.places).filter(|(_, place)| **place != 0);
        living.for_each(|(code, _)| self.unsent.set(code));
    }

    /// Whether a code was handed to the store.
    pub fn is_saved(&self, code: u32) -> bool {
        self.saved.has(code)
    }

    /// Whether there are codes that `take_unsaved` would return.
    pub fn has_unsaved(&self) -> bool {
        !self.unsaved.is_empty()
    }

    /// Codes added since the last call of this function, for the store. A code that was released meanwhile is not there any
    /// more; one that was given out again comes once.
    pub fn take_unsaved(&mut self) -> Vec<u32> {
        let mut unsaved = std::mem::take(&mut self.unsaved);
        unsaved.retain(|code| {
            let is_new = self.key(*code).is_some() && !self.saved.has(*code);
            if is_new {
                self.saved.set(*code);
            }
            is_new
        });
        unsaved
    }

    /// How many codes wait to be stored; a mark for `forget_since`.
    pub fn unsaved_mark(&self) -> usize {
        self.unsaved.len()
    }

    /// Releases the codes that were added since `mark`.
    pub fn forget_since(&mut self, mark: usize) {
        let added = self.unsaved.split_off(mark.min(self.unsaved.len()));
        self.release(&added);
    }
}

#[cfg(test)]
mod tests {
    use super::super::hash::Hasher;
    use super::Dictionary;

    /// Most keys go and others come, again and again: the rest keep their codes, and room is used again.
    #[test]
    fn released_keys_leave_their_room() {
        let mut dictionary = Dictionary::new(Hasher::random(), 100_000);
        let key = |number: u32| format!("{number:0100}").into_bytes();
        let kept: Vec<u32> = (0..1000).map(|number| dictionary.learn(Some(number.into()), &key(number))).collect();
        for round in 1..20 {
            let new = (0..40_000).map(|number| number + round * 100_000);
            let codes: Vec<u32> = new.map(|number| dictionary.learn(Some(number.into()), &key(number))).collect();
            assert!(codes.iter().all(|code| *code <= 41_000), "codes are given out again");
            dictionary.release(&codes);
            assert!(dictionary.keys.bytes() < 10 << 20, "{} bytes", dictionary.keys.bytes());
        }
        for (number, code) in (0_u32..).zip(kept) {
            assert_eq!(dictionary.key(code), Some(key(number).as_slice()));
            assert_eq!(dictionary.find(number.into()), Some(code));
            assert_eq!(dictionary.learn(None, &key(number)), code);
        }
    }

    /// As it is after a restart, whatever was released in which order before.
    #[test]
    fn a_new_code_depends_on_those_in_use_alone() {
        let key = |number: u32| format!("{number}").into_bytes();
        let after = |released: &[u32]| {
            let mut dictionary = Dictionary::new(Hasher::random(), 100);
            (0..9).for_each(|number| assert_eq!(dictionary.learn(None, &key(number)), number + 1));
            released.iter().for_each(|code| dictionary.release(&[*code]));
            (9..13).map(|number| dictionary.learn(None, &key(number))).collect::<Vec<u32>>()
        };
        assert_eq!(after(&[3, 7, 5]), [3, 5, 7, 10]);
        assert_eq!(after(&[7, 5, 3]), [3, 5, 7, 10]);
    }

    /// Names that count up are what many series have.
    #[test]
    fn keys_that_differ_in_digits_spread_over_the_tables() {
        let hasher = Hasher::random();
        let mut dictionary = Dictionary::new(hasher.clone(), 1_000_000);
        for number in 0..200_000 {
            let raw = format!("\n\twork.type\x12\x0e\n\x0ctype-{number:07}");
            let hash = hasher.hash(3, raw.as_bytes());
            dictionary.learn(Some(hash), raw.as_bytes());
        }
        let longest = dictionary.by_hash.longest_run().max(dictionary.by_key.longest_run());
        assert!(longest < 500, "{longest} slots in a row are taken");
    }
}
