//! The committed state as another thread has read it, so that a start where batches wait reads none of it from the store.
//!
//! The owner of the state sets a [`Mark`]. From then on it keeps what is committed; what another thread reads afterwards is at least as new
//! as the mark. Both together are the present: changes are absolute, so it does no harm where the reader has seen some of them.

use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::Bytes;

use super::{Family, Layer, Namespace, Section, State, Store, StoreError, full_key};

/// A larger state is read from the store; so is one that changes by more than this in the meantime.
const BYTES_MAX: usize = 64 << 20;

/// A moment of one state. Another state, or another moment of the same, has a mark of its own.
#[derive(Debug, Clone)]
pub struct Mark(Arc<()>);

/// Everything a plugin keeps, as it was committed at a mark or later.
#[derive(Debug)]
pub struct Snapshot {
    mark: Mark,
    /// In the store's own keys, ascending.
    entries: Vec<(Bytes, Bytes)>,
}

/// What was committed since a mark.
#[derive(Debug)]
pub(super) struct Since {
    mark: Mark,
    pub layer: Layer,
    /// What is read instead of the store.
    pub below: Option<Snapshot>,
}

impl Snapshot {
    /// Reads the committed state of a namespace, after its owner has set the mark. `None` for one that is too large to be held.
    pub fn read(store: &Store, namespace: &Namespace, mark: Mark) -> Result<Option<Snapshot>, StoreError> {
        let prefix = namespace.prefix();
        let (start, end) = (full_key(prefix, Section::Data, &[]), [prefix, &[Section::Data as u8 + 1]].concat());
        let (mut entries, mut bytes) = (Vec::new(), 0);
        store.each(Family::State, &start, &end, |key, value| {
            bytes += key.len() + value.len();
            entries.push((key, value));
            if bytes > BYTES_MAX { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        Ok((bytes <= BYTES_MAX).then_some(Snapshot { mark, entries }))
    }

    pub(super) fn get(&self, key: &[u8]) -> Option<&Bytes> {
        let place = self.entries.binary_search_by(|(other, _)| (**other).cmp(key)).ok()?;
        self.entries.get(place).map(|(_, value)| value)
    }

    pub(super) fn each(&self, start: &[u8], end: &[u8], mut each: impl FnMut(Bytes, Bytes) -> ControlFlow<()>) {
        let first = self.entries.partition_point(|(key, _)| **key < *start);
        for (key, value) in self.entries.iter().skip(first).take_while(|(key, _)| **key < *end) {
            if each(key.clone(), value.clone()).is_break() {
                return;
            }
        }
    }
}

impl Since {
    /// What is newer than all before. False where it has become too much.
    pub fn absorb(&mut self, newer: Layer) -> bool {
        let layer = &mut self.layer;
        for (start, end) in newer.deleted {
            layer.forget(&start, &end);
            match layer.deleted.iter_mut().find(|(known, _)| *known == start) {
                Some((_, known)) => *known = end.max(known.clone()),
                None => layer.deleted.push((start, end)),
            }
        }
        for (key, value) in newer.latest {
            layer.bytes += key.len() + value.as_ref().map_or(0, Bytes::len);
            layer.latest.insert(key, value);
        }
        layer.bytes <= BYTES_MAX && layer.deleted.len() <= super::RANGES_MAX
    }
}

impl State {
    /// Sets a mark; one that was set before means nothing any more.
    pub fn mark(&mut self) -> Mark {
        let mark = Mark(Arc::default());
        self.since = Some(Since { mark: mark.clone(), layer: Layer::default(), below: None });
        mark
    }

    /// Reads a snapshot instead of the store, if it is of the mark that is set.
    pub fn rest_on(&mut self, snapshot: Snapshot) {
        if let Some(since) = self.since.as_mut().filter(|since| Arc::ptr_eq(&since.mark.0, &snapshot.mark.0)) {
            since.below = Some(snapshot);
        }
    }

    /// Forgets the mark, and reads the store again.
    pub fn forget_mark(&mut self) {
        self.since = None;
    }
}
