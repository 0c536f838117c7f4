//! One batch, by edits and dictionaries.

use otelier_sdk::key::read_value;
use otelier_sdk::{Attribute, Batch, Bitmap, Blob, Declare, Failure, Keying, ValueColumn, When};

use crate::editing::action::{Action, Origin, VALUE_BYTES_MAX};
use crate::editing::cache::{Cache, OPEN, Rows};
use crate::editing::context;
use crate::editing::editor::Chosen;
use crate::editing::plan::{Edit, Plan, Program};
use crate::editing::play::Outcome;

/// A key of so few bytes has no code only because the dictionary is full.
const KEY_BYTES_SHORT: usize = 60 << 10;
/// The number of no value.
const NONE: u32 = u32::MAX;

/// A program with what it reads.
#[derive(Debug)]
struct Part {
    program: Program,
    keying: Keying,
    /// By slot: the values of rows that have no code.
    columns: Vec<ValueColumn>,
    cache: Cache,
}

/// Edits of rows whose actions have a plan.
#[derive(Debug)]
pub struct Planned {
    edits: Vec<Edit>,
    parts: Vec<Part>,
}

impl Planned {
    /// With what is read declared.
    pub fn declared(plan: Plan, entries_max: usize, declare: &mut Declare<'_>) -> Planned {
        let part = |program| Part::declared(program, entries_max, declare);
        Planned { edits: plan.edits, parts: plan.programs.into_iter().map(part).collect() }
    }

    /// Edits rows of a batch: all of those, or the batch is declined.
    pub fn process(&mut self, rows: &Chosen, batch: &mut Batch<'_>) -> Result<(), Failure> {
        let outcomes: Vec<Rows> = self.parts.iter_mut().map(|part| part.outcomes(batch)).collect();
        let mut parts = self.parts.iter().zip(&outcomes);
        if parts.any(|(part, outcomes)| part.has_too_long(outcomes, rows)) {
            return Err(Failure::refused(format!(
                "an attribute of more than {VALUE_BYTES_MAX} bytes cannot be copied to another level"
            )));
        }
        for edit in &self.edits {
            match edit {
                Edit::Plain(action) => plain(action, rows.bitmap(), batch),
                Edit::Values { program, output, target, when } => {
                    if let (Some(part), Some(outcomes)) = (self.parts.get(*program), outcomes.get(*program)) {
                        part.set(outcomes, rows, *output, (target, *when), batch);
                    }
                }
            }
        }
        for (part, outcomes) in self.parts.iter_mut().zip(&outcomes) {
            part.let_go(outcomes, batch);
        }
        Ok(())
    }
}

fn plain(action: &Action, rows: Bitmap, batch: &mut Batch<'_>) {
    match action {
        Action::Set { target, when, value } => batch.set_attribute(rows, target.clone(), *when, value.clone()),
        Action::Remove { target } => batch.remove_attribute(rows, target.clone()),
        Action::Rename { target, key } => batch.rename_attribute(rows, target.clone(), key.clone()),
        Action::Copy { source, target, when } => {
            batch.copy_attribute(rows, source.clone(), target.key.clone(), *when);
        }
        Action::Give { target, when, from: Origin::Context(key), default } => {
            if let Some(value) = context::value(key, batch).or_else(|| default.clone()) {
                batch.set_attribute(rows, target.clone(), *when, value);
            }
        }
        // They need values, and the plan says which; or they are no part of one.
        _ => {}
    }
}

impl Part {
    /// With what its program reads declared.
    fn declared(program: Program, entries_max: usize, declare: &mut Declare<'_>) -> Part {
        let keying = declare.keep(program.tracked.clone(), false);
        let columns = program.tracked.iter().map(|attribute| declare.value_of(attribute.clone())).collect();
        let none = program.play(vec![None; program.tracked.len()]);
        Part { program, keying, columns, cache: Cache::new(none, entries_max) }
    }

