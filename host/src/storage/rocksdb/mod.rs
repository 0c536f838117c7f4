//! The embedded store of a state directory: one RocksDB database. The only folder that names rocksdb.
//!
//! Column families: `default` holds the format marker, the others are [`Family`]'s. Every value is a [`record`]. Opening never repairs, recreates
//! or skips anything: a store that is damaged, newer or in use is an error that names what is wrong and what to do. The torn end of the last
//! write before a power cut is no damage: that write was never acknowledged.
//!
//! # How it keeps what every backend promises
//!
//! - **Atomic**: a commit is one write batch over all column families, one run of records in the log. A batch that is not whole is not replayed.
//! - **Order**: the log is replayed from its beginning to the first record that does not read. What follows a record that does not read is
//!   damage, and no start, unless nothing follows.
//! - **Durable**: a synced commit returns after fdatasync of the log. The names of new files and directories are synced before the store
//!   counts as complete.
//! - **A value is what was written under that key**: each is stored with a checksum over key and value; blocks, logs and the manifest have
//!   RocksDB's own.
//! - **A commit that fails leaves nothing**: RocksDB appends to the log first, and what was not appended whole is never read again. The database is
//!   closed then, because what it holds in memory may be more than the log has, and opened again by the next use.
//! - **In doubt** is a write whose sync failed, or a failure in words that are not known: it may be in the log.
//! - **Former values** of keys leave logs, which are written out and removed, and tables, which are written anew without them.

mod directory;
mod error;
mod inspect;
mod log_file;
mod options;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use bytes::Bytes;
use rocksdb::{ColumnFamilyDescriptor, DB, IteratorMode, ReadOptions, WriteBatch};

use inspect::Finding;

use super::{Durability, Each, Family, Storage, StoreError, Write, record};
use crate::files::{private, state_dir};

/// The layout of column families, keys and records.
const FORMAT: &[u8] = b"otelier-store 1";
const FORMAT_KEY: &[u8] = b"format";

/// An open database.
///
/// One that refused a write refuses all that follow until it is opened again, which the next use does: when the disk has room again, the store
/// goes on by itself.
pub struct RocksDb {
    /// `None` after a failed write, until it can be opened again.
    db: RwLock<Option<DB>>,
    path: PathBuf,
}

impl std::fmt::Debug for RocksDb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RocksDb({})", self.path.display())
    }
}

impl RocksDb {
    /// Opens the store in a state directory, creating it where there is none.
    pub fn open(directory: &Path) -> Result<RocksDb, StoreError> {
        let unusable = |source| StoreError::Directory { path: directory.to_owned(), source };
        state_dir::check(directory)?;
        state_dir::make(directory).map_err(unusable)?;
        let path = directory.join("db");
        // RocksDB makes its files as it likes: who cannot enter the folder cannot read them.
        private::make_folder(&path)?;
        let complete = directory::is_marked(directory);
        if complete && !path.join("CURRENT").exists() {
            return Err(error::missing(&path, "CURRENT"));
        }
        let db = open_database(&path)?;
        check_format(&db, &path)?;
        if !complete {
            directory::mark(directory, FORMAT)?;
        }
        Ok(RocksDb { db: RwLock::new(Some(db)), path })
    }

    fn with<T>(&self, work: impl FnOnce(&DB) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.reopen()?;
        match self.db.read().unwrap_or_else(PoisonError::into_inner).as_ref() {
            Some(db) => work(db),
            None => Err(StoreError::Io { path: self.path.clone(), reason: "an earlier write failed".into() }),
        }
    }

    fn open_record(&self, key: &[u8], value: &[u8]) -> Result<Bytes, StoreError> {
        record::open(key, value).map(Bytes::copy_from_slice).map_err(|source| StoreError::Record {
            path: self.path.clone(),
            key: key.escape_ascii().to_string(),
            source,
        })
    }

