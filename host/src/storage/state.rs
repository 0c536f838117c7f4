//! The end of the store that has what components keep.
//!
//! Family `state`: key = component id, 0, section, key within the section; of one of several instances, component id, 1, division, section,
//! key ([`Namespace`]). The steady clock of a component: 0, `steady`, 0, what its other keys begin with.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::namespace::{STEADY, STEADY_END};
use super::{Family, Namespace, Storage, StoreError, Write, store};

/// What components keep. Clones share it.
#[derive(Debug, Clone)]
pub struct StateStore {
    backend: Arc<dyn Storage>,
    /// Keys whose former values are to leave the disk.
    stale: Arc<Mutex<Vec<Bytes>>>,
}

impl StateStore {
    pub(super) fn new(backend: Arc<dyn Storage>) -> StateStore {
        StateStore { backend, stale: Arc::default() }
    }

    pub(super) fn backend(&self) -> &Arc<dyn Storage> {
        &self.backend
    }

    /// The value of a key that a [`Namespace`] has made.
    pub fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.backend.get(Family::State, key)
    }

    /// Calls `each` with the entries of [start, end), ascending by key, until it breaks. Both keys are of a [`Namespace`].
    pub fn range(
        &self,
        start: &[u8],
        end: &[u8],
        mut each: impl FnMut(Bytes, Bytes) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.backend.range(Family::State, start, end, &mut each)
    }

    /// The change that sets a key.
    pub fn put(key: Bytes, value: Bytes) -> Write {
        Write::Put(Family::State, key, value)
    }

    /// The change that deletes a key.
    pub fn delete(key: Bytes) -> Write {
        Write::Delete(Family::State, key)
    }

    /// The change that deletes the keys of [start, end).
    pub fn delete_range(start: Bytes, end: Bytes) -> Write {
        Write::DeleteRange(Family::State, start, end)
    }

    /// The change that stores what the steady clock has shown to a component.
    pub fn put_steady(of: &Namespace, steady: u64) -> Write {
        StateStore::put(of.steady_key(), Bytes::copy_from_slice(&steady.to_le_bytes()))
    }

    /// Calls `each` with what every component has stored of the steady clock.
    pub fn each_steady(&self, mut each: impl FnMut(u64)) -> Result<(), StoreError> {
        self.range(STEADY, STEADY_END, |_, value| {
            each(value.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes)));
            ControlFlow::Continue(())
        })
    }

    /// Applies changes of state alone. See [`Store::commit`](super::Store::commit).
    pub fn commit<'w>(&self, writes: impl IntoIterator<Item = &'w Write>, sync: bool) -> Result<(), StoreError> {
        store::commit(&*self.backend, writes, sync)
    }

    /// The former values of a key are secrets: to leave the disk with [`drop_stale`](StateStore::drop_stale).
    pub fn mark_stale(&self, key: Bytes) {
        self.stale.lock().unwrap_or_else(PoisonError::into_inner).push(key);
    }

    /// Makes former values of marked keys leave the disk.
    pub fn drop_stale(&self) -> Result<(), StoreError> {
        let keys = std::mem::take(&mut *self.stale.lock().unwrap_or_else(PoisonError::into_inner));
        if keys.is_empty() { Ok(()) } else { self.backend.drop_former(Family::State, &keys) }
    }
}
