//! The configuration, and everything that can be wrong with it.

use std::fmt;

use otelier_sdk::config::AbsentKey;
use otelier_sdk::key::AnyValue;
use otelier_sdk::{Attribute, Failure, Level, When};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

use crate::action::Action;

/// Of a value of the configuration, encoded.
const VALUE_BYTES_MAX: usize = 64 << 10;
/// The edits of one call.
const ACTIONS_MAX: usize = 1024;

/// What the component's configuration holds; README.md says what each field means.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    actions: Vec<ConfiguredAction>,
    #[serde(default)]
    level: AttributeLevel,
}

const NO_CONDITIONS: &str = "conditions are not there yet, actions apply to every item; remove it, or give these items a pipeline of their own with a `filter` in front";

/// Known to the Collector, and not here yet.
pub const ABSENT_KEYS: &[AbsentKey] = &[
    ("include", NO_CONDITIONS),
    ("exclude", NO_CONDITIONS),
    ("actions.pattern", "patterns are not there yet; name each attribute by its `key`"),
    ("actions.from_context", "it is not there yet; write a `value`, or copy with `from_attribute`"),
    ("actions.default_value", "it is not there yet; let an `insert` of that value follow"),
    ("actions.converted_type", "the action `convert` is not there yet; remove it"),
];

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfiguredAction {
    #[serde(default)]
    key: String,
    action: Verb,
    #[serde(default)]
    value: Option<AnyValue>,
    #[serde(default)]
    from_attribute: Option<AttributeName>,
    #[serde(default)]
    new_key: Option<String>,
    #[serde(default)]
    level: Option<AttributeLevel>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Insert,
    Update,
    Upsert,
    Delete,
    Hash,
    Rename,
}

impl<'de> Deserialize<'de> for Verb {
    /// In any case, as the Collector reads them.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Verb, D::Error> {
        let name = String::deserialize(deserializer)?;
        Ok(match name.to_ascii_lowercase().as_str() {
            "insert" => Verb::Insert,
            "update" => Verb::Update,
            "upsert" => Verb::Upsert,
            "delete" => Verb::Delete,
            "hash" => Verb::Hash,
            "rename" => Verb::Rename,
            "extract" | "convert" => {
                let known = ACTIONS.join("`, `");
                return Err(D::Error::custom(format_args!(
                    "the action `{name}` is not there yet; there are `{known}`"
                )));
            }
            _ => return Err(D::Error::unknown_variant(&name, ACTIONS)),
        })
    }
}

const ACTIONS: &[&str] = &["insert", "update", "upsert", "delete", "hash", "rename"];

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verb::Insert => "insert",
            Verb::Update => "update",
            Verb::Upsert => "upsert",
            Verb::Delete => "delete",
            Verb::Hash => "hash",
            Verb::Rename => "rename",
        })
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum AttributeLevel {
    Resource,
    Scope,
    #[default]
    Item,
}

impl From<AttributeLevel> for Level {
    fn from(level: AttributeLevel) -> Level {
        match level {
            AttributeLevel::Resource => Level::Resource,
            AttributeLevel::Scope => Level::Scope,
            AttributeLevel::Item => Level::Item,
        }
    }
}

/// `user.id`, at the action's own level, or `{key: host.name, level: resource}`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct AttributeName {
    key: String,
    level: Option<AttributeLevel>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WithLevel {
    key: String,
    #[serde(default)]
    level: Option<AttributeLevel>,
}

impl<'de> Deserialize<'de> for AttributeName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<AttributeName, D::Error> {
        deserializer.deserialize_any(AttributeVisitor)
    }
}

struct AttributeVisitor;

impl<'de> Visitor<'de> for AttributeVisitor {
    type Value = AttributeName;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an attribute such as `user.id` or `{key: host.name, level: resource}`")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<AttributeName, E> {
        Ok(AttributeName { key: key.to_owned(), level: None })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<AttributeName, A::Error> {
        let WithLevel { key, level } = WithLevel::deserialize(MapAccessDeserializer::new(map))?;
        Ok(AttributeName { key, level })
    }
}