    /// Where it is not known whether the write counts, it stays as it is: opened again, it could have what a sender was told it has not.
    fn close_after_failure(&self, result: Result<(), StoreError>) -> Result<(), StoreError> {
        if result.as_ref().is_err_and(|error| !matches!(error, StoreError::InDoubt { .. })) {
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
            return Err(error::missing(&self.path, "CURRENT"));
        }
        let db = open_database(&self.path)?;
        check_format(&db, &self.path)?;
        *closed = Some(db);
        Ok(())
    }
}

impl Storage for RocksDb {
    fn get(&self, of: Family, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.with(|db| {
            let value = db.get_pinned_cf(family(db, of, &self.path)?, key);
            let value = value.map_err(|error| error::reading(&self.path, &error))?;
            value.map(|value| self.open_record(key, &value)).transpose()
        })
    }

    fn range(&self, of: Family, start: &[u8], end: &[u8], each: Each<'_>) -> Result<(), StoreError> {
        self.with(|db| {
            let mut options = ReadOptions::default();
            options.set_iterate_upper_bound(end);
            let mode = IteratorMode::From(start, rocksdb::Direction::Forward);
            for entry in db.iterator_cf_opt(family(db, of, &self.path)?, options, mode) {
                let (key, value) = entry.map_err(|error| error::reading(&self.path, &error))?;
                let value = self.open_record(&key, &value)?;
                if each(Bytes::from(key), value) == ControlFlow::Break(()) {
                    break;
                }
            }
            Ok(())
        })
    }

    fn commit(&self, writes: &mut dyn Iterator<Item = &Write>, durability: Durability) -> Result<(), StoreError> {
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
            let options = options::write(durability == Durability::Synced);
            db.write_opt(batch, &options).map_err(|error| error::writing(&self.path, &error))
        });
        self.close_after_failure(written)
    }

    fn sync(&self) -> Result<(), StoreError> {
        let synced = self.with(|db| db.flush_wal(true).map_err(|error| error::writing(&self.path, &error)));
        self.close_after_failure(synced)
    }

    /// Writes the logs and tables anew that have them. Blocks of the disk that are free then may hold them still.
    fn drop_former(&self, of: Family, keys: &[Bytes]) -> Result<(), StoreError> {
        self.with(|db| {
            let failed = |error| error::writing(&self.path, &error);
            db.flush().map_err(failed)?;
            for of in Family::ALL {
                db.flush_cf(family(db, of, &self.path)?).map_err(failed)?;
            }
            let of = family(db, of, &self.path)?;
            for key in keys {
                let end = [&key[..], &[0]].concat();
                db.compact_range_cf(of, Some(&key[..]), Some(&end[..]));
            }
            Ok(())
        })
    }
}

fn open_database(path: &Path) -> Result<DB, StoreError> {
    let families = Family::ALL.map(|family| ColumnFamilyDescriptor::new(family.name(), options::family(family)));
    let mut options = options::database();
    if inspect::inspect(path)? == Finding::Torn {
        tracing::warn!(store = %path.display(), "the last write before a power cut was torn; it was never acknowledged");
        // Up to the first record that does not read, which has been found to be the last.
        options.set_wal_recovery_mode(rocksdb::DBRecoveryMode::PointInTime);
    }
    DB::open_cf_descriptors(&options, path, families).map_err(|error| error::opening(path, &error))
}

fn family<'d>(db: &'d DB, family: Family, path: &Path) -> Result<&'d rocksdb::ColumnFamily, StoreError> {
    db.cf_handle(family.name()).ok_or_else(|| StoreError::Unmarked { path: path.to_owned() })
}

fn check_format(db: &DB, path: &Path) -> Result<(), StoreError> {
    match db.get(FORMAT_KEY).map_err(|error| error::reading(path, &error))? {
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
    db.put_opt(FORMAT_KEY, FORMAT, &options::write(true)).map_err(|error| error::writing(path, &error))
}

#[cfg(test)]
mod tests;
