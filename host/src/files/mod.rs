//! How the host touches files: those that are its own, in the state directory, and those that others wrote and a configuration names.
//!
//! [`bounded`] reads the latter. [`private`] makes and opens what is this user's alone, and [`state_dir`] looks at the whole state directory before anything in it is used.

pub mod bounded;
pub mod private;
pub mod state_dir;

use std::sync::OnceLock;

use rustix::fs::Mode;

/// The umask that the process was started with.
static STARTED_WITH: OnceLock<Mode> = OnceLock::new();

/// From now on nobody but this user may read or write what the process makes, whichever library makes it. To be called before any thread
/// starts.
pub fn keep_private() {
    let before = rustix::process::umask(Mode::RWXG | Mode::RWXO);
    // It is called once; of a second call the first umask counts.
    let _ = STARTED_WITH.set(before);
}

/// What is left of a mode under the umask that the process was started with: for files that are written for others.
pub fn usual_mode(mode: u32) -> u32 {
    let umask = STARTED_WITH.get().copied().unwrap_or(Mode::WGRP | Mode::WOTH);
    mode & !umask.bits()
}
