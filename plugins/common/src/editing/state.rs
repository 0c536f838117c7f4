//! The attributes of a level while actions take place, and what became of them in the end.

use std::borrow::Cow;

use otelier_sdk::When;
use otelier_sdk::key::{Value, map_entries, read_value, write_map, write_texts, write_value};

use crate::editing::action::{Converted, is_set};
use crate::editing::convert::convert;
use crate::editing::hash::hash;
use crate::matcher::Pattern;

/// One attribute. Its value is encoded.
#[derive(Debug)]
struct Entry<'s> {
    key: Cow<'s, [u8]>,
    value: Cow<'s, [u8]>,
    /// It is not what came.
    is_changed: bool,
}

/// The attributes of one resource, scope or item.
#[derive(Debug, Default)]
pub struct State<'s> {
    entries: Vec<Entry<'s>>,
    /// Keys that came and are gone, or were meanwhile.
    removed: Vec<Cow<'s, [u8]>>,
}

impl<'s> State<'s> {
    /// Of an encoded map.
    pub fn read(encoded: &'s [u8]) -> State<'s> {
        let entry = |(key, value)| Entry { key: Cow::Borrowed(key), value: Cow::Borrowed(value), is_changed: false };
        let entries = map_entries(encoded).unwrap_or_default().into_iter().map(entry);
        State { entries: entries.collect(), removed: Vec::new() }
    }

    /// The encoded value of an attribute.
    pub fn get(&self, key: &str) -> Option<&[u8]> {
        self.position(key).and_then(|place| self.entries.get(place)).map(|entry| &*entry.value)
    }

    fn position(&self, key: &str) -> Option<usize> {
        self.entries.iter().position(|entry| *entry.key == *key.as_bytes())
    }

    /// Sets an attribute on a condition.
    pub fn set(&mut self, key: &str, when: When, value: &[u8]) {
        let place = self.position(key);
        if !is_set(when, place.is_some()) {
            return;
        }
        match place.and_then(|place| self.entries.get_mut(place)) {
            Some(entry) => entry.replace(value.to_vec()),
            None => self.entries.push(Entry {
                key: Cow::Owned(key.as_bytes().to_vec()),
                value: Cow::Owned(value.to_vec()),
                is_changed: true,
            }),
        }
    }

    /// Removes an attribute.
    pub fn remove(&mut self, key: &str) -> Option<Vec<u8>> {
        let entry = self.entries.remove(self.position(key)?);
        self.removed.push(entry.key);
        Some(entry.value.into_owned())
    }

    /// Removes the attributes whose keys match.
    pub fn remove_matching(&mut self, pattern: &Pattern) {
        let gone = self.entries.extract_if(.., |entry| pattern.matches(&entry.key));
        self.removed.extend(gone.map(|entry| entry.key));
    }

    /// Hashes an attribute.
    pub fn hash(&mut self, key: &str) {
        if let Some(entry) = self.position(key).and_then(|place| self.entries.get_mut(place)) {
            entry.replace(hash(&entry.value));
        }
    }

    /// Hashes the attributes whose keys match.
    pub fn hash_matching(&mut self, pattern: &Pattern) {
        for entry in self.entries.iter_mut().filter(|entry| pattern.matches(&entry.key)) {
            entry.replace(hash(&entry.value));
        }
    }

    /// Gives an attribute another type, where its value can have that.
    pub fn convert(&mut self, key: &str, to: Converted) {
        if let Some(entry) = self.position(key).and_then(|place| self.entries.get_mut(place))
            && let Some(value) = convert(&entry.value, to)
        {
            entry.replace(value);
        }
    }

    /// Sets attributes to what a pattern's groups find in this one, if it is a string.
    pub fn extract(&mut self, key: &str, pattern: &Pattern) {
        let Some(Value::String(text)) = self.get(key).and_then(read_value) else { return };
        let Some(found) = pattern.find(text) else { return };
        for (name, found) in pattern.names.iter().zip(found) {
            self.set(name, When::Always, &write_value(Value::String(&found)));
        }
    }

    /// The attributes that came and are gone, as a list of keys; `None` where there are none.
    pub fn gone(&self) -> Option<Vec<u8>> {
        let is_gone = |key: &&Cow<'_, [u8]>| !self.entries.iter().any(|entry| entry.key == **key);
        let gone: Vec<&[u8]> = self.removed.iter().filter(is_gone).map(|key| &**key).collect();
        (!gone.is_empty()).then(|| write_texts(&gone))
    }

    /// The attributes that are new or have another value, as a map; `None` where there are none.
    pub fn changed(&self) -> Option<Vec<u8>> {
        let changed = self.entries.iter().filter(|entry| entry.is_changed);
        let changed: Vec<(&[u8], &[u8])> = changed.map(|entry| (&*entry.key, &*entry.value)).collect();
        (!changed.is_empty()).then(|| write_map(changed))
    }
}

impl Entry<'_> {
    fn replace(&mut self, value: Vec<u8>) {
        if *self.value != *value {
            self.value = Cow::Owned(value);
            self.is_changed = true;
        }
    }
}
