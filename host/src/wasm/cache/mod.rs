//! Compiled plugins on disk, so that a start and a swap need not compile again.
//!
//! What lies there is derived and is never trusted for lying there: the directory and each file have to be this user's alone, and
//! a file counts only when its trailer names the plugin's contents, the compiler with its settings and the payload's hash.
//! Anything else is removed and compiled anew. No trouble with the cache is an error: without it plugins are compiled at every start.
//!
//! At most [`FILES_MAX`] files and [`BYTES_MAX`] bytes stay; a file's time of modification is when it was last used.

mod directory;
mod entry;

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use rustix::fs::OFlags;

use crate::files::state_dir::PLUGIN_CACHE;
use directory::DirectoryError;
pub use entry::{EntryError, Key, Verified};

/// The cache's directory below the state directory.
pub const FOLDER: &str = PLUGIN_CACHE;
/// Files that stay.
const FILES_MAX: usize = 64;
/// Bytes that stay, all files together.
const BYTES_MAX: u64 = 512 << 20;
/// A file that was not finished is left alone for this long: another process may be writing it.
const UNFINISHED_MAX: Duration = Duration::from_secs(3600);
const ENDING: &str = ".aot";
const UNFINISHED: &str = ".tmp";

/// Whether an entry was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It was, or never will be.
    Settled,
    /// The state directory does not exist yet.
    TooEarly,
}

/// A directory of compiled plugins.
#[derive(Debug)]
pub struct Cache {
    directory: PathBuf,
    /// Whether the log says that the cache does not work.
    told: AtomicBool,
    /// Of files being written, for their names.
    number: AtomicU64,
}

impl Cache {
    /// A cache in a directory, which is made when there is something to keep and its parent exists.
    pub fn new(directory: &Path) -> Cache {
        Cache { directory: directory.to_owned(), told: AtomicBool::new(false), number: AtomicU64::new(0) }
    }

    /// Looks a plugin up. What is found counts as used now; the file of an error is gone.
    pub fn get(&self, key: &Key) -> Result<Option<Verified>, EntryError> {
        match directory::check(&self.directory) {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            Err(error) => {
                self.tell(&error);
                return Ok(None);
            }
        }
        let file = match open(&self.directory.join(key.file_name())) {
            Ok(file) => own(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            // A link, most likely.
            Err(_) => Err(EntryError::Unreadable),
        };
        let verified = file.and_then(|file| entry::open(key, file, BYTES_MAX));
        verified.map(Some).inspect_err(|why| self.reject(key, *why))
    }

    /// Removes a file that cannot be used, and says so.
    pub fn reject(&self, key: &Key, why: EntryError) {
        let path = self.directory.join(key.file_name());
        tracing::warn!(file = %path.display(), "a compiled plugin in the cache is not used: {why}; it is removed and compiled anew");
        if let Err(error) = std::fs::remove_file(&path) {
            self.tell(&error.into());
        }
    }

    /// Keeps what a plugin was compiled to, and lets go of what was not used for longest.
    pub fn put(&self, key: &Key, payload: &[u8]) -> Kept {
        if payload.len() as u64 > BYTES_MAX / 2 {
            return Kept::Settled;
        }
        match directory::prepare(&self.directory) {
            Ok(true) => {}
            Ok(false) => return Kept::TooEarly,
            Err(error) => {
                self.tell(&error);
                return Kept::Settled;
            }
        }
        let written = self.write(key, payload).and_then(|()| self.prune(FILES_MAX, BYTES_MAX));
        if let Err(error) = written {
            self.tell(&error.into());
        }
        Kept::Settled
    }

    /// Under another name first: a file is never seen in part.
    fn write(&self, key: &Key, payload: &[u8]) -> io::Result<()> {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let unfinished = self.directory.join(format!("{}-{number}{UNFINISHED}", std::process::id()));
        let written = write_new(&unfinished, payload, &entry::trailer(key, payload))
            .and_then(|()| std::fs::rename(&unfinished, self.directory.join(key.file_name())));
        if written.is_err() {
            // There may be none.
            let _ = std::fs::remove_file(&unfinished);
        }
        written
    }

    /// Removes the files that were not used for longest, until no more than so many files and bytes are left.
    fn prune(&self, files_max: usize, bytes_max: u64) -> io::Result<()> {
        let mut entries = Vec::new();
        for entry in std::fs::read_dir(&self.directory)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            // Another process may have removed it meanwhile.
            let Ok(metadata) = entry.metadata() else { continue };
            let used = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            if name.ends_with(ENDING) {
                entries.push((used, metadata.len(), entry.path()));
            } else if name.ends_with(UNFINISHED) && used.elapsed().is_ok_and(|age| age > UNFINISHED_MAX) {
                std::fs::remove_file(entry.path())?;
            }
        }
        entries.sort_by(|a, b| b.cmp(a));
        let mut bytes = 0_u64;
        for (index, (_, length, path)) in entries.iter().enumerate() {
            bytes = bytes.saturating_add(*length);
            if index >= files_max || bytes > bytes_max {
                std::fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    fn tell(&self, error: &DirectoryError) {
        if !self.told.swap(true, Ordering::Relaxed) {
            tracing::warn!(directory = %self.directory.display(), "compiled plugins are not kept, so that each start compiles them again: {error}");
        }
    }
}

/// No link is followed, and nothing is waited for.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)
}

/// A file that nobody else can have written, used now.
fn own(file: File) -> Result<File, EntryError> {
    let metadata = file.metadata().map_err(|_| EntryError::Unreadable)?;
    if !directory::is_own(&metadata) {
        return Err(EntryError::Writable);
    }
    // On a disk that cannot be written to, it looks unused for longer than it was.
    let _ = file.set_modified(SystemTime::now());
    Ok(file)
}

fn write_new(path: &Path, payload: &[u8], trailer: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(payload)?;
    file.write_all(trailer)
}

#[cfg(test)]
mod tests;
