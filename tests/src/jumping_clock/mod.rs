//! A host whose wall clock is set while it runs: a preloaded library, `shim.c` beside this file, adds what a file says.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Result;
use tempfile::TempDir;

use crate::preload;

/// The clock of the hosts it launches. It is in a temporary folder, which goes with it.
pub struct JumpingClock(TempDir);

impl JumpingClock {
    /// A clock that is right.
    pub fn new() -> Result<JumpingClock> {
        let clock = JumpingClock(tempfile::Builder::new().prefix("otelier-clock-").tempdir()?);
        preload::compile("tests/src/jumping_clock/shim.c", &clock.path("shim.so"))?;
        clock.set(0)?;
        Ok(clock)
    }

    /// Sets it to so many seconds after the right time, or before.
    pub fn set(&self, seconds: i64) -> Result<()> {
        // In place: the file is mapped, and who reads the clock while it is empty gets SIGBUS.
        let mut file = OpenOptions::new().write(true).create(true).truncate(false).open(self.path("shift"))?;
        Ok(file.write_all(&(seconds * 1_000_000_000).to_ne_bytes())?)
    }

    /// The words in front of a command line that make its program live by this clock.
    pub fn words(&self) -> Vec<String> {
        vec![
            "env".to_owned(),
            format!("LD_PRELOAD={}", self.path("shim.so").display()),
            format!("JUMPING_CLOCK={}", self.path("shift").display()),
        ]
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}
