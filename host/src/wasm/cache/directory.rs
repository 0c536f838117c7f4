//! Whether a directory can hold machine code that is run unseen: nobody else may write there.

use std::fs::{DirBuilder, Metadata};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

use crate::files::private::user;

/// Bits of a mode that let others in.
const OTHERS: u32 = 0o077;
/// Bits of a mode that let others write.
const OTHERS_WRITE: u32 = 0o022;
const PERMISSIONS: u32 = 0o7777;

/// A directory that holds no cache.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// Something else is there.
    #[error("it is no directory; move it away")]
    NoDirectory,
    /// Another user's.
    #[error("it belongs to user {owner} and this process runs as {user}; remove it, or name another `--state-dir`")]
    Owner {
        /// Whose it is.
        owner: u32,
        /// Who asks.
        user: u32,
    },
    /// Others may look or write.
    #[error("its mode is {mode:o}, others may enter it; remove it (it is made anew, with mode 700)")]
    Mode {
        /// The permissions.
        mode: u32,
    },
    /// The disk refused.
    #[error("{0}; make room, or make it writable")]
    Io(#[from] io::Error),
}

/// Checks a directory that exists; `false` when there is none.
pub fn check(directory: &Path) -> Result<bool, DirectoryError> {
    match std::fs::symlink_metadata(directory) {
        Ok(metadata) => private(&metadata).map(|()| true),
        Err(error) if is_missing(&error) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// There is nothing, or something else above it, of which whoever needs that directory speaks.
fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// The same, and makes the directory where its parent exists.
pub fn prepare(directory: &Path) -> Result<bool, DirectoryError> {
    if check(directory)? {
        return Ok(true);
    }
    match DirBuilder::new().mode(0o700).create(directory) {
        Ok(()) => check(directory),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => check(directory),
        Err(error) if is_missing(&error) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn private(metadata: &Metadata) -> Result<(), DirectoryError> {
    let (owner, user) = (metadata.uid(), user());
    let mode = metadata.mode() & PERMISSIONS;
    if !metadata.is_dir() {
        Err(DirectoryError::NoDirectory)
    } else if owner != user {
        Err(DirectoryError::Owner { owner, user })
    } else if mode & OTHERS != 0 {
        Err(DirectoryError::Mode { mode })
    } else {
        Ok(())
    }
}

/// Whether nobody else can have written to an open file.
pub fn is_own(metadata: &Metadata) -> bool {
    metadata.is_file() && metadata.uid() == user() && metadata.mode() & OTHERS_WRITE == 0
}
