//! Edits that a call asked for.

use crate::{Attribute, Bitmap, Blob, When};

/// One edit, as the contract has it.
#[derive(Debug, Clone, PartialEq)]
pub enum Edit {
    /// `output.set-attribute`.
    Set {
        /// Which rows.
        rows: Bitmap,
        /// What.
        attribute: Attribute,
        /// On which condition.
        when: When,
        /// Encoded values.
        values: Blob,
        /// One for each row, where there is more than one value.
        indices: Vec<u32>,
    },
    /// `output.remove-attribute`.
    Remove {
        /// Which rows.
        rows: Bitmap,
        /// What.
        attribute: Attribute,
    },
    /// `output.rename-attribute`.
    Rename {
        /// Which rows.
        rows: Bitmap,
        /// What.
        attribute: Attribute,
        /// The new key.
        key: String,
    },
    /// `output.edit-metric`.
    Metric {
        /// Which metrics of the batch.
        descriptor: u32,
        /// The new name.
        name: String,
        /// The new unit.
        unit: String,
        /// The new description.
        description: String,
    },
}
