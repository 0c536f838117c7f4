//! Families that OpenMetrics does not allow beside each other: one might have a sample with the name of the other, or of a sample
//! that it might have (a gauge `c_created` beside a counter `c`, whether or not that has a start time).
//!
//! The one that stays is chosen by type and name alone (see [`PRECEDENCE`]; of one type, the one that comes first in the alphabet),
//! so that the order of arrival makes no difference. A scrape keeps to what was chosen when it began.
//! Source: the OpenMetrics specification 1.0.0, "MetricFamily", "Suffixes".

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::super::family::{Family, FamilyKind, Meta};
use super::families::PRECEDENCE;

/// What an OpenMetrics answer leaves out.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Hidden {
    /// The names of the families that stay, by the id of the one that does not.
    pub families: HashMap<u64, Arc<str>>,
    /// Whether `target_info` is a gauge, as another family is called `target`.
    pub plain_target: bool,
}

/// Who might have samples of which names.
#[derive(Debug, Default)]
pub struct Clashes {
    /// By name, the families that it belongs to: mostly one.
    names: HashMap<String, Vec<(u64, Arc<Meta>)>>,
    /// How many names belong to several.
    contested: usize,
    hidden: Arc<Hidden>,
}

impl Clashes {
    /// What is left out at the moment.
    pub fn hidden(&self) -> Arc<Hidden> {
        Arc::clone(&self.hidden)
    }

    /// A family was made.
    pub fn add(&mut self, family: &Family) {
        for name in family.meta.open_metrics_names() {
            let owners = self.names.entry(name).or_default();
            self.contested += usize::from(owners.len() == 1);
            owners.push((family.id, Arc::clone(&family.meta)));
        }
        self.choose();
    }

    /// A family is gone.
    pub fn remove(&mut self, family: &Family) {
        for name in family.meta.open_metrics_names() {
            let Some(owners) = self.names.get_mut(&name) else { continue };
            self.contested -= usize::from(owners.len() == 2);
            owners.retain(|(id, _)| *id != family.id);
            if owners.is_empty() {
                self.names.remove(&name);
            }
        }
        self.choose();
    }

    fn choose(&mut self) {
        if self.contested == 0 && self.hidden.families.is_empty() && !self.hidden.plain_target {
            return;
        }
        let contested = self.names.values().filter(|owners| owners.len() > 1).flatten();
        let mut candidates: BTreeMap<(Option<usize>, &str), (u64, &Meta)> = BTreeMap::new();
        for (id, meta) in contested {
            let rank = PRECEDENCE.iter().position(|kind| *kind == meta.kind);
            candidates.insert((rank, &meta.text_name), (*id, meta));
        }
        let (mut hidden, mut taken) = (Hidden::default(), HashMap::<String, Arc<str>>::new());
        for (id, meta) in candidates.into_values() {
            let mut names = meta.open_metrics_names();
            if meta.kind == FamilyKind::Target && names.first().is_some_and(|name| self.is_contested(name)) {
                hidden.plain_target = true;
                names.remove(0);
            }
            match names.iter().find_map(|name| taken.get(name)) {
                Some(other) => drop(hidden.families.insert(id, Arc::clone(other))),
                None => taken.extend(names.into_iter().map(|name| (name, Arc::clone(&meta.text_name)))),
            }
        }
        self.hidden = Arc::new(hidden);
    }

    fn is_contested(&self, name: &str) -> bool {
        self.names.get(name).is_some_and(|owners| owners.len() > 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn family(id: u64, kind: FamilyKind, base: &str) -> Family {
        let text_name = if kind == FamilyKind::Counter { format!("{base}_total") } else { base.to_owned() };
        let empty = String::new;
        let meta = Meta {
            text_name: Arc::from(text_name),
            base: Arc::from(base),
            kind,
            help: empty(),
            unit: empty(),
            unit_words: empty(),
            source: empty(),
        };
        Family::new(meta, id, empty())
    }

    fn hidden(clashes: &Clashes) -> Vec<(u64, &str)> {
        let mut hidden: Vec<(u64, &str)> = clashes.hidden.families.iter().map(|(id, other)| (*id, &**other)).collect();
        hidden.sort_unstable();
        hidden
    }

    #[test]
    fn which_family_stays_does_not_depend_on_the_order() {
        use FamilyKind::{Counter, Gauge, Histogram, Summary};
        let families = [
            family(1, Gauge, "c_created"),
            family(2, Counter, "c"),
            family(3, Gauge, "c"),
            family(4, Summary, "h_bucket"),
            family(5, Histogram, "h"),
            family(6, Gauge, "free"),
        ];
        let expected = [(1, "c_total"), (3, "c_total"), (4, "h")];
        for start in 0..families.len() {
            let mut clashes = Clashes::default();
            let order = families.iter().cycle().skip(start).take(families.len());
            order.clone().for_each(|family| clashes.add(family));
            assert_eq!(hidden(&clashes), expected, "from {start}");
            order.for_each(|family| clashes.remove(family));
            assert_eq!((hidden(&clashes), clashes.names.len(), clashes.contested), (vec![], 0, 0));
        }
    }

    #[test]
    fn a_family_that_is_left_out_takes_no_names() {
        // The histogram clashes with the counter, and the gauge with the histogram alone.
        let mut clashes = Clashes::default();
        for family in [
            family(1, FamilyKind::Counter, "a"),
            family(2, FamilyKind::Histogram, "a_total"),
            family(3, FamilyKind::Gauge, "a_total_sum"),
        ] {
            clashes.add(&family);
        }
        assert_eq!(hidden(&clashes), [(2, "a_total")]);
    }

    #[test]
    fn the_target_gives_up_its_type_and_not_its_samples() {
        let mut clashes = Clashes::default();
        let (target, gauge) = (family(1, FamilyKind::Target, "target_info"), family(2, FamilyKind::Gauge, "target"));
        clashes.add(&target);
        assert_eq!(*clashes.hidden, Hidden::default());
        clashes.add(&gauge);
        assert_eq!((hidden(&clashes), clashes.hidden.plain_target), (vec![], true));
        let counter = family(3, FamilyKind::Counter, "target_info");
        clashes.add(&counter);
        assert_eq!(hidden(&clashes), [(3, "target_info")]);
        [counter, gauge].iter().for_each(|family| clashes.remove(family));
        assert_eq!(*clashes.hidden, Hidden::default());
    }
}
