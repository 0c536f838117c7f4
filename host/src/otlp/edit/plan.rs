//! What is asked for, ready to be looked up by row.

use std::collections::HashMap;
use std::hash::Hash;

use super::edits::{Action, AttributeEdit, Edits, FieldEdit, MetricEdit};
use super::fields::{GivenFields, Settable};
use crate::contract::Signal;
use crate::otlp::columns::{Bitmap, Layout};
use crate::otlp::key::Level;

/// One edit that applies to a row: which one, and which of its values.
pub type Step = (u32, u32);

/// Which edits of a level the kept rows of a stretch get.
#[derive(Debug, PartialEq, Eq)]
pub enum Alike {
    /// All of them these; none at all where empty.
    Same(Vec<Step>),
    /// Not all the same.
    Mixed,
}

/// All edits of a call.
pub struct Plan<'e> {
    pub signal: Signal,
    pub layout: &'e Layout,
    pub removed: &'e Bitmap,
    pub edits: &'e Edits,
    /// By edit: which value each row gets.
    values: Vec<Values>,
    /// The edits of each level, by number.
    resource: Vec<u32>,
    scope: Vec<u32>,
    item: Vec<u32>,
    /// The edits of fields that items of the signal have.
    fields: Vec<PlannedField<'e>>,
}

/// An edit of a field.
struct PlannedField<'e> {
    settable: Settable,
    edit: &'e FieldEdit,
    values: Values,
}

impl<'e> PlannedField<'e> {
    fn new(signal: Signal, edit: &'e FieldEdit) -> Option<PlannedField<'e>> {
        let values = Values::new(&edit.rows, &edit.indices);
        Some(PlannedField { settable: Settable::of(edit.field, signal)?, edit, values })
    }
}

impl<'e> Plan<'e> {
    /// Looks at all edits once.
    pub fn new(signal: Signal, layout: &'e Layout, removed: &'e Bitmap, edits: &'e Edits) -> Plan<'e> {
        let of = |level| {
            let wanted = |(index, edit): (usize, &AttributeEdit)| (edit.level == level).then_some(index as u32);
            edits.attributes.iter().enumerate().filter_map(wanted).collect()
        };
        Plan {
            signal,
            layout,
            removed,
            edits,
            values: edits.attributes.iter().map(Values::of_attribute).collect(),
            resource: of(Level::Resource),
            scope: of(Level::Scope),
            item: of(Level::Item),
            fields: edits.fields.iter().filter_map(|edit| PlannedField::new(signal, edit)).collect(),
        }
    }

    /// The edit of that number.
    pub fn edit(&self, number: u32) -> Option<&'e AttributeEdit> {
        self.edits.attributes.get(number as usize)
    }

    /// The other texts of a metric.
    pub fn metric(&self, descriptor: u32) -> Option<&'e MetricEdit> {
        self.edits.metrics.iter().rev().find(|edit| edit.descriptor == descriptor)
    }

    /// How many edits are looked at where it is asked what happens to a resource, scope or metric.
    pub fn looks(&self) -> usize {
        self.edits.len()
    }

    /// Whether anything happens to rows of [first, end), to what encloses them, or to metrics.
    pub fn touches(&self, first: usize, end: usize) -> bool {
        !self.edits.metrics.is_empty() || self.touches_rows(first, end)
    }

    /// Whether anything happens to rows of [first, end) or to what encloses them.
    pub fn touches_rows(&self, first: usize, end: usize) -> bool {
        let of_attributes = || self.edits.attributes.iter().any(|edit| edit.rows.has_any(first, end));
        self.removed.has_any(first, end) || of_attributes() || self.touches_fields(first, end)
    }

    /// Whether rows of [first, end) are removed or edited themselves.
    pub fn touches_items(&self, first: usize, end: usize) -> bool {
        let edits = || self.item.iter().filter_map(|number| self.edit(*number));
        let of_attributes = || edits().any(|edit| edit.rows.has_any(first, end));
        self.removed.has_any(first, end) || of_attributes() || self.touches_fields(first, end)
    }

    /// Whether fields of rows of [first, end) are set.
    fn touches_fields(&self, first: usize, end: usize) -> bool {
        self.fields.iter().any(|field| field.edit.rows.has_any(first, end))
    }

    /// The fields that a row is given, into `given`.
    #[inline]
    pub fn given(&self, row: usize, given: &mut GivenFields<'e>) {
        given.clear();
        for PlannedField { settable, edit, values } in &self.fields {
            if edit.rows.get(row)
                && let Some(value) = edit.values.get(values.of(&edit.rows, &edit.indices, row) as usize)
            {
                given.set(*settable, value);
            }
        }
    }

