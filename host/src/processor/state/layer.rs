//! Changes above what is committed: one call's in a layer, and what several layers say together.

use std::collections::{BTreeMap, btree_map};
use std::iter::Peekable;

use bytes::Bytes;

use crate::storage::{StateStore, Write};

/// One call's changes, in the store's own keys.
#[derive(Debug, Default)]
pub struct Layer {
    /// In the order they were made.
    pub writes: Vec<Write>,
    /// The latest of each key; `None` is deleted.
    pub latest: BTreeMap<Bytes, Option<Bytes>>,
    /// Deleted ranges, older than every key of `latest` that lies in them.
    pub deleted: Vec<(Bytes, Bytes)>,
    /// Of keys and values, with what they take beside these where that counts.
    pub bytes: usize,
}

/// What a layer says about a key.
pub enum Said<'l> {
    Nothing,
    Gone,
    Is(&'l Bytes),
}

impl Layer {
    pub fn say(&self, key: &[u8]) -> Said<'_> {
        match self.latest.get(key) {
            Some(Some(value)) => Said::Is(value),
            Some(None) => Said::Gone,
            None if self.deletes(key) => Said::Gone,
            None => Said::Nothing,
        }
    }

    pub fn deletes(&self, key: &[u8]) -> bool {
        self.deleted.iter().any(|(start, end)| **start <= *key && *key < **end)
    }

    pub fn forget(&mut self, start: &Bytes, end: &Bytes) {
        let covered: Vec<Bytes> = self.latest.range(start.clone()..end.clone()).map(|(key, _)| key.clone()).collect();
        for key in covered {
            self.latest.remove(&key);
        }
    }

    /// Sets a key, or deletes it.
    pub fn put(&mut self, key: Bytes, value: Option<Bytes>) {
        self.writes.push(match &value {
            Some(value) => StateStore::put(key.clone(), value.clone()),
            None => StateStore::delete(key.clone()),
        });
        self.latest.insert(key, value);
    }

    pub fn delete_range(&mut self, start: Bytes, end: Bytes) {
        self.forget(&start, &end);
        self.deleted.push((start.clone(), end.clone()));
        self.writes.push(StateStore::delete_range(start, end));
    }
}

/// What layers say about a key, the newest first.
pub fn said_by<'l>(layers: impl IntoIterator<Item = &'l Layer>, key: &[u8]) -> Said<'l> {
    let mut said = layers.into_iter().map(|layer| layer.say(key));
    said.find(|said| !matches!(said, Said::Nothing)).unwrap_or(Said::Nothing)
}

/// What one layer says last about the keys of a range.
type Latest<'l> = btree_map::Range<'l, Bytes, Option<Bytes>>;

/// What layers say about the keys of a range, ascending: of each key the newest. Layers are sorted, so this merges them; few have anything
/// in one range.
pub struct Overlay<'l> {
    /// Newest first, with the layers that were newer still.
    layers: Vec<(Peekable<Latest<'l>>, Vec<&'l Layer>)>,
}

impl<'l> Overlay<'l> {
    pub fn new(layers: impl Iterator<Item = &'l Layer>, start: &Bytes, end: &Bytes) -> Overlay<'l> {
        let (mut deleting, mut merged) = (Vec::new(), Vec::new());
        for layer in layers {
            let mut range = layer.latest.range(start.clone()..end.clone()).peekable();
            if range.peek().is_some() {
                merged.push((range, deleting.clone()));
            }
            if !layer.deleted.is_empty() {
                deleting.push(layer);
            }
        }
        Overlay { layers: merged }
    }

    /// The next key, if it is not behind `last`.
    pub fn next_up_to(&mut self, last: Option<&Bytes>) -> Option<(&'l Bytes, Said<'l>)> {
        let next: &'l Bytes =
            self.layers.iter_mut().filter_map(|(range, _)| range.peek().map(|(key, _)| *key)).min()?;
        if last.is_some_and(|last| next > last) {
            return None;
        }
        let mut said = None;
        for (range, newer) in &mut self.layers {
            let Some((_, value)) = range.next_if(|(key, _)| *key == next) else { continue };
            // An older layer has nothing to say about it any more.
            said.get_or_insert_with(|| match value {
                Some(value) if !newer.iter().any(|newer| newer.deletes(next)) => Said::Is(value),
                _ => Said::Gone,
            });
        }
        Some((next, said.unwrap_or(Said::Nothing)))
    }
}
