//! A resolved configuration for people: what it says, and where that is from.

use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::node::{Entry, Node, Value, is_secret_key};
use super::position::Position;
use super::retrieved::Retrieved;

/// What stands in the place of a secret.
const REDACTED: &str = "[REDACTED]";

/// Mappings whose values sign requests in, or are nobody else's to know.
const HEADERS: [&str; 2] = ["headers", "response_headers"];

/// One value and its origin.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// As JSON, without secrets.
    pub value: serde_json::Value,
    /// Where it stands: `file:line:column`, or the `--set` that gives it.
    pub position: Position,
    /// What its references named, in the order in which they were followed.
    pub via: Vec<Arc<Retrieved>>,
    /// Where the values stood that it replaced.
    pub replaced: Vec<Position>,
}

impl Node {
    /// The same without values of keys that are called after secrets, and of headers.
    pub fn redacted(&self) -> Node {
        self.with_secrets_left_out(false)
    }

    fn with_secrets_left_out(&self, is_secret: bool) -> Node {
        let value = match &self.value {
            Value::Map(entries) => Value::Map(entries.iter().map(|entry| entry.redacted(is_secret)).collect()),
            Value::List(items) => Value::List(items.iter().map(|item| item.with_secrets_left_out(is_secret)).collect()),
            Value::Integer(_) | Value::Unsigned(_) | Value::Float(_) | Value::Text(_) if is_secret => {
                Value::Text(REDACTED.to_owned())
            }
            Value::Text(text) => Value::Text(without_user(text)),
            value => value.clone(),
        };
        Node { value, ..self.clone() }
    }

    /// What stands at a path of keys and of numbers of list entries, with dots between them.
    pub fn explain(&self, path: &str) -> Option<Explanation> {
        let (node, is_secret) = self.at_keys(path, false)?;
        Some(Explanation {
            value: node.with_secrets_left_out(is_secret).to_json(),
            position: node.position.clone(),
            via: node.via.clone(),
            replaced: node.replaced.clone(),
        })
    }

    fn at_keys(&self, path: &str, is_secret: bool) -> Option<(&Node, bool)> {
        if path.is_empty() {
            return Some((self, is_secret));
        }
        match &self.value {
            Value::Map(entries) => entries.iter().find_map(|entry| {
                let rest = path.strip_prefix(entry.key.as_str())?;
                let rest = if rest.is_empty() { rest } else { rest.strip_prefix('.')? };
                entry.value.at_keys(rest, is_secret || entry.is_of_secrets())
            }),
            Value::List(items) => {
                let (number, rest) = path.split_once('.').unwrap_or((path, ""));
                items.get(number.parse::<usize>().ok()?)?.at_keys(rest, is_secret)
            }
            _ => None,
        }
    }

    /// The keys of the mapping in which a path ends that leads nowhere.
    pub fn keys_near(&self, path: &str) -> Vec<String> {
        let mut end = path.len();
        while let Some(dot) = path.get(..end).and_then(|path| path.rfind('.')) {
            end = dot;
            if let Some((node, _)) = self.at_keys(path.get(..end).unwrap_or_default(), false) {
                return node.keys();
            }
        }
        self.keys()
    }

    fn keys(&self) -> Vec<String> {
        match &self.value {
            Value::Map(entries) => entries.iter().map(|entry| entry.key.clone()).collect(),
            Value::List(items) => (0..items.len()).map(|number| number.to_string()).collect(),
            _ => Vec::new(),
        }
    }
}

/// A URL without its user and password; any other text as it is.
fn without_user(text: &str) -> String {
    let parted = text.split_once("://").and_then(|(scheme, rest)| {
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end)?;
        let (_, server) = authority.rsplit_once('@')?;
        (!scheme.contains(char::is_whitespace)).then(|| format!("{scheme}://{REDACTED}@{server}{path}"))
    });
    parted.unwrap_or_else(|| text.to_owned())
}

impl Entry {
    fn is_of_secrets(&self) -> bool {
        is_secret_key(&self.key) || HEADERS.contains(&self.key.as_str())
    }

    fn redacted(&self, is_secret: bool) -> Entry {
        let value = self.value.with_secrets_left_out(is_secret || self.is_of_secrets());
        Entry { value, ..self.clone() }
    }
}

/// As YAML, which has every number that a configuration can have; JSON has none for `.inf` and `.nan`, so there [`Node::to_json`] is better.
impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.value {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::Integer(value) => serializer.serialize_i64(*value),
            Value::Unsigned(value) => serializer.serialize_u64(*value),
            Value::Float(value) => serializer.serialize_f64(*value),
            Value::Text(value) => serializer.serialize_str(value),
            Value::List(items) => serializer.collect_seq(items),
            Value::Map(entries) => serializer.collect_map(entries.iter().map(|entry| (&entry.key, &entry.value))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::without_user;

    #[test]
    fn a_url_is_shown_without_its_password() {
        for (text, shown) in [
            ("http://user:secret@proxy:3128/x", "http://[REDACTED]@proxy:3128/x"),
            ("https://collector:4318/a@b", "https://collector:4318/a@b"),
            ("mail me@home: see http://a@b", "mail me@home: see http://a@b"),
            ("me@home", "me@home"),
        ] {
            assert_eq!(without_user(text), shown);
        }
    }
}
