//! What the entries of `allowed` look at: the difference, the same point on the other side, and what else the host shows of it.

use std::collections::BTreeMap;

use otelier_tests::exposition::{Exemplar, Format};

use super::compare::{Difference, Field, Found, Key, Samples};

/// Labels that a generated resource can have as well as a point.
const OF_RESOURCES: [&str; 8] = ["a", "a_b", "http_method", "gr_e", "key_1st", "_hidden", "double_under", "work_type"];

/// All that the host shows, and all that the Collector does.
pub struct Sides {
    pub here: Samples,
    pub there: Samples,
}

/// What the other side shows of the same point under the same name.
pub fn twins<'s>(found: &'s Found, sides: &'s Sides) -> impl Iterator<Item = &'s Key> {
    let others = match found.difference {
        Difference::Here(_) => &sides.there,
        Difference::There(_) | Difference::Both(..) => &sides.here,
    };
    let own = |key: &Key| ["point", "le", "quantile"].map(|label| key.labels.get(label).cloned());
    of_name(&found.key.name, others).filter(move |key| own(key) == own(&found.key))
}

/// The targets of the same job and instance.
pub fn targets<'s>(key: &'s Key, samples: &'s Samples) -> impl Iterator<Item = &'s Key> {
    let own = |key: &Key| ["job", "instance"].map(|label| key.labels.get(label).cloned());
    of_name(&key.name, samples).filter(move |other| own(other) == own(key))
}

/// Whether the other side has the same sample with other values of labels that a resource has as well.
pub fn has_twin(found: &Found, sides: &Sides) -> bool {
    if matches!(found.difference, Difference::Both(..)) {
        return false;
    }
    twins(found, sides).any(|twin| {
        let labels = found.key.labels.keys().chain(twin.labels.keys());
        let mut differ = labels.filter(|label| found.key.labels.get(*label) != twin.labels.get(*label));
        differ.all(|label| OF_RESOURCES.contains(&label.as_str()))
    })
}

pub fn only_here(found: &Found) -> bool {
    matches!(found.difference, Difference::Here(_))
}

pub fn only_there(found: &Found) -> bool {
    matches!(found.difference, Difference::There(_))
}

pub fn is_open(found: &Found) -> bool {
    found.format == Format::OpenMetrics
}

/// Of the generator's metrics, by the letter that their names begin with.
pub fn is_exponential(key: &Key) -> bool {
    key.name.strip_prefix("spaced_").unwrap_or(&key.name).starts_with("e_")
}

/// The exemplars that differ: the host's, the Collector's.
pub fn exemplars(found: &Found) -> Option<(Option<&Exemplar>, Option<&Exemplar>)> {
    match &found.difference {
        Difference::Both(Field::Exemplar, here, there) => Some((here.exemplar.as_ref(), there.exemplar.as_ref())),
        _ => None,
    }
}

/// Whether the host has a sample of the same point with the other suffix.
pub fn sibling(key: &Key, suffix: &str, other: &str, here: &Samples) -> bool {
    let Some(name) = key.name.strip_suffix(suffix).map(|family| format!("{family}{other}")) else { return false };
    of_name(&name, here).any(|sibling| sibling.labels.get("point") == key.labels.get("point"))
}

/// All keys of that name.
pub fn of_name<'s>(name: &str, samples: &'s Samples) -> impl Iterator<Item = &'s Key> + use<'s> {
    let name = name.to_owned();
    let first = Key { name: name.clone(), labels: BTreeMap::new() };
    samples.range(first..).map(|(key, _)| key).take_while(move |key| key.name == name)
}

/// Whether the point has a bucket whose threshold is negative.
pub fn has_negative_buckets(key: &Key, here: &Samples) -> bool {
    let family = ["_count", "_sum"].into_iter().find_map(|suffix| key.name.strip_suffix(suffix));
    let buckets = of_name(&format!("{}_bucket", family.unwrap_or(&key.name)), here);
    let mut of_point = buckets.filter(|bucket| bucket.labels.get("point") == key.labels.get("point"));
    of_point.any(|bucket| bucket.labels.get("le").is_some_and(|le| le.starts_with('-')))
}
