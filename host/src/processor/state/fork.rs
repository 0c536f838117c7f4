//! A component's state a second time: a copy that another version of the plugin goes on from, while the first goes on as well.
//!
//! The owner of the state sets a [`Mark`]. From then on it keeps what is committed; what another thread reads afterwards, the [`Snapshot`], is
//! at least as new as the mark. Both together are the present: changes are absolute, so it does no harm where the reader has seen some
//! of them. A fork is the snapshot with a copy of these changes above it. It has no store: nothing that is written to it is committed,
//! until the state that it comes from adopts the difference. A state can also rest on such a snapshot itself for a while: what starts where
//! batches wait reads nothing from the store then.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::Bytes;

use super::{
    CALL_MAX, ENTRY_BYTES, Layer, Namespace, Said, Section, State, StateError, StateStore, StoreError, Watermark,
    account, said_by,
};

/// What is read of states for one new version, in all its places.
pub const SNAPSHOT_BYTES_MAX: usize = 512 << 20;

/// A state that changes by more than this since a mark is neither forked nor adopted; of several that are marked together, by its share.
const CHANGED_BYTES_MAX: usize = 64 << 20;

/// A moment of one state. Another state, or another moment of the same, has a mark of its own.
#[derive(Debug, Clone)]
pub struct Mark(Arc<()>);

impl PartialEq for Mark {
    fn eq(&self, other: &Mark) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// A namespace as it was committed at a mark or later.
#[derive(Debug)]
pub struct Snapshot {
    mark: Mark,
    /// It has every key from this one on.
    first: Bytes,
    /// In the store's own keys, ascending.
    entries: Vec<(Bytes, Bytes)>,
    bytes: usize,
}

/// How much of a namespace is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// All of it: for a fork.
    Whole,
    /// What the plugin keeps itself: for an heir, to which dictionaries are handed over.
    Data,
}