    /// Plays the program for what is new, and for rows that have no code.
    fn outcomes(&mut self, batch: &mut Batch<'_>) -> Rows {
        let codes = batch.keys(self.keying).into_codes_and_marks();
        let (program, cache) = (&mut self.program, &mut self.cache);
        batch.each_new_key(self.keying, |code, key| {
            if let Some(outcome) = program.play_key(key) {
                cache.insert(code, outcome);
            }
        });
        let mut rows = self.cache.place(&codes);
        if rows.places.contains(&OPEN) {
            self.play_rows(&mut rows, batch);
        }
        rows
    }

    fn play_rows(&self, rows: &mut Rows, batch: &mut Batch<'_>) {
        let columns: Vec<Blob> = self.columns.iter().map(|column| batch.values_of(*column)).collect();
        let mut columns: Vec<_> = columns.iter().map(Blob::iter).collect();
        let names: usize = self.program.tracked.iter().map(|attribute| attribute.key.len()).sum();
        let Rows { places, codes, others, is_dictionary_full, .. } = rows;
        // Rows of one resource share its values, which may be long: they are played once.
        let mut last: Vec<&[u8]> = Vec::new();
        for place in places {
            let values: Vec<&[u8]> = columns.iter_mut().map(|column| column.next().unwrap_or_default()).collect();
            if *place != OPEN {
                continue;
            }
            if others.is_empty() || last != values {
                *is_dictionary_full |= names + values.iter().map(|value| value.len()).sum::<usize>() < KEY_BYTES_SHORT;
                let value = |value: &&[u8]| read_value(value).map(|_| value.to_vec());
                others.push(self.program.play(values.iter().map(value).collect()));
                last = values;
            }
            *place = (codes.len() + others.len() - 1) as u32;
        }
    }

    fn by_place<'s>(&'s self, rows: &'s Rows) -> impl Iterator<Item = Option<&'s Outcome>> {
        rows.codes.iter().map(|code| self.cache.get(*code)).chain(rows.others.iter().map(Some))
    }

    /// Whether one of the chosen rows has a value that nobody can copy.
    fn has_too_long(&self, rows: &Rows, chosen: &Chosen) -> bool {
        let too_long: Vec<bool> =
            self.by_place(rows).map(|outcome| outcome.is_some_and(|outcome| outcome.is_too_long)).collect();
        let is_too_long = |place: &u32| too_long.get(*place as usize).copied().unwrap_or_default();
        let mut by_row = rows.places.iter().enumerate();
        too_long.contains(&true) && by_row.any(|(row, place)| chosen.has(row) && is_too_long(place))
    }

    /// Sets an attribute of the chosen rows that have a value for it.
    fn set(
        &self,
        rows: &Rows,
        chosen: &Chosen,
        output: usize,
        (target, when): (&Attribute, When),
        batch: &mut Batch<'_>,
    ) {
        let mut values = Blob::default();
        let number = |outcome: Option<&Outcome>| match outcome.and_then(|outcome| outcome.values.get(output)) {
            Some(Some(value)) => {
                values.push(value);
                values.len() as u32 - 1
            }
            _ => NONE,
        };
        let numbers: Vec<u32> = self.by_place(rows).map(number).collect();
        if values.is_empty() {
            return;
        }
        let of_place = |place: &u32| numbers.get(*place as usize).copied().unwrap_or(NONE);
        let mut by_row: Vec<u32> = rows.places.iter().map(of_place).collect();
        chosen.clear_others(&mut by_row, NONE);
        let chosen = Bitmap::choose(&by_row, |number| *number != NONE);
        if values.len() == 1 {
            batch.set_attribute(chosen, target.clone(), when, values.bytes);
        } else {
            let indices = by_row.into_iter().filter(|number| *number != NONE).collect();
            batch.set_attribute_by_row(chosen, target.clone(), when, values, indices);
        }
    }

    /// Makes room in the dictionary: all codes at once, so that what is used is back with the next batch.
    fn let_go(&mut self, rows: &Rows, batch: &mut Batch<'_>) {
        if self.cache.is_full() || rows.is_dictionary_full {
            let mut codes = self.cache.clear();
            codes.extend(&rows.unheard);
            codes.sort_unstable();
            codes.dedup();
            if !codes.is_empty() {
                batch.output().release(self.keying, codes);
            }
        }
    }
}
