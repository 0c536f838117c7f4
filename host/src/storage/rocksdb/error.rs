//! What RocksDB's words mean.

use std::path::Path;

use crate::storage::StoreError;
use crate::storage::error::NO_ROOM;

pub fn opening(path: &Path, error: &rocksdb::Error) -> StoreError {
    let text = error.to_string();
    // RocksDB reports a lock held elsewhere as an I/O error about its LOCK file.
    let locked = error.kind() == rocksdb::ErrorKind::IOError && text.contains("LOCK") && text.contains("lock");
    if locked && !text.contains("Permission") && !text.contains("Read-only") {
        return StoreError::InUse { path: path.to_owned() };
    }
    reading(path, error)
}

pub fn reading(path: &Path, error: &rocksdb::Error) -> StoreError {
    let (path, reason) = (path.to_owned(), error.to_string());
    match error.kind() {
        rocksdb::ErrorKind::Corruption => StoreError::Damaged { reason: named(&path, reason), path },
        rocksdb::ErrorKind::InvalidArgument | rocksdb::ErrorKind::NotSupported => StoreError::Damaged { path, reason },
        _ => StoreError::Io { path, reason },
    }
}

/// Files that a store of ours cannot be without are gone.
pub fn missing(path: &Path, file: &str) -> StoreError {
    StoreError::Damaged { path: path.to_owned(), reason: format!("{file} is missing") }
}

/// A write that failed. RocksDB appends it to a log and syncs that: what was not appended whole is never read again, what was not synced
/// is read by the next start.
pub fn writing(path: &Path, error: &rocksdb::Error) -> StoreError {
    match reading(path, error) {
        StoreError::Io { path, reason } if !is_certain(&path, &reason) => StoreError::InDoubt { path, reason },
        other => other,
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
