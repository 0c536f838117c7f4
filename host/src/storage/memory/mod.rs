//! A backend for tests: it has no files, and loses power, fills up and fails when a test asks for it.
//!
//! # How it keeps what every backend promises
//!
//! - **Atomic, order**: a commit is one step under one lock.
//! - **Durable**: what is synced is kept apart from what is not. [`cut_power`](Memory::cut_power) leaves the first and so many commits of the
//!   second, [`restart`](Memory::restart) leaves both. The medium is the value itself: nothing outlives it.
//! - **A value is what was written under that key**, or an error where a test has damaged it.
//! - **A commit that fails leaves nothing**: failures come before the first change.
//! - **In doubt** is a sync that a test lets fail; whether its changes count is what the test says, from the next start on.
//! - **Former values** of a key are dropped when it is written.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::record::RecordError;
use super::{Durability, Each, Family, Storage, StoreError, Write};

/// What goes wrong until a test says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing can be written.
    Full,
    /// Nothing can be read.
    Unreadable,
    /// The next sync fails, and nothing works any more until a restart.
    Sync {
        /// Whether the next start finds what was to be synced.
        counts: bool,
    },
}

type Table = BTreeMap<(Family, Bytes), Bytes>;

/// The backend, and its medium.
#[derive(Debug, Default)]
pub struct Memory(Mutex<Medium>);

#[derive(Debug, Default)]
struct Medium {
    /// What a power cut leaves.
    synced: Table,
    /// Commits since, the oldest first.
    unsynced: Vec<Vec<Write>>,
    /// What is read.
    now: Table,
    damaged: BTreeSet<(Family, Bytes)>,
    fault: Option<Fault>,
    /// The commit whose sync failed.
    in_doubt: Option<Vec<Write>>,
}

impl Memory {
    fn medium(&self) -> MutexGuard<'_, Medium> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on that goes wrong, or nothing.
    pub fn set_fault(&self, fault: Option<Fault>) {
        self.medium().fault = fault;
    }

    /// The value of a key does not read any more, until it is written again.
    pub fn damage(&self, of: Family, key: &[u8]) {
        self.medium().damaged.insert((of, Bytes::copy_from_slice(key)));
    }

    /// How many commits a power cut may take.
    pub fn unsynced(&self) -> usize {
        self.medium().unsynced.len()
    }

    /// The process ends and another one starts.
    pub fn restart(&self) {
        let mut medium = self.medium();
        if let (Some(writes), Some(Fault::Sync { counts: true })) = (medium.in_doubt.take(), medium.fault) {
            medium.apply(&writes);
            medium.unsynced.push(writes);
        }
        medium.fault = None;
    }

    /// The power goes and returns. So many of the commits that were not synced had been written by then.
    pub fn cut_power(&self, kept: usize) {
        self.restart();
        let mut medium = self.medium();
        let mut left = std::mem::take(&mut medium.synced);
        medium.unsynced.drain(..).take(kept).flatten().for_each(|write| change(&mut left, &write));
        medium.now.clone_from(&left);
        medium.synced = left;
    }
}

impl Medium {
    fn apply(&mut self, writes: &[Write]) {
        for write in writes {
            change(&mut self.now, write);
            if let Write::Put(family, key, _) | Write::Delete(family, key) = write {
                self.damaged.remove(&(*family, key.clone()));
            }
        }
    }

    fn sync(&mut self) {
        for write in self.unsynced.drain(..).flatten() {
            change(&mut self.synced, &write);
        }
    }

    fn open(&self, of: Family, key: &Bytes, value: &Bytes) -> Result<Bytes, StoreError> {
        match self.damaged.contains(&(of, key.clone())) {
            true => Err(StoreError::Record {
                path: path(),
                key: key.escape_ascii().to_string(),
                source: RecordError::Checksum,
            }),
            false => Ok(value.clone()),
        }
    }

    fn readable(&self) -> Result<(), StoreError> {
        match self.fault {
            Some(Fault::Unreadable) => Err(failed("Input/output error")),
            _ if self.in_doubt.is_some() => Err(in_doubt()),
            _ => Ok(()),
        }
    }
}

fn change(table: &mut Table, write: &Write) {
    match write {
        Write::Put(family, key, value) => drop(table.insert((*family, key.clone()), value.clone())),
        Write::Delete(family, key) => drop(table.remove(&(*family, key.clone()))),
        Write::DeleteRange(family, start, end) => {
            table.retain(|(of, key), _| of != family || *key < *start || *key >= *end);
        }
    }
}

fn path() -> PathBuf {
    PathBuf::from("in memory")
}

fn failed(reason: &str) -> StoreError {
    StoreError::Io { path: path(), reason: reason.to_owned() }
}

fn in_doubt() -> StoreError {
    StoreError::InDoubt { path: path(), reason: "Input/output error".to_owned() }
}

impl Storage for Memory {
    fn get(&self, of: Family, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        let medium = self.medium();
        medium.readable()?;
        let key = Bytes::copy_from_slice(key);
        let value = medium.now.get(&(of, key.clone()));
        value.map(|value| medium.open(of, &key, value)).transpose()
    }

    fn range(&self, of: Family, start: &[u8], end: &[u8], each: Each<'_>) -> Result<(), StoreError> {
        if start >= end {
            return Ok(());
        }
        // Read in one moment, and handed over without the lock: whoever is called may use the store.
        let entries: Vec<Result<(Bytes, Bytes), StoreError>> = {
            let medium = self.medium();
            medium.readable()?;
            let bound = |key: &[u8]| (of, Bytes::copy_from_slice(key));
            let range = medium.now.range(bound(start)..bound(end));
            range.map(|((_, key), value)| Ok((key.clone(), medium.open(of, key, value)?))).collect()
        };
        for entry in entries {
            let (key, value) = entry?;
            if each(key, value) == ControlFlow::Break(()) {
                break;
            }
        }
        Ok(())
    }

    fn commit(&self, writes: &mut dyn Iterator<Item = &Write>, durability: Durability) -> Result<(), StoreError> {
        let mut medium = self.medium();
        let writes: Vec<Write> = writes.cloned().collect();
        match (medium.fault, durability) {
            _ if medium.in_doubt.is_some() => return Err(in_doubt()),
            (Some(Fault::Full), _) => return Err(failed("No space left on device")),
            (Some(Fault::Sync { .. }), Durability::Synced) => {
                medium.in_doubt = Some(writes);
                return Err(in_doubt());
            }
            _ => {}
        }
        medium.apply(&writes);
        medium.unsynced.push(writes);
        if durability == Durability::Synced {
            medium.sync();
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.commit(&mut std::iter::empty(), Durability::Synced)
    }

    fn drop_former(&self, _: Family, _: &[Bytes]) -> Result<(), StoreError> {
        self.sync()
    }
}

#[cfg(test)]
mod tests;
