//! Keyings and their dictionaries, as the host has them.

use std::collections::BTreeMap;

use crate::key::{self, KeyBuilder, Value};
use crate::{Attribute, Descriptor, Level, NO_CODE, NO_KEY, Source, Temporality};

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
        let Grouping::KeyBy(sources) = self else { return Vec::new() };
        let field = |source: &'s Source| match source {
            Source::Field(name) => Some((name.as_str(), item.value_of(source)?)),
            Source::Attribute(_) => None,
        };
        sources.iter().filter_map(field).collect()
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
            let identity = format!("{} {} {:?}", item.sent.name, item.sent.unit, item.shape());
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
