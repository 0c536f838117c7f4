//! Inserts, updates, deletes, hashes, extracts, converts, renames and copies attributes of points, spans and log records.
//!
//! What actions do and what they cost is in `plugin_common::editing`, which items are edited in `plugin_common::criteria`.

#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

mod config;

use otelier_sdk::{Batch, Declare, Failure, Processor, Signal, Start};
use plugin_common::editing::editor::Editor;

pub use config::Config;

/// A dictionary makes room when it has more entries.
const ENTRIES_MAX: usize = if cfg!(test) { 6 } else { 1 << 16 };

/// The processor.
#[derive(Debug)]
pub struct Attributes {
    editor: Editor,
    /// What of the configuration has no effect.
    notes: Vec<String>,
}

impl Processor for Attributes {
    type Config = Config;

    fn describe(config: Config, signal: Signal, declare: &mut Declare<'_>) -> Result<Attributes, Failure> {
        let config::Resolved { actions, criteria, notes } = config.resolve(signal)?;
        Ok(Attributes { editor: Editor::declared(actions, criteria, signal, ENTRIES_MAX, declare), notes })
    }

    fn start(&mut self, start: &mut Start<'_>) -> Result<(), Failure> {
        self.notes.drain(..).for_each(|note| start.log().warn(&note));
        Ok(())
    }

    fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), Failure> {
        self.editor.process(batch)
    }
}

otelier_sdk::export!(Attributes);

#[cfg(test)]
mod tests;
