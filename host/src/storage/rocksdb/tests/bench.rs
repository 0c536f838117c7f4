//! The suite on RocksDB. A process that ends leaves the files as they are, a power cut takes the end of the log, and a full disk is a limit of
//! file sizes. `crash` and `power_cut` do the first two to whole hosts, `promises` has disks that fail to sync.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tempfile::TempDir;

use super::super::RocksDb;
use crate::storage::memory::Fault;
use crate::storage::suite::{self, Bench};
use crate::storage::{Durability, Each, Family, Storage, StoreError, Write};

/// Set in a process that has the limit of file sizes for itself.
const ALONE: &str = "OTELIER_TEST_ALONE";

struct Files {
    watched: Option<Watched>,
    directory: TempDir,
}

/// Remembers how much of the log was there at the last sync.
#[derive(Debug)]
struct Watched {
    store: RocksDb,
    synced: Mutex<(PathBuf, u64)>,
}

impl Watched {
    fn open(directory: &Path) -> Result<Watched> {
        let store = RocksDb::open(directory)?;
        let synced = Mutex::new(newest_log(&directory.join("db"))?);
        Ok(Watched { store, synced })
    }

    fn note(&self) -> Result<(), StoreError> {
        let failed = |error: anyhow::Error| StoreError::Io { path: self.store.path.clone(), reason: error.to_string() };
        *self.synced.lock().unwrap_or_else(PoisonError::into_inner) = newest_log(&self.store.path).map_err(failed)?;
        Ok(())
    }
}

/// The log that is written to, and its length.
fn newest_log(database: &Path) -> Result<(PathBuf, u64)> {
    let files = fs::read_dir(database)?.collect::<io::Result<Vec<_>>>()?.into_iter().map(|file| file.path());
    let newest = files.filter(|path| path.extension().is_some_and(|ending| ending == "log")).max();
    let newest = newest.context("a database without a log")?;
    let length = fs::metadata(&newest)?.len();
    Ok((newest, length))
}

impl Storage for Watched {
    fn get(&self, of: Family, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.store.get(of, key)
    }

    fn range(&self, of: Family, start: &[u8], end: &[u8], each: Each<'_>) -> Result<(), StoreError> {
        self.store.range(of, start, end, each)
    }

    fn commit(&self, writes: &mut dyn Iterator<Item = &Write>, durability: Durability) -> Result<(), StoreError> {
        self.store.commit(writes, durability)?;
        if durability == Durability::Synced { self.note() } else { Ok(()) }
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.store.sync()?;
        self.note()
    }

    fn drop_former(&self, of: Family, keys: &[Bytes]) -> Result<(), StoreError> {
        self.store.drop_former(of, keys)?;
        self.note()
    }
}

impl Files {
    fn new() -> Result<Files> {
        let directory = tempfile::tempdir()?;
        let watched = Some(Watched::open(directory.path())?);
        Ok(Files { directory, watched })
    }

    /// Goes on with the files as they are. Closing appends nothing to the log, and writes out nothing that is in it.
    fn go_on_with(&mut self, change: impl FnOnce() -> Result<()>) -> Result<()> {
        self.watched = None;
        change()?;
        self.watched = Some(Watched::open(self.directory.path())?);
        Ok(())
    }

    /// It is only closed while it is opened again.
    fn open(&self) -> &Watched {
        self.watched.as_ref().unwrap()
    }
}

impl Bench for Files {
    fn storage(&self) -> &dyn Storage {
        self.open()
    }

    fn restart(&mut self) -> Result<()> {
        self.go_on_with(|| Ok(()))
    }

    /// The log ends anywhere behind what was synced: also in the middle of a record.
    fn cut_power(&mut self, random: &mut fastrand::Rng) -> Result<()> {
        let (log, length) = newest_log(&self.open().store.path)?;
        let synced = {
            let synced = self.open().synced.lock().unwrap_or_else(PoisonError::into_inner);
            if synced.0 == log { synced.1 } else { 0 }
        };
        let left = random.u64(synced..=length);
        self.go_on_with(|| {
            ensure!(fs::metadata(&log)?.len() == length, "closing has changed the log");
            Ok(fs::OpenOptions::new().write(true).open(&log)?.set_len(left)?)
        })
    }

    fn damage(&mut self, of: Family, key: &[u8]) -> Result<()> {
        Ok(self.open().store.damage(of, key)?)
    }

    fn inject(&mut self, fault: Option<Fault>) -> Result<bool> {
        let maximum = getrlimit(Resource::Fsize).maximum;
        match fault {
            Some(Fault::Full) => setrlimit(Resource::Fsize, Rlimit { current: Some(0), maximum })?,
            None => setrlimit(Resource::Fsize, Rlimit { current: maximum, maximum })?,
            Some(Fault::Unreadable | Fault::Sync { .. }) => return Ok(false),
        }
        Ok(true)
    }
}

#[test]
fn every_promise_is_kept() {
    suite::every_promise(Files::new).unwrap();
}

/// The limit is the whole process's, so this test has one for itself.
#[test]
fn every_promise_is_kept_while_it_fails() {
    if std::env::var_os(ALONE).is_some() {
        suite::every_failure(Files::new).unwrap();
        return;
    }
    alone("storage::rocksdb::tests::bench::every_promise_is_kept_while_it_fails").unwrap();
}

/// A process for one test. It gets an error where a file would become too large, and not the signal that ends it.
fn alone(test: &str) -> Result<()> {
    let words = ["-c", "trap '' XFSZ; exec \"$@\"", "sh"];
    let mut command = Command::new("sh");
    command.args(words).arg(std::env::current_exe()?).args(["--exact", test, "--nocapture"]).env(ALONE, "1");
    let output = command.output()?;
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    ensure!(output.status.success() && said.contains("1 passed"), "{said}");
    Ok(())
}
