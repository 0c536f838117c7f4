//! Whether stored state can be carried on under a changed configuration: refused where its series would mean something else.

use otelier_sdk::{Failure, Stored, config};
use serde::Deserialize;

use crate::STATE_FORMAT;
use crate::config::{AttributeName, Config, Functions};

/// The part of a configuration that says what stored series mean; the rest may have had other fields then.
#[derive(Debug, Deserialize)]
struct Meaning {
    #[serde(default)]
    group_by: Option<Vec<AttributeName>>,
    #[serde(default)]
    drop: Option<Vec<AttributeName>>,
    #[serde(default)]
    functions: Functions,
}

const WAY_OUT: &str = "give the processor a new id, such as aggregate/orders-2, to start fresh";

/// Refuses a state of another format, and one that another grouping or function wrote.
pub fn check(config: &Config, previous: &Stored) -> Result<(), Failure> {
    if previous.format != STATE_FORMAT {
        return Err(Failure::refused(format!(
            "the stored state has format {}, this version of the plugin reads {STATE_FORMAT}; use the version that wrote it, or {WAY_OUT}",
            previous.format
        )));
    }
    let before: Meaning = config::parse(&previous.config)
        .map_err(|failure| Failure::damaged(format_args!("its configuration does not read: {}", failure.message)))?;
    let changed = |field: &str, from: &str, to: &str| {
        Err(Failure::refused(format!(
            "`{field}` was {from} when the stored state was written and is {to} now: its series cannot be carried on; {WAY_OUT}, or restore the old `{field}`"
        )))
    };
    let (old, new) = (listed(&before.group_by), listed(&config.group_by));
    if old != new {
        return changed("group_by", &old, &new);
    }
    let (old, new) = (listed(&before.drop), listed(&config.drop));
    if old != new {
        return changed("drop", &old, &new);
    }
    let functions = [
        ("functions.sum", before.functions.sum, config.functions.sum),
        ("functions.gauge", before.functions.gauge, config.functions.gauge),
    ];
    match functions.iter().find(|(_, old, new)| old != new) {
        Some((field, old, new)) => changed(field, old.name(), new.name()),
        None => Ok(()),
    }
}

/// The attributes in an order of their own: to name them in another one changes nothing.
fn listed(names: &Option<Vec<AttributeName>>) -> String {
    let Some(names) = names else { return "absent".to_owned() };
    let mut names = names.clone();
    names.sort();
    names.dedup();
    let names: Vec<String> = names.iter().map(AttributeName::to_string).collect();
    format!("[{}]", names.join(", "))
}

/// Refuses bounds that the stored state exceeds already.
pub fn check_bounds(config: &Config, series: usize, streams: usize) -> Result<(), Failure> {
    let bounds = [("max_series", config.max_series, series), ("max_streams", config.max_streams, streams)];
    for (field, most, stored) in bounds {
        if stored > most as usize {
            return Err(Failure::refused(format!(
                "`{field}` is {most}, but {stored} are stored; raise it, or {WAY_OUT}"
            )));
        }
    }
    Ok(())
}