/// What was kept since a mark.
#[derive(Debug)]
pub struct Forgotten(#[expect(dead_code, reason = "it is there to be dropped")] Since);

/// What was committed since a mark.
#[derive(Debug)]
pub(super) struct Since {
    mark: Mark,
    pub layer: Layer,
    /// So many states are marked together.
    among: usize,
    /// Read instead of the store, below what came since.
    pub snapshot: Option<Snapshot>,
}

impl Snapshot {
    /// Reads the committed state of a namespace, after its owner has set the mark. `None` where it is larger than `bytes_max`.
    pub fn read(
        store: &StateStore,
        namespace: &Namespace,
        extent: Extent,
        mark: Mark,
        bytes_max: usize,
    ) -> Result<Option<Snapshot>, StoreError> {
        let (whole, end) = namespace.range();
        let first = match extent {
            Extent::Whole => whole,
            Extent::Data => namespace.key(Section::Data, &[]),
        };
        let (mut entries, mut bytes) = (Vec::new(), 0);
        store.range(&first, &end, |key, value| {
            bytes += key.len() + value.len() + ENTRY_BYTES;
            entries.push((key, value));
            if bytes > bytes_max { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        Ok((bytes <= bytes_max).then_some(Snapshot { mark, first, entries, bytes }))
    }

    /// About what it takes in memory.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn get(&self, key: &[u8]) -> Option<&Bytes> {
        let place = self.entries.binary_search_by(|(other, _)| (**other).cmp(key)).ok()?;
        self.entries.get(place).map(|(_, value)| value)
    }

    pub(super) fn each(&self, start: &[u8], end: &[u8], mut each: impl FnMut(Bytes, Bytes) -> ControlFlow<()>) {
        for (key, value) in self.range(start, end) {
            if each(key.clone(), value.clone()).is_break() {
                return;
            }
        }
    }

    fn range(&self, start: &[u8], end: &[u8]) -> impl Iterator<Item = &(Bytes, Bytes)> {
        let first = self.entries.partition_point(|(key, _)| **key < *start);
        self.entries.iter().skip(first).take_while(move |(key, _)| **key < *end)
    }
}

impl Since {
    /// What is newer than all before.
    pub fn absorb(&mut self, newer: Layer) {
        let layer = &mut self.layer;
        for (start, end) in newer.deleted {
            layer.forget(&start, &end);
            match layer.deleted.iter_mut().find(|(known, _)| *known == start) {
                Some((_, known)) => *known = end.max(known.clone()),
                None => layer.deleted.push((start, end)),
            }
        }
        for (key, value) in newer.latest {
            layer.bytes += key.len() + value.as_ref().map_or(0, Bytes::len) + ENTRY_BYTES;
            layer.latest.insert(key, value);
        }
    }

    fn is_overgrown(&self) -> bool {
        self.layer.bytes > CHANGED_BYTES_MAX / self.among || self.layer.deleted.len() > super::RANGES_MAX
    }
}

impl State {
    /// Sets a mark; one that was set before means nothing any more. So many states are marked together, and share what is kept of changes.
    pub fn mark(&mut self, among: usize) -> Mark {
        let (mark, among) = (Mark(Arc::default()), among.max(1));
        self.since = Some(Since { mark: mark.clone(), layer: Layer::default(), among, snapshot: None });
        mark
    }

    /// How many states were marked together with this one, itself included.
    pub fn marked_among(&self) -> usize {
        self.since.as_ref().map_or(1, |since| since.among)
    }

    /// The mark that is set.
    pub fn marked(&self) -> Option<&Mark> {
        self.since.as_ref().map(|since| &since.mark)
    }

    /// Forgets the mark, and reads the store again. What is forgotten comes back: much of it takes its time to be given back.
    pub fn forget_mark(&mut self) -> Option<Forgotten> {
        self.since.take().map(Forgotten)
    }

    /// Reads a snapshot instead of the store, if it is of the mark that is set, until the mark is forgotten.
    pub fn rest_on(&mut self, snapshot: Snapshot) {
        if let Some(since) = self.since.as_mut().filter(|since| since.mark == snapshot.mark) {
            since.snapshot = Some(snapshot);
        }
    }

    /// The present state once more, on a snapshot of the mark that is set. `None` where that is another one.
    pub fn fork(&mut self, snapshot: Snapshot) -> Option<State> {
        let since = self.since.as_ref().filter(|since| since.mark == snapshot.mark)?;
        let (mark, among) = (since.mark.clone(), since.among);
        let mut beside = Since { mark, layer: Layer::default(), among, snapshot: Some(snapshot) };
        beside.absorb(since.layer.changes());
        self.flying.iter().for_each(|(_, layer)| beside.absorb(layer.changes()));
        Some(State {
            store: None,
            namespace: self.namespace.clone(),
            call: Layer::default(),
            call_max: CALL_MAX,
            entry_bytes: ENTRY_BYTES,
            until: None,
            flying: Default::default(),
            since: Some(beside),
            watermark: Watermark::default(),
            account: account::Account::new(u64::MAX),
            failure: Default::default(),
            steady: self.steady,
        })
    }

    /// Whether more has changed since the mark than is kept: then there is nothing to adopt.
    pub fn is_overgrown(&self) -> bool {
        self.since.as_ref().is_some_and(Since::is_overgrown)
    }

    /// What is read instead of the store at that key, or from that key on.
    pub(super) fn below(&self, key: &[u8]) -> Option<&Snapshot> {
        self.snapshot().filter(|snapshot| *snapshot.first <= *key)
    }

    /// A call on a fork counts: nothing has to be committed for it.
    pub fn keep(&mut self, call: u64) {
        self.finish(call);
        self.watermark.advance(call);
        self.begin();
    }

    fn snapshot(&self) -> Option<&Snapshot> {
        self.since.as_ref()?.snapshot.as_ref()
    }

    /// Writes what a fork of this state has otherwise: this state is then what the fork is. Nothing is read from the store. The mark of
    /// the fork is still set.
    pub fn adopt(&mut self, fork: &State) -> Result<(), StateError> {
        let adopted = self.adopt_difference(fork);
        if adopted.is_err() {
            // Whoever comes next reads nothing of it.
            self.begin();
        }
        adopted
    }

    fn adopt_difference(&mut self, fork: &State) -> Result<(), StateError> {
        let Some(snapshot) = fork.snapshot().filter(|_| self.marked() == fork.marked()) else {
            return Err(StateError::Unmarked);
        };
        let mut keys = BTreeSet::new();
        self.changed_since(snapshot, &mut keys);
        fork.changed_since(snapshot, &mut keys);
        // How much there is, each counts in its own way.
        keys.remove(&self.account_key());
        for key in keys {
            let theirs = fork.beside(snapshot, &key).cloned();
            if self.beside(snapshot, &key) == theirs.as_ref() {
                continue;
            }
            let bytes = key.len() + theirs.as_ref().map_or(0, Bytes::len);
            self.grow(bytes)?;
            self.charge_roughly(if theirs.is_some() { bytes as u64 } else { 0 })?;
            self.call.put(key, theirs);
        }
        Ok(())
    }

    /// Every layer since the mark, the newest first.
    fn since_mark(&self) -> impl Iterator<Item = &Layer> {
        self.unarrived().chain(self.since.iter().map(|since| &since.layer))
    }

    /// The keys that may have another value than the snapshot.
    fn changed_since(&self, snapshot: &Snapshot, keys: &mut BTreeSet<Bytes>) {
        for layer in self.since_mark() {
            keys.extend(layer.latest.keys().cloned());
            for (start, end) in &layer.deleted {
                keys.extend(snapshot.range(start, end).map(|(key, _)| key.clone()));
            }
        }
    }

    /// What a key has now, going by the snapshot and what came since.
    fn beside<'s>(&'s self, snapshot: &'s Snapshot, key: &[u8]) -> Option<&'s Bytes> {
        match said_by(self.since_mark(), key) {
            Said::Is(value) => Some(value),
            Said::Gone => None,
            Said::Nothing => snapshot.get(key),
        }
    }
}

impl Layer {
    /// What it says, without the writes that made it.
    fn changes(&self) -> Layer {
        Layer { writes: Vec::new(), latest: self.latest.clone(), deleted: self.deleted.clone(), bytes: self.bytes }
    }
}
