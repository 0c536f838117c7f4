//! Where something is wrong: every error is one line, `file:line:column: what to do`.
//!
//! All errors of a load are collected, so that a person repairs a file in one go.

use std::fmt;
use std::sync::Arc;

use super::problem::Problem;

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

/// One problem and its place.
#[derive(Debug, thiserror::Error)]
#[error("{position}: {problem}")]
pub struct Error {
    /// Where.
    pub position: Position,
    /// What.
    pub problem: Problem,
}

impl Error {
    pub(super) fn new(position: &Position, problem: Problem) -> Self {
        Error { position: position.clone(), problem }
    }
}

/// Every problem that was found, in the order of the files; displays one per line. Never empty.
#[derive(Debug)]
pub struct Errors(Vec<Error>);

impl Errors {
    /// `Err` if there are any problems, sorted by place within each file. For who gathers errors of several components.
    pub fn check(mut problems: Vec<Error>) -> Result<(), Errors> {
        if problems.is_empty() {
            return Ok(());
        }
        let mut files: Vec<Arc<str>> = Vec::new();
        for problem in &problems {
            if !files.contains(&problem.position.file) {
                files.push(problem.position.file.clone());
            }
        }
        problems.sort_by_key(|e| (files.iter().position(|file| *file == e.position.file), e.position.mark));
        Err(Errors(problems))
    }

    /// The problems one by one.
    pub fn iter(&self) -> std::slice::Iter<'_, Error> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a Errors {
    type Item = &'a Error;
    type IntoIter = std::slice::Iter<'a, Error>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl From<Error> for Errors {
    fn from(error: Error) -> Self {
        Errors(vec![error])
    }
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Errors {}
