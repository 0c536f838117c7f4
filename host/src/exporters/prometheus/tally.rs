//! How often each [`Note`] happened in one batch or answer, with a few examples.

use super::bounds::{TOLD_BYTES_MAX, TOLD_NAME_BYTES_MAX};
use super::note::Note;
use crate::exporters::escape::one_line;

/// How many examples one tally keeps.
const EXAMPLES_MAX: usize = 8;

/// How often each happened in one batch or answer, and what it was about.
#[derive(Debug, Default)]
pub struct Tally {
    /// In the order of [`Note::ALL`].
    pub counts: [u64; Note::ALL.len()],
    /// At most a few, each note and name once.
    pub examples: Vec<Example>,
}

/// What a note is about.
#[derive(Debug)]
pub struct Example {
    /// What happened.
    pub note: Note,
    /// The metric's name in the exposition.
    pub name: String,
    /// Who and what, in one line.
    pub text: String,
}

impl Tally {
    /// Counts so many more.
    pub fn add(&mut self, note: Note, count: u64) {
        if let Some(known) = self.counts.get_mut(note as usize) {
            *known += count;
        }
    }

    /// Keeps what a note is about, by the metric's name in the exposition: in one line each, and cut.
    pub fn explain(&mut self, note: Note, name: &str, text: impl FnOnce() -> String) {
        if self.examples.len() >= EXAMPLES_MAX {
            return;
        }
        let name = one_line(name, TOLD_NAME_BYTES_MAX);
        if !self.examples.iter().any(|example| example.note == note && example.name == name) {
            self.examples.push(Example { note, name, text: one_line(&text(), TOLD_BYTES_MAX) });
        }
    }

    /// How often something happened.
    #[cfg(test)]
    pub fn count(&self, note: Note) -> u64 {
        self.counts.get(note as usize).copied().unwrap_or(0)
    }
}
