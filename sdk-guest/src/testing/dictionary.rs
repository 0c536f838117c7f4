//! Keyings and their dictionaries, as the host has them.

use std::collections::BTreeMap;

use crate::key::{KeyBuilder, Value};
use crate::{Attribute, Descriptor, Level, NO_CODE, NO_KEY, Source, Temporality};

use super::Point;

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
        if let Grouping::Stream(Some(only)) = &self.grouping
            && *only != descriptor.temporality
        {
            return NO_KEY;
        }
        let mut builder = KeyBuilder::default();
        let mut count = 0;
        let levels =
            [(Level::Resource, &point.resource), (Level::Scope, &point.scope), (Level::Item, &point.attributes)];
        for (level, attributes) in levels {
            for (key, value) in attributes {
                let named = |list: &[Attribute]| list.iter().any(|one| one.level == level && one.key == *key);
                let taken = match &self.grouping {
                    Grouping::Keep(list) => named(list),
                    Grouping::KeyBy(list) => list
                        .iter()
                        .any(|one| matches!(one, Source::Attribute(one) if one.level == level && one.key == *key)),
                    Grouping::Drop(list) => !named(list),
                    Grouping::Stream(_) => true,
                };
                if taken {
                    count += 1;
                    builder = builder.attribute(level, key, Value::String(value.as_bytes()));
                }
            }
        }
        if matches!(self.grouping, Grouping::Stream(_)) {
            // Not where the real encoding has it, but as distinct.
            let identity = format!("{} {} {:?}", descriptor.name, descriptor.unit, descriptor.kind);
            builder = builder.attribute(Level::Metadata, "metric", Value::String(identity.as_bytes()));
            count += 1;
        }
        if count == 0 { NO_KEY } else { self.code(&builder.finish(), entries_max) }
    }
}