    /// The item edits of a row, into `steps`.
    #[inline]
    pub fn item_steps(&self, row: usize, steps: &mut Vec<Step>) {
        steps.clear();
        self.steps(&self.item, row, steps);
    }

    /// The edits of an enclosing level that a row asks for.
    pub fn enclosing_steps(&self, level: Level, row: usize) -> Vec<Step> {
        let mut steps = Vec::new();
        self.steps(self.numbers(level), row, &mut steps);
        steps
    }

    fn numbers(&self, level: Level) -> &[u32] {
        match level {
            Level::Resource => &self.resource,
            Level::Scope => &self.scope,
            _ => &self.item,
        }
    }

    #[inline]
    fn steps(&self, numbers: &[u32], row: usize, steps: &mut Vec<Step>) {
        for number in numbers {
            let Some(edit) = self.edit(*number) else { continue };
            if edit.rows.get(row) {
                let value = self.values.get(*number as usize).map_or(0, |values| values.of_row(edit, row));
                steps.push((*number, value));
            }
        }
    }

    /// What the kept rows of [first, end) have in common at an enclosing level. `has_others`: there are items beside them, which
    /// nobody edits.
    pub fn alike(&self, level: Level, first: usize, end: usize, has_others: bool) -> Alike {
        let asked: Vec<u32> =
            self.numbers(level).iter().copied().filter(|number| self.asks(*number, first, end)).collect();
        if asked.is_empty() {
            return Alike::Same(Vec::new());
        }
        let mut kept = (first..end).filter(|row| !self.removed.get(*row));
        let steps = |row| {
            let mut steps = Vec::new();
            self.steps(&asked, row, &mut steps);
            steps
        };
        let Some(common) = kept.next().map(steps) else { return Alike::Same(Vec::new()) };
        if has_others && !common.is_empty() {
            return Alike::Mixed;
        }
        let whole = asked.iter().all(|number| {
            let is_one = self.values.get(*number as usize).is_some_and(Values::is_one);
            is_one && self.edit(*number).is_some_and(|edit| edit.rows.has_all(first, end))
        });
        if whole || kept.all(|row| steps(row) == common) { Alike::Same(common) } else { Alike::Mixed }
    }

    fn asks(&self, number: u32, first: usize, end: usize) -> bool {
        self.edit(number).is_some_and(|edit| edit.rows.has_any(first, end))
    }
}

/// Which value of an edit a row gets. Takes less than the edit itself: a guest may ask for many edits of few rows.
#[derive(Debug, Default)]
struct Values {
    /// How many rows come before each word of the edit's bitmap; empty where there is one value for all.
    before: Vec<u32>,
    /// By value: the first one that is the same, so that what encloses items is not split for the sake of a number.
    first: Vec<u32>,
}

impl Values {
    fn of_attribute(edit: &AttributeEdit) -> Values {
        let indices = edit.action.indices();
        if indices.is_empty() {
            return Values::default();
        }
        let first = match &edit.action {
            _ if edit.level == Level::Item => Vec::new(),
            Action::Set { values, .. } => first_of_each(values),
            Action::SetMany { sets, .. } => first_of_each(sets),
            Action::RemoveMany { sets, .. } => first_of_each(sets),
            Action::Remove | Action::Rename(_) | Action::Copy { .. } => Vec::new(),
        };
        Values { first, ..Values::new(&edit.rows, indices) }
    }

    fn new(rows: &Bitmap, indices: &[u32]) -> Values {
        let before = if indices.is_empty() { Vec::new() } else { rows.counts_before() };
        Values { before, first: Vec::new() }
    }

    fn is_one(&self) -> bool {
        self.before.is_empty()
    }

    /// The value of a row whose attribute is edited.
    #[inline]
    fn of_row(&self, edit: &AttributeEdit, row: usize) -> u32 {
        self.of(&edit.rows, edit.action.indices(), row)
    }

    /// The value of a row that is among `rows`.
    #[inline]
    fn of(&self, rows: &Bitmap, indices: &[u32], row: usize) -> u32 {
        let Some(before) = self.before.get(row / 64) else { return 0 };
        let place = *before as usize + rows.count_in_word(row);
        let value = indices.get(place).copied().unwrap_or(0);
        self.first.get(value as usize).copied().unwrap_or(value)
    }
}

fn first_of_each<V: Eq + Hash>(values: &[V]) -> Vec<u32> {
    let mut places: HashMap<&V, u32> = HashMap::new();
    (0..).zip(values).map(|(place, value)| *places.entry(value).or_insert(place)).collect()
}
