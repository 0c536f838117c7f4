//! Actions as they are configured, and everything that can be wrong with them.

use std::fmt;

use otelier_sdk::key::AnyValue;
use otelier_sdk::{Attribute, Failure, Level, When};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

use crate::editing::action::{Action, ContextKey, Converted, Origin};
use crate::matcher::Pattern;

/// Of a value of the configuration, encoded.
const VALUE_BYTES_MAX: usize = 64 << 10;
/// The edits of one call.
const ACTIONS_MAX: usize = 1024;

/// What an action's configuration holds.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfiguredAction {
    #[serde(default)]
    key: String,
    action: Verb,
    #[serde(default)]
    value: Option<AnyValue>,
    #[serde(default)]
    from_attribute: Option<AttributeName>,
    #[serde(default)]
    from_context: Option<String>,
    #[serde(default)]
    default_value: Option<AnyValue>,
    #[serde(default)]
    pattern: Option<String>,
    #[serde(default)]
    converted_type: Option<String>,
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
    Extract,
    Convert,
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
            "extract" => Verb::Extract,
            "convert" => Verb::Convert,
            _ => return Err(D::Error::unknown_variant(&name, ACTIONS)),
        })
    }
}

const ACTIONS: &[&str] = &["insert", "update", "upsert", "delete", "hash", "extract", "convert", "rename"];

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verb::Insert => "insert",
            Verb::Update => "update",
            Verb::Upsert => "upsert",
            Verb::Delete => "delete",
            Verb::Hash => "hash",
            Verb::Extract => "extract",
            Verb::Convert => "convert",
            Verb::Rename => "rename",
        })
    }
}

/// Where attributes are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AttributeLevel {
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

/// The actions of a list under the key `name`; those that do not say where are at `level`. A failure names the action and the way out.
pub fn resolve(name: &str, actions: Vec<ConfiguredAction>, level: AttributeLevel) -> Result<Vec<Action>, Failure> {
    if actions.is_empty() || actions.len() > ACTIONS_MAX {
        let count = actions.len();
        return Err(Failure::refused(format!(
            "`{name}`: {count} actions; write 1 to {ACTIONS_MAX}, such as `[{{key: user.email, action: delete}}]`"
        )));
    }
    let resolved = actions.into_iter().zip(0..).map(|(action, number): (ConfiguredAction, usize)| {
        let (verb, key) = (action.action, action.key.clone());
        let refused = |problem| Failure::refused(format!("`{name}[{number}]`: {verb} `{key}`: {problem}"));
        action.resolve(level).map_err(refused)
    });
    resolved.collect()
}

impl ConfiguredAction {
    fn resolve(mut self, level: AttributeLevel) -> Result<Action, String> {
        self.leave_out_what_is_empty();
        self.check()?;
        let level = Level::from(self.level.unwrap_or(level));
        let target = Attribute { level, key: std::mem::take(&mut self.key) };
        let pattern = |pattern: Option<String>| {
            let pattern = pattern.map(|pattern| Pattern::new(&pattern));
            pattern.transpose().map_err(|problem| format!("`pattern`: {problem}"))
        };
        Ok(match self.action {
            Verb::Insert => self.give(target, When::Absent)?,
            Verb::Update => self.give(target, When::Present)?,
            Verb::Upsert => self.give(target, When::Always)?,
            Verb::Delete => match pattern(self.pattern)? {
                Some(pattern) => Action::RemoveMatching { target, pattern },
                None => Action::Remove { target },
            },
            Verb::Hash => match pattern(self.pattern)? {
                Some(pattern) => Action::HashMatching { target, pattern },
                None => Action::Hash { target },
            },
            Verb::Extract => {
                let pattern = pattern(self.pattern)?.ok_or("it needs a `pattern`")?;
                check_groups(&pattern)?;
                Action::Extract { source: target, pattern }
            }
            Verb::Convert => Action::Convert { target, to: converted(self.converted_type.as_deref())? },
            Verb::Rename => Action::Rename { target, key: self.new_key.unwrap_or_default() },
        })
    }

    /// To the Collector, what is nothing is as good as left out.
    fn leave_out_what_is_empty(&mut self) {
        for text in [&mut self.from_context, &mut self.pattern, &mut self.converted_type] {
            text.take_if(|text| text.is_empty());
        }
        for value in [&mut self.value, &mut self.default_value] {
            value.take_if(|value| *value == AnyValue::Empty);
        }
    }

