//! What was swapped and what was refused: lines of JSON in the state directory, newest last, which can be read without the host.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::files::private::{self, Lasting, PrivateError};
use crate::files::state_dir;

const FILE: &str = "plugin-history.jsonl";
/// Older lines go.
const LINES_MAX: usize = 1000;
/// A line has the reason of a refusal, in a plugin's words perhaps.
const BYTES_MAX: u64 = 64 << 20;

/// A history that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The state directory.
    #[error("state directory {}: {source}; name the collector's by --state-dir", path.display())]
    Missing {
        /// The directory.
        path: PathBuf,
        /// The operating system's words.
        source: io::Error,
    },
    /// Its file, or whose it is.
    #[error(transparent)]
    File(#[from] PrivateError),
}

/// The lines of a state directory; none where nothing was ever swapped. A line that does not read is left out.
pub fn read(directory: &Path) -> Result<Vec<Value>, HistoryError> {
    state_dir::look(directory).map_err(|error| match error {
        PrivateError::Io { path, source } => HistoryError::Missing { path, source },
        other => HistoryError::File(other),
    })?;
    let text = private::read(&directory.join(FILE), BYTES_MAX)?.unwrap_or_default();
    let lines = text.split(|byte| *byte == b'\n');
    Ok(lines.filter_map(|line| serde_json::from_slice(line).ok()).collect())
}

/// The history of the running host.
pub struct History {
    path: PathBuf,
    lines: VecDeque<Value>,
}

impl History {
    /// Goes on with what is there.
    pub fn open(state_dir: &Path) -> History {
        let lines = read(state_dir).unwrap_or_else(|error| {
            tracing::warn!("{error}; it begins anew");
            Vec::new()
        });
        History { path: state_dir.join(FILE), lines: lines.into() }
    }

    /// One more line. A disk that does not take it loses the line, and nothing else.
    pub fn add(&mut self, line: Value) {
        self.lines.push_back(line);
        while self.lines.len() > LINES_MAX {
            self.lines.pop_front();
        }
        let text: String = self.lines.iter().map(|line| format!("{line}\n")).collect();
        if let Err(error) = private::replace(&self.path, text.as_bytes(), Lasting::Unsynced) {
            tracing::warn!("the history of plugins cannot be written: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    #[test]
    fn the_newest_lines_are_kept_and_a_torn_one_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path()).unwrap(), Vec::<Value>::new());
        let mut history = History::open(folder.path());
        (0..LINES_MAX + 5).for_each(|number| history.add(json!({ "number": number })));
        let lines = read(folder.path()).unwrap();
        assert_eq!((lines.len(), &lines[0]), (LINES_MAX, &json!({"number": 5})));
        let path = folder.path().join(FILE);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.get(..text.len() - 4).unwrap()).unwrap();
        let mut history = History::open(folder.path());
        history.add(json!({"number": "last"}));
        let lines = read(folder.path()).unwrap();
        assert_eq!((lines.len(), lines.last()), (LINES_MAX, Some(&json!({"number": "last"}))));
    }
}
