//! The end of the store that has queues and dead letters.
//!
//! Families `queue` and `payload`: key = exporter id, 0, number (big endian, so that keys are in the order of the queue). Family `dead` is in
//! `letters`.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::Bytes;

use super::{Family, Storage, StoreError, Write, store};
use crate::contract::ComponentId;

/// No letter has it.
const PROBE: &[u8] = &[0xff];

/// Queues on disk and dead letters. Clones share it.
#[derive(Debug, Clone)]
pub struct QueueStore {
    pub(super) backend: Arc<dyn Storage>,
}

impl QueueStore {
    pub(super) fn new(backend: Arc<dyn Storage>) -> QueueStore {
        QueueStore { backend }
    }

    pub(super) fn backend(&self) -> &Arc<dyn Storage> {
        &self.backend
    }

    /// The queue of an exporter.
    pub fn queue(&self, exporter: &ComponentId) -> ExporterQueue {
        let mut prefix = exporter.to_string().into_bytes();
        prefix.push(0);
        ExporterQueue { backend: Arc::clone(&self.backend), prefix }
    }

    /// Which exporters have entries, and how many each.
    pub fn holders(&self) -> Result<BTreeMap<String, u64>, StoreError> {
        let mut holders = BTreeMap::new();
        self.backend.range(Family::Queue, &[], &[0xff], &mut |key, _| {
            let exporter = key.split(|byte| *byte == 0).next().unwrap_or_default();
            *holders.entry(String::from_utf8_lossy(exporter).into_owned()).or_default() += 1;
            ControlFlow::Continue(())
        })?;
        Ok(holders)
    }

    /// Applies changes of queues and dead letters alone. See [`Store::commit`](super::Store::commit).
    pub fn commit<'w>(&self, writes: impl IntoIterator<Item = &'w Write>, sync: bool) -> Result<(), StoreError> {
        store::commit(&*self.backend, writes, sync)
    }

    /// Changes that write so many bytes and leave nothing.
    pub fn probe(bytes: usize) -> [Write; 2] {
        let key = Bytes::from_static(PROBE);
        [Write::Put(Family::Dead, key.clone(), vec![0; bytes].into()), Write::Delete(Family::Dead, key)]
    }
}

/// The entries of one exporter's queue: each has a head, which a start reads, and a payload.
#[derive(Clone)]
pub struct ExporterQueue {
    backend: Arc<dyn Storage>,
    prefix: Vec<u8>,
}

impl fmt::Debug for ExporterQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ExporterQueue({})", self.prefix.escape_ascii())
    }
}

impl ExporterQueue {
    fn key(&self, number: u64) -> Bytes {
        [&self.prefix[..], &number.to_be_bytes()].concat().into()
    }

    /// The changes that make an entry be there.
    pub fn put(&self, number: u64, head: Bytes, payload: Bytes) -> [Write; 2] {
        let key = self.key(number);
        [Write::Put(Family::Queue, key.clone(), head), Write::Put(Family::Payload, key, payload)]
    }

    /// The changes that make an entry be gone.
    pub fn removal(&self, number: u64) -> [Write; 2] {
        let key = self.key(number);
        [Write::Delete(Family::Queue, key.clone()), Write::Delete(Family::Payload, key)]
    }

    /// The head of an entry.
    pub fn head(&self, number: u64) -> Result<Option<Bytes>, StoreError> {
        self.backend.get(Family::Queue, &self.key(number))
    }

    /// The payload of an entry.
    pub fn payload(&self, number: u64) -> Result<Option<Bytes>, StoreError> {
        self.backend.get(Family::Payload, &self.key(number))
    }

    /// Calls `each` with number and head of every entry, in the order of numbers, until it breaks.
    pub fn each_head(&self, mut each: impl FnMut(u64, Bytes) -> ControlFlow<()>) -> Result<(), StoreError> {
        // Behind the zero that ends the id: no other id begins with this one and that.
        let end = [self.prefix.strip_suffix(&[0]).unwrap_or(&self.prefix), &[1]].concat();
        self.backend.range(Family::Queue, &self.prefix, &end, &mut |key, head| {
            each(key.last_chunk().map_or(u64::MAX, |number| u64::from_be_bytes(*number)), head)
        })
    }
}
