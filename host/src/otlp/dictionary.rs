//! Dictionaries: from a row's key to a dense code and back.
//!
//! Invariants: code 0 is "no attribute present" and has no entry; a code stands for one canonical key until it is released; the
//! number of keys is bounded, and a key beyond the bound has the code [`OVERFLOW`]. The look-up by row hash is a cache over the
//! canonical keys: several encodings of one key (another order, longer varints, repeats) lead to the same code.

use hashbrown::HashTable;

use super::hash::Hasher;

/// None of the keying's attributes is present.
pub const NONE: u32 = 0;
/// The dictionary is full and the key is not in it.
pub const OVERFLOW: u32 = u32::MAX;
/// Room beyond the bound for keys that a guest makes itself, so that an overflow series always has a name.
const INTERN_RESERVE: usize = 4096;

/// One keying's keys and codes.
#[derive(Debug)]
pub struct Dictionary {
    /// Row hash → code.
    by_hash: HashTable<(Words, u32)>,
    /// Canonical key → code.
    by_key: HashTable<u32>,
    /// Code → canonical key; `None` for code 0 and for released codes.
    entries: Vec<Option<Box<[u8]>>>,
    /// Released codes, to be given out again.
    free: Vec<u32>,
    /// Codes the guest has not been told of.
    unsent: Vec<u32>,
    /// Codes that are not stored yet.
    unsaved: Vec<u32>,
    entries_max: usize,
    hasher: Hasher,
}

/// A hash in two words: 8-byte alignment keeps a slot at 24 bytes.
type Words = [u64; 2];

fn parts(hash: u128) -> Words {
    [hash as u64, (hash >> 64) as u64]
}

impl Dictionary {
    /// An empty dictionary of at most `entries_max` keys.
    pub fn new(hasher: Hasher, entries_max: usize) -> Dictionary {
        Dictionary {
            by_hash: HashTable::new(),
            by_key: HashTable::new(),
            entries: vec![None],
            free: Vec::new(),
            unsent: Vec::new(),
            unsaved: Vec::new(),
            entries_max,
            hasher,
        }
    }

    /// How many keys it holds.
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Whether it holds no keys.
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// The code of a row hash seen before.
    #[inline]
    pub fn find(&self, hash: u128) -> Option<u32> {
        let wanted = parts(hash);
        self.by_hash.find(wanted[0], |(known, _)| *known == wanted).map(|(_, code)| *code)
    }

    /// The code of a canonical key, remembered under the row hash that led to it.
    pub fn learn(&mut self, hash: u128, key: &[u8]) -> u32 {
        let code = self.code(key, self.entries_max);
        if code != OVERFLOW {
            // Every key may have many encodings; forgetting them all costs one look-up by key each.
            if self.by_hash.len() > 4 * self.len() + 1024 {
                self.by_hash.clear();
            }
            self.by_hash.insert_unique(parts(hash)[0], (parts(hash), code), |(known, _)| known[0]);
        }
        code
    }

    /// The code of a canonical key that a guest made.
    pub fn intern(&mut self, key: &[u8]) -> u32 {
        self.code(key, self.entries_max.saturating_add(INTERN_RESERVE))
    }

    fn code(&mut self, key: &[u8], entries_max: usize) -> u32 {
        let key_hash = self.hasher.hash(u8::MAX, key) as u64;
        let entries = &self.entries;
        let same = |code: &u32| entries.get(*code as usize).is_some_and(|entry| entry.as_deref() == Some(key));
        if let Some(code) = self.by_key.find(key_hash, same) {
            return *code;
        }
        if self.len() >= entries_max {
            return OVERFLOW;
        }
        let code = self.free.pop().unwrap_or(self.entries.len() as u32);
        self.place(code, key, key_hash);
        self.unsaved.push(code);
        code
    }

    fn place(&mut self, code: u32, key: &[u8], key_hash: u64) {
        let index = code as usize;
        if self.entries.len() <= index {
            self.entries.resize(index + 1, None);
        }
        if let Some(entry) = self.entries.get_mut(index) {
            *entry = Some(key.into());
        }
        let (entries, hasher) = (&self.entries, &self.hasher);
        let rehash = |code: &u32| {
            let key = entries.get(*code as usize).and_then(|entry| entry.as_deref()).unwrap_or_default();
            hasher.hash(u8::MAX, key) as u64
        };
        self.by_key.insert_unique(key_hash, code, rehash);
        self.unsent.push(code);
    }

    /// Puts back a stored key under its code. False when the code is taken, reserved or beyond
    /// the bound: the stored dictionary is damaged, or the bound was lowered.
    pub fn restore(&mut self, code: u32, key: &[u8]) -> bool {
        let bound = self.entries_max.saturating_add(INTERN_RESERVE);
        if code == NONE || code as usize > bound || self.key(code).is_some() {
            return false;
        }
        self.place(code, key, self.hasher.hash(u8::MAX, key) as u64);
        true
    }

    /// Call after the last `restore`: codes that were released before are given out again.
    pub fn restored(&mut self) {
        let free = self.entries.iter().enumerate().skip(1).filter(|(_, entry)| entry.is_none());
        self.free = free.map(|(code, _)| code as u32).collect();
    }

    /// The canonical key behind a code.
    pub fn key(&self, code: u32) -> Option<&[u8]> {
        self.entries.get(code as usize)?.as_deref()
    }

    /// Forgets codes; unknown ones are ignored.
    pub fn release(&mut self, codes: &[u32]) {
        let mut released = false;
        for code in codes {
            let Some(key) = self.entries.get_mut(*code as usize).and_then(Option::take) else { continue };
            let key_hash = self.hasher.hash(u8::MAX, &key) as u64;
            if let Ok(slot) = self.by_key.find_entry(key_hash, |known| known == code) {
                slot.remove();
            }
            self.free.push(*code);
            released = true;
        }
        if released {
            let entries = &self.entries;
            let lives = |code: u32| entries.get(code as usize).is_some_and(Option::is_some);
            self.by_hash.retain(|(_, code)| lives(*code));
            self.unsent.retain(|code| lives(*code));
            self.unsaved.retain(|code| lives(*code));
        }
    }

    /// Codes added since the last call of this function, for the guest.
    pub fn take_unsent(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.unsent)
    }

    /// Every living code counts as unsent again: the instance was rebuilt.
    pub fn forget_sent(&mut self) {
        let living = self.entries.iter().enumerate().filter(|(_, entry)| entry.is_some());
        self.unsent = living.map(|(code, _)| code as u32).collect();
    }

    /// Whether there are codes that `take_unsaved` would return.
    pub fn has_unsaved(&self) -> bool {
        !self.unsaved.is_empty()
    }

    /// Codes added since the last call of this function, for the store.
    pub fn take_unsaved(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.unsaved)
    }
}
