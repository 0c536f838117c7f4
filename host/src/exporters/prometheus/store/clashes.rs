//! Families that OpenMetrics does not allow beside each other: one might have a sample with the name of the other, or of a sample
//! that it might have (a gauge `c_created` beside a counter `c`, whether or not that has a start time).
//!
//! The one that stays is chosen by type and name alone (see [`PRECEDENCE`]; of one type, the one that comes first in the alphabet),
//! so that the order of arrival makes no difference. It is chosen when a scrape begins, if families came or went since the last
//! time, so that a family that comes costs a look at its own names; a scrape keeps to what was chosen then.
//! Source: the OpenMetrics specification 1.0.0, "MetricFamily", "Suffixes".

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::super::family::{Family, FamilyKind, Meta};

/// What stays where two families clash in OpenMetrics; the first one of these does. `target_info` can do without its type.
const PRECEDENCE: [FamilyKind; 6] = [
    FamilyKind::Target,
    FamilyKind::Counter,
    FamilyKind::Histogram,
    FamilyKind::Summary,
    FamilyKind::Gauge,
    FamilyKind::Unknown,
];

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
    names: HashMap<Arc<str>, Vec<(u64, Arc<Meta>)>>,
    /// The names that belong to several.
    contested: HashSet<Arc<str>>,
    /// Whether a name became contested, or is no longer, since `hidden` was chosen.
    is_stale: bool,
    hidden: Arc<Hidden>,
    /// How many owners of contested names were looked at: what all choices cost.
    looked_at: usize,
}

impl Clashes {
    /// What is left out at the moment.
    pub fn hidden(&mut self) -> Arc<Hidden> {
        if std::mem::take(&mut self.is_stale) {
            self.choose();
        }
        Arc::clone(&self.hidden)
    }

    /// A family was made.
    pub fn add(&mut self, family: &Family) {
        for name in family.meta.open_metrics_names() {
            let name: Arc<str> = Arc::from(name);
            let owners = self.names.entry(Arc::clone(&name)).or_default();
            owners.push((family.id, Arc::clone(&family.meta)));
            if owners.len() > 1 {
                self.contested.insert(name);
                self.is_stale = true;
            }
        }
    }

    /// A family is gone.
    pub fn remove(&mut self, family: &Family) {
        for name in family.meta.open_metrics_names() {
            let Some(owners) = self.names.get_mut(name.as_str()) else { continue };
            self.is_stale |= owners.len() > 1;
            owners.retain(|(id, _)| *id != family.id);
            if owners.len() < 2 {
                self.contested.remove(name.as_str());
            }
            if owners.is_empty() {
                self.names.remove(name.as_str());
            }
        }
    }

    fn choose(&mut self) {
        let contested = self.contested.iter().filter_map(|name| self.names.get(name)).flatten();
        let mut candidates: BTreeMap<(Option<usize>, &str), (u64, &Meta)> = BTreeMap::new();
        let mut looked_at = 0;
        for (id, meta) in contested {
            looked_at += 1;
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
        self.looked_at += looked_at;
    }

    fn is_contested(&self, name: &str) -> bool {
        self.contested.contains(name)
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

    fn hidden(clashes: &mut Clashes) -> Vec<(u64, String)> {
        let hidden = clashes.hidden();
        let mut hidden: Vec<_> = hidden.families.iter().map(|(id, other)| (*id, other.to_string())).collect();
        hidden.sort_unstable();
        hidden
    }

    fn these(expected: &[(u64, &str)]) -> Vec<(u64, String)> {
        expected.iter().map(|(id, other)| (*id, (*other).to_owned())).collect()
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
        let expected = these(&[(1, "c_total"), (3, "c_total"), (4, "h")]);
        for start in 0..families.len() {
            let mut clashes = Clashes::default();
            let order = families.iter().cycle().skip(start).take(families.len());
            order.clone().for_each(|family| clashes.add(family));
            assert_eq!(hidden(&mut clashes), expected, "from {start}");
            order.for_each(|family| clashes.remove(family));
            assert_eq!((hidden(&mut clashes), clashes.names.len(), clashes.contested.len()), (vec![], 0, 0));
        }
    }

    #[test]
    fn what_stays_is_chosen_once_for_all_families_that_came_and_went() {
        let mut clashes = Clashes::default();
        let pairs = 5_000;
        for number in 0..pairs {
            let name = format!("m{number}");
            clashes.add(&family(2 * number, FamilyKind::Gauge, &name));
            clashes.add(&family(2 * number + 1, FamilyKind::Counter, &name));
        }
        for _ in 0..3 {
            assert_eq!(hidden(&mut clashes).len(), 5_000);
            // Each contested name has two owners.
            assert_eq!(clashes.looked_at, 10_000);
        }
        clashes.add(&family(2 * pairs, FamilyKind::Gauge, "free"));
        assert_eq!((hidden(&mut clashes).len(), clashes.looked_at), (5_000, 10_000));
        clashes.remove(&family(0, FamilyKind::Gauge, "m0"));
        assert_eq!((hidden(&mut clashes).len(), clashes.looked_at), (4_999, 19_998));
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
        assert_eq!(hidden(&mut clashes), these(&[(2, "a_total")]));
    }

    #[test]
    fn the_target_gives_up_its_type_and_not_its_samples() {
        let mut clashes = Clashes::default();
        let (target, gauge) = (family(1, FamilyKind::Target, "target_info"), family(2, FamilyKind::Gauge, "target"));
        clashes.add(&target);
        assert_eq!(*clashes.hidden(), Hidden::default());
        clashes.add(&gauge);
        assert_eq!((hidden(&mut clashes), clashes.hidden.plain_target), (vec![], true));
        let counter = family(3, FamilyKind::Counter, "target_info");
        clashes.add(&counter);
        assert_eq!(hidden(&mut clashes), these(&[(3, "target_info")]));
        [counter, gauge].iter().for_each(|family| clashes.remove(family));
        assert_eq!(*clashes.hidden(), Hidden::default());
    }
}
