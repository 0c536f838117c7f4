//! What a backend should have: a sorted map for each family.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use anyhow::{Result, ensure};
use bytes::Bytes;
use fastrand::Rng;

use crate::storage::{Family, Storage, StoreError, Write};

/// Behind every key that is made here.
const END: &[u8] = &[u8::MAX; 8];
/// Few, so that keys meet; with those that sort at both ends.
const LETTERS: [u8; 5] = [0, 1, b'a', b'b', u8::MAX];
const KEY_MAX: usize = 4;

type Entries = Vec<(Bytes, Bytes)>;

/// The contents of a backend.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Model(BTreeMap<(Family, Bytes), Bytes>);

impl Model {
    /// What a backend has.
    pub fn read(storage: &dyn Storage) -> Result<Model, StoreError> {
        let mut model = Model::default();
        for family in Family::ALL {
            let entries = entries(storage, family, &[], END)?;
            model.0.extend(entries.into_iter().map(|(key, value)| ((family, key), value)));
        }
        Ok(model)
    }

    pub fn apply(&mut self, writes: &[Write]) {
        for write in writes {
            match write {
                Write::Put(family, key, value) => drop(self.0.insert((*family, key.clone()), value.clone())),
                Write::Delete(family, key) => drop(self.0.remove(&(*family, key.clone()))),
                Write::DeleteRange(family, start, end) => {
                    self.0.retain(|(of, key), _| of != family || !(*start <= *key && *key < *end));
                }
            }
        }
    }

    fn range(&self, of: Family, start: &[u8], end: &[u8]) -> Entries {
        let is_in = |(family, key): &(Family, Bytes)| *family == of && *start <= **key && **key < *end;
        self.0.iter().filter(|(key, _)| is_in(key)).map(|((_, key), value)| (key.clone(), value.clone())).collect()
    }

    /// Some key, some range, and every entry are what they should be.
    pub fn check(&self, storage: &dyn Storage, random: &mut Rng) -> Result<()> {
        let (of, at, start, end) = (family(random), key(random), key(random), key(random));
        ensure!(storage.get(of, &at)? == self.0.get(&(of, at.clone())).cloned(), "get {of:?} {at:?}");
        ensure!(entries(storage, of, &start, &end)? == self.range(of, &start, &end), "range {of:?} {start:?} {end:?}");
        let most = random.usize(0..4);
        let first: Entries = self.range(of, &start, END).into_iter().take(most).collect();
        ensure!(first_entries(storage, of, &start, most)? == first, "the first {most} of {of:?} {start:?}");
        ensure!(Model::read(storage)? == *self, "some entry");
        Ok(())
    }
}

/// All entries of a range.
pub fn entries(storage: &dyn Storage, of: Family, start: &[u8], end: &[u8]) -> Result<Entries, StoreError> {
    let mut entries = Vec::new();
    storage.range(of, start, end, &mut |key, value| {
        entries.push((key, value));
        ControlFlow::Continue(())
    })?;
    Ok(entries)
}

/// So many entries from a key on: a range that is broken off.
fn first_entries(storage: &dyn Storage, of: Family, start: &[u8], most: usize) -> Result<Entries> {
    let (mut entries, mut calls) = (Vec::new(), 0);
    storage.range(of, start, END, &mut |key, value| {
        calls += 1;
        if entries.len() < most {
            entries.push((key, value));
        }
        if entries.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    ensure!(calls <= most.max(1), "{calls} calls after a break at {most}");
    Ok(entries)
}

pub fn family(random: &mut Rng) -> Family {
    Family::ALL.get(random.usize(0..Family::ALL.len())).copied().unwrap_or(Family::State)
}

pub fn key(random: &mut Rng) -> Bytes {
    let length = random.usize(1..=KEY_MAX);
    (0..length).map(|_| LETTERS.get(random.usize(0..LETTERS.len())).copied().unwrap_or(0)).collect()
}

/// Small ones and such as are kept beside their keys.
fn value(random: &mut Rng) -> Bytes {
    let length = if random.u8(0..4) == 0 { random.usize(0..5000) } else { random.usize(0..20) };
    vec![random.u8(..); length].into()
}

/// The changes of a commit: none, some, or many.
pub fn commit(random: &mut Rng) -> Vec<Write> {
    let changes = if random.u8(0..10) == 0 { 100 } else { random.usize(0..8) };
    (0..changes).map(|_| change(random)).collect()
}

fn change(random: &mut Rng) -> Write {
    let (family, one) = (family(random), key(random));
    match random.u8(0..10) {
        0 => {
            let other = key(random);
            Write::DeleteRange(family, one.clone().min(other.clone()), one.max(other))
        }
        1 | 2 => Write::Delete(family, one),
        _ => Write::Put(family, one, value(random)),
    }
}
