//! The embedded store: one RocksDB database, the only place that names rocksdb.
//!
//! Column families: `default` holds the format marker, `state` what components keep, `queue` what waits for exporters and
//! `payload` its bytes, `dead` what could not be delivered. Every write of a trip goes into one write batch with those of its
//! neighbours. Opening never repairs, recreates or skips anything: a store that is damaged, newer or in
//! use is an error that names what is wrong and what to do. The torn end of the last write before a power cut is no damage:
//! that write was never acknowledged.
//!
//! On disk, `state`: key = component id, 0, section, key within the section. `queue` and `payload`: key = exporter id, 0, number.
//! `dead`: key = number. Every value is a [`record`].

mod directory;
mod error;
mod inspect;
mod log_file;
pub mod record;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use bytes::Bytes;
use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamilyDescriptor, DB, IteratorMode, Options, ReadOptions, WriteBatch, WriteOptions,
};

pub use error::{StoreError, told_to_senders};
use inspect::Finding;

use crate::descriptors;
use crate::files::{private, state_dir};
use crate::guard::end_in_doubt;

/// The layout described above.
const FORMAT: &[u8] = b"otelier-store 1";
const FORMAT_KEY: &[u8] = b"format";

const BLOCK_CACHE_BYTES: usize = 8 << 20;
/// Values from this size on are kept beside their keys.
const BLOB_BYTES_MIN: u64 = 1 << 10;

/// Which keys belong together, and are kept in the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// What components keep: small values, read at start, written often.
    State,
    /// What waits for exporters: its order and its sizes.
    Queue,
    /// The bytes of what waits: large values, written once, read once and deleted, mostly before they leave memory.
    Payload,
    /// What could not be delivered.
    Dead,
}

impl Family {
    const ALL: [Family; 4] = [Family::State, Family::Queue, Family::Payload, Family::Dead];

    fn name(self) -> &'static str {
        match self {
            Family::State => "state",
            Family::Queue => "queue",
            Family::Payload => "payload",
            Family::Dead => "dead",
        }
    }
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// Sets a key.
    Put(Family, Bytes, Bytes),
    /// Deletes a key.
    Delete(Family, Bytes),
    /// Deletes the keys from the first to before the second.
    DeleteRange(Family, Bytes, Bytes),
}

impl Write {
    /// Bytes of its keys and its value.
    pub fn size(&self) -> usize {
        match self {
            Write::Put(_, key, value) => key.len() + value.len(),
            Write::Delete(_, key) => key.len(),
            Write::DeleteRange(_, start, end) => start.len() + end.len(),
        }
    }
}

/// An open store. Clones share it; it closes with the last one.
///
/// A database that refused a write refuses all that follow until it is opened again, which the next use does: when the disk
/// has room again, the store goes on by itself.
#[derive(Clone)]
pub struct Store {
    /// `None` after a failed write, until it can be opened again.
    db: Arc<RwLock<Option<DB>>>,
    path: Arc<PathBuf>,
    /// Keys of state whose former values are to leave the disk.
    stale: Arc<Mutex<Vec<Bytes>>>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Store({})", self.path.display())
    }
}

impl Store {
    /// Opens the store in `directory`, creating it where there is none.
    pub fn open(directory: &Path) -> Result<Store, StoreError> {
        let unusable = |source| StoreError::Directory { path: directory.to_owned(), source };
        state_dir::check(directory)?;
        state_dir::make(directory).map_err(unusable)?;
        let path = directory.join("db");
        // RocksDB makes its files as it likes: who cannot enter the folder cannot read them.
        private::make_folder(&path)?;
        let complete = directory::is_marked(directory);
        if complete && !path.join("CURRENT").exists() {
            return Err(StoreError::missing(&path, "CURRENT"));
        }
        let db = open_database(&path)?;
        check_format(&db, &path)?;
        if !complete {
            directory::mark(directory, FORMAT)?;
        }
        Ok(Store { db: Arc::new(RwLock::new(Some(db))), path: Arc::new(path), stale: Arc::default() })
    }

    fn with<T>(&self, work: impl FnOnce(&DB) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.reopen()?;
        match self.db.read().unwrap_or_else(PoisonError::into_inner).as_ref() {
            Some(db) => work(db),
            None => Err(StoreError::Io { path: self.path.to_path_buf(), reason: "an earlier write failed".into() }),
        }
    }

