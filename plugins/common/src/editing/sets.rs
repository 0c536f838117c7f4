//! One batch, by the attributes of levels as a whole.
//!
//! The actions take place on each different combination of a resource's, a scope's and an item's attributes, as far as they touch those. Rows of
//! one resource follow each other, so what is done to a resource alone is done once.

use std::collections::HashMap;

use otelier_sdk::{Attribute, AttributeSets, Batch, Bitmap, Blob, Declare, Failure, Level};

use crate::editing::action::{Action, Origin, VALUE_BYTES_MAX};
use crate::editing::context;
use crate::editing::editor::Chosen;
use crate::editing::state::State;

/// The number of no value.
const NONE: u32 = u32::MAX;
const LEVELS: [Level; 3] = [Level::Resource, Level::Scope, Level::Item];

/// The actions, and which levels they touch.
#[derive(Debug)]
pub struct Sets {
    actions: Vec<Action>,
    is_touched: [bool; 3],
}

impl Sets {
    /// With what is read declared.
    pub fn declared(actions: Vec<Action>, declare: &mut Declare<'_>) -> Sets {
        let is_touched = LEVELS.map(|level| actions.iter().any(|action| action.levels().contains(&level)));
        let touched = LEVELS.into_iter().zip(is_touched).filter(|(_, is_touched)| *is_touched);
        touched.for_each(|(level, _)| declare.attributes(level));
        Sets { actions, is_touched }
    }

    /// Edits rows of a batch: all of those, or the batch is declined.
    pub fn process(&mut self, rows: &Chosen, batch: &mut Batch<'_>) -> Result<(), Failure> {
        let count = batch.count();
        let mut place = 0;
        let columns = LEVELS.map(|level| {
            place += 1;
            let is_touched = self.is_touched.get(place - 1).copied().unwrap_or_default();
            if is_touched { Column::new(batch.attributes(level)) } else { Column::default() }
        });
        let context: Vec<Option<Vec<u8>>> = self.actions.iter().map(|action| of_context(action, batch)).collect();
        let mut changes = LEVELS.map(|_| Changes::new(count));
        let mut last: Option<([u32; 3], [Change; 3])> = None;
        for row in (0..count).filter(|row| rows.has(*row)) {
            let numbers = [0, 1, 2].map(|level: usize| columns.get(level).map_or(0, |column| column.number(row)));
            let change = match last {
                Some((known, change)) if known == numbers => change,
                _ => self.change(&columns, numbers, &context, &mut changes)?,
            };
            last = Some((numbers, change));
            for (changes, change) in changes.iter_mut().zip(change) {
                changes.give(row, change);
            }
        }
        for (level, changes) in LEVELS.into_iter().zip(changes) {
            changes.make(level, batch);
        }
        Ok(())
    }

    /// What becomes of a row's attributes.
    fn change(
        &self,
        columns: &[Column; 3],
        numbers: [u32; 3],
        context: &[Option<Vec<u8>>],
        changes: &mut [Changes; 3],
    ) -> Result<[Change; 3], Failure> {
        let set = |level: usize| columns.get(level).zip(numbers.get(level)).map(|(column, number)| column.set(*number));
        let mut states = [0, 1, 2].map(|level| State::read(set(level).unwrap_or_default()));
        for (action, context) in self.actions.iter().zip(context) {
            apply(action, context.as_deref(), &mut states);
        }
        let mut change = [Change::default(); 3];
        for ((change, changes), state) in change.iter_mut().zip(changes).zip(&states) {
            change.removed = changes.removed.number(state.gone())?;
            change.set = changes.set.number(state.changed())?;
        }
        Ok(change)
    }
}

/// What an action gets of the request, or instead of it.
fn of_context(action: &Action, batch: &mut Batch<'_>) -> Option<Vec<u8>> {
    match action {
        Action::Give { from: Origin::Context(key), default, .. } => {
            context::value(key, batch).or_else(|| default.clone())
        }
        _ => None,
    }
}

