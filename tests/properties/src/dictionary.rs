//! A dictionary is a bounded map with stable codes, whatever the order of calls and whatever the store gave back.

use std::collections::{BTreeMap, BTreeSet};

use crate::bytes::Choices;
use crate::otlp::dictionary::{Dictionary, NONE, OVERFLOW};
use crate::otlp::hash::Hasher;

pub fn check(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let mut pair = Pair::new(choices.pick(&[0, 1, 5, 20, 100]));
    while !choices.is_done() {
        pair.step(&mut choices);
        pair.agree();
    }
}

/// A dictionary beside the map it should be.
struct Pair {
    dictionary: Dictionary,
    entries_max: usize,
    codes: BTreeMap<Vec<u8>, u32>,
    unsent: BTreeSet<u32>,
    unsaved: BTreeSet<u32>,
}

/// A small set of keys, each with a few row hashes. Their low words collide on purpose: the table's buckets know nothing
/// else.
fn key(choices: &mut Choices<'_>) -> (Vec<u8>, u128) {
    let number = choices.byte();
    let (key, form) = (number % 24, u128::from(number / 128));
    (vec![1, key], u128::from(key) << 64 | form << 100 | u128::from(key % 3))
}

impl Pair {
    fn new(entries_max: usize) -> Pair {
        Pair {
            dictionary: Dictionary::new(Hasher::random(), entries_max),
            entries_max,
            codes: BTreeMap::new(),
            unsent: BTreeSet::new(),
            unsaved: BTreeSet::new(),
        }
    }

    fn step(&mut self, choices: &mut Choices<'_>) {
        match choices.byte() % 16 {
            0..8 => self.look_up(choices),
            8 => self.take_back(choices),
            9 => self.intern(choices),
            10 | 11 => self.release(choices),
            12 => assert_eq!(set(self.dictionary.take_unsent()), std::mem::take(&mut self.unsent)),
            13 => assert_eq!(set(self.dictionary.take_unsaved()), std::mem::take(&mut self.unsaved)),
            14 => {
                self.dictionary.forget_sent();
                self.unsent = self.codes.values().copied().collect();
            }
            _ => self.restart(choices),
        }
    }

    fn agree(&self) {
        assert_eq!(self.dictionary.len(), self.codes.len());
        assert_eq!(self.dictionary.is_empty(), self.codes.is_empty());
        for (key, code) in &self.codes {
            assert_eq!(self.dictionary.key(*code), Some(key.as_slice()));
            assert_eq!(self.dictionary.is_saved(*code), !self.unsaved.contains(code));
        }
        assert!(self.dictionary.has_unsaved() || self.unsaved.is_empty());
        assert_eq!(self.dictionary.key(NONE), None);
    }

    /// As a projection does it: by hash, and by key where the hash is new.
    fn look_up(&mut self, choices: &mut Choices<'_>) {
        let (key, hash) = key(choices);
        if let Some(code) = self.dictionary.find(hash) {
            return assert_eq!(Some(&code), self.codes.get(&key), "a hash leads to its own key");
        }
        let remembered = choices.byte() < 200;
        let code = self.dictionary.learn(remembered.then_some(hash), &key);
        if code == OVERFLOW {
            assert!(!self.codes.contains_key(&key) && self.codes.len() >= self.entries_max);
            return assert_eq!(self.dictionary.find(hash), None);
        }
        assert!(self.codes.contains_key(&key) || self.codes.len() < self.entries_max, "beyond the bound");
        assert_eq!(self.dictionary.find(hash), remembered.then_some(code));
        self.learnt(key, code);
    }

    fn intern(&mut self, choices: &mut Choices<'_>) {
        let (key, _) = key(choices);
        let code = self.dictionary.intern(&key);
        assert_ne!(code, OVERFLOW, "keys of a guest have room of their own");
        self.learnt(key, code);
    }

    /// Adds a few codes for a request that turns out to be malformed.
    fn take_back(&mut self, choices: &mut Choices<'_>) {
        let before = (self.codes.clone(), self.unsent.clone(), self.unsaved.clone());
        let mark = self.dictionary.unsaved_mark();
        for _ in 0..choices.byte() % 4 {
            self.look_up(choices);
        }
        self.dictionary.forget_since(mark);
        (self.codes, self.unsent, self.unsaved) = before;
    }

    fn learnt(&mut self, key: Vec<u8>, code: u32) {
        assert_ne!(code, NONE);
        match self.codes.get(&key) {
            Some(known) => assert_eq!(code, *known),
            None => {
                assert!(!self.codes.values().any(|taken| *taken == code), "two live keys on one code");
                self.codes.insert(key, code);
                self.unsent.insert(code);
                self.unsaved.insert(code);
            }
        }
    }

    /// Releases living codes, some of them twice, and some that nobody has.
    fn release(&mut self, choices: &mut Choices<'_>) {
        let mut released: Vec<u32> = self.codes.values().copied().filter(|_| choices.byte() < 80).collect();
        released.extend_from_within(..released.len() / 2);
        released.extend([NONE, OVERFLOW, 100_000]);
        self.dictionary.release(&released);
        self.codes.retain(|_, code| !released.contains(code));
        self.unsent.retain(|code| !released.contains(code));
        self.unsaved.retain(|code| !released.contains(code));
    }

    /// As after a restart: another seed, the stored keys in another order, and some that nobody stored.
    fn restart(&mut self, choices: &mut Choices<'_>) {
        let mut stored: Vec<(Vec<u8>, u32)> = std::mem::take(&mut self.codes).into_iter().collect();
        let turn = usize::from(choices.byte()) % (stored.len() + 1);
        stored.rotate_left(turn);
        self.dictionary = Dictionary::new(Hasher::random(), self.entries_max);
        for (key, code) in stored {
            assert!(self.dictionary.restore(code, &key), "a stored code finds its place");
            self.codes.insert(key, code);
        }
        for _ in 0..choices.byte() % 4 {
            self.restore_damaged(choices);
        }
        self.dictionary.restored();
        self.unsent = self.codes.values().copied().collect();
        self.unsaved.clear();
    }

    fn restore_damaged(&mut self, choices: &mut Choices<'_>) {
        let code = match choices.byte() {
            255 => OVERFLOW,
            254 => self.entries_max as u32 + 100_000,
            code => u32::from(code),
        };
        let (key, _) = key(choices);
        let is_free = code != NONE && !self.codes.values().any(|taken| *taken == code);
        if self.dictionary.restore(code, &key) {
            assert!(is_free && code < 100_000, "code {code} is taken, reserved or beyond the bound");
            assert_eq!(self.codes.insert(key, code), None, "one key, one code");
        }
    }
}

fn set(codes: Vec<u32>) -> BTreeSet<u32> {
    let count = codes.len();
    let set: BTreeSet<u32> = codes.into_iter().collect();
    assert_eq!(set.len(), count, "each code once");
    set
}
