//! Both ends of one backend.

use std::path::Path;
use std::sync::Arc;

use super::memory::Memory;
use super::rocksdb::RocksDb;
use super::{Durability, QueueStore, StateStore, Storage, StoreError, Write};
use crate::guard::end_in_doubt;

/// State and queues in one backend: what a trip changes of both is one commit. Clones and ends share it; it closes with the last of them.
#[derive(Debug, Clone)]
pub struct Store {
    state: StateStore,
    queues: QueueStore,
}

impl Store {
    /// The store of a state directory, created where there is none.
    pub fn open(directory: &Path) -> Result<Store, StoreError> {
        Ok(Store::on(Arc::new(RocksDb::open(directory)?)))
    }

    /// In memory alone: for cases of plugins.
    pub fn in_memory() -> Store {
        Store::on(Arc::new(Memory::default()))
    }

    /// On that backend.
    pub fn on(backend: Arc<dyn Storage>) -> Store {
        Store { state: StateStore::new(Arc::clone(&backend)), queues: QueueStore::new(backend) }
    }

    /// Of two ends that were opened one by one. A trip's changes are one commit, so ends of two backends make no store.
    pub fn of(state: StateStore, queues: QueueStore) -> Result<Store, StoreError> {
        match Arc::ptr_eq(state.backend(), queues.backend()) {
            true => Ok(Store { state, queues }),
            false => Err(StoreError::Apart),
        }
    }

    /// The end that has what components keep.
    pub fn state(&self) -> StateStore {
        self.state.clone()
    }

    /// The end that has queues and dead letters.
    pub fn queues(&self) -> QueueStore {
        self.queues.clone()
    }

    /// Keys and values as they are, for whoever looks at everything: a test, or a tool.
    pub fn backend(&self) -> &dyn Storage {
        &**self.state.backend()
    }

    /// Applies changes of both ends as one, and with `sync` returns only when they would survive a power cut. After an error nothing of them is
    /// in the store. A sync that fails ends the process.
    pub fn commit<'w>(&self, writes: impl IntoIterator<Item = &'w Write>, sync: bool) -> Result<(), StoreError> {
        commit(self.backend(), writes, sync)
    }

    /// Makes every commit so far survive a power cut. One that fails ends the process.
    pub fn sync(&self) -> Result<(), StoreError> {
        certain(self.backend().sync())
    }
}

/// For the store and each of its ends.
pub(super) fn commit<'w>(
    backend: &dyn Storage,
    writes: impl IntoIterator<Item = &'w Write>,
    sync: bool,
) -> Result<(), StoreError> {
    let durability = if sync { Durability::Synced } else { Durability::Unsynced };
    certain(backend.commit(&mut writes.into_iter(), durability))
}

/// Ends the process where it is not known whether a write counts: used any further, the store could have what a sender was told it has not.
fn certain(result: Result<(), StoreError>) -> Result<(), StoreError> {
    match result {
        Err(error @ StoreError::InDoubt { .. }) => end_in_doubt(&error),
        decided => decided,
    }
}

#[cfg(test)]
mod tests;
