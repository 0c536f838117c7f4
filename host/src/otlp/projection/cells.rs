//! Columns of values: what `projection.value-of` declared, one value a row.

use super::item::{FieldValue, Item};
use super::keys::{Keys, metric_field, scope_field, scope_identity};
use crate::otlp::attribute::Attribute;
use crate::otlp::columns::Blob;
use crate::otlp::field::{Field, Place};
use crate::otlp::key::{self, Level};
use crate::otlp::keying::Source;
use crate::otlp::message::Message;
use crate::otlp::metrics::MetricHeader;
use crate::otlp::wire::Fault;

/// One column while it is filled.
#[derive(Debug, Default)]
pub struct Cell<'a> {
    source: Option<Source>,
    /// The value that every item has until the level changes, encoded.
    shared: Vec<u8>,
    /// The attribute of the item at hand.
    own: Option<&'a [u8]>,
}

/// All columns of values of one pass over a request.
pub struct Cells<'a> {
    cells: Vec<Cell<'a>>,
    columns: Vec<Blob>,
    /// What is left of the bytes that values may take.
    bytes: usize,
    is_empty: bool,
}

impl<'a> Cells<'a> {
    /// Before the first resource. A column without a source stays empty.
    pub fn new(sources: &[Option<Source>], bytes: usize) -> Cells<'a> {
        let cell = |source: &Option<Source>| Cell { source: source.clone(), ..Cell::default() };
        let columns = sources.iter().map(|_| Blob::default()).collect();
        let is_empty = sources.iter().all(Option::is_none);
        Cells { cells: sources.iter().map(cell).collect(), columns, bytes, is_empty }
    }

    /// Whether nothing is filled.
    #[inline(always)]
    pub fn are_empty(&self) -> bool {
        self.is_empty
    }

    /// The filled columns.
    pub fn into_columns(self) -> Vec<Blob> {
        self.columns
    }

    /// A resource began.
    pub fn resource(&mut self, keys: &Keys<'_, 'a>) -> Result<(), Fault> {
        self.share(Level::Resource, &keys.resource)
    }

    /// A scope began.
    pub fn scope(&mut self, scope: &Message<'a>, keys: &Keys<'_, 'a>) -> Result<(), Fault> {
        self.share(Level::Scope, &keys.scope_attributes)?;
        let (name, version) = scope_identity(scope)?;
        self.share_fields(Place::Scope, |field| scope_field(field, name, version))
    }

    /// A metric began.
    pub fn metric(&mut self, metric: &MetricHeader<'a>) -> Result<(), Fault> {
        self.share_fields(Place::Metric, |field| metric_field(field, metric))
    }

    /// The values that items get from the attributes around them; of a repeated one the last counts.
    fn share(&mut self, level: Level, attributes: &[Attribute<'a>]) -> Result<(), Fault> {
        for cell in &mut self.cells {
            let Some(Source::Attribute(at, name)) = &cell.source else { continue };
            if *at != level {
                continue;
            }
            cell.shared.clear();
            if let Some(attribute) = attributes.iter().rev().find(|attribute| attribute.key == name) {
                key::put_value(&mut cell.shared, &attribute.value()?)?;
            }
        }
        Ok(())
    }

    fn share_fields<'f>(&mut self, place: Place, value: impl Fn(Field) -> FieldValue<'f, 'f>) -> Result<(), Fault> {
        for cell in &mut self.cells {
            let Some(Source::Field(field)) = cell.source else { continue };
            let stands = match place {
                Place::Scope => matches!(field, Field::ScopeName | Field::ScopeVersion),
                Place::Metric => matches!(field, Field::Name | Field::Unit),
                Place::Item => false,
            };
            if stands {
                cell.shared.clear();
                value(field).write(&mut cell.shared)?;
            }
        }
        Ok(())
    }

    /// An attribute of the item at hand.
    #[inline(always)]
    pub fn attribute(&mut self, key: &'a [u8], raw: &'a [u8]) {
        if self.is_empty {
            return;
        }
        for cell in &mut self.cells {
            if let Some(Source::Attribute(Level::Item, name)) = &cell.source
                && name == key
            {
                cell.own = Some(raw);
            }
        }
    }

    /// The item at hand ends.
    #[inline]
    pub fn item(&mut self, item: &Item<'_, 'a>) -> Result<(), Fault> {
        let filled = |(cell, _): &(&mut Cell<'a>, &mut Blob)| cell.source.is_some();
        for (cell, column) in self.cells.iter_mut().zip(&mut self.columns).filter(filled) {
            let before = column.bytes.len();
            match (&cell.source, cell.own.take()) {
                (_, Some(raw)) => key::put_value(&mut column.bytes, &Attribute { key: &[], raw }.value()?)?,
                (Some(Source::Field(field)), None) if item.place(*field) == Some(Place::Item) => {
                    item.field(*field).write(&mut column.bytes)?;
                }
                _ => column.bytes.extend_from_slice(&cell.shared),
            }
            column.end();
            let Some(left) = self.bytes.checked_sub(column.bytes.len() - before) else {
                let (raw, _) = item.attributes();
                return Err(Fault::at(raw, "what a plugin reads of this request is too large: send smaller requests"));
            };
            self.bytes = left;
        }
        Ok(())
    }
}