    fn check(&self) -> Result<(), String> {
        let takes_pattern = matches!(self.action, Verb::Delete | Verb::Hash);
        if self.key.is_empty() && !(takes_pattern && self.pattern.is_some()) {
            let or_pattern = if takes_pattern { " or a `pattern`" } else { "" };
            return Err(format!("an attribute needs a `key`{or_pattern}"));
        }
        match self.action {
            Verb::Insert | Verb::Update | Verb::Upsert => self.check_value(),
            Verb::Delete | Verb::Hash => self.check_unused(&["value", "from_attribute", "converted_type", "new_key"]),
            Verb::Extract => {
                self.check_unused(&["value", "from_attribute", "from_context", "converted_type", "new_key"])
            }
            Verb::Convert => self.check_unused(&["value", "from_attribute", "from_context", "pattern", "new_key"]),
            Verb::Rename => self.check_new_key(),
        }
    }

    fn check_value(&self) -> Result<(), String> {
        self.check_unused(&["pattern", "converted_type", "new_key"])?;
        if self.from_attribute.as_ref().is_some_and(|source| source.key.is_empty()) {
            return Err("`from_attribute` needs a key".to_owned());
        }
        let origins = [
            ("value", self.value.is_some()),
            ("from_attribute", self.from_attribute.is_some()),
            ("from_context", self.from_context.is_some()),
        ];
        let mut given = origins.iter().filter(|(_, is_there)| *is_there).map(|(name, _)| *name);
        if let (Some(one), Some(other)) = (given.next(), given.next()) {
            return Err(format!("`{one}` and `{other}` exclude each other; delete one of them"));
        }
        let values = || self.value.iter().chain(&self.default_value);
        if values().next().is_none() && self.from_attribute.is_none() && self.from_context.is_none() {
            return Err(
                "it needs a `value`, a `from_attribute` to copy, a `from_context` or a `default_value`".to_owned()
            );
        }
        match values().any(|value| value.encode().len() > VALUE_BYTES_MAX) {
            true => Err(format!("the value has more than {VALUE_BYTES_MAX} bytes")),
            false => Ok(()),
        }
    }

    fn check_new_key(&self) -> Result<(), String> {
        self.check_unused(&["value", "from_attribute", "from_context", "default_value", "pattern", "converted_type"])?;
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
            "from_context" => self.from_context.is_some(),
            "default_value" => self.default_value.is_some(),
            "pattern" => self.pattern.is_some(),
            "converted_type" => self.converted_type.is_some(),
            _ => self.new_key.is_some(),
        };
        match fields.iter().find(is_there) {
            Some(name) => Err(format!("it does not use `{name}`; remove it")),
            None => Ok(()),
        }
    }

    fn give(self, target: Attribute, when: When) -> Result<Action, String> {
        let default = self.default_value.map(|value| value.encode());
        if let Some(value) = self.value.map(|value| value.encode()) {
            return Ok(Action::Set { target, when, value });
        }
        if let Some(name) = self.from_context {
            return Ok(Action::Give { target, when, from: Origin::Context(context_key(&name)?), default });
        }
        Ok(match (self.from_attribute, default) {
            (Some(AttributeName { key, level }), default) => {
                let source = Attribute { level: level.map_or(target.level, Level::from), key };
                match default {
                    None => Action::Copy { source, target, when },
                    default => Action::Give { target, when, from: Origin::Attribute(source), default },
                }
            }
            (None, default) => Action::Set { target, when, value: default.unwrap_or_default() },
        })
    }
}

/// A name of the Collector's: with `metadata.` in front or not, it is a header's.
fn context_key(name: &str) -> Result<ContextKey, String> {
    if name == "client.address" {
        return Ok(ContextKey::ClientAddress);
    }
    if name.starts_with("auth.") {
        return Err(format!(
            "`from_context: {name}`: what an authenticator knows reaches no plugin; let the sender or a proxy say it in a header, and write `from_context: metadata.NAME` with `include_metadata: true` at the receiver"
        ));
    }
    let header = name.strip_prefix("metadata.").unwrap_or(name);
    Ok(ContextKey::Metadata(header.to_ascii_lowercase()))
}

fn check_groups(pattern: &Pattern) -> Result<(), String> {
    if pattern.names.is_empty() {
        return Err(
            "`pattern` has no group; name what is to be extracted, as in `^/user/(?P<user_id>[0-9]+)`".to_owned()
        );
    }
    match pattern.names.iter().any(String::is_empty) {
        true => Err(
            "`pattern` has a group without a name; write `(?P<name>…)`, or `(?:…)` where nothing is to be extracted"
                .to_owned(),
        ),
        false => Ok(()),
    }
}

fn converted(name: Option<&str>) -> Result<Converted, String> {
    match name {
        Some("int") => Ok(Converted::Integer),
        Some("double") => Ok(Converted::Double),
        Some("string") => Ok(Converted::String),
        Some(other) => Err(format!("`converted_type: {other}`: there are `int`, `double` and `string`")),
        None => Err("it needs a `converted_type`: `int`, `double` or `string`".to_owned()),
    }
}
