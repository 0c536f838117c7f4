//! The state directory. After a power cut it is there with a whole store, or there was none.
//!
//! A name lasts only when its directory is synced. RocksDB syncs the names in its own folder; the folder's name, and those of
//! the directories that were made for it, are synced here, before the marker is written that says that the store is complete.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::files::private::{self, Lasting, PrivateError};

/// Written once a store is complete: with it, a directory without a database is damaged and not new.
const MARKER: &str = "otelier-store";

pub fn is_marked(directory: &Path) -> bool {
    directory.join(MARKER).exists()
}

/// Marks a directory with a complete store, for good.
pub fn mark(directory: &Path, format: &[u8]) -> Result<(), PrivateError> {
    let failed = |source| PrivateError::Io { path: directory.to_owned(), source };
    let directory = directory.canonicalize().map_err(failed)?;
    let device = fs::metadata(&directory).map_err(failed)?.dev();
    // Which of them are new is not known: a start before this one may have made them, and ended here. A file system's top
    // is not new, and what is above it belongs to others.
    let is_ours = |above: &&Path| fs::metadata(above).is_ok_and(|data| data.dev() == device);
    directory.ancestors().take_while(is_ours).try_for_each(sync_names).map_err(failed)?;
    private::replace(&directory.join(MARKER), format, Lasting::Synced)
}

fn sync_names(directory: &Path) -> io::Result<()> {
    match File::open(directory) {
        Ok(opened) => opened.sync_all(),
        // One that we may not read is not one that we have made.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(()),
        Err(error) => Err(error),
    }
}
