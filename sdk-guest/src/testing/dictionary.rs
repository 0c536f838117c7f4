//! Keyings and their dictionaries, as the host has them.

use std::collections::BTreeMap;

use crate::key::{self, KeyBuilder, Value};
use crate::{Attribute, Descriptor, Field, Level, NO_CODE, NO_KEY, Source, Temporality};

use super::Point;
use super::items::Fed;

/// Longer keys have no code.
const KEY_MAX: usize = 64 << 10;

#[derive(Debug, Clone)]
pub(super) enum Grouping {
    Keep(Vec<Attribute>),
    KeyBy(Vec<Source>),
    Drop(Vec<Attribute>),
    Stream(Option<Temporality>),
}

impl Grouping {
    /// The same exactly when codes mean the same: the order of attributes does not count.
    pub fn identity(&self) -> String {
        let listed = |list: &[Attribute]| {
            let mut list: Vec<String> = list.iter().map(|one| format!("{one:?}")).collect();
            list.sort();
            list.dedup();
            list
        };
        match self {
            Grouping::Keep(list) => format!("keep {:?}", listed(list)),
            Grouping::KeyBy(list) => {
                let mut list: Vec<String> = list.iter().map(|one| format!("{one:?}")).collect();
                list.sort();
                format!("by {list:?}")
            }
            Grouping::Drop(list) => format!("drop {:?}", listed(list)),
            Grouping::Stream(_) => "stream".to_owned(),
        }
    }

    /// The item's attributes that are part of its key, with their encoded values.
    fn attributes<'i>(&self, item: &'i Fed) -> Vec<(Level, &'i str, Vec<u8>)> {
        let sent = &item.sent;
        let levels = [(Level::Resource, &sent.resource), (Level::Scope, &sent.scope), (Level::Item, &sent.attributes)];
        let mut taken = Vec::new();
        for (level, attributes) in levels {
            for (key, value) in attributes {
                let is = |one: &Attribute| one.level == level && one.key == *key;
                let is_taken = match self {
                    Grouping::Keep(list) => list.iter().any(is),
                    Grouping::KeyBy(list) => {
                        list.iter().any(|one| matches!(one, Source::Attribute(attribute) if is(attribute)))
                    }
                    Grouping::Drop(list) => !list.iter().any(is),
                    Grouping::Stream(_) => true,
                };
                if is_taken {
                    taken.push((level, key.as_str(), value.encode()));
                }
            }
        }
        taken
    }

    /// The same for fields.
    fn fields<'s>(&'s self, item: &Fed) -> Vec<(&'s str, Vec<u8>)> {
        let name = |source: &'s Source| match source {
            Source::Field(name) => Some(name.as_str()),
            Source::Attribute(_) => None,
        };
        let names: Vec<&str> = match self {
            Grouping::KeyBy(sources) => sources.iter().filter_map(name).collect(),
            Grouping::Drop(_) => vec![Field::ScopeName.name(), Field::ScopeVersion.name()],
            Grouping::Keep(_) | Grouping::Stream(_) => Vec::new(),
        };
        names.into_iter().filter_map(|name| Some((name, item.field(name)?))).collect()
    }
}

#[derive(Debug, Clone)]
pub(super) struct Dictionary {
    pub grouping: Grouping,
    pub durable: bool,
    pub codes: BTreeMap<Vec<u8>, u32>,
    /// Index is the code.
    pub keys: Vec<Option<Vec<u8>>>,
    pub free: Vec<u32>,
    pub unsent: Vec<u32>,
}

impl Dictionary {
    pub fn new(grouping: Grouping, durable: bool) -> Dictionary {
        let (codes, keys, free, unsent) = (BTreeMap::new(), vec![None], Vec::new(), Vec::new());
        Dictionary { grouping, durable, codes, keys, free, unsent }
    }

    pub fn code(&mut self, key: &[u8], entries_max: usize) -> u32 {
        if let Some(code) = self.codes.get(key) {
            return *code;
        }
        if self.codes.len() >= entries_max {
            return NO_CODE;
        }
        let code = self.free.pop().unwrap_or(self.keys.len() as u32);
        if self.keys.len() <= code as usize {
            self.keys.resize(code as usize + 1, None);
        }
        self.keys[code as usize] = Some(key.to_vec());
        self.codes.insert(key.to_vec(), code);
        self.unsent.push(code);
        code
    }

