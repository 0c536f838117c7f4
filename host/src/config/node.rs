//! A YAML tree in which every value knows its place, so that code which knows a component can point into the file.
//!
//! A component's configuration stays a [`Node`] until its factory parses it. Invariants: variables are expanded,
//! aliases and merge keys are resolved, keys are unique, and the depth is bounded, so that recursion is safe.

use std::sync::Arc;

use super::fault::NOTHING;
use super::position::Position;
use super::retrieved::Retrieved;

/// One value of a configuration and everything below it.
#[derive(Debug, Clone)]
pub struct Node {
    pub(super) position: Position,
    pub(super) value: Value,
    /// The text behind an unquoted `${...}`: where text is wanted, `"0123"` is not the number 123.
    pub(super) expanded: Option<String>,
    /// Whether something from outside of the configuration had a part in it: what is kept out of files is often a secret.
    pub(super) from_environment: bool,
    /// Where the values stood that this one replaced, the first one first.
    pub(super) replaced: Vec<Position>,
    /// What its references named, in the order in which they were followed.
    pub(super) via: Vec<Arc<Retrieved>>,
}

/// What a node holds.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Integer(i64),
    /// Only what does not fit an `i64`.
    Unsigned(u64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// Numbers that have no more are no secrets: a hash hides none of a million values.
const GUESSED_DIGITS: usize = 6;

/// What keys of secrets are called, in part; without `-` and `_`.
const SECRET_KEYS: &[&str] =
    &["password", "passwd", "passphrase", "secret", "token", "apikey", "accesskey", "privatekey", "credential"];

/// Whether a key is called after a secret.
pub(super) fn is_secret_key(key: &str) -> bool {
    let key: String = key.chars().filter(|c| !matches!(c, '-' | '_')).collect::<String>().to_ascii_lowercase();
    SECRET_KEYS.iter().any(|name| key.contains(name))
}

/// One key of a mapping and its value.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub key: String,
    pub position: Position,
    pub value: Node,
}

impl Node {
    pub(super) fn new(position: Position, value: Value) -> Self {
        Node { position, value, expanded: None, from_environment: false, replaced: Vec::new(), via: Vec::new() }
    }

    /// Gives this and everything below one place.
    pub(super) fn stand_at(&mut self, position: &Position) {
        self.position = position.clone();
        match &mut self.value {
            Value::List(items) => items.iter_mut().for_each(|item| item.stand_at(position)),
            Value::Map(entries) => entries.iter_mut().for_each(|entry| {
                entry.position = position.clone();
                entry.value.stand_at(position);
            }),
            _ => {}
        }
    }

    /// Says of this and everything below that it is not from the configuration itself.
    pub(super) fn come_from_outside(&mut self) {
        self.from_environment = true;
        match &mut self.value {
            Value::List(items) => items.iter_mut().for_each(Node::come_from_outside),
            Value::Map(entries) => entries.iter_mut().for_each(|entry| entry.value.come_from_outside()),
            _ => {}
        }
    }

    /// Where it stands: a scalar or a `{..}` or `[..]` at its first character; a block, or nothing, at its key.
    pub fn position(&self) -> &Position {
        &self.position
    }

    /// What lies behind these keys, as far as they lead.
    pub fn below(&self, keys: &[&str]) -> &Node {
        match keys.split_first() {
            Some((key, rest)) => self.get(key).map_or(self, |node| node.below(rest)),
            None => self,
        }
    }

    /// The same values as JSON, which is how plugins get their configuration. What JSON has no number for becomes text.
    pub fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(value) => (*value).into(),
            Value::Integer(value) => (*value).into(),
            Value::Unsigned(value) => (*value).into(),
            Value::Float(value) if value.is_finite() => (*value).into(),
            Value::Float(value) => value.to_string().into(),
            Value::Text(value) => value.as_str().into(),
            Value::List(items) => items.iter().map(Node::to_json).collect(),
            Value::Map(entries) => {
                let fields = entries.iter().map(|entry| (entry.key.clone(), entry.value.to_json()));
                serde_json::Value::Object(fields.collect())
            }
        }
    }

    /// Values that are not to be stored or shown: those of keys that are called after secrets, and those from the environment. What has so few
    /// digits that a guess finds it is none.
    pub fn secrets(&self) -> Vec<serde_json::Value> {
        let mut found = Vec::new();
        self.gather_secrets(false, &mut found);
        found
    }

    fn gather_secrets(&self, is_named: bool, found: &mut Vec<serde_json::Value>) {
        match &self.value {
            Value::Null | Value::Bool(_) => {}
            Value::List(items) => items.iter().for_each(|item| item.gather_secrets(is_named, found)),
            Value::Map(entries) => entries
                .iter()
                .for_each(|entry| entry.value.gather_secrets(is_named || is_secret_key(&entry.key), found)),
            Value::Text(text) if text.is_empty() => {}
            value => {
                let json = self.to_json();
                let is_guessed = !matches!(value, Value::Text(_)) && json.to_string().len() <= GUESSED_DIGITS;
                if (is_named || self.from_environment) && !is_guessed {
                    found.push(json);
                }
            }
        }
    }

    /// The first mapping key of that name at any depth, in the order of the file.
    pub fn locate_key(&self, key: &str) -> Option<Position> {
        match &self.value {
            Value::List(items) => items.iter().find_map(|item| item.locate_key(key)),
            Value::Map(entries) => entries.iter().find_map(|entry| {
                if entry.key == key { Some(entry.position.clone()) } else { entry.value.locate_key(key) }
            }),
            _ => None,
        }
    }

    /// The first scalar of that text at any depth, this one included.
    pub(super) fn locate_value(&self, text: &str) -> Option<Position> {
        match &self.value {
            Value::List(items) => items.iter().find_map(|item| item.locate_value(text)),
            Value::Map(entries) => entries.iter().find_map(|entry| entry.value.locate_value(text)),
            Value::Null => None,
            _ => (self.scalar_text()? == text).then(|| self.position.clone()),
        }
    }

    /// The text of a scalar; `None` for collections.
    pub(super) fn scalar_text(&self) -> Option<String> {
        match &self.value {
            Value::Text(text) => Some(text.clone()),
            Value::List(_) | Value::Map(_) => None,
            _ => self.expanded.clone().or_else(|| Some(self.to_json().to_string())),
        }
    }

    /// What an error calls this value.
    pub(super) fn describe(&self) -> String {
        match &self.value {
            Value::Null => NOTHING.to_owned(),
            Value::Text(text) => format!("the text `{text}`"),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a mapping".to_owned(),
            Value::Bool(_) | Value::Integer(_) | Value::Unsigned(_) | Value::Float(_) => {
                format!("`{}`", self.to_json())
            }
        }
    }

    /// How many values there are, this one included.
    pub(super) fn count(&self) -> usize {
        1 + self.children().map(Node::count).sum::<usize>()
    }

    /// How many levels there are below this one.
    pub(super) fn height(&self) -> usize {
        self.children().map(|child| 1 + child.height()).max().unwrap_or(0)
    }

    pub(super) fn children(&self) -> Box<dyn Iterator<Item = &Node> + '_> {
        match &self.value {
            Value::List(items) => Box::new(items.iter()),
            Value::Map(entries) => Box::new(entries.iter().map(|entry| &entry.value)),
            _ => Box::new(std::iter::empty()),
        }
    }
}
