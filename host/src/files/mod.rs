//! How the host touches files: those that are its own, in the state directory, and those that others wrote and a configuration names.
//!
//! [`bounded`] reads the latter. [`private`] makes and opens what is this user's alone, and [`state_dir`] looks at the whole state directory before anything in it is used.

pub mod bounded;
pub mod private;
pub mod state_dir;

use rustix::fs::Mode;

/// From now on nobody but this user may read or write what the process makes, whichever library makes it. To be called before any thread
/// starts.
pub fn keep_private() {
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
}
