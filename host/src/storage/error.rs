//! What can be wrong with the store, and what to do about it.

use std::path::{Path, PathBuf};

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
        /// RocksDB's words, which name the file.
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
        /// RocksDB's words.
        reason: String,
    },
    /// The disk refused.
    #[error("store {} cannot be read or written: {reason}; make room or make it writable, or choose another place with --state-dir", path.display())]
    Io {
        /// The database's folder.
        path: PathBuf,
        /// RocksDB's words.
        reason: String,
    },
}

impl StoreError {
    pub(super) fn opening(path: &Path, error: &rocksdb::Error) -> StoreError {
        let text = error.to_string();
        // RocksDB reports a lock held elsewhere as an I/O error about its LOCK file.
        let locked = error.kind() == rocksdb::ErrorKind::IOError && text.contains("LOCK") && text.contains("lock");
        if locked && !text.contains("Permission") && !text.contains("Read-only") {
            return StoreError::InUse { path: path.to_owned() };
        }
        StoreError::reading(path, error)
    }

    pub(super) fn reading(path: &Path, error: &rocksdb::Error) -> StoreError {
        let (path, reason) = (path.to_owned(), error.to_string());
        match error.kind() {
            rocksdb::ErrorKind::Corruption => StoreError::Damaged { reason: named(&path, reason), path },
            rocksdb::ErrorKind::InvalidArgument | rocksdb::ErrorKind::NotSupported => {
                StoreError::Damaged { path, reason }
            }
            _ => StoreError::Io { path, reason },
        }
    }

    /// Files that a store of ours cannot be without are gone.
    pub(super) fn missing(path: &Path, file: &str) -> StoreError {
        StoreError::Damaged { path: path.to_owned(), reason: format!("{file} is missing") }
    }

    /// A write that failed. RocksDB appends it to a log and syncs that: what was not appended whole is never read again, what was not synced
    /// is read by the next start.
    pub(super) fn writing(path: &Path, error: &rocksdb::Error) -> StoreError {
        match StoreError::reading(path, error) {
            StoreError::Io { path, reason } if !is_certain(&path, &reason) => StoreError::InDoubt { path, reason },
            other => other,
        }
    }
}

/// What the operating system says of a disk without room, or of a file that may not grow: ENOSPC, EFBIG, EDQUOT.
const NO_ROOM: [&str; 3] = ["No space left on device", "File too large", "Disk quota exceeded"];

/// What a sender is told of a store that fails in these words: where it is on which disk is nobody's business but the operator's, who finds it
/// in the log and at `/status`.
pub fn told_to_senders(words: &str) -> String {
    match NO_ROOM.iter().find(|why| words.contains(**why)) {
        Some(why) => format!("state cannot be written: {why}"),
        None => "state cannot be read or written; the collector's log says why".to_owned(),
    }
}

/// Whether a write that failed in these words is not in the log.
fn is_certain(path: &Path, reason: &str) -> bool {
    // The folder may be named after anything.
    let words = reason.replace(&*path.to_string_lossy(), "");
    let syncs_log = words.contains("sync") && words.contains(".log");
    words.contains("While appending to file") || (NO_ROOM.iter().any(|why| words.contains(why)) && !syncs_log)
}

/// RocksDB names the file that is damaged, except where it is a log: then the logs there are.
fn named(path: &Path, reason: String) -> String {
    if [".sst", ".log", "MANIFEST", "CURRENT", "OPTIONS"].iter().any(|name| reason.contains(name)) {
        return reason;
    }
    let files = std::fs::read_dir(path).into_iter().flatten().flatten();
    let mut logs: Vec<String> = files.map(|file| file.file_name().to_string_lossy().into_owned()).collect();
    logs.retain(|name| name.ends_with(".log"));
    logs.sort();
    format!("{reason} (in the log: {})", logs.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RocksDB's words for a failed write, and whether it is known not to count.
    const FAILURES: &[(&str, bool)] = &[
        ("IO error: No space left on device: While appending to file: /db/000004.log: No space left on device", true),
        ("IO error: While appending to file: /db/000004.log: File too large", true),
        ("IO error: While appending to file: /db/000004.log: Disk quota exceeded", true),
        ("IO error: While appending to file: /db/000004.log: Input/output error", true),
        ("IO error: No space left on device: While fallocate: /db/000010.sst: No space left on device", true),
        ("IO error: No space left on device: While fsync: /db/000010.sst: No space left on device", true),
        ("IO error: While fdatasync: /db/000004.log: Input/output error", false),
        ("IO error: While fsync: /db/000004.log: Input/output error", false),
        ("IO error: No space left on device: While fdatasync: /db/000004.log: No space left on device", false),
        ("IO error: While fsync: /db/000010.sst: Input/output error", false),
        ("IO error: something that no version says today", false),
    ];

    #[test]
    fn a_write_is_in_doubt_unless_it_is_known_not_to_be_in_the_log() {
        for (words, certain) in FAILURES {
            assert_eq!(is_certain(Path::new("/db"), words), *certain, "{words}");
        }
    }

    #[test]
    fn the_folder_s_name_says_nothing_of_the_failure() {
        let folder = Path::new("/srv/sync/a.log/db");
        let words = "IO error: No space left on device: While fallocate: /srv/sync/a.log/db/000010.sst: No space left on device";
        assert!(is_certain(folder, words));
    }
}
