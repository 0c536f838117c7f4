//! Families by name, and what happens when two metrics come to one.
//!
//! In the text format a name is the first family's that comes to it: another type's points have to be dropped. Of the same type,
//! an empty unit or description is no conflict; the first that is not empty stands.

use std::sync::Arc;

use super::super::family::{Family, Meta};
use super::super::note::Note;
use super::{Found, Store};

impl Store {
    /// The family of this name and type.
    pub fn family(&mut self, meta: &Meta) -> Found {
        let Some(place) = self.names.get(&meta.text_name).copied().or_else(|| self.rival(meta)) else {
            return Found::Nothing;
        };
        let Some(family) = self.families.get_mut(place) else { return Found::Taken(place) };
        if family.meta.kind != meta.kind || family.meta.text_name != meta.text_name {
            return Found::Taken(place);
        }
        Found::Own(place, merge(&mut family.meta, meta))
    }

    /// A family whose samples would have the names of this one's.
    fn rival(&self, meta: &Meta) -> Option<u32> {
        let suffixes = meta.kind.suffixes();
        let derived = suffixes.iter().find_map(|suffix| self.names.get(format!("{}{suffix}", meta.text_name).as_str()));
        let deriving = || {
            let suffixes = ["_bucket", "_sum", "_count"];
            suffixes.iter().find_map(|suffix| {
                let place = *self.names.get(meta.text_name.strip_suffix(suffix)?)?;
                let family = self.families.get(place)?;
                family.meta.kind.suffixes().contains(suffix).then_some(place)
            })
        };
        derived.copied().or_else(deriving)
    }

    /// What tells the family in a place from others that have the place at other times.
    pub fn family_id(&self, place: u32) -> Option<u64> {
        self.families.get(place).map(|family| family.id)
    }

    /// The first metric of a family and who sent it, for people.
    pub fn first_of(&self, place: u32) -> String {
        self.families
            .get(place)
            .map_or_else(String::new, |family| format!("{} of {}", family.meta.source, family.sender))
    }

    /// Makes the family that [`Store::family`] found missing.
    pub fn add_family(&mut self, meta: Meta, sender: String) -> Option<u32> {
        self.made += 1;
        let place = self.families.insert(Family::new(meta, self.made, sender))?;
        let family = self.families.get(place)?;
        self.names.insert(Arc::clone(&family.meta.text_name), place);
        self.clashes.add(family);
        Some(place)
    }

    /// Forgets a family without series.
    pub(super) fn remove_family(&mut self, place: u32) {
        if let Some(family) = self.families.remove(place) {
            self.names.remove(&family.meta.text_name);
            self.clashes.remove(&family);
        }
    }
}

/// Takes over what the family does not say yet. Returns what it says otherwise.
fn merge(kept: &mut Arc<Meta>, new: &Meta) -> Option<Note> {
    let says_more = |kept: &str, new: &str| kept.is_empty() && !new.is_empty();
    if says_more(&kept.unit_words, &new.unit_words) || says_more(&kept.help, &new.help) {
        // Scrapes that are under way keep what they began with.
        let kept = Arc::make_mut(kept);
        if says_more(&kept.unit_words, &new.unit_words) {
            kept.unit_words.clone_from(&new.unit_words);
            kept.unit.clone_from(&new.unit);
        }
        if says_more(&kept.help, &new.help) {
            kept.help.clone_from(&new.help);
        }
    }
    let differs = |kept: &str, new: &str| !new.is_empty() && kept != new;
    if differs(&kept.unit_words, &new.unit_words) {
        return Some(Note::UnitConflict);
    }
    differs(&kept.help, &new.help).then_some(Note::DescriptionConflict)
}
