//! The texts of a configuration, and the files that they are read from.

use std::path::Path;

use crate::files::bounded::{self, ReadError};

/// Bytes in a file, at the most.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// A text and the path it goes by in messages.
#[derive(Debug, Clone, Copy)]
pub struct ConfigText<'a> {
    /// Of the file, whether or not it exists; a manifest's plugin files are relative to its folder.
    pub path: &'a Path,
    /// Its content.
    pub text: &'a str,
}

/// What is wrong with a file as a whole. Its path is said by who names it.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The operating system refused the file.
    #[error("cannot be read: {0}; check the path and its permissions")]
    Unreadable(ReadError),
    /// More bytes than a configuration has.
    #[error("is longer than {limit} bytes; a configuration is not, is this the right file?")]
    TooLong {
        /// The bound.
        limit: u64,
    },
    /// Not text.
    #[error("is not UTF-8 at byte {offset}; save the file as UTF-8")]
    NotUtf8 {
        /// Of the first byte that does not fit.
        offset: usize,
    },
}

/// The text of a file.
pub(super) fn read(path: &Path) -> Result<String, FileError> {
    let bytes = bounded::read_once(path, FILE_BYTES_MAX).map_err(|error| match error {
        ReadError::TooLarge { bytes_max } => FileError::TooLong { limit: bytes_max },
        error => FileError::Unreadable(error),
    })?;
    text(bytes)
}

/// Bytes that are to be a text, wherever they are from.
pub(super) fn text(bytes: Vec<u8>) -> Result<String, FileError> {
    String::from_utf8(bytes).map_err(|error| FileError::NotUtf8 { offset: error.utf8_error().valid_up_to() })
}
