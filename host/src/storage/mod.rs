//! The embedded store: one RocksDB database, the only place that names rocksdb.
//!
//! Column families: `default` holds the format marker, `state` what components keep. Every write of a trip goes into one write
//! batch with those of its neighbours. Opening never repairs, recreates or skips anything: a store that is damaged, newer or in
//! use is an error that names what is wrong and what to do.
//!
//! On disk, `state`: key = component id, 0, section, key within the section; value = a [`record`].

mod error;
pub mod record;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use rocksdb::{ColumnFamilyDescriptor, DB, IteratorMode, Options, ReadOptions, WriteBatch, WriteOptions};

pub use error::StoreError;

/// The layout described above.
const FORMAT: &[u8] = b"otelier-store 1";
const FORMAT_KEY: &[u8] = b"format";
const STATE: &str = "state";

/// One change to the `state` family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// Sets a key.
    Put(Bytes, Bytes),
    /// Deletes a key.
    Delete(Bytes),
    /// Deletes the keys from the first to before the second.
    DeleteRange(Bytes, Bytes),
}

/// An open store. Clones share it; it closes with the last one.
#[derive(Clone)]
pub struct Store {
    db: Arc<DB>,
    path: Arc<PathBuf>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Store({})", self.path.display())
    }
}

impl Store {
    /// Opens the store in `directory`, creating it where there is none.
    pub fn open(directory: &Path) -> Result<Store, StoreError> {
        std::fs::create_dir_all(directory)
            .map_err(|source| StoreError::Directory { path: directory.to_owned(), source })?;
        let path = directory.join("db");
        let families = [STATE].map(|name| ColumnFamilyDescriptor::new(name, family_options()));
        let db = DB::open_cf_descriptors(&database_options(), &path, families)
            .map_err(|error| StoreError::opening(&path, &error))?;
        let store = Store { db: Arc::new(db), path: Arc::new(path) };
        store.check_format()?;
        Ok(store)
    }

    fn check_format(&self) -> Result<(), StoreError> {
        match self.db.get(FORMAT_KEY).map_err(|error| StoreError::reading(&self.path, &error))? {
            None => self.mark_format(),
            Some(format) if format == FORMAT => Ok(()),
            Some(format) => Err(StoreError::Format {
                path: self.path.to_path_buf(),
                found: String::from_utf8_lossy(&format).into_owned(),
                known: String::from_utf8_lossy(FORMAT).into_owned(),
            }),
        }
    }

    /// Marks a new store. A store with state but no mark is damaged, not new.
    fn mark_format(&self) -> Result<(), StoreError> {
        let state = self.state()?;
        if self.db.iterator_cf(state, IteratorMode::Start).next().is_some() {
            return Err(StoreError::Unmarked { path: self.path.to_path_buf() });
        }
        self.db.put_opt(FORMAT_KEY, FORMAT, &synced(true)).map_err(|error| StoreError::writing(&self.path, &error))
    }

    fn state(&self) -> Result<&rocksdb::ColumnFamily, StoreError> {
        self.db.cf_handle(STATE).ok_or_else(|| StoreError::Unmarked { path: self.path.to_path_buf() })
    }

    /// The value of a key.
    pub fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        let value =
            self.db.get_pinned_cf(self.state()?, key).map_err(|error| StoreError::reading(&self.path, &error))?;
        value.map(|value| self.open_record(key, &value)).transpose()
    }

    /// Entries of [start, end), ascending by key. The iterator ends after an error.
    pub fn range<'s>(
        &'s self,
        start: &[u8],
        end: &[u8],
    ) -> Result<impl Iterator<Item = Result<(Bytes, Bytes), StoreError>> + 's, StoreError> {
        let mut options = ReadOptions::default();
        options.set_iterate_upper_bound(end);
        let mode = IteratorMode::From(start, rocksdb::Direction::Forward);
        let entries = self.db.iterator_cf_opt(self.state()?, options, mode);
        Ok(entries.map(|entry| {
            let (key, value) = entry.map_err(|error| StoreError::reading(&self.path, &error))?;
            let value = self.open_record(&key, &value)?;
            Ok((Bytes::from(key), value))
        }))
    }

    fn open_record(&self, key: &[u8], value: &[u8]) -> Result<Bytes, StoreError> {
        record::open(key, value).map(Bytes::copy_from_slice).map_err(|source| StoreError::Record {
            path: self.path.to_path_buf(),
            key: key.escape_ascii().to_string(),
            source,
        })
    }

    /// Applies changes as one, and with `sync` returns only when they would survive a power cut.
    pub fn commit<'w>(&self, writes: impl IntoIterator<Item = &'w Write>, sync: bool) -> Result<(), StoreError> {
        let state = self.state()?;
        let mut batch = WriteBatch::default();
        for write in writes {
            match write {
                Write::Put(key, value) => batch.put_cf(state, key, record::seal(key, value)),
                Write::Delete(key) => batch.delete_cf(state, key),
                Write::DeleteRange(start, end) => batch.delete_range_cf(state, start, end),
            }
        }
        self.db.write_opt(batch, &synced(sync)).map_err(|error| StoreError::writing(&self.path, &error))
    }

    /// Makes every commit so far survive a power cut.
    pub fn sync(&self) -> Result<(), StoreError> {
        self.db.flush_wal(true).map_err(|error| StoreError::writing(&self.path, &error))
    }
}

fn synced(sync: bool) -> WriteOptions {
    let mut options = WriteOptions::default();
    options.set_sync(sync);
    options
}

fn database_options() -> Options {
    let mut options = Options::default();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    // State is small and rewritten often: a few small memtables keep resident memory low.
    options.set_db_write_buffer_size(16 << 20);
    options.set_max_total_wal_size(64 << 20);
    options.set_keep_log_file_num(2);
    options.set_max_open_files(256);
    // A torn tail of the log is a write that was never acknowledged; anything else that does not read is damage.
    options.set_wal_recovery_mode(rocksdb::DBRecoveryMode::TolerateCorruptedTailRecords);
    options.set_paranoid_checks(true);
    options
}

fn family_options() -> Options {
    let mut options = Options::default();
    options.set_write_buffer_size(8 << 20);
    options.set_compression_type(rocksdb::DBCompressionType::Lz4);
    options
}

#[cfg(test)]
mod tests;