/// Carries out an action on the attributes of the resource, the scope and the item.
fn apply(action: &Action, context: Option<&[u8]>, states: &mut [State<'_>; 3]) {
    let get = |source: &Attribute, states: &[State<'_>; 3]| {
        states.get(place(source.level)).and_then(|state| state.get(&source.key)).map(<[u8]>::to_vec)
    };
    let value = match action {
        Action::Set { value, .. } => Some(value.clone()),
        Action::Copy { source, .. } => get(source, states),
        Action::Give { from: Origin::Attribute(source), default, .. } => {
            get(source, states).or_else(|| default.clone())
        }
        Action::Give { from: Origin::Context(_), .. } => context.map(<[u8]>::to_vec),
        _ => None,
    };
    let [_, level] = action.levels();
    let Some(state) = states.get_mut(place(level)) else { return };
    match action {
        Action::Set { target, when, .. } | Action::Copy { target, when, .. } | Action::Give { target, when, .. } => {
            if let Some(value) = value {
                state.set(&target.key, *when, &value);
            }
        }
        Action::Remove { target } => drop(state.remove(&target.key)),
        Action::Rename { target, key } => {
            if let Some(value) = state.remove(&target.key) {
                state.set(key, otelier_sdk::When::Always, &value);
            }
        }
        Action::Hash { target } => state.hash(&target.key),
        Action::RemoveMatching { target, pattern } => {
            state.remove(&target.key);
            state.remove_matching(pattern);
        }
        Action::HashMatching { target, pattern } => {
            state.hash(&target.key);
            state.hash_matching(pattern);
        }
        Action::Extract { source, pattern } => state.extract(&source.key, pattern),
        Action::Convert { target, to } => state.convert(&target.key, *to),
    }
}

fn place(level: Level) -> usize {
    LEVELS.iter().position(|known| *known == level).unwrap_or(LEVELS.len())
}

/// The sets of a level; none where the level is not touched.
#[derive(Debug, Default)]
struct Column {
    numbers: Vec<u32>,
    sets: Blob,
}

impl Column {
    fn new(sets: AttributeSets) -> Column {
        Column { numbers: sets.numbers, sets: sets.sets }
    }

    fn number(&self, row: usize) -> u32 {
        self.numbers.get(row).copied().unwrap_or(0)
    }

    fn set(&self, number: u32) -> &[u8] {
        let end = |number: Option<usize>| number.and_then(|number| self.sets.ends.get(number)).map(|end| *end as usize);
        let number = number as usize;
        let start = end(number.checked_sub(1)).unwrap_or(0);
        end(Some(number)).and_then(|end| self.sets.bytes.get(start..end)).unwrap_or_default()
    }
}

/// What becomes of one row's attributes at a level, by numbers of lists and maps.
#[derive(Debug, Clone, Copy)]
struct Change {
    removed: u32,
    set: u32,
}

impl Default for Change {
    fn default() -> Change {
        Change { removed: NONE, set: NONE }
    }
}

/// Lists or maps, each once.
#[derive(Debug, Default)]
struct Values {
    blob: Blob,
    known: HashMap<Vec<u8>, u32>,
}

impl Values {
    fn number(&mut self, value: Option<Vec<u8>>) -> Result<u32, Failure> {
        let Some(value) = value else { return Ok(NONE) };
        if value.len() > VALUE_BYTES_MAX {
            return Err(Failure::refused(format!(
                "attributes of more than {VALUE_BYTES_MAX} bytes cannot be set together; send smaller values"
            )));
        }
        let next = self.blob.len() as u32;
        let blob = &mut self.blob;
        Ok(*self.known.entry(value).or_insert_with_key(|value| {
            blob.push(value);
            next
        }))
    }
}

/// What becomes of all rows at a level.
#[derive(Debug)]
struct Changes {
    removed: Values,
    set: Values,
    removed_by_row: Vec<u32>,
    set_by_row: Vec<u32>,
}

impl Changes {
    fn new(count: usize) -> Changes {
        let none = || vec![NONE; count];
        Changes { removed: Values::default(), set: Values::default(), removed_by_row: none(), set_by_row: none() }
    }

    fn give(&mut self, row: usize, change: Change) {
        for (by_row, number) in [(&mut self.removed_by_row, change.removed), (&mut self.set_by_row, change.set)] {
            if let Some(place) = by_row.get_mut(row) {
                *place = number;
            }
        }
    }

    /// Asks for the edits.
    fn make(self, level: Level, batch: &mut Batch<'_>) {
        if let Some((rows, indices)) = rows_and_indices(&self.removed_by_row) {
            batch.remove_attributes(rows, level, self.removed.blob, indices);
        }
        if let Some((rows, indices)) = rows_and_indices(&self.set_by_row) {
            batch.set_attributes(rows, level, self.set.blob, indices);
        }
    }
}

fn rows_and_indices(by_row: &[u32]) -> Option<(Bitmap, Vec<u32>)> {
    let rows = Bitmap::choose(by_row, |number| *number != NONE);
    let indices = by_row.iter().copied().filter(|number| *number != NONE).collect();
    (!rows.is_empty()).then_some((rows, indices))
}
