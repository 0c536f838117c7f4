//! Two expositions as sets of samples, and how they differ.

use std::collections::BTreeMap;

use otelier_tests::exposition::{Exemplar, Exposition, Format, Kind, Labels};

/// What tells samples apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    pub name: String,
    /// Without empty ones.
    pub labels: Labels,
}

/// All that is said of a sample.
#[derive(Debug, Clone)]
pub struct Entry {
    pub kind: Kind,
    pub help: Option<String>,
    pub unit: Option<String>,
    pub value: f64,
    pub time: Option<f64>,
    pub exemplar: Option<Exemplar>,
}

pub type Samples = BTreeMap<Key, Entry>;

/// The samples of an exposition.
pub fn samples(exposition: &Exposition) -> Samples {
    let mut samples = Samples::new();
    for family in &exposition.families {
        for sample in exposition.of(family) {
            let labels = sample.labels.iter().filter(|(_, value)| !value.is_empty());
            let labels = labels.map(|(name, value)| (name.clone(), value.clone())).collect();
            let entry = Entry {
                kind: family.kind,
                help: family.help.clone(),
                unit: family.unit.clone(),
                value: sample.value,
                time: sample.time,
                exemplar: sample.exemplar.clone(),
            };
            samples.insert(Key { name: sample.name.clone(), labels }, entry);
        }
    }
    samples
}

/// What can differ between two samples of one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    Kind,
    Help,
    Unit,
    Value,
    Time,
    Exemplar,
}

/// Of the Collector and of the host; one of them where the other has no such sample.
#[derive(Debug, Clone)]
pub enum Difference {
    Here(Entry),
    There(Entry),
    Both(Field, Entry, Entry),
}

/// One difference, in one format.
#[derive(Debug, Clone)]
pub struct Found {
    pub format: Format,
    pub key: Key,
    pub difference: Difference,
}

/// Every difference between what is here and what is there.
pub fn differences(format: Format, here: &Samples, there: &Samples) -> Vec<Found> {
    let mut found = Vec::new();
    let mut add = |key: &Key, difference| found.push(Found { format, key: key.clone(), difference });
    for (key, entry) in here {
        match there.get(key) {
            None => add(key, Difference::Here(entry.clone())),
            Some(other) => {
                fields(entry, other).for_each(|field| add(key, Difference::Both(field, entry.clone(), other.clone())));
            }
        }
    }
    for (key, entry) in there.iter().filter(|(key, _)| !here.contains_key(key)) {
        add(key, Difference::There(entry.clone()));
    }
    found
}

fn fields(here: &Entry, there: &Entry) -> impl Iterator<Item = Field> {
    let equal = [
        (Field::Kind, here.kind == there.kind),
        (Field::Help, here.help == there.help),
        (Field::Unit, here.unit == there.unit),
        (Field::Value, same(here.value, there.value)),
        (Field::Time, here.time.map(f64::to_bits) == there.time.map(f64::to_bits)),
        (Field::Exemplar, same_exemplar(here.exemplar.as_ref(), there.exemplar.as_ref())),
    ];
    equal.into_iter().filter(|(_, equal)| !equal).map(|(field, _)| field)
}

fn same(here: f64, there: f64) -> bool {
    here == there || here.is_nan() && there.is_nan()
}

/// Times in microseconds: the Collector writes them as doubles.
fn same_exemplar(here: Option<&Exemplar>, there: Option<&Exemplar>) -> bool {
    let time = |exemplar: &Exemplar| exemplar.time.map(|time| (time * 1e6).round());
    match (here, there) {
        (None, None) => true,
        (Some(here), Some(there)) => {
            here.labels == there.labels && same(here.value, there.value) && time(here) == time(there)
        }
        _ => false,
    }
}

/// Differences of one form and one name in one line each, with an example.
pub fn summary(all: &[Found], lines: usize) -> String {
    let mut groups: BTreeMap<(String, String), (usize, String)> = BTreeMap::new();
    for found in all {
        let (form, example) = match &found.difference {
            Difference::Here(entry) => ("only the host".to_owned(), format!("{} ({:?})", entry.value, entry.kind)),
            Difference::There(entry) => {
                ("only the Collector".to_owned(), format!("{} ({:?})", entry.value, entry.kind))
            }
            Difference::Both(field, here, there) => (format!("{field:?}"), said(*field, here, there)),
        };
        let form = format!("{:?}, {form}", found.format);
        let group = groups.entry((form, found.key.name.clone()));
        group.or_insert_with(|| (0, format!("{:?}: {example}", found.key.labels))).0 += 1;
    }
    let line = |((form, name), (count, example)): (&(String, String), &(usize, String))| {
        format!("{form}, {name} x {count}: {example}")
    };
    groups.iter().take(lines).map(line).collect::<Vec<_>>().join("\n")
}

fn said(field: Field, here: &Entry, there: &Entry) -> String {
    match field {
        Field::Kind => format!("{:?}, the Collector {:?}", here.kind, there.kind),
        Field::Help => format!("{:?}, the Collector {:?}", here.help, there.help),
        Field::Unit => format!("{:?}, the Collector {:?}", here.unit, there.unit),
        Field::Value => format!("{:?}, the Collector {:?}", here.value, there.value),
        Field::Time => format!("{:?}, the Collector {:?}", here.time, there.time),
        Field::Exemplar => format!("{:?}, the Collector {:?}", here.exemplar, there.exemplar),
    }
}