    /// The value of a key.
    pub fn get(&self, of: Family, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.with(|db| {
            let value = db.get_pinned_cf(family(db, of, &self.path)?, key);
            let value = value.map_err(|error| StoreError::reading(&self.path, &error))?;
            value.map(|value| self.open_record(key, &value)).transpose()
        })
    }

    /// Calls `each` with the entries of [start, end), ascending by key, until it breaks.
    pub fn each(
        &self,
        of: Family,
        start: &[u8],
        end: &[u8],
        mut each: impl FnMut(Bytes, Bytes) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.with(|db| {
            let mut options = ReadOptions::default();
            options.set_iterate_upper_bound(end);
            let mode = IteratorMode::From(start, rocksdb::Direction::Forward);
            for entry in db.iterator_cf_opt(family(db, of, &self.path)?, options, mode) {
                let (key, value) = entry.map_err(|error| StoreError::reading(&self.path, &error))?;
                let value = self.open_record(&key, &value)?;
                if each(Bytes::from(key), value).is_break() {
                    break;
                }
            }
            Ok(())
        })
    }

    fn open_record(&self, key: &[u8], value: &[u8]) -> Result<Bytes, StoreError> {
        record::open(key, value).map(Bytes::copy_from_slice).map_err(|source| StoreError::Record {
            path: self.path.to_path_buf(),
            key: key.escape_ascii().to_string(),
            source,
        })
    }

    /// Applies changes as one, and with `sync` returns only when they would survive a power cut. After an error nothing of them is in the
    /// store, and the database is closed: what it holds in memory may be more than what is on disk. A sync that fails ends the process.
    pub fn commit<'w>(&self, writes: impl IntoIterator<Item = &'w Write>, sync: bool) -> Result<(), StoreError> {
        let written = self.with(|db| {
            let mut batch = WriteBatch::default();
            let of = |of: &Family| family(db, *of, &self.path);
            for write in writes {
                match write {
                    Write::Put(family, key, value) => batch.put_cf(of(family)?, key, record::seal(key, value)),
                    Write::Delete(family, key) => batch.delete_cf(of(family)?, key),
                    Write::DeleteRange(family, start, end) => batch.delete_range_cf(of(family)?, start, end),
                }
            }
            db.write_opt(batch, &synced(sync)).map_err(|error| StoreError::writing(&self.path, &error))
        });
        self.close_after_failure(written)
    }

    /// The former values of a key of state are secrets: to leave the disk with [`drop_stale`](Store::drop_stale).
    pub fn mark_stale(&self, key: Bytes) {
        self.stale.lock().unwrap_or_else(PoisonError::into_inner).push(key);
    }

    /// Writes the logs and tables anew that have former values of marked keys. Blocks of the disk that are free then may hold them still.
    pub fn drop_stale(&self) -> Result<(), StoreError> {
        let keys = std::mem::take(&mut *self.stale.lock().unwrap_or_else(PoisonError::into_inner));
        if keys.is_empty() {
            return Ok(());
        }
        self.with(|db| {
            let failed = |error| StoreError::writing(&self.path, &error);
            db.flush().map_err(failed)?;
            for of in Family::ALL {
                db.flush_cf(family(db, of, &self.path)?).map_err(failed)?;
            }
            let state = family(db, Family::State, &self.path)?;
            for key in keys {
                let end = [&key[..], &[0]].concat();
                db.compact_range_cf(state, Some(&key[..]), Some(&end[..]));
            }
            Ok(())
        })
    }

    /// Makes every commit so far survive a power cut.
    pub fn sync(&self) -> Result<(), StoreError> {
        let synced = self.with(|db| db.flush_wal(true).map_err(|error| StoreError::writing(&self.path, &error)));
        self.close_after_failure(synced)
    }

    /// Ends the process where it is not known whether the write counts: reopened, the store could have what a sender was told it has not.
    fn close_after_failure(&self, result: Result<(), StoreError>) -> Result<(), StoreError> {
        if let Err(error) = &result {
            if matches!(error, StoreError::InDoubt { .. }) {
                end_in_doubt(error);
            }
            *self.db.write().unwrap_or_else(PoisonError::into_inner) = None;
        }
        result
    }

    /// Opens the database again after a failed write. Until that works, every use fails with the reason.
    fn reopen(&self) -> Result<(), StoreError> {
        if self.db.read().unwrap_or_else(PoisonError::into_inner).is_some() {
            return Ok(());
        }
        let mut closed = self.db.write().unwrap_or_else(PoisonError::into_inner);
        if closed.is_some() {
            return Ok(());
        }
        if !self.path.join("CURRENT").exists() {
            return Err(StoreError::missing(&self.path, "CURRENT"));
        }
        let db = open_database(&self.path)?;
        check_format(&db, &self.path)?;
        *closed = Some(db);
        Ok(())
    }
}

