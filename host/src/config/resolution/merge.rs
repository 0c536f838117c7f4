//! Two trees as one.

use std::collections::HashMap;

use super::super::node::{Entry, Node, Value};
use super::super::problem::Problem;
use super::super::tree::DEPTH_MAX;

/// Puts `other` over `node`: mappings key by key, everything else as a whole (`maps.Merge` of koanf).
pub(super) fn merge(node: &mut Node, other: Node) {
    match (&mut node.value, other.value) {
        (Value::Map(entries), Value::Map(others)) => merge_entries(entries, others),
        (_, value) => {
            let mut replaced = std::mem::take(&mut node.replaced);
            replaced.push(node.position.clone());
            *node = Node { value, replaced, ..other };
        }
    }
}

fn merge_entries(entries: &mut Vec<Entry>, others: impl IntoIterator<Item = Entry>) {
    let mut places: HashMap<String, usize> =
        entries.iter().enumerate().map(|(place, entry)| (entry.key.clone(), place)).collect();
    for entry in others {
        match places.get(&entry.key).and_then(|place| entries.get_mut(*place)) {
            Some(known) => merge(&mut known.value, entry.value),
            None => {
                places.insert(entry.key.clone(), entries.len());
                entries.push(entry);
            }
        }
    }
}

/// Between keys of one name, `a::b`.
const DELIMITER: &str = "::";

/// A key `a::b` is a key `b` below a key `a`; not below lists, where the Collector leaves keys as they are.
pub(super) fn nest(node: &mut Node) -> Result<(), Problem> {
    match depth(node) > DEPTH_MAX {
        true => Err(Problem::TooDeep { limit: DEPTH_MAX }),
        false => {
            nest_within(node);
            Ok(())
        }
    }
}

/// Mappings within mappings, as there will be.
fn depth(node: &Node) -> usize {
    let Value::Map(entries) = &node.value else { return 0 };
    let below = |entry: &Entry| entry.key.matches(DELIMITER).count() + 1 + depth(&entry.value);
    entries.iter().map(below).max().unwrap_or(0)
}

fn nest_within(node: &mut Node) {
    let Value::Map(entries) = &mut node.value else { return };
    let is_nested = entries.iter().any(|entry| entry.key.contains(DELIMITER));
    // What a reference has brought in has keys of its own, as in the Collector.
    let own = entries.iter_mut().filter(|entry| entry.value.expanded.is_none());
    own.for_each(|entry| nest_within(&mut entry.value));
    if is_nested {
        let mut nested = Vec::with_capacity(entries.len());
        merge_entries(&mut nested, entries.drain(..).map(split));
        *entries = nested;
    }
}

/// The keys of one entry, each below the one in front of it.
fn split(entry: Entry) -> Entry {
    let Entry { key, position, value } = entry;
    let mut keys = key.rsplit(DELIMITER);
    let last = Entry { key: keys.next().unwrap_or_default().to_owned(), position: position.clone(), value };
    keys.fold(last, |inner, key| {
        let value = Node::new(position.clone(), Value::Map(vec![inner]));
        Entry { key: key.to_owned(), position: position.clone(), value }
    })
}