impl Config {
    /// The actions. A failure names the action and the way out.
    pub fn resolve(self) -> Result<Vec<Action>, Failure> {
        if self.actions.is_empty() || self.actions.len() > ACTIONS_MAX {
            let count = self.actions.len();
            return Err(Failure::refused(format!(
                "`actions`: {count} actions; write 1 to {ACTIONS_MAX}, such as `[{{key: user.email, action: delete}}]`"
            )));
        }
        let level = self.level;
        let numbered = self.actions.into_iter().zip(0..);
        numbered.map(|(action, number)| action.resolve(number, level)).collect()
    }
}

impl ConfiguredAction {
    fn resolve(self, number: usize, level: AttributeLevel) -> Result<Action, Failure> {
        let (verb, key) = (self.action, self.key.clone());
        let refused = |problem: String| Failure::refused(format!("`actions[{number}]`: {verb} `{key}`: {problem}"));
        self.check().map_err(refused)?;
        let level = Level::from(self.level.unwrap_or(level));
        let target = Attribute { level, key: self.key };
        Ok(match verb {
            Verb::Insert => set(target, When::Absent, self.value, self.from_attribute),
            Verb::Update => set(target, When::Present, self.value, self.from_attribute),
            Verb::Upsert => set(target, When::Always, self.value, self.from_attribute),
            Verb::Delete => Action::Remove { target },
            Verb::Hash => Action::Hash { target },
            Verb::Rename => Action::Rename { target, key: self.new_key.unwrap_or_default() },
        })
    }

    fn check(&self) -> Result<(), String> {
        if self.key.is_empty() {
            return Err("an attribute needs a `key`".to_owned());
        }
        match self.action {
            Verb::Insert | Verb::Update | Verb::Upsert => self.check_value(),
            Verb::Delete | Verb::Hash => self.check_unused(&["value", "from_attribute", "new_key"]),
            Verb::Rename => self.check_new_key(),
        }
    }

    fn check_value(&self) -> Result<(), String> {
        self.check_unused(&["new_key"])?;
        match (&self.value, &self.from_attribute) {
            (Some(_), Some(_)) => Err("`value` and `from_attribute` exclude each other; delete one of them".to_owned()),
            (None, None) => Err("it needs a `value`, or a `from_attribute` to copy".to_owned()),
            (None, Some(source)) if source.key.is_empty() => Err("`from_attribute` needs a key".to_owned()),
            (Some(value), None) if value.encode().len() > VALUE_BYTES_MAX => {
                Err(format!("the value has more than {VALUE_BYTES_MAX} bytes"))
            }
            _ => Ok(()),
        }
    }

    fn check_new_key(&self) -> Result<(), String> {
        self.check_unused(&["value", "from_attribute"])?;
        match &self.new_key {
            None => Err("it needs a `new_key`".to_owned()),
            Some(key) if key.is_empty() => {
                Err("`new_key` is empty; to remove the attribute, write `delete`".to_owned())
            }
            Some(key) if *key == self.key => Err("`new_key` is the key it has".to_owned()),
            Some(_) => Ok(()),
        }
    }

    fn check_unused(&self, fields: &[&str]) -> Result<(), String> {
        let is_there = |name: &&&str| match **name {
            "value" => self.value.is_some(),
            "from_attribute" => self.from_attribute.is_some(),
            _ => self.new_key.is_some(),
        };
        match fields.iter().find(is_there) {
            Some(name) => Err(format!("it does not use `{name}`; remove it")),
            None => Ok(()),
        }
    }
}

fn set(target: Attribute, when: When, value: Option<AnyValue>, source: Option<AttributeName>) -> Action {
    match source {
        Some(source) => {
            let level = source.level.map_or(target.level, Level::from);
            Action::Copy { source: Attribute { level, key: source.key }, target, when }
        }
        None => Action::Set { target, when, value: value.unwrap_or_default().encode() },
    }
}