fn open_database(path: &Path) -> Result<DB, StoreError> {
    let families = Family::ALL.map(|family| ColumnFamilyDescriptor::new(family.name(), family_options(family)));
    let mut options = database_options();
    if inspect::inspect(path)? == Finding::Torn {
        tracing::warn!(store = %path.display(), "the last write before a power cut was torn; it was never acknowledged");
        // Up to the first record that does not read, which has been found to be the last.
        options.set_wal_recovery_mode(rocksdb::DBRecoveryMode::PointInTime);
    }
    DB::open_cf_descriptors(&options, path, families).map_err(|error| StoreError::opening(path, &error))
}

fn family<'d>(db: &'d DB, family: Family, path: &Path) -> Result<&'d rocksdb::ColumnFamily, StoreError> {
    db.cf_handle(family.name()).ok_or_else(|| StoreError::Unmarked { path: path.to_owned() })
}

fn check_format(db: &DB, path: &Path) -> Result<(), StoreError> {
    match db.get(FORMAT_KEY).map_err(|error| StoreError::reading(path, &error))? {
        None => mark_format(db, path),
        Some(format) if format == FORMAT => Ok(()),
        Some(format) => Err(StoreError::Format {
            path: path.to_owned(),
            found: String::from_utf8_lossy(&format).into_owned(),
            known: String::from_utf8_lossy(FORMAT).into_owned(),
        }),
    }
}

/// Marks a new store. A store with state but no mark is damaged, not new.
fn mark_format(db: &DB, path: &Path) -> Result<(), StoreError> {
    if db.iterator_cf(family(db, Family::State, path)?, IteratorMode::Start).next().is_some() {
        return Err(StoreError::Unmarked { path: path.to_owned() });
    }
    db.put_opt(FORMAT_KEY, FORMAT, &synced(true)).map_err(|error| StoreError::writing(path, &error))
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
    // State is rewritten often: most of what is written is replaced or deleted before a memtable is full, and never leaves it.
    options.set_db_write_buffer_size(32 << 20);
    options.set_max_total_wal_size(64 << 20);
    options.set_keep_log_file_num(2);
    options.set_max_open_files(descriptors::of_store());
    // A log that stops short ends in a write that was never acknowledged; anything else that does not read is damage.
    options.set_wal_recovery_mode(rocksdb::DBRecoveryMode::TolerateCorruptedTailRecords);
    // State is read from end to end at start, queues in the order in which they were written: let the system read ahead.
    options.set_advise_random_on_open(false);
    options.set_paranoid_checks(true);
    // A log that is gone is damage, and not an empty store.
    options.set_track_and_verify_wals_in_manifest(true);
    options
}

fn family_options(family: Family) -> Options {
    let mut options = Options::default();
    if matches!(family, Family::Payload | Family::Dead) {
        // Beside the keys, so that ordering keys never moves payloads.
        options.set_enable_blob_files(true);
        options.set_min_blob_size(BLOB_BYTES_MIN);
        options.set_blob_file_size(64 << 20);
        options.set_enable_blob_gc(true);
    }
    options.set_write_buffer_size(16 << 20);
    // What a memtable leaves is mostly short-lived, and packed by its writers: compressed once it has sunk to where it stays.
    options.set_compression_type(rocksdb::DBCompressionType::None);
    options.set_bottommost_compression_type(rocksdb::DBCompressionType::Lz4);
    // Each compaction writes all pages again; what waits for one is read at start only.
    options.set_level_zero_file_num_compaction_trigger(8);
    // State is read at start, once and from end to end; afterwards components have it in their own memory.
    let mut blocks = BlockBasedOptions::default();
    blocks.set_block_cache(&Cache::new_lru_cache(BLOCK_CACHE_BYTES));
    options.set_block_based_table_factory(&blocks);
    options
}

#[cfg(test)]
mod tests;
