//! Mappings read by hand, where serde would stop at the first problem: every unknown key is reported.

use super::error::Error;
use super::node::{Entry, Node, Value};
use super::position::Position;
use super::problem::{Hint, Problem};

/// The keys of one mapping, of which only some are known.
pub(super) struct Fields<'a> {
    node: &'a Node,
    /// Keys that a known one was meant by, or that stand here in place of one.
    meant: Vec<String>,
}

impl<'a> Fields<'a> {
    /// Reports every key that is not `known`, and anything that is no mapping.
    pub fn of(node: &'a Node, known: &[&str], problems: &mut Vec<Error>) -> Self {
        Fields::with_misplaced(node, known, |_| None, problems)
    }

    /// The same where `belongs` knows the place of keys that have none here.
    pub fn with_misplaced(
        node: &'a Node,
        known: &[&str],
        belongs: fn(&str) -> Option<&'static str>,
        problems: &mut Vec<Error>,
    ) -> Self {
        let (before, mut meant) = (problems.len(), Vec::new());
        for entry in entries(node, problems) {
            let key = entry.key.clone();
            if known.contains(&key.as_str()) {
                continue;
            }
            let problem = match belongs(&key) {
                Some(belongs) => {
                    // `service.pipelines` is not missing where a pipeline stands beside it.
                    meant.extend(belongs.split('.').map(str::to_owned));
                    Problem::Misplaced { key, belongs }
                }
                None => {
                    let hint = Hint::new(&key, known.iter().copied());
                    meant.extend(hint.nearest().map(str::to_owned));
                    Problem::UnknownKey { key, hint }
                }
            };
            problems.push(Error::new(&entry.position, problem));
        }
        // What is no mapping at all lacks no key.
        if problems.len() > before && meant.is_empty() && !matches!(node.value, Value::Map(_)) {
            meant.extend(known.iter().map(|key| (*key).to_owned()));
        }
        Fields { node, meant }
    }

    /// The value of a key, if it is there.
    pub fn get(&self, key: &str) -> Option<&'a Node> {
        self.node.get(key)
    }

    /// Whether another key was meant to be this one.
    pub fn means(&self, key: &str) -> bool {
        self.meant.iter().any(|meant| meant == key)
    }

    /// The value of a key that must be there; reports it when it is not.
    pub fn required(&self, key: &'static str, problems: &mut Vec<Error>) -> Option<&'a Node> {
        let node = self.get(key);
        if node.is_none() && !self.means(key) {
            problems.push(Error::new(&self.node.position, Problem::MissingKey { key }));
        }
        node
    }
}

/// The entries of a mapping; nothing stands for an empty one, and anything else is reported.
pub(super) fn entries<'a>(node: &'a Node, problems: &mut Vec<Error>) -> &'a [Entry] {
    match &node.value {
        Value::Map(entries) => entries,
        Value::Null => &[],
        _ => {
            problems.push(wrong(node, "a mapping"));
            &[]
        }
    }
}

/// The texts of a list with their places; nothing stands for an empty one, and anything else is reported.
pub(super) fn texts<'a>(node: &'a Node, problems: &mut Vec<Error>) -> Vec<(&'a str, &'a Position)> {
    let items: &[Node] = match &node.value {
        Value::List(items) => items,
        Value::Null => &[],
        _ => {
            problems.push(wrong(node, "a list such as `[otlp]`"));
            &[]
        }
    };
    let mut texts = Vec::with_capacity(items.len());
    for item in items {
        match (&item.value, &item.expanded) {
            (Value::Text(text), _) | (_, Some(text)) => texts.push((text.as_str(), &item.position)),
            _ => problems.push(wrong(item, "a component id")),
        }
    }
    texts
}

fn wrong(node: &Node, expected: &str) -> Error {
    Error::new(&node.position, Problem::WrongValue { expected: expected.to_owned(), found: node.describe() })
}

impl Node {
    /// Whether it has keys, or nothing.
    pub(super) fn is_mapping(&self) -> bool {
        matches!(self.value, Value::Map(_) | Value::Null)
    }

    /// The value of a key, in a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value),
            _ => None,
        }
    }
}
