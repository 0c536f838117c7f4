//! Where in which file something stands.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// A place in a file; displays as `file:line:column`, or as the file alone where no place in it is meant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Position {
    file: Arc<str>,
    mark: Option<(u32, u32)>,
}

impl Position {
    /// The file as a whole.
    pub(super) fn whole(file: Arc<str>) -> Self {
        Position { file, mark: None }
    }

    /// A file as a whole, by its path.
    pub(super) fn of(path: &Path) -> Self {
        Position::whole(path.display().to_string().into())
    }

    /// A place in the file; both numbers count characters and lines from one.
    pub(super) fn at(file: Arc<str>, line: u32, column: u32) -> Self {
        Position { file, mark: Some((line, column)) }
    }

    /// The file's path as it was given.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Line and column, from one; `None` when the file as a whole is meant.
    pub fn line_and_column(&self) -> Option<(u32, u32)> {
        self.mark
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mark {
            Some((line, column)) => write!(f, "{}:{line}:{column}", self.file),
            None => f.write_str(&self.file),
        }
    }
}
