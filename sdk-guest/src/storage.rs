//! The component's own ordered map from byte strings to byte strings.

use crate::{Blob, Entries, Failure, Host, MergeOp, StorageError};

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

    /// Merges an integer into each key: what is stored under the key at place n becomes what `op` makes of it and `values[n]`, and a key that
    /// does not exist gets `values[n]`. The host reads what is stored. Sums saturate. A number is stored in 8 bytes, as
    /// [`i64::to_le_bytes`] makes them; under a key with anything else the error is [`StorageError::NoNumber`]. After an error no key has
    /// changed.
    ///
    /// ```
    /// use otelier_sdk::testing::{Harness, LogRecord};
    /// use otelier_sdk::{Batch, Blob, Declare, Failure, Field, Keying, MergeOp, Processor, RowKey, Signal};
    ///
    /// /// Counts log records by trace, and keeps nothing in memory.
    /// struct Counter(Keying);
    ///
    /// impl Processor for Counter {
    ///     type Config = serde::de::IgnoredAny;
    ///
    ///     fn describe(_: Self::Config, _: Signal, declare: &mut Declare<'_>) -> Result<Counter, Failure> {
    ///         declare.items();
    ///         declare.state(1);
    ///         Ok(Counter(declare.key_by(vec![Field::TraceId.into()], true)))
    ///     }
    ///
    ///     fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), Failure> {
    ///         let mut keys = Blob::default();
    ///         batch.keys(self.0).iter().filter_map(RowKey::code).for_each(|code| keys.push(&code.to_be_bytes()));
    ///         let ones = vec![1; keys.len()];
    ///         Ok(batch.storage().merge_integers(MergeOp::Add, keys, ones)?)
    ///     }
    /// }
    ///
    /// let mut harness = Harness::<Counter>::start_for(Signal::Logs, "{}", 0)?;
    /// let record = |trace_id| LogRecord { trace_id, ..LogRecord::default() };
    /// // An id of zeros is none.
    /// harness.process_logs(&[record(7), record(0), record(7)], 1)?;
    /// harness.process_logs(&[record(7)], 2)?;
    /// let counts: Vec<_> = harness.host().storage().values().cloned().collect();
    /// assert_eq!(counts, [3_i64.to_le_bytes()]);
    /// # Ok::<(), Failure>(())
    /// ```
    pub fn merge_integers(&mut self, op: MergeOp, keys: Blob, values: Vec<i64>) -> Result<(), StorageError> {
        self.host.storage_merge_integers(keys, op, values)
    }

    /// The same for doubles, in the bytes of [`f64::to_le_bytes`]. To the minimum and the maximum a NaN is no number: the other one stays.
    pub fn merge_doubles(&mut self, op: MergeOp, keys: Blob, values: Vec<f64>) -> Result<(), StorageError> {
        self.host.storage_merge_doubles(keys, op, values)
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
        self.pages(start, end, |_, entries| {
            entries.keys.iter().zip(entries.values.iter()).try_for_each(|(key, value)| each(key, value))
        })
    }

    /// Replaces the entries of [start, end) by those that `each` puts, in the order in which they are put: how a `start` carries over what
    /// another format stored. What is put lies outside of the range. Reads and writes page by page, so what it needs of memory does not
    /// grow with the state.
    pub fn carry_over(
        &mut self,
        start: &[u8],
        end: &[u8],
        mut each: impl FnMut(&[u8], &[u8], &mut Carried) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        self.pages(start, end, |storage, entries| {
            let mut carried = Carried::default();
            let mut pairs = entries.keys.iter().zip(entries.values.iter());
            pairs.try_for_each(|(key, value)| each(key, value, &mut carried))?;
            Ok(storage.set_all(carried.keys, carried.values)?)
        })?;
        Ok(self.delete_range(start, end)?)
    }

    fn pages(
        &mut self,
        start: &[u8],
        end: &[u8],
        mut page: impl FnMut(&mut Storage<'_>, &Entries) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut from = start.to_vec();
        loop {
            let entries = self.host.storage_range(from, end.to_vec(), RANGE_ENTRIES)?;
            page(self, &entries)?;
            match entries.keys.iter().last().filter(|_| entries.more) {
                // The least key behind the last one.
                Some(last) => from = [last, &[0]].concat(),
                None => return Ok(()),
            }
        }
    }
}

/// What is stored in the place of something else.
#[derive(Debug, Default)]
pub struct Carried {
    keys: Blob,
    values: Blob,
}

impl Carried {
    /// One entry.
    pub fn put(&mut self, key: &[u8], value: &[u8]) {
        self.keys.push(key);
        self.values.push(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::MemoryHost;

    #[test]
    fn entries_are_carried_over_page_by_page() {
        let mut host = MemoryHost::default();
        Host::projection_state(&mut host, 1);
        let mut storage = Storage { host: &mut host };
        let entries = 2 * RANGE_ENTRIES + 1;
        for number in 0..entries {
            storage.set(&[&[1][..], &number.to_be_bytes()].concat(), number.to_le_bytes().to_vec()).unwrap();
        }
        storage.set(&[2], vec![2]).unwrap();
        let carried = storage.carry_over(&[1], &[2], |key, value, carried| {
            carried.put(&[&[9], &key[1..]].concat(), &value[..2]);
            Ok(())
        });
        assert_eq!(carried, Ok(()));
        let stored = host.storage();
        assert_eq!(stored.len(), entries as usize + 1);
        assert!((0..entries).all(|number| {
            stored.get(&[&[9][..], &number.to_be_bytes()].concat()).map(Vec::as_slice)
                == Some(&number.to_le_bytes()[..2])
        }));
        assert_eq!(stored.get(&[2][..]), Some(&vec![2]));
    }
}
