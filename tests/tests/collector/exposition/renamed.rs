//! The names that the specification has for what the Collector calls otherwise, each with the sentence that makes it so.

use std::collections::BTreeMap;

use super::allowed::COMPATIBILITY;
use super::compare::{Entry, Key, Samples};

/// One rule of names.
struct Renamed {
    what: &'static str,
    /// The document, the section and the sentence.
    _because: [&'static str; 3],
    /// What the specification calls it; the same where it has nothing to say.
    name: fn(&Key) -> Key,
}

const RENAMED: &[Renamed] = &[
    Renamed {
        what: "underscores of labels collapse",
        _because: [
            COMPATIBILITY,
            "Metric Attributes",
            "Multiple consecutive `_` characters SHOULD be replaced with a single `_` character.",
        ],
        name: |key| {
            let collapse = |(name, value): (&String, &String)| (collapsed(name), value.clone());
            Key { name: key.name.clone(), labels: key.labels.iter().map(collapse).collect() }
        },
    },
    Renamed {
        what: "kBy is kilobytes",
        _because: [
            COMPATIBILITY,
            "Metric Metadata",
            "The Unit of an OTLP metric point MUST be converted from the UCUM unit to the equivalent unit word in Prometheus if it is \
             included in the table.",
        ],
        name: |key| named(key, key.name.replace("_kBy", "_kilobytes")),
    },
    Renamed {
        what: "a name that has `total` within is left as it is",
        _because: [
            COMPATIBILITY,
            "Sums",
            "If the metric name for monotonic Sum metric points does not end in a suffix of `_total` a suffix of `_total` SHOULD be \
             added by default, otherwise the name MUST remain unchanged.",
        ],
        name: |key| named(key, key.name.replace("c_kept", "c_total_kept")),
    },
    Renamed {
        what: "a name that has the unit within gets it at its end",
        _because: [
            COMPATIBILITY,
            "Metric Metadata",
            "A suffix to the metric name SHOULD be added unless the metric name already ends with the unit (before type-specific \
             suffixes).",
        ],
        name: |key| match key.name.split_once("h_seconds_spent_") {
            Some((front, suffix @ ("bucket" | "count" | "sum"))) => {
                named(key, format!("{front}h_seconds_spent_seconds_{suffix}"))
            }
            _ => key.clone(),
        },
    },
];

fn named(key: &Key, name: String) -> Key {
    Key { name, labels: key.labels.clone() }
}

fn collapsed(name: &str) -> String {
    let mut collapsed = String::new();
    for character in name.chars().filter(|character| *character != '\0') {
        if character != '_' || !collapsed.ends_with('_') {
            collapsed.push(character);
        }
    }
    collapsed
}

/// Gives the Collector's samples the names that the specification has for them.
pub fn rename(there: Samples, needed: &mut BTreeMap<&'static str, usize>) -> Samples {
    let specified = |(mut key, entry): (Key, Entry)| {
        for rule in RENAMED {
            let name = (rule.name)(&key);
            if name != key {
                *needed.entry(rule.what).or_default() += 1;
            }
            key = name;
        }
        (key, entry)
    };
    there.into_iter().map(specified).collect()
}

/// What every rule is called.
pub fn all() -> impl Iterator<Item = &'static str> {
    RENAMED.iter().map(|rule| rule.what)
}
