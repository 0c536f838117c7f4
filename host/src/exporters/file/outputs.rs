//! All files of one exporter: which are open, which is written to next, and when one is rotated.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::config::Rotation;
use super::directory;
use super::output::{Opening, Output, OutputError};
use super::rotation;
use crate::telemetry::Counter;

/// Files that are remembered as begun, so that they are emptied once. Beyond that a file keeps what it has.
const BEGUN_MAX: usize = 100_000;

/// What the files of an exporter have in common.
pub struct Settings {
    /// Whether what stands in a file stays when it is opened for the first time.
    pub append: bool,
    /// When a file is rotated.
    pub rotation: Option<Rotation>,
    /// Files that are open at a time.
    pub open_max: usize,
    /// How they are opened.
    pub opening: Opening,
    /// Whether a file is synced before it is closed.
    pub syncs: bool,
    /// Synced files.
    pub synced: Counter,
    /// Files whose end was mended.
    pub mended: Counter,
}

/// Where a message was written: for taking it back.
#[derive(Debug)]
pub struct Mark {
    /// The file.
    pub path: PathBuf,
    before: u64,
    /// Which opening of it.
    opened: u64,
}

/// The files.
pub struct Outputs {
    settings: Settings,
    open: HashMap<PathBuf, (u64, Output)>,
    begun: HashSet<u64>,
    hasher: RandomState,
    ticks: u64,
}

impl Outputs {
    /// None is open yet.
    pub fn new(settings: Settings) -> Outputs {
        Outputs { settings, open: HashMap::new(), begun: HashSet::new(), hasher: RandomState::new(), ticks: 0 }
    }

    /// Opens a file, unless it is.
    pub fn open(&mut self, path: &Path) -> Result<(), OutputError> {
        if self.open.get(path).is_some_and(|(_, output)| output.is_in_place()) {
            return Ok(());
        }
        // What was moved away is whole, and may still be read.
        if let Some((_, output)) = self.open.get_mut(path) {
            close(output, &self.settings)?;
            self.open.remove(path);
        }
        self.make_room()?;
        let key = self.hasher.hash_one(path);
        let is_emptied = !self.settings.append && self.begun.len() < BEGUN_MAX && !self.begun.contains(&key);
        let (output, cut) = Output::open(path, is_emptied, &self.settings.opening)?;
        if cut > 0 {
            self.settings.mended.add(1);
        }
        if !self.settings.append && self.begun.len() < BEGUN_MAX {
            self.begun.insert(key);
        }
        self.ticks += 1;
        self.open.insert(path.to_owned(), (self.ticks, output));
        if let Some(rotation) = &self.settings.rotation {
            rotation::clean(path, rotation, Timestamp::now());
        }
        Ok(())
    }

    /// Closes the file that was not written to for the longest time, where as many are open as may be.
    fn make_room(&mut self) -> Result<(), OutputError> {
        while self.open.len() >= self.settings.open_max {
            let oldest = self.open.iter().min_by_key(|(_, (_, output))| output.used);
            let Some(path) = oldest.map(|(path, _)| path.clone()) else { break };
            if let Some((_, output)) = self.open.get_mut(&path) {
                close(output, &self.settings)?;
            }
            self.open.remove(&path);
        }
        Ok(())
    }

    /// Writes a message to the end of a file.
    pub fn append(&mut self, path: &Path, message: &[u8]) -> Result<Mark, OutputError> {
        self.open(path)?;
        self.rotate(path, message.len() as u64)?;
        self.ticks += 1;
        let ticks = self.ticks;
        let Some((opened, output)) = self.open.get_mut(path) else {
            return Err(not_open(path));
        };
        let before = output.length()?;
        output.used = ticks;
        output.append(message)?;
        Ok(Mark { path: path.to_owned(), before, opened: *opened })
    }

    /// Begins a new file where the message would make this one too large.
    fn rotate(&mut self, path: &Path, more: u64) -> Result<(), OutputError> {
        let Some(rotation) = self.settings.rotation.clone() else { return Ok(()) };
        let Some((_, output)) = self.open.get_mut(path) else { return Ok(()) };
        let length = output.length()?;
        if length == 0 || length.saturating_add(more) <= rotation.size_max() {
            return Ok(());
        }
        close(output, &self.settings)?;
        let failed = |source| OutputError::Rotate { path: path.display().to_string(), source };
        let now = Timestamp::now();
        let name = rotation::rotate(path, &rotation, now).map_err(failed)?;
        self.open.remove(path);
        if self.settings.opening.sync_names {
            directory::sync_names(path).map_err(failed)?;
        }
        tracing::debug!(file = %path.display(), rotated = %name.display(), "a file is rotated");
        self.open(path)
    }

    /// Takes messages back, the last ones first, as far as their files are still open.
    pub fn take_back(&mut self, marks: Vec<Mark>) {
        for Mark { path, before, opened } in marks.into_iter().rev() {
            if let Some((_, output)) = self.open.get_mut(&path).filter(|(number, _)| *number == opened) {
                output.take_back(before);
            }
        }
    }

    /// Whether anything is not synced.
    pub fn is_dirty(&self) -> bool {
        self.open.values().any(|(_, output)| output.is_dirty)
    }

    /// Syncs what was written. Where that fails and `is_taken_back`, what was written since the last time is taken back. Returns the files
    /// of which that is so, and why.
    pub fn sync(&mut self, is_taken_back: bool) -> HashMap<PathBuf, OutputError> {
        let mut failed = HashMap::new();
        for (path, (_, output)) in self.open.iter_mut().filter(|(_, (_, output))| output.is_dirty) {
            match output.sync() {
                Ok(()) => self.settings.synced.add(1),
                Err(error) => {
                    output.end_doubt(is_taken_back);
                    failed.insert(path.clone(), error);
                }
            }
        }
        failed
    }
}

fn close(output: &mut Output, settings: &Settings) -> Result<(), OutputError> {
    if settings.syncs && output.is_dirty {
        output.sync()?;
        settings.synced.add(1);
    }
    Ok(())
}

fn not_open(path: &Path) -> OutputError {
    OutputError::Open { path: path.display().to_string(), source: std::io::ErrorKind::NotFound.into() }
}
