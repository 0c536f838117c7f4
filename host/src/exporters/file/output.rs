//! One open file. Only whole messages are in it: what a write that failed has left is cut off, at the latest before the next one.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::directory;
use super::frame::Framing;
use super::tail::{Tail, tail};

/// A file that a batch could not be written to.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// It could not be opened.
    #[error("cannot open {path}: {source}{}", remedy(source))]
    Open { path: String, source: io::Error },
    /// It holds something else.
    #[error(
        "{path} holds {found}, so nothing is added: move it away, or choose the `format` and `compression` that it has"
    )]
    Foreign { path: String, found: &'static str },
    /// Two writers would damage each other's messages.
    #[error("{path} is locked: another exporter or process writes to it; give each a `path` of its own")]
    Locked { path: String },
    /// It could not be written.
    #[error("cannot write {path}: {source}{}", remedy(source))]
    Write { path: String, source: io::Error },
    /// It could not be synced.
    #[error("cannot sync {path}: {source}{}", remedy(source))]
    Sync { path: String, source: io::Error },
    /// It could not be rotated.
    #[error("cannot rotate {path}: {source}{}", remedy(source))]
    Rotate { path: String, source: io::Error },
}

impl OutputError {
    /// Whether it is the name that cannot be, whatever people do to the disk.
    pub fn is_of_name(&self) -> bool {
        let source = match self {
            OutputError::Open { source, .. } => source,
            OutputError::Foreign { .. } | OutputError::Locked { .. } => return true,
            _ => return false,
        };
        // A file where a directory would have to be is there already.
        let of_name =
            [ErrorKind::IsADirectory, ErrorKind::NotADirectory, ErrorKind::AlreadyExists, ErrorKind::InvalidFilename];
        of_name.contains(&source.kind())
    }
}

/// What to do about it, behind the system's words.
fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::NotFound => "; make the directory, or write `create_directory: true`",
        ErrorKind::PermissionDenied => "; let the user of this process write there",
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "; make room, the batch is kept and tried again",
        ErrorKind::ReadOnlyFilesystem => "; mount it writable, or choose another `path`",
        ErrorKind::IsADirectory => "; `path` names a file",
        _ => "",
    }
}

/// How files are opened.
#[derive(Debug, Clone)]
pub struct Opening {
    /// How messages are divided.
    pub framing: Framing,
    /// The mode of directories that are made, where any are.
    pub directory_mode: Option<u32>,
    /// Whether a new name has to be on the disk.
    pub sync_names: bool,
}

/// An open file.
#[derive(Debug)]
pub struct Output {
    path: PathBuf,
    file: File,
    /// A pipe or a device has no length, and nothing of it can be taken back.
    is_regular: bool,
    identity: (u64, u64),
    /// Where a message begins that is not whole.
    torn: Option<u64>,
    /// How long it was when it was last synced, or opened.
    synced: u64,
    /// Whether anything was written since.
    pub is_dirty: bool,
    /// Why nobody knows what is on the disk of what was written since: the system tells of a sync that failed once, and then no more.
    in_doubt: Option<io::ErrorKind>,
    /// When it was last written to, in writes of all files.
    pub used: u64,
}

