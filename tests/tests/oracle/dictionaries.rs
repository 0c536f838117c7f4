//! Dictionaries against a plain map.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use otelier::otlp::dictionary::{Dictionary, NONE, OVERFLOW};
use otelier::otlp::hash::Hasher;
use otelier::otlp::key::KEY_MAX;
use otelier_tests::generate::{chance, pick};

use crate::seeds;

/// A dictionary beside the map it should be.
struct Pair {
    dictionary: Dictionary,
    entries_max: usize,
    codes: BTreeMap<Vec<u8>, u32>,
    unsent: BTreeSet<u32>,
    unsaved: BTreeSet<u32>,
}

/// A small set of keys, each with a few row hashes.
fn random_key(rng: &mut Rng) -> (Vec<u8>, u128) {
    let number = rng.u8(..24);
    // The low words collide on purpose: the table's buckets know nothing else.
    let hash = u128::from(number) << 64 | u128::from(rng.u8(..2)) << 100 | u128::from(number % 3);
    (vec![1, number], hash)
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

    fn step(&mut self, rng: &mut Rng) {
        match rng.u32(..21) {
            0..11 => self.look_up(rng),
            11 => self.take_back(rng),
            12..14 => {
                let (key, _) = random_key(rng);
                let code = self.dictionary.intern(&key);
                assert_ne!(code, OVERFLOW, "keys of a guest have room of their own");
                self.learnt(key, code);
            }
            14..17 => self.release(rng),
            17 => assert_eq!(set(self.dictionary.take_unsent()), std::mem::take(&mut self.unsent)),
            18 => assert_eq!(set(self.dictionary.take_unsaved()), std::mem::take(&mut self.unsaved)),
            19 => self.release(rng),
            _ => {
                self.dictionary.forget_sent();
                self.unsent = self.codes.values().copied().collect();
            }
        }
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
    fn look_up(&mut self, rng: &mut Rng) {
        let (key, hash) = random_key(rng);
        if let Some(code) = self.dictionary.find(hash) {
            return assert_eq!(Some(&code), self.codes.get(&key), "a hash leads to its own key");
        }
        let remembered = chance(rng, 80);
        let code = self.dictionary.learn(remembered.then_some(hash), &key);
        if code == OVERFLOW {
            assert!(!self.codes.contains_key(&key) && self.codes.len() >= self.entries_max);
            return assert_eq!(self.dictionary.find(hash), None);
        }
        assert!(self.codes.contains_key(&key) || self.codes.len() < self.entries_max, "beyond the bound");
        assert_eq!(self.dictionary.find(hash), remembered.then_some(code));
        self.learnt(key, code);
    }

    /// Adds a few codes for a request that turns out to be malformed.
    fn take_back(&mut self, rng: &mut Rng) {
        let (codes, unsent, unsaved) = (self.codes.clone(), self.unsent.clone(), self.unsaved.clone());
        let mark = self.dictionary.unsaved_mark();
        for _ in 0..rng.u32(..4) {
            self.look_up(rng);
        }
        self.dictionary.forget_since(mark);
        (self.codes, self.unsent, self.unsaved) = (codes, unsent, unsaved);
    }

    fn learnt(&mut self, key: Vec<u8>, code: u32) {
        assert!(code != NONE && code as usize <= self.codes.len().max(24) + 1, "codes are dense");
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

    /// Releases some living codes, some of them twice, and some that nobody has.
    fn release(&mut self, rng: &mut Rng) {
        let mut released: Vec<u32> = self.codes.values().copied().filter(|_| chance(rng, 30)).collect();
        released.extend_from_within(..released.len() / 2);
        released.extend([NONE, OVERFLOW, 1000]);
        rng.shuffle(&mut released);
        self.dictionary.release(&released);
        self.codes.retain(|_, code| !released.contains(code));
        self.unsent.retain(|code| !released.contains(code));
        self.unsaved.retain(|code| !released.contains(code));
    }

    /// As after a restart: another seed, the stored keys in any order.
    fn restart(&mut self, rng: &mut Rng) {
        let mut stored: Vec<(Vec<u8>, u32)> = self.codes.clone().into_iter().collect();
        rng.shuffle(&mut stored);
        self.dictionary = Dictionary::new(Hasher::random(), self.entries_max);
        for (key, code) in &stored {
            assert!(self.dictionary.restore(*code, key), "a stored code finds its place");
            assert!(!self.dictionary.restore(*code, b"another"), "a taken code is refused");
            assert!(!self.dictionary.restore(self.codes.len() as u32 + 100, key), "a key with a code is refused");
            assert!(!self.dictionary.restore(*code, key), "and so is the same again");
        }
        assert!(!self.dictionary.restore(NONE, b"none") && !self.dictionary.restore(OVERFLOW, b"overflow"));
        self.dictionary.restored();
        self.unsent = self.codes.values().copied().collect();
        self.unsaved.clear();
    }
}

fn set(codes: Vec<u32>) -> BTreeSet<u32> {
    let count = codes.len();
    let set: BTreeSet<u32> = codes.into_iter().collect();
    assert_eq!(set.len(), count, "each code once");
    set
}

#[test]
fn a_dictionary_is_a_bounded_map_with_stable_codes() {
    seeds::check(500, |rng| {
        let mut pair = Pair::new(pick(rng, &[0, 1, 5, 20, 100]));
        for _ in 0..rng.u32(1..4) {
            for _ in 0..rng.u32(..150) {
                pair.step(rng);
            }
            pair.restart(rng);
        }
        pair.step(rng);
    });
}

#[test]
fn keys_of_guests_are_bounded_as_well() {
    let mut dictionary = Dictionary::new(Hasher::random(), 10);
    let codes: Vec<u32> = (0..10_000_u32).map(|number| dictionary.intern(&number.to_le_bytes())).collect();
    let living = codes.iter().filter(|code| **code != OVERFLOW).count();
    assert_eq!(living, dictionary.len());
    assert!((11..=10 + 4096).contains(&living));
    assert_eq!(dictionary.learn(Some(7), b"new"), OVERFLOW);
    assert_eq!(dictionary.intern(&0_u32.to_le_bytes()), codes[0], "a key that is there keeps its code");
}

#[test]
fn long_keys_are_bounded_in_bytes() {
    let mut dictionary = Dictionary::new(Hasher::random(), 1000);
    let long = |number: u8| vec![number; KEY_MAX];
    assert_eq!(dictionary.learn(Some(1), &[long(1), vec![0]].concat()), OVERFLOW);
    assert_eq!(dictionary.intern(&[long(1), vec![0]].concat()), OVERFLOW);
    let codes: Vec<u32> = (0..=255).map(|number| dictionary.learn(Some(u128::from(number)), &long(number))).collect();
    let living: Vec<u32> = codes.iter().copied().filter(|code| *code != OVERFLOW).collect();
    assert_eq!(living.len(), dictionary.len());
    assert!((1..100).contains(&living.len()), "{} keys of {KEY_MAX} bytes", living.len());
    assert_eq!(dictionary.learn(Some(1000), &long(255)), OVERFLOW);
    dictionary.release(&living);
    assert_ne!(dictionary.learn(Some(1000), &long(255)), OVERFLOW, "released bytes are free again");
}

#[test]
fn many_forms_of_few_keys_do_not_grow_without_bound() {
    // The cache of row hashes is thrown away now and then; codes survive that.
    let mut dictionary = Dictionary::new(Hasher::random(), 4);
    for form in 0..100_000_u128 {
        let key = [(form % 4) as u8];
        assert_eq!(dictionary.find(form), None);
        assert_eq!(dictionary.learn(Some(form), &key), (form % 4) as u32 + 1);
        assert_eq!(dictionary.find(form), Some((form % 4) as u32 + 1));
    }
    assert_eq!(dictionary.len(), 4);
    assert!((0..100_000).filter(|form| dictionary.find(*form).is_some()).count() < 5000);
}
