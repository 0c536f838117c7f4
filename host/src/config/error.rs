//! Where something is wrong: every error is one line, `file:line:column: what to do`.
//!
//! All errors of a load are collected, so that a person repairs a file in one go.

use std::fmt;

use super::position::Position;
use super::problem::Problem;

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
        let mut files: Vec<String> = Vec::new();
        for problem in &problems {
            let file = problem.position.file();
            if !files.iter().any(|known| known == file) {
                files.push(file.to_owned());
            }
        }
        let file = |position: &Position| files.iter().position(|known| known == position.file());
        problems.sort_by_key(|error| (file(&error.position), error.position.line_and_column()));
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