impl Output {
    /// Opens a file, and mends its end. Returns how many bytes were cut off as well.
    pub fn open(path: &Path, is_emptied: bool, opening: &Opening) -> Result<(Output, u64), OutputError> {
        let failed = |source| OutputError::Open { path: path.display().to_string(), source };
        if let (Some(mode), Some(parent)) = (opening.directory_mode, path.parent()) {
            directory::make(parent, mode).map_err(failed)?;
        }
        let is_new = !path.try_exists().map_err(failed)?;
        let file = opened(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        let is_regular = metadata.is_file();
        if is_regular {
            match file.try_lock() {
                Err(TryLockError::WouldBlock) => return Err(OutputError::Locked { path: path.display().to_string() }),
                // Some file systems have no locks.
                Ok(()) | Err(TryLockError::Error(_)) => {}
            }
        }
        if is_new {
            directory::share(&file).map_err(failed)?;
            if opening.sync_names {
                directory::sync_names(path).map_err(failed)?;
            }
        }
        let identity = (metadata.dev(), metadata.ino());
        let mut output = Output {
            path: path.to_owned(),
            file,
            is_regular,
            identity,
            torn: None,
            synced: 0,
            is_dirty: false,
            in_doubt: None,
            used: 0,
        };
        let cut = if is_regular { output.begin(is_emptied, opening.framing)? } else { 0 };
        Ok((output, cut))
    }

    /// Empties the file, or mends its end. Returns how many bytes were cut off for being no message.
    fn begin(&mut self, is_emptied: bool, framing: Framing) -> Result<u64, OutputError> {
        let length = self.length()?;
        let mut cut = 0;
        if is_emptied {
            self.file.set_len(0).map_err(|source| self.cannot_write(source))?;
            self.is_dirty = length > 0;
        } else {
            // Only what is there has an end to look at, and a file may be writable without being readable.
            let end = match length {
                0 => Ok(Tail::Whole),
                _ => File::open(&self.path).and_then(|reading| tail(&reading, length, framing)),
            };
            match end.map_err(|source| OutputError::Open { path: self.path.display().to_string(), source })? {
                Tail::Whole => {}
                Tail::Unended => self.append(b"\n")?,
                Tail::Torn { from } => {
                    self.file.set_len(from).map_err(|source| self.cannot_write(source))?;
                    tracing::warn!(file = %self.path.display(), offset = from, bytes = length - from, "the last message was not whole and is cut off; what was not settled is written again");
                    (cut, self.is_dirty) = (length - from, true);
                }
                Tail::Foreign(found) => {
                    return Err(OutputError::Foreign { path: self.path.display().to_string(), found });
                }
            }
        }
        self.synced = self.length()?;
        Ok(cut)
    }

    /// Whether its name still leads to it: somebody may have moved or removed it.
    pub fn is_in_place(&self) -> bool {
        !self.is_regular || fs::metadata(&self.path).is_ok_and(|there| (there.dev(), there.ino()) == self.identity)
    }

    /// How long it is; of what is no file 0.
    pub fn length(&self) -> Result<u64, OutputError> {
        if !self.is_regular {
            return Ok(0);
        }
        self.file.metadata().map(|metadata| metadata.len()).map_err(|source| self.cannot_write(source))
    }

    /// Writes a whole message or nothing.
    pub fn append(&mut self, message: &[u8]) -> Result<(), OutputError> {
        self.mend()?;
        let before = self.length()?;
        self.is_dirty = true;
        let written = self.file.write_all(message);
        written.map_err(|source| {
            self.take_back(before);
            self.cannot_write(source)
        })
    }

    /// Cuts off what was written behind `length`.
    pub fn take_back(&mut self, length: u64) {
        if self.is_regular && self.file.set_len(length).is_err() {
            self.torn = Some(self.torn.map_or(length, |torn| torn.min(length)));
        }
    }

    fn mend(&mut self) -> Result<(), OutputError> {
        let Some(torn) = self.torn else { return Ok(()) };
        if self.length()? > torn {
            self.file.set_len(torn).map_err(|source| self.cannot_write(source))?;
        }
        self.torn = None;
        Ok(())
    }

    /// Makes sure that everything in it is on the disk. Once that has failed, it fails until the doubt is over.
    pub fn sync(&mut self) -> Result<(), OutputError> {
        if self.is_dirty && self.is_regular {
            let synced = match self.in_doubt {
                Some(kind) => Err(kind.into()),
                None => self.file.sync_data(),
            };
            if let Err(source) = synced {
                self.in_doubt = Some(source.kind());
                return Err(OutputError::Sync { path: self.path.display().to_string(), source });
            }
        }
        self.is_dirty = false;
        self.synced = self.length()?;
        Ok(())
    }

    /// Ends the doubt after a sync that failed: what it was to make safe is taken back, because it is written again, or left as it is.
    pub fn end_doubt(&mut self, is_taken_back: bool) {
        self.in_doubt = None;
        if is_taken_back {
            self.take_back(self.synced);
        }
    }

    fn cannot_write(&self, source: io::Error) -> OutputError {
        OutputError::Write { path: self.path.display().to_string(), source }
    }
}

/// Whatever else writes to the file or shortens it, a message goes to its end.
fn opened(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}
