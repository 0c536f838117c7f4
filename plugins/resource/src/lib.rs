//! Inserts, updates, deletes, hashes, extracts, converts, renames and copies attributes of resources.
//!
//! What actions do and what they cost is in `plugin_common::editing`.

#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

use otelier_sdk::{Batch, Declare, Failure, Processor, Signal};
use plugin_common::editing::config::{AttributeLevel, ConfiguredAction, resolve};
use plugin_common::editing::editor::Editor;
use serde::Deserialize;

/// A dictionary makes room when it has more entries.
const ENTRIES_MAX: usize = 1 << 16;

/// What the component's configuration holds; README.md says what each field means.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    attributes: Vec<ConfiguredAction>,
}

/// The processor.
#[derive(Debug)]
pub struct Resource {
    editor: Editor,
}

impl Processor for Resource {
    type Config = Config;

    fn describe(config: Config, signal: Signal, declare: &mut Declare<'_>) -> Result<Resource, Failure> {
        let actions = resolve("attributes", config.attributes, AttributeLevel::Resource)?;
        Ok(Resource { editor: Editor::declared(actions, None, signal, ENTRIES_MAX, declare) })
    }

    fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), Failure> {
        self.editor.process(batch)
    }
}

otelier_sdk::export!(Resource);

#[cfg(test)]
mod tests;
