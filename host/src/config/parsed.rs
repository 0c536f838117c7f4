//! A configuration's tree on its way from texts to a meaning, with what is wrong so far.

use std::collections::HashSet;

use super::error::Error;
use super::node::Node;
use super::position::Position;
use super::warning::Warning;

/// A tree, as far as there is one, and what is wrong with it so far.
pub(super) struct Parsed {
    pub file: Position,
    pub root: Option<Node>,
    pub problems: Vec<Error>,
    pub warnings: Vec<Warning>,
    /// Where the text itself is wrong. What is said about such a place later only follows from that.
    pub spoilt: HashSet<Position>,
}

impl Parsed {
    /// Of a file of which nothing is known yet.
    pub fn nothing(file: Position) -> Self {
        Parsed { file, root: None, problems: Vec::new(), warnings: Vec::new(), spoilt: HashSet::new() }
    }

    /// Adds what is wrong, but for places where the text itself is.
    pub fn add(&mut self, mut problems: Vec<Error>) {
        problems.retain(|error| !self.spoilt.contains(&error.position));
        self.problems.append(&mut problems);
    }
}
