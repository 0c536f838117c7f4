//! Plays a program: from the values that attributes have at first to the values its actions set.

use otelier_sdk::When;
use otelier_sdk::key::{elements, write_value};

use crate::editing::action::{VALUE_BYTES_MAX, is_set, level_number};
use crate::editing::hash::hash;
use crate::editing::plan::{Program, Step};

/// What a program found.
#[derive(Debug, Default, PartialEq)]
pub struct Outcome {
    /// By output: the encoded value that is set; `None` where there is none to set.
    pub values: Vec<Option<Vec<u8>>>,
    /// A value is too long to be copied from one level to another.
    pub is_too_long: bool,
}

impl Outcome {
    /// About how much memory it takes.
    pub fn bytes(&self) -> usize {
        let value = |value: &Option<Vec<u8>>| size_of::<Option<Vec<u8>>>() + value.as_ref().map_or(0, Vec::len);
        size_of::<Outcome>() + self.values.iter().map(value).sum::<usize>()
    }
}

impl Program {
    /// Plays it on a dictionary entry; `None` where that is no key.
    pub fn play_key(&self, key: &[u8]) -> Option<Outcome> {
        let elements = elements(key)?;
        let mut state = vec![None; self.tracked.len()];
        for (place, attribute) in state.iter_mut().zip(&self.tracked) {
            let (level, name) = (level_number(attribute.level), attribute.key.as_bytes());
            let element = elements.iter().find(|element| element.level == level && element.name == name);
            *place = element.map(|element| write_value(element.value));
        }
        Some(self.play(state))
    }

    /// Plays it on encoded values by slot.
    pub fn play(&self, mut state: Vec<Option<Vec<u8>>>) -> Outcome {
        let mut outcome = Outcome::default();
        for step in &self.steps {
            match step {
                Step::Set { slot, when, value } => set(&mut state, *slot, *when, value),
                Step::Remove { slot } => drop(take(&mut state, *slot)),
                Step::Rename { from, to } => {
                    if let Some(value) = take(&mut state, *from) {
                        set(&mut state, *to, When::Always, &value);
                    }
                }
                Step::Copy { from, to, when } => {
                    if let Some(value) = get(&state, *from).cloned() {
                        set(&mut state, *to, *when, &value);
                    }
                }
                Step::Fetch { from, to, when } => {
                    let value = get(&state, *from).cloned();
                    outcome.is_too_long |= value.as_ref().is_some_and(|value| value.len() > VALUE_BYTES_MAX);
                    if let (Some(value), Some(to)) = (&value, to) {
                        set(&mut state, *to, *when, value);
                    }
                    outcome.values.push(value);
                }
                Step::Hash { slot } => {
                    let hashed = get(&state, *slot).map(|value| hash(value));
                    if let Some(hashed) = &hashed {
                        set(&mut state, *slot, When::Always, hashed);
                    }
                    outcome.values.push(hashed);
                }
            }
        }
        outcome
    }
}

fn get(state: &[Option<Vec<u8>>], slot: usize) -> Option<&Vec<u8>> {
    state.get(slot)?.as_ref()
}

fn take(state: &mut [Option<Vec<u8>>], slot: usize) -> Option<Vec<u8>> {
    state.get_mut(slot)?.take()
}

fn set(state: &mut [Option<Vec<u8>>], slot: usize, when: When, value: &[u8]) {
    let Some(place) = state.get_mut(slot) else { return };
    if is_set(when, place.is_some()) {
        *place = Some(value.to_vec());
    }
}
