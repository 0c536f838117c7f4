//! The component's own ordered map from byte strings to byte strings.

use crate::{Blob, Failure, Host, StorageError};

/// Entries asked for at once while a range is walked: what they take is used again for the next ones, and is in the processor's cache.
const RANGE_ENTRIES: u32 = 128;

/// Reads and writes. What a call writes is committed with everything else of the call's trip, or not at all.
pub struct Storage<'c> {
    pub(crate) host: &'c mut dyn Host,
}

impl Storage<'_> {
    /// The value of a key.
    pub fn get(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        let found = self.host.storage_get(Blob::one(key.to_vec()))?;
        let present = found.present.first().is_some_and(|word| word & 1 == 1);
        Ok(present.then_some(found.values.bytes))
    }

    /// Sets a key.
    pub fn set(&mut self, key: &[u8], value: Vec<u8>) -> Result<(), StorageError> {
        self.set_all(Blob::one(key.to_vec()), Blob::one(value))
    }

    /// Sets each key to the value at the same place.
    pub fn set_all(&mut self, keys: Blob, values: Blob) -> Result<(), StorageError> {
        self.host.storage_set(keys, values)
    }

    /// Deletes a key.
    pub fn delete(&mut self, key: &[u8]) -> Result<(), StorageError> {
        self.host.storage_delete(Blob::one(key.to_vec()))
    }

    /// Deletes every key in [start, end).
    pub fn delete_range(&mut self, start: &[u8], end: &[u8]) -> Result<(), StorageError> {
        self.host.storage_delete_range(start.to_vec(), end.to_vec())
    }

    /// Calls `each` with every key and value of [start, end), ascending, reading page by page.
    pub fn each(
        &mut self,
        start: &[u8],
        end: &[u8],
        mut each: impl FnMut(&[u8], &[u8]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut from = start.to_vec();
        loop {
            let entries = self.host.storage_range(from.clone(), end.to_vec(), RANGE_ENTRIES)?;
            let mut last: &[u8] = &[];
            for (key, value) in entries.keys.iter().zip(entries.values.iter()) {
                each(key, value)?;
                last = key;
            }
            if !entries.more || last.is_empty() {
                return Ok(());
            }
            // The least key behind the last one.
            from = [last, &[0]].concat();
        }
    }
}
