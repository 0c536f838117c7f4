//! Mappings read by hand, where serde would stop at the first problem: every unknown key is reported.

use super::error::{Error, Position};
use super::node::{Entry, Node, Value};
use super::problem::{Hint, Problem};

/// The keys of one mapping, of which only some are known.
pub(super) struct Fields<'a>(&'a Node);

impl<'a> Fields<'a> {
    /// Reports every key that is not `known`, and anything that is no mapping.
    pub fn of(node: &'a Node, known: &[&str], problems: &mut Vec<Error>) -> Self {
        for entry in entries(node, problems) {
            if !known.contains(&entry.key.as_str()) {
                let hint = Hint::new(&entry.key, known.iter().copied());
                problems.push(Error::new(&entry.position, Problem::UnknownKey { key: entry.key.clone(), hint }));
            }
        }
        Fields(node)
    }

    /// The value of a key, if it is there.
    pub fn get(&self, key: &str) -> Option<&'a Node> {
        self.0.get(key)
    }

    /// The value of a key that must be there; reports it when it is not.
    pub fn required(&self, key: &'static str, problems: &mut Vec<Error>) -> Option<&'a Node> {
        let node = self.get(key);
        if node.is_none() {
            problems.push(Error::new(&self.0.position, Problem::MissingKey { key }));
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
    /// The value of a key of this mapping.
    /// The value of a key, in a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value),
            _ => None,
        }
    }
}
