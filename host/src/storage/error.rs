//! What can be wrong with the store, and what to do about it.

use std::path::PathBuf;

use super::record::RecordError;
use crate::files::private::PrivateError;

/// A store that cannot be opened, read or written. Nothing is repaired or started from zero by itself.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The state directory cannot be made or entered.
    #[error("state directory {}: {source}; choose a writable one with --state-dir", path.display())]
    Directory {
        /// The state directory.
        path: PathBuf,
        /// The operating system's words.
        source: std::io::Error,
    },
    /// Something in it is not ours.
    #[error(transparent)]
    Foreign(#[from] PrivateError),
    /// Another process has it open.
    #[error("state directory {} is in use by another process; stop that one, or give this one its own --state-dir", path.display())]
    InUse {
        /// The database's folder.
        path: PathBuf,
    },
    /// Files are damaged.
    #[error("store {} is damaged: {reason}; restore it from a backup, or move it away to start from zero", path.display())]
    Damaged {
        /// The database's folder.
        path: PathBuf,
        /// The backend's words, which name the file.
        reason: String,
    },
    /// The last write to a file does not read.
    #[error(
        "store file {} is damaged at its end: bytes {at} to {length} do not read. If a power cut tore that write, it was never \
         acknowledged, and `truncate -s {at} {}` goes on without it; if not, restore the store from a backup",
        path.display(), path.display()
    )]
    Torn {
        /// The file.
        path: PathBuf,
        /// Where the write begins, in bytes.
        at: usize,
        /// The file's length in bytes.
        length: usize,
    },
    /// One record is damaged or from a later version.
    #[error("store {}, key `{key}`: {source}; restore the store from a backup, or move it away to start from zero", path.display())]
    Record {
        /// The database's folder.
        path: PathBuf,
        /// The key, escaped.
        key: String,
        /// What is wrong with it.
        source: RecordError,
    },
    /// Written by another version of the store's layout.
    #[error("store {} has format `{found}`, this version reads `{known}`; run the version that wrote it", path.display())]
    Format {
        /// The database's folder.
        path: PathBuf,
        /// The marker found.
        found: String,
        /// The marker this version writes.
        known: String,
    },
    /// Holds state but no format marker.
    #[error("store {} holds state but no format marker; it was not written by otelier or is damaged", path.display())]
    Unmarked {
        /// The database's folder.
        path: PathBuf,
    },
    /// The disk failed to sync what was written: it may be there after a restart, and may not.
    #[error(
        "store {} cannot be synced: {reason}. Whether the last write counts is not known, so the process ends without answering its \
         senders; the next start reads what is there. Check the disk",
        path.display()
    )]
    InDoubt {
        /// The database's folder.
        path: PathBuf,
        /// The backend's words.
        reason: String,
    },
    /// State and queues in two backends.
    #[error(
        "state and queues are in two stores, and what a request changes of both is one commit: name one storage for processors and queues"
    )]
    Apart,
    /// The disk refused.
    #[error("store {} cannot be read or written: {reason}; make room or make it writable, or choose another place with --state-dir", path.display())]
    Io {
        /// The database's folder.
        path: PathBuf,
        /// The backend's words.
        reason: String,
    },
}

/// What the operating system says of a disk without room, or of a file that may not grow: ENOSPC, EFBIG, EDQUOT.
pub(super) const NO_ROOM: [&str; 3] = ["No space left on device", "File too large", "Disk quota exceeded"];

/// What a sender is told of a store that fails in these words: where it is on which disk is nobody's business but the operator's, who finds it
/// in the log and at `/status`.
pub fn told_to_senders(words: &str) -> String {
    match NO_ROOM.iter().find(|why| words.contains(**why)) {
        Some(why) => format!("state cannot be written: {why}"),
        None => "state cannot be read or written; the collector's log says why".to_owned(),
    }
}
