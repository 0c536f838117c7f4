//! `output`: edits of rows that go on.

use super::Context;
use super::maxima::{DESCRIPTOR_BYTES_MAX, EDITS_MAX, VALUE_MAX};
use super::violation::Violation;
use crate::otlp::Strings;
use crate::otlp::columns::Bitmap;
use crate::otlp::edit::{Action, AttributeEdit, MetricEdit, When};
use crate::otlp::key::{self, Level};

/// A value, or one for each row.
#[derive(Debug)]
pub struct SetAttribute<'v> {
    /// The condition.
    pub when: When,
    /// As keys have them.
    pub values: Vec<&'v [u8]>,
    /// One for each row in question, unless there is one value for all.
    pub indices: Vec<u32>,
}

impl Context {
    /// `output.set-attribute`.
    pub fn set_attribute(
        &mut self,
        rows: Vec<u64>,
        attribute: (Level, String),
        set: SetAttribute<'_>,
    ) -> Result<(), Violation> {
        let SetAttribute { when, values, indices } = set;
        // A value that was read from this batch can be written back to it.
        let strings = self.batch.as_ref().map_or(Strings::Utf8, |batch| Strings::from(batch.invalid_utf8));
        let mut encoded = Vec::with_capacity(values.len());
        for value in values {
            if value.len() > VALUE_MAX {
                return Err(Violation::Value);
            }
            key::check_value(value, strings)?;
            let mut any_value = Vec::new();
            key::put_any_value(&mut any_value, value)?;
            self.charge(any_value.len() + size_of::<Box<[u8]>>())?;
            encoded.push(any_value.into_boxed_slice());
        }
        let rows = self.bitmap(rows)?;
        let fits = match indices.is_empty() {
            true => encoded.len() == 1 || rows.count() == 0,
            false => {
                let reaches = indices.iter().any(|index| *index as usize >= encoded.len());
                !reaches && indices.len() as u64 == rows.count()
            }
        };
        if !fits {
            return Err(Violation::Value);
        }
        self.charge(indices.len() * size_of::<u32>())?;
        self.edit_attribute(rows, attribute, Action::Set { when, values: encoded, indices })
    }

    /// `output.remove-attribute`.
    pub fn remove_attribute(&mut self, rows: Vec<u64>, attribute: (Level, String)) -> Result<(), Violation> {
        let rows = self.bitmap(rows)?;
        self.edit_attribute(rows, attribute, Action::Remove)
    }

    /// `output.rename-attribute`.
    pub fn rename_attribute(
        &mut self,
        rows: Vec<u64>,
        attribute: (Level, String),
        key: String,
    ) -> Result<(), Violation> {
        let rows = self.bitmap(rows)?;
        self.charge(key.len())?;
        self.edit_attribute(rows, attribute, Action::Rename(key.into_bytes().into()))
    }

    /// `output.copy-attribute`.
    pub fn copy_attribute(
        &mut self,
        rows: Vec<u64>,
        attribute: (Level, String),
        key: String,
        when: When,
    ) -> Result<(), Violation> {
        let rows = self.bitmap(rows)?;
        self.charge(key.len())?;
        self.edit_attribute(rows, attribute, Action::Copy { when, key: key.into_bytes().into() })
    }

    fn edit_attribute(&mut self, rows: Bitmap, (level, key): (Level, String), action: Action) -> Result<(), Violation> {
        if !matches!(level, Level::Resource | Level::Scope | Level::Item) {
            return Err(Violation::Metadata);
        }
        self.count_edit(key.len())?;
        let edit = AttributeEdit { level, key: key.into_bytes().into(), rows, action };
        self.output.edits.attributes.push(edit);
        Ok(())
    }

    fn count_edit(&mut self, bytes: usize) -> Result<(), Violation> {
        self.charge(bytes)?;
        let edits = &self.output.edits;
        if edits.attributes.len() + edits.metrics.len() >= EDITS_MAX { Err(Violation::Edits) } else { Ok(()) }
    }

    /// `output.edit-metric`.
    pub fn edit_metric(&mut self, edit: MetricEdit) -> Result<(), Violation> {
        self.rows()?;
        let known = self.projector.as_ref().is_some_and(|projector| projector.has_descriptor(edit.descriptor));
        if !known {
            return Err(Violation::InputDescriptor(edit.descriptor));
        }
        let text = edit.name.len() + edit.unit.len() + edit.description.len();
        if text > DESCRIPTOR_BYTES_MAX {
            return Err(Violation::Descriptors);
        }
        self.count_edit(text)?;
        self.output.edits.metrics.push(edit);
        Ok(())
    }
}
