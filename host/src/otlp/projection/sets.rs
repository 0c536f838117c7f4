//! All attributes of a level, for a plugin that does not know their keys before: each resource's, scope's or item's once, and its number at
//! every row. An attribute takes a few times its bytes in the request at the most, and a row eight bytes more.

use super::item::Item;
use crate::otlp::attribute::{Attribute, attributes};
use crate::otlp::columns::AttributeSets;
use crate::otlp::key::{self, Level};
use crate::otlp::message::Message;
use crate::otlp::wire::Fault;

/// What is handed over of one pass over a request.
#[derive(Debug, Default)]
pub struct Sets {
    is_wanted: [bool; 3],
    columns: [AttributeSets; 3],
}

impl Sets {
    /// For these of the levels.
    pub fn new(is_wanted: [bool; 3]) -> Sets {
        Sets { is_wanted, ..Sets::default() }
    }

    /// Whether nothing is filled.
    #[inline(always)]
    pub fn are_empty(&self) -> bool {
        self.is_wanted == [false; 3]
    }

    /// The filled columns.
    pub fn into_columns(self) -> [AttributeSets; 3] {
        self.columns
    }

    /// A resource or a scope begins.
    pub fn begin(&mut self, level: Level, attributes: &[Attribute<'_>]) -> Result<(), Fault> {
        match self.wanted(level) {
            Some(column) => add(column, attributes.to_vec()),
            None => Ok(()),
        }
    }

    /// The item at hand ends.
    pub fn item(&mut self, item: &Item<'_, '_>) -> Result<(), Fault> {
        if let Some(column) = self.wanted(Level::Item) {
            let (raw, number) = item.attributes();
            add(column, attributes(&Message::whole(raw), number)?)?;
        }
        for (column, _) in self.columns.iter_mut().zip(self.is_wanted).filter(|(_, is_wanted)| *is_wanted) {
            column.numbers.push((column.sets.ends.len() as u32).saturating_sub(1));
        }
        Ok(())
    }

    fn wanted(&mut self, level: Level) -> Option<&mut AttributeSets> {
        let place = place(level)?;
        let is_wanted = self.is_wanted.get(place).copied().unwrap_or_default();
        self.columns.get_mut(place).filter(|_| is_wanted)
    }
}

/// Where a level's column is.
pub fn place(level: Level) -> Option<usize> {
    match level {
        Level::Resource => Some(0),
        Level::Scope => Some(1),
        Level::Item => Some(2),
        _ => None,
    }
}

fn add(column: &mut AttributeSets, attributes: Vec<Attribute<'_>>) -> Result<(), Fault> {
    key::put_attributes(&mut column.sets.bytes, attributes)?;
    column.sets.end();
    Ok(())
}
