//! What a database's logs and its manifest look like, before RocksDB reads them.
//!
//! RocksDB alone would pass over some damage, losing what was acknowledged, and refuse some of what a power cut leaves.

use std::fs;
use std::path::{Path, PathBuf};

use super::StoreError;
use super::log_file::{self, Ending};

/// How a database may be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// What does not read is damage.
    Sound,
    /// The last write to the last log is torn. It was never acknowledged: everything before it is all there is.
    Torn,
}

/// Looks at the logs and the manifest of the database in a folder.
pub fn inspect(database: &Path) -> Result<Finding, StoreError> {
    if !database.join("CURRENT").exists() {
        // There is no database yet.
        return Ok(Finding::Sound);
    }
    inspect_manifest(database)?;
    inspect_logs(database)
}

fn inspect_manifest(database: &Path) -> Result<(), StoreError> {
    let current = read(database, &database.join("CURRENT"))?;
    let name = String::from_utf8_lossy(&current);
    let name = name.trim_end();
    let path = database.join(name);
    if !name.starts_with("MANIFEST-") || !path.is_file() {
        let reason = format!("CURRENT names the manifest `{}`, which is not there", name.escape_debug());
        return Err(StoreError::Damaged { path: database.to_owned(), reason });
    }
    match ending_of(database, &path)? {
        // RocksDB knows no torn manifest.
        (Ending::Zeros { at } | Ending::Unreadable { at }, length) => Err(torn(&path, at, length)),
        _ => Ok(()),
    }
}

fn inspect_logs(database: &Path) -> Result<Finding, StoreError> {
    let mut endings = Vec::new();
    for path in logs(database)? {
        let (ending, length) = ending_of(database, &path)?;
        if length > 0 {
            endings.push((path, ending, length));
        }
    }
    let Some((path, last, length)) = endings.pop() else {
        return Ok(Finding::Sound);
    };
    match last {
        Ending::Unreadable { at } => Err(torn(&path, at, length)),
        // Of a log that has a successor RocksDB must not pass over anything.
        Ending::Zeros { .. } if endings.iter().all(|(_, ending, _)| *ending == Ending::Whole) => Ok(Finding::Torn),
        _ => Ok(Finding::Sound),
    }
}

/// The logs, the oldest first.
fn logs(database: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let unreadable = |error: std::io::Error| StoreError::Io { path: database.to_owned(), reason: error.to_string() };
    let mut logs = Vec::new();
    for entry in fs::read_dir(database).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let number = |stem: &str| stem.parse::<u64>().ok();
        let is_log = path.extension().is_some_and(|ending| ending == "log");
        if let Some(number) = path.file_stem().and_then(|stem| number(stem.to_str()?)).filter(|_| is_log) {
            logs.push((number, path));
        }
    }
    logs.sort();
    Ok(logs.into_iter().map(|(_, path)| path).collect())
}

/// How a file ends, and its length. Damage is an error.
fn ending_of(database: &Path, path: &Path) -> Result<(Ending, usize), StoreError> {
    let file = read(database, path)?;
    let ending = log_file::ending(&file);
    if let Ending::Damaged { at } = ending {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let reason = format!("{name} does not read at byte {at}, and goes on behind it");
        return Err(StoreError::Damaged { path: database.to_owned(), reason });
    }
    Ok((ending, file.len()))
}

fn torn(path: &Path, at: usize, length: usize) -> StoreError {
    StoreError::Torn { path: path.to_owned(), at, length }
}

fn read(database: &Path, path: &Path) -> Result<Vec<u8>, StoreError> {
    let unreadable =
        |error| StoreError::Io { path: database.to_owned(), reason: format!("{}: {error}", path.display()) };
    fs::read(path).map_err(unreadable)
}