    pub fn release(&mut self, codes: &[u32]) {
        for code in codes {
            if let Some(key) = self.keys.get_mut(*code as usize).and_then(Option::take) {
                self.codes.remove(&key);
                self.free.push(*code);
                self.unsent.retain(|unsent| unsent != code);
            }
        }
    }

    /// The code of a point.
    pub fn project(&mut self, descriptor: &Descriptor, point: &Point, entries_max: usize) -> u32 {
        self.project_item(&Fed::point(descriptor, point, true), entries_max)
    }

    /// The code of an item.
    pub fn project_item(&mut self, item: &Fed, entries_max: usize) -> u32 {
        let temporality = item.shape().map_or(Temporality::Unspecified, |(_, temporality)| temporality);
        if let Grouping::Stream(Some(only)) = &self.grouping
            && *only != temporality
        {
            return NO_KEY;
        }
        let (mut builder, mut count) = (KeyBuilder::default(), 0);
        for (level, key, value) in self.grouping.attributes(item) {
            count += 1;
            builder = builder.attribute(level, key, read(&value));
        }
        for (name, value) in self.grouping.fields(item) {
            count += 1;
            builder = builder.field(name, read(&value));
        }
        if matches!(self.grouping, Grouping::Stream(_)) {
            // Not where the real encoding has it, but as distinct.
            let scope = [Field::ScopeName, Field::ScopeVersion].map(|field| item.field(field.name()));
            let identity = format!("{} {} {:?} {scope:?}", item.sent.name, item.sent.unit, item.shape());
            builder = builder.attribute(Level::Metadata, "metric", Value::String(identity.as_bytes()));
            count += 1;
        }
        let key = builder.finish();
        match count {
            0 => NO_KEY,
            _ if key.len() > KEY_MAX => NO_CODE,
            _ => self.code(&key, entries_max),
        }
    }
}

fn read(encoded: &[u8]) -> Value<'_> {
    key::read_value(encoded).expect("a test's values are values")
}

#[cfg(test)]
mod tests {
    use super::{Dictionary, Grouping};
    use crate::key::{KeyBuilder, Value};
    use crate::testing::items::Fed;
    use crate::testing::{LogRecord, Span};
    use crate::{Level, NO_KEY};

    fn library(version: &str) -> Fed {
        Fed::span(&Span { scope_name: "lib".to_owned(), scope_version: version.to_owned(), ..Span::default() })
    }

    fn name_and_version() -> KeyBuilder {
        let name = KeyBuilder::default().field("scope.name", Value::String(b"lib"));
        name.field("scope.version", Value::String(b"2"))
    }

    #[test]
    fn drop_keys_have_the_name_and_the_version_of_the_scope() {
        let mut dictionary = Dictionary::new(Grouping::Drop(Vec::new()), false);
        assert_eq!(dictionary.project_item(&Fed::span(&Span::default()), 10), NO_KEY);
        let codes = [dictionary.project_item(&library("2"), 10), dictionary.project_item(&library(""), 10)];
        let nameless = KeyBuilder::default().field("scope.name", Value::String(b"lib"));
        let expected = [name_and_version(), nameless].map(|key| Some(key.finish()));
        assert_eq!(codes.map(|code| dictionary.keys[code as usize].clone()), expected);
    }

    #[test]
    fn drop_keys_have_them_behind_the_attributes() {
        let record = LogRecord {
            scope_name: "lib".to_owned(),
            scope_version: "2".to_owned(),
            attributes: [("a".to_owned(), "1".into())].into(),
            ..LogRecord::default()
        };
        let mut dictionary = Dictionary::new(Grouping::Drop(Vec::new()), false);
        let code = dictionary.project_item(&Fed::record(&record), 10);
        let expected = name_and_version().attribute(Level::Item, "a", Value::String(b"1")).finish();
        assert_eq!(dictionary.keys[code as usize], Some(expected));
    }

    #[test]
    fn streams_of_different_scopes_differ() {
        let mut dictionary = Dictionary::new(Grouping::Stream(None), false);
        let codes = [library("1"), library("2"), library("1")].map(|item| dictionary.project_item(&item, 10));
        assert!(codes[0] != codes[1] && codes[0] == codes[2], "{codes:?}");
    }
}
