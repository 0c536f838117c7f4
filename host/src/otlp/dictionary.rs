//! Dictionaries: from a row's key to a dense code and back.
//!
//! Invariants: code 0 is "no attribute present" and has no entry; a code stands for one canonical key until it is released; the
//! number of keys is bounded, and a key beyond the bound has the code [`OVERFLOW`]. The look-up by row hash is a cache over the
//! canonical keys: several encodings of one key (another order, longer varints, repeats) lead to the same code.

use hashbrown::HashTable;

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

/// One keying's keys and codes.
#[derive(Debug)]
pub struct Dictionary {
    /// Row hash → code.
    by_hash: HashTable<(Words, u32)>,
    /// Canonical key → code.
    by_key: HashTable<u32>,
    /// Code → what it stands for; `None` for code 0 and for released codes.
    entries: Vec<Option<Entry>>,
    /// Released codes, to be given out again.
    free: Vec<u32>,
    /// Codes the guest has not been told of.
    unsent: Vec<u32>,
    /// Codes that are not stored yet.
    unsaved: Vec<u32>,
    entries_max: usize,
    /// Bytes of all keys.
    key_bytes: usize,
    hasher: Hasher,
}

/// What a code stands for.
#[derive(Debug, Clone)]
struct Entry {
    key: Box<[u8]>,
    /// The row hashes that lead to it, to find them again when the code is released.
    hashes: Hashes,
    /// Whether the guest was told.
    sent: bool,
    /// Whether it was handed to the store.
    saved: bool,
}

#[derive(Debug, Clone, Copy)]
enum Hashes {
    None,
    One(Words),
    /// Several encodings of the key were seen: rare enough to search for.
    Many,
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
            key_bytes: 0,
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

    /// The code of a canonical key, remembered under the row hash that led to it unless the hash could mean another key too.
    pub fn learn(&mut self, hash: Option<u128>, key: &[u8]) -> u32 {
        let code = self.code(key, self.entries_max);
        if let Some(hash) = hash.filter(|_| code != OVERFLOW) {
            // Every key may have many encodings; forgetting them all costs one look-up by key each.
            if self.by_hash.len() > 4 * self.len() + 1024 {
                self.by_hash.clear();
            }
            self.by_hash.insert_unique(parts(hash)[0], (parts(hash), code), |(known, _)| known[0]);
            if let Some(Some(entry)) = self.entries.get_mut(code as usize) {
                entry.hashes = match entry.hashes {
                    Hashes::None => Hashes::One(parts(hash)),
                    Hashes::One(_) | Hashes::Many => Hashes::Many,
                };
            }
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
        let same = |code: &u32| key_of(entries, *code) == Some(key);
        if let Some(code) = self.by_key.find(key_hash, same) {
            return *code;
        }
        let bytes_max = entries_max.saturating_mul(KEY_BYTES_AVERAGE);
        if self.len() >= entries_max || key.len() > KEY_MAX || self.key_bytes + key.len() > bytes_max.max(KEY_MAX) {
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
            *entry = Some(Entry { key: key.into(), hashes: Hashes::None, sent: false, saved: false });
        }
        self.key_bytes += key.len();
        let (entries, hasher) = (&self.entries, &self.hasher);
        let rehash = |code: &u32| hasher.hash(u8::MAX, key_of(entries, *code).unwrap_or_default()) as u64;
        self.by_key.insert_unique(key_hash, code, rehash);
        self.unsent.push(code);
        // A guest that never asks must not make this grow with every code that comes and goes.
        if self.unsent.len() > 2 * self.entries.len() + 1024 {
            self.forget_sent();
        }
    }

    /// Puts back a stored key under its code. False when the code is taken, reserved or beyond
    /// the bound: the stored dictionary is damaged, or the bound was lowered.
    pub fn restore(&mut self, code: u32, key: &[u8]) -> bool {
        let bound = self.entries_max.saturating_add(INTERN_RESERVE);
        if code == NONE || code as usize > bound || self.key(code).is_some() {
            return false;
        }
        self.place(code, key, self.hasher.hash(u8::MAX, key) as u64);
        if let Some(Some(entry)) = self.entries.get_mut(code as usize) {
            entry.saved = true;
        }
        true
    }

    /// Call after the last `restore`: codes that were released before are given out again.
    pub fn restored(&mut self) {
        let free = self.entries.iter().enumerate().skip(1).filter(|(_, entry)| entry.is_none());
        self.free = free.map(|(code, _)| code as u32).collect();
    }

    /// The canonical key behind a code.
    pub fn key(&self, code: u32) -> Option<&[u8]> {
        key_of(&self.entries, code)
    }

    /// Forgets codes; unknown ones are ignored.
    pub fn release(&mut self, codes: &[u32]) {
        let mut search = false;
        for code in codes {
            let Some(entry) = self.entries.get_mut(*code as usize).and_then(Option::take) else { continue };
            match entry.hashes {
                Hashes::None => {}
                Hashes::One(hash) => self.forget_hash(hash, *code),
                Hashes::Many => search = true,
            }
            self.key_bytes -= entry.key.len();
            let key_hash = self.hasher.hash(u8::MAX, &entry.key) as u64;
            if let Ok(slot) = self.by_key.find_entry(key_hash, |known| known == code) {
                slot.remove();
            }
            self.free.push(*code);
        }
        if search {
            let entries = &self.entries;
            self.by_hash.retain(|(_, code)| entries.get(*code as usize).is_some_and(Option::is_some));
        }
    }

    fn forget_hash(&mut self, hash: Words, code: u32) {
        if let Ok(slot) = self.by_hash.find_entry(hash[0], |known| *known == (hash, code)) {
            slot.remove();
        }
    }

    /// Codes added since the last call of this function, for the guest.
    pub fn take_unsent(&mut self) -> Vec<u32> {
        let mut unsent = std::mem::take(&mut self.unsent);
        self.keep_new(&mut unsent, |entry| &mut entry.sent);
        unsent
    }

    /// Keeps the codes that live and whose mark is not set, and sets it. A code that was released is not there any more; one
    /// that was given out again stands twice.
    fn keep_new(&mut self, codes: &mut Vec<u32>, mark: fn(&mut Entry) -> &mut bool) {
        codes.retain(|code| match self.entries.get_mut(*code as usize) {
            Some(Some(entry)) => !std::mem::replace(mark(entry), true),
            _ => false,
        });
    }

    /// Every living code counts as unsent again: the instance was rebuilt.
    pub fn forget_sent(&mut self) {
        self.entries.iter_mut().flatten().for_each(|entry| entry.sent = false);
        let living = self.entries.iter().enumerate().filter(|(_, entry)| entry.is_some());
        self.unsent = living.map(|(code, _)| code as u32).collect();
    }

    /// Whether a code was handed to the store.
    pub fn is_saved(&self, code: u32) -> bool {
        self.entries.get(code as usize).and_then(Option::as_ref).is_some_and(|entry| entry.saved)
    }

    /// Whether there are codes that `take_unsaved` would return.
    pub fn has_unsaved(&self) -> bool {
        !self.unsaved.is_empty()
    }

    /// Codes added since the last call of this function, for the store.
    pub fn take_unsaved(&mut self) -> Vec<u32> {
        let mut unsaved = std::mem::take(&mut self.unsaved);
        self.keep_new(&mut unsaved, |entry| &mut entry.saved);
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

fn key_of(entries: &[Option<Entry>], code: u32) -> Option<&[u8]> {
    entries.get(code as usize)?.as_ref().map(|entry| &*entry.key)
}
