//! A disk whose syncs fail or take long while a host runs: a preloaded library, `shim.c` beside this file, does what a mapped file says.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use tempfile::TempDir;

use crate::preload;

/// The disk of the hosts it launches. It is in a temporary folder, which goes with it.
pub struct FaultyDisk(TempDir);

/// Where each number stands, in words of 8 bytes.
const FAILS: u64 = 0;
const DELAYS: u64 = 1;
const DELAY: u64 = 2;
const SYNCS: u64 = 3;

impl FaultyDisk {
    /// A disk that works.
    pub fn new() -> Result<FaultyDisk> {
        let disk = FaultyDisk(tempfile::Builder::new().prefix("otelier-faulty-").tempdir()?);
        preload::compile("tests/src/faulty_disk/shim.c", &disk.path("shim.so"))?;
        fs::write(disk.path("faults"), [0; 32])?;
        Ok(disk)
    }

    /// So many of the next syncs of a log fail with EIO, after they were made.
    pub fn fail_syncs(&self, count: u32) -> Result<()> {
        self.set(FAILS, u64::from(count))
    }

    /// So many of the next syncs of a log take that long.
    pub fn delay_syncs(&self, count: u32, delay: Duration) -> Result<()> {
        self.set(DELAY, u64::try_from(delay.as_nanos())?)?;
        self.set(DELAYS, u64::from(count))
    }

    /// How many syncs of logs there have been.
    pub fn syncs(&self) -> Result<u64> {
        let mut number = [0; 8];
        OpenOptions::new().read(true).open(self.path("faults"))?.read_exact_at(&mut number, 8 * SYNCS)?;
        Ok(u64::from_ne_bytes(number))
    }

    // In place: the file is mapped.
    fn set(&self, place: u64, number: u64) -> Result<()> {
        let file = OpenOptions::new().write(true).open(self.path("faults"))?;
        Ok(file.write_all_at(&number.to_ne_bytes(), 8 * place)?)
    }

    /// The words in front of a command line that make its program write to this disk.
    pub fn words(&self) -> Vec<String> {
        vec![
            "env".to_owned(),
            format!("LD_PRELOAD={}", self.path("shim.so").display()),
            format!("FAULTY_DISK={}", self.path("faults").display()),
        ]
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}
