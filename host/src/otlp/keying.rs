//! Keyings: which attributes make a row's key.

use super::field::Field;
use super::key::Level;
use super::metrics::Temporality;

/// What a keying or a column of values reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// An attribute.
    Attribute(Level, Vec<u8>),
    /// A field.
    Field(Field),
}

/// How a set of attributes is chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grouping {
    /// These attributes alone, and fields under [`Level::Field`].
    Keep(Vec<(Level, Vec<u8>)>),
    /// All resource, scope and item attributes but these, and the scope's name and version: they are part of what a metric is.
    Drop(Vec<(Level, Vec<u8>)>),
    /// The full identity of the input stream, for rows of this temporality only.
    Stream(Option<Temporality>),
}

/// A declared keying.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keying {
    /// What makes the key.
    pub grouping: Grouping,
    /// Whether its dictionary is stored with the component's state.
    pub durable: bool,
    /// Whether keys whose values are written alike are one key.
    pub alike: bool,
}

/// Of a keying's name, about.
const NAME_BYTES_MAX: usize = 120;

/// Which attributes of one level a keying takes.
#[derive(Debug, Clone)]
pub struct Names {
    listed: Vec<Box<[u8]>>,
    listed_are_taken: bool,
}

impl Names {
    /// Whether an attribute belongs to the key.
    #[inline]
    pub fn takes(&self, name: &[u8]) -> bool {
        self.listed.iter().any(|listed| **listed == *name) == self.listed_are_taken
    }
}

impl Keying {
    /// Whether an attribute of that level belongs to the key.
    #[inline]
    pub fn takes(&self, level: Level, name: &[u8]) -> bool {
        let named = |list: &[(Level, Vec<u8>)]| list.iter().any(|(at, wanted)| *at == level && wanted == name);
        match &self.grouping {
            Grouping::Keep(list) => named(list),
            Grouping::Drop(list) => !named(list),
            Grouping::Stream(_) => true,
        }
    }

    /// The same for one level, ready for many questions.
    pub fn names(&self, level: Level) -> Names {
        let listed = |list: &[(Level, Vec<u8>)]| {
            list.iter().filter(|(at, _)| *at == level).map(|(_, name)| name.as_slice().into()).collect()
        };
        match &self.grouping {
            Grouping::Keep(list) => Names { listed: listed(list), listed_are_taken: true },
            Grouping::Drop(list) => Names { listed: listed(list), listed_are_taken: false },
            Grouping::Stream(_) => Names { listed: Vec::new(), listed_are_taken: false },
        }
    }

    /// The fields that belong to the key, each once: a key that repeats one is not found by its hash.
    pub fn fields(&self) -> Vec<Field> {
        let list = match &self.grouping {
            Grouping::Keep(list) => list,
            Grouping::Drop(_) => return vec![Field::ScopeName, Field::ScopeVersion],
            Grouping::Stream(_) => return Vec::new(),
        };
        let mut fields = Vec::new();
        for field in list.iter().filter(|(level, _)| *level == Level::Field).filter_map(|(_, name)| Field::of(name)) {
            if !fields.contains(&field) {
                fields.push(field);
            }
        }
        fields
    }

    /// Whether rows of a metric with that temporality have a key at all.
    pub fn covers(&self, temporality: Temporality) -> bool {
        match &self.grouping {
            Grouping::Stream(Some(only)) => *only == temporality,
            _ => true,
        }
    }

    /// What it is called in the log and in metrics: `keep work.type`. Only the beginning of a long list stands in it.
    pub fn name(&self) -> String {
        let listed = |word: &str, list: &[(Level, Vec<u8>)]| {
            let mut name = word.to_owned();
            for (number, (_, attribute)) in list.iter().enumerate() {
                if name.len() + attribute.len() > NAME_BYTES_MAX {
                    return format!("{name} and {} more", list.len() - number);
                }
                name.push(' ');
                name.push_str(&String::from_utf8_lossy(attribute));
            }
            name
        };
        match &self.grouping {
            Grouping::Keep(list) => listed("keep", list),
            Grouping::Drop(list) => listed("drop", list),
            Grouping::Stream(_) => "stream".to_owned(),
        }
    }

    /// A name for the stored dictionary that is the same exactly when codes mean the same: two configurations that keep the
    /// same attributes share it, whatever the order they name them in.
    pub fn identity(&self) -> Vec<u8> {
        let listed = |mark: u8, list: &[(Level, Vec<u8>)]| {
            let mut list = list.to_vec();
            list.sort();
            list.dedup();
            let mut identity = vec![mark];
            for (level, name) in list {
                identity.push(level as u8);
                super::wire::put_varint(&mut identity, name.len() as u64);
                identity.extend_from_slice(&name);
            }
            identity
        };
        match &self.grouping {
            Grouping::Keep(list) => listed(b'k', list),
            Grouping::Drop(list) => listed(b'd', list),
            Grouping::Stream(None) => vec![b's'],
            Grouping::Stream(Some(only)) => vec![b's', *only as u8],
        }
    }
}
