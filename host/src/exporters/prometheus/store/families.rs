//! Families by name, and what happens when two metrics come to one.

use std::sync::Arc;

use super::super::drops::Reason;
use super::super::family::{Family, FamilyKind, Meta};
use super::Store;

impl Store {
    /// The family of this name and type; `None` when there is none yet and it can be made.
    pub fn family(&mut self, meta: &Meta) -> Result<Option<u32>, Reason> {
        let place = self.names.get(&meta.base).copied().or_else(|| self.rival(meta));
        let Some(place) = place else { return Ok(None) };
        let Some(family) = self.families.get_mut(place) else { return Err(Reason::TypeConflict) };
        let same = family.meta.kind == meta.kind && family.meta.base == meta.base;
        if (!same || family.meta.help != meta.help) && !family.conflict_logged {
            family.conflict_logged = true;
            warn_of_conflict(&family.meta, meta, same);
        }
        if same { Ok(Some(place)) } else { Err(Reason::TypeConflict) }
    }

    /// A family whose samples would have the names of this one's.
    fn rival(&self, meta: &Meta) -> Option<u32> {
        let derived =
            meta.kind.suffixes().iter().find_map(|suffix| self.names.get(format!("{}{suffix}", meta.base).as_str()));
        let deriving = || {
            let suffixes = ["_total", "_bucket", "_sum", "_count"];
            suffixes.iter().find_map(|suffix| {
                let place = *self.names.get(meta.base.strip_suffix(suffix)?)?;
                let family = self.families.get(place)?;
                family.meta.kind.suffixes().contains(suffix).then_some(place)
            })
        };
        // A counter's own samples end in `_total`.
        derived.copied().or_else(|| if meta.kind == FamilyKind::Counter { None } else { deriving() })
    }

    /// What tells the family in a place from others that have the place at other times.
    pub fn family_id(&self, place: u32) -> Option<u64> {
        self.families.get(place).map(|family| family.id)
    }

    /// Makes the family that [`Store::family`] found missing.
    pub fn add_family(&mut self, meta: Meta) -> Option<u32> {
        let name = Arc::clone(&meta.base);
        self.made += 1;
        let place = self.families.insert(Family::new(meta, self.made))?;
        self.names.insert(name, place);
        Some(place)
    }
}

fn warn_of_conflict(kept: &Meta, other: &Meta, same_kind: bool) {
    let (name, first, second) = (&*kept.text_name, &*kept.source, &*other.source);
    if same_kind {
        tracing::warn!(
            name,
            first,
            second,
            "two metrics come to one name in Prometheus and differ in their description: the first one's stands"
        );
    } else {
        tracing::warn!(
            name,
            first,
            second,
            "two metrics of different type come to the same names in Prometheus: the first one is shown, the second one's \
             points are dropped; give one of them another name or unit where it is made (a view of its SDK), or send it to a \
             prometheus exporter with another `namespace`"
        );
    }
}
