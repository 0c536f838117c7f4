//! A component's own namespace in the store, as its calls see it: what is committed, under what is on its way there.
//!
//! A call's writes are a layer. When the call counts, the layer goes to the commit and stays here, readable, until the
//! [`Watermark`] says that it arrived; when it does not, the layer is dropped.

use std::cell::OnceCell;
use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use bytes::Bytes;

use account::Account;
pub use account::Kept;
use fork::Since;
pub use fork::{Extent, Forgotten, Mark, SNAPSHOT_BYTES_MAX, Snapshot};
use layer::{Layer, Overlay, Said, said_by};
pub use merge_op::MergeOp;

use crate::storage::{Namespace, Section, StateStore, StoreError, Write};

const KEY_MAX: usize = 1024;
const VALUE_MAX: usize = 16 << 20;
/// What one call may write, but for a `start`: that may carry over whatever the component keeps.
const CALL_MAX: usize = 64 << 20;
/// Bytes of values that one read returns, about.
pub const READ_MAX: usize = 16 << 20;
/// What a write takes in memory beside its bytes, about.
const ENTRY_BYTES: usize = 128;
/// How many entries are passed between two looks at the clock.
const LOOK_EVERY: u32 = 256;
/// Ranges one call may delete: every look-up passes them all.
const RANGES_MAX: usize = 1024;

/// The number of the last trip that was committed; shared with the committer.
#[derive(Debug, Clone, Default)]
pub struct Watermark(Arc<AtomicU64>);

impl Watermark {
    /// The last committed trip.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    /// Trips up to this one are committed.
    pub fn advance(&self, trip: u64) {
        self.0.fetch_max(trip, Ordering::AcqRel);
    }
}

/// Why the state cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The component would keep more than this many bytes.
    #[error("the component's storage would exceed its quota of {0} bytes; raise `storage_mib` in the manifest")]
    Quota(u64),
    /// A key, value or the call's writes exceed this many bytes.
    #[error("larger than {0} bytes")]
    TooLarge(u64),
    /// An empty key, or a range that ends before it begins.
    #[error("an empty key or an inverted range")]
    Key,
    /// What is to be merged with, under the key at that place, is no number.
    #[error("what is stored under the key number {0} of the call does not have the 8 bytes of a number")]
    NoNumber(u32),
    /// The call has taken all the time it has.
    #[error("the call takes longer than it may")]
    Deadline,
    /// What a fork has otherwise cannot be told.
    #[error("more has changed than is kept since the state was forked")]
    Unmarked,
    /// The store. Shared, because the call that met it is told as well as the guest.
    #[error(transparent)]
    Store(Arc<StoreError>),
}

/// Entries of a range and whether there are more.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Entries {
    /// Key and value, ascending by key.
    pub entries: Vec<(Bytes, Bytes)>,
    /// Whether the limit cut them.
    pub more: bool,
}

/// The namespace of one component.
#[derive(Debug)]
pub struct State {
    store: Option<StateStore>,
    namespace: Namespace,
    call: Layer,
    call_max: usize,
    /// What each write of the call counts beside its bytes.
    entry_bytes: usize,
    /// When the call under way has to have ended.
    until: Option<Instant>,
    /// Layers on their way, oldest first, with the trip that carries each.
    flying: VecDeque<(u64, Layer)>,
    /// What has arrived since a mark. Of a fork: what it has beside its snapshot.
    since: Option<Since>,
    watermark: Watermark,
    account: Account,
    /// The first failure of the store in this call, whatever the guest makes of it.
    failure: OnceCell<Arc<StoreError>>,
    /// What the steady clock shows in the call.
    steady: u64,
}

impl State {
    /// What the store has of a namespace; without a store, nothing.
    pub fn new(store: Option<StateStore>, namespace: &Namespace, watermark: Watermark) -> State {
        State {
            store,
            namespace: namespace.clone(),
            call: Layer::default(),
            call_max: CALL_MAX,
            entry_bytes: ENTRY_BYTES,
            until: None,
            flying: VecDeque::new(),
            since: None,
            watermark,
            account: Account::new(u64::MAX),
            failure: OnceCell::new(),
            steady: 0,
        }
    }

    /// Nothing, for an instance that tries something.
    pub fn detached(namespace: &Namespace) -> State {
        State::new(None, namespace, Watermark::default())
    }

    fn full_key(&self, section: Section, key: &[u8]) -> Bytes {
        self.namespace.key(section, key)
    }

    /// Begins a call: layers that arrived are forgotten, and so is whatever a call before left undone.
    pub fn begin(&mut self) {
        let committed = self.watermark.get();
        while let Some((_, layer)) = self.flying.pop_front_if(|(trip, _)| *trip <= committed) {
            if let Some(since) = &mut self.since {
                since.absorb(layer);
            }
        }
        if self.is_overgrown() && self.store.is_some() {
            self.forget_mark();
        }
        self.call = Layer::default();
        self.failure = OnceCell::new();
        (self.call_max, self.entry_bytes) = (CALL_MAX, ENTRY_BYTES);
        self.begin_account();
    }

    /// Remembers that the store failed.
    fn noted<T>(&self, result: Result<T, StoreError>) -> Result<T, StateError> {
        result.map_err(|error| {
            let error = Arc::new(error);
            // The first failure explains those that follow.
            let _ = self.failure.set(Arc::clone(&error));
            StateError::Store(error)
        })
    }

    /// What the store failed with during the call under way: then the call does not count, and the guest is not to blame.
    pub fn take_failure(&mut self) -> Option<StateError> {
        self.failure.take().map(StateError::Store)
    }

    /// The call that has begun has to have ended then: what it asks for later is refused. `None` once it has returned.
    pub fn bound(&mut self, until: Option<Instant>) {
        self.until = until;
    }

    fn in_time(&self) -> Result<(), StateError> {
        match self.until {
            Some(until) if Instant::now() > until => Err(StateError::Deadline),
            _ => Ok(()),
        }
    }

    /// The same for a `start`.
    pub fn begin_start(&mut self) {
        self.begin();
        self.call_max = usize::try_from(self.account.quota()).map_or(usize::MAX, |quota| quota.max(CALL_MAX));
        // The quota counts bytes alone.
        self.entry_bytes = 0;
    }

    /// Ends a call that counts: its writes, to be committed with `trip`.
    pub fn finish(&mut self, trip: u64) -> Vec<Write> {
        let mut layer = std::mem::take(&mut self.call);
        let mut writes = std::mem::take(&mut layer.writes);
        self.account.confirm();
        if !writes.is_empty() {
            writes.extend(self.counted());
            writes.push(self.steady_write());
            self.flying.push_back((trip, layer));
        }
        writes
    }

    /// Reads one of the plugin's keys.
    pub fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StateError> {
        check_key(key)?;
        self.in_time()?;
        self.get_in(Section::Data, key)
    }

    fn get_in(&self, section: Section, key: &[u8]) -> Result<Option<Bytes>, StateError> {
        self.now(&self.full_key(section, key))
    }

    /// What one of the store's own keys has, as the component sees it.
    fn now(&self, key: &[u8]) -> Result<Option<Bytes>, StateError> {
        match (said_by(self.layers(), key), self.below(key), &self.store) {
            (Said::Is(value), ..) => Ok(Some(value.clone())),
            (Said::Gone, ..) => Ok(None),
            (Said::Nothing, Some(snapshot), _) => Ok(snapshot.get(key).cloned()),
            (Said::Nothing, None, Some(store)) => self.noted(store.get(key)),
            (Said::Nothing, None, None) => Ok(None),
        }
    }

    /// Newest first: what is read before the store, or before the snapshot of a fork.
    fn layers(&self) -> impl Iterator<Item = &Layer> {
        let since = self.since.iter().filter(|since| since.snapshot.is_some()).map(|since| &since.layer);
        self.unarrived().chain(since)
    }

    /// Newest first: what the store does not have yet.
    fn unarrived(&self) -> impl Iterator<Item = &Layer> {
        std::iter::once(&self.call).chain(self.flying.iter().rev().map(|(_, layer)| layer))
    }

    /// Sets one of the plugin's keys.
    pub fn set(&mut self, key: &[u8], value: &[u8]) -> Result<(), StateError> {
        check_key(key)?;
        if value.len() > VALUE_MAX {
            return Err(StateError::TooLarge(VALUE_MAX as u64));
        }
        self.in_time()?;
        self.put(Section::Data, key, value)
    }

    fn put(&mut self, section: Section, key: &[u8], value: &[u8]) -> Result<(), StateError> {
        self.put_at(self.full_key(section, key), Bytes::copy_from_slice(value))
    }

    /// The same under one of the store's own keys.
    fn put_at(&mut self, key: Bytes, value: Bytes) -> Result<(), StateError> {
        self.grow(key.len() + value.len())?;
        if let Err(refused) = self.charge(&key, &value) {
            self.call.bytes -= key.len() + value.len() + self.entry_bytes;
            return Err(refused);
        }
        self.call.put(key, Some(value));
        Ok(())
    }

    /// Counts a write of so many bytes, and what it takes beside these.
    fn grow(&mut self, bytes: usize) -> Result<(), StateError> {
        self.call.bytes += bytes + self.entry_bytes;
        let most = self.call_max;
        if self.call.bytes > most { Err(StateError::TooLarge(most as u64)) } else { Ok(()) }
    }

    /// Deletes one of the plugin's keys.
    pub fn delete(&mut self, key: &[u8]) -> Result<(), StateError> {
        check_key(key)?;
        self.in_time()?;
        self.grow(self.namespace.overhead() + key.len())?;
        self.remove(Section::Data, key)
    }

    fn remove(&mut self, section: Section, key: &[u8]) -> Result<(), StateError> {
        let key = self.full_key(section, key);
        self.credit(&key)?;
        self.call.put(key, None);
        Ok(())
    }

    /// Deletes the plugin's keys in [start, end).
    pub fn delete_range(&mut self, start: &[u8], end: &[u8]) -> Result<(), StateError> {
        check_range(start, end)?;
        if self.call.deleted.len() >= RANGES_MAX {
            return Err(StateError::TooLarge(RANGES_MAX as u64));
        }
        self.in_time()?;
        let (start, end) = (self.full_key(Section::Data, start), self.full_key(Section::Data, end));
        self.grow(start.len() + end.len())?;
        self.credit_range(&start, &end)?;
        self.call.delete_range(start, end);
        Ok(())
    }

    /// The plugin's entries in [start, end).
    pub fn range(&self, start: &[u8], end: &[u8], limit: usize) -> Result<Entries, StateError> {
        check_range(start, end)?;
        self.range_in(Section::Data, start, end, limit)
    }

    fn range_in(&self, section: Section, start: &[u8], end: &[u8], limit: usize) -> Result<Entries, StateError> {
        let (start, end) = (self.full_key(section, start), self.full_key(section, end));
        let strip = start.len().min(self.namespace.overhead());
        let mut found = Found { entries: Entries::default(), bytes: 0, limit, strip };
        self.each_in(&start, &end, |key, value| match found.push(key, value) {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        })?;
        Ok(found.entries)
    }

    /// Every entry of [start, end) as the component sees it, ascending, until `each` breaks.
    fn each_in(
        &self,
        start: &Bytes,
        end: &Bytes,
        mut each: impl FnMut(&Bytes, &Bytes) -> ControlFlow<()>,
    ) -> Result<(), StateError> {
        let mut overlay = Overlay::new(self.layers(), start, end);
        let deleting: Vec<&Layer> = self.layers().filter(|layer| !layer.deleted.is_empty()).collect();
        let (mut ended, mut passed, mut late) = (ControlFlow::Continue(()), 0_u32, Ok(()));
        self.each_stored(start, end, |key, value| {
            passed = passed.wrapping_add(1);
            if passed.is_multiple_of(LOOK_EVERY) {
                late = self.in_time();
                if late.is_err() {
                    ended = ControlFlow::Break(());
                    return ended;
                }
            }
            let mut is_hidden = deleting.iter().any(|layer| layer.deletes(&key));
            while let Some((above, said)) = overlay.next_up_to(Some(&key)) {
                is_hidden |= **above == *key;
                if let Said::Is(value) = said {
                    ended = each(above, value);
                    ended?;
                }
            }
            if !is_hidden {
                ended = each(&key, &value);
            }
            ended
        })?;
        late?;
        while let (ControlFlow::Continue(()), Some((above, said))) = (ended, overlay.next_up_to(None)) {
            if let Said::Is(value) = said {
                ended = each(above, value);
            }
        }
        Ok(())
    }

    /// What is committed of a range.
    fn each_stored(
        &self,
        start: &[u8],
        end: &[u8],
        each: impl FnMut(Bytes, Bytes) -> ControlFlow<()>,
    ) -> Result<(), StateError> {
        match (self.below(start), &self.store) {
            (Some(snapshot), _) => snapshot.each(start, end, each),
            (None, Some(store)) => self.noted(store.range(start, end, each))?,
            (None, None) => {}
        }
        Ok(())
    }

    /// A key that the store has in one of these ranges, all of them the store's own.
    pub fn any_of(&self, ranges: &[(Vec<u8>, Vec<u8>)]) -> Result<Option<Vec<u8>>, StateError> {
        let Some(store) = &self.store else { return Ok(None) };
        for (start, end) in ranges {
            let mut found = None;
            self.noted(store.range(start, end, |key, _| {
                found = Some(key.to_vec());
                ControlFlow::Break(())
            }))?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// What wrote this namespace, if anything did.
    pub fn meta(&self) -> Result<Option<Bytes>, StateError> {
        self.get_in(Section::Meta, b"")
    }

    /// Where that is, among the store's own keys.
    pub fn meta_key(&self) -> Bytes {
        self.full_key(Section::Meta, b"")
    }

    /// Records what writes this namespace from now on.
    pub fn set_meta(&mut self, meta: &[u8]) -> Result<(), StateError> {
        self.put(Section::Meta, b"", meta)
    }

    /// Stores a dictionary entry. It is not the guest's to answer for, so it does not count among what a call may write, and no quota
    /// refuses it: what a request may bring of keys is bounded where it is read. It counts among what the component keeps.
    pub fn put_code(&mut self, keying: &[u8], code: u32, key: &[u8]) -> Result<(), StateError> {
        let stored = self.full_key(Section::Dictionary, &code_key(keying, code));
        let value = Bytes::copy_from_slice(key);
        self.charge_always((stored.len() + value.len()) as u64)?;
        self.call.put(stored, Some(value));
        Ok(())
    }

    /// Deletes a dictionary entry. It does not count among what a call may write either.
    pub fn delete_code(&mut self, keying: &[u8], code: u32) -> Result<(), StateError> {
        self.remove(Section::Dictionary, &code_key(keying, code))
    }

    /// Calls `each` for every stored entry of a dictionary, ascending by code.
    pub fn each_code(&self, keying: &[u8], mut each: impl FnMut(u32, &[u8])) -> Result<(), StateError> {
        let start = self.full_key(Section::Dictionary, &code_key(keying, 0));
        let end = self.full_key(Section::Dictionary, &code_key(keying, u32::MAX));
        self.each_in(&start, &end, |key, value| {
            if let Some(code) = key.last_chunk::<4>() {
                each(u32::from_be_bytes(*code), value);
            }
            ControlFlow::Continue(())
        })
    }
}

struct Found {
    entries: Entries,
    bytes: usize,
    limit: usize,
    /// How much of a full key is not the plugin's.
    strip: usize,
}

impl Found {
    /// False when the limit is reached: the entry was not taken.
    fn push(&mut self, key: &Bytes, value: &Bytes) -> bool {
        if self.entries.entries.len() >= self.limit || self.bytes > READ_MAX {
            self.entries.more = true;
            return false;
        }
        self.bytes += key.len() + value.len();
        self.entries.entries.push((key.slice(self.strip.min(key.len())..), value.clone()));
        true
    }
}

fn code_key(keying: &[u8], code: u32) -> Vec<u8> {
    let mut key = Vec::with_capacity(keying.len() + 8);
    key.extend_from_slice(&(keying.len() as u32).to_be_bytes());
    key.extend_from_slice(keying);
    key.extend_from_slice(&code.to_be_bytes());
    key
}

fn check_key(key: &[u8]) -> Result<(), StateError> {
    match key.len() {
        0 => Err(StateError::Key),
        length if length > KEY_MAX => Err(StateError::TooLarge(KEY_MAX as u64)),
        _ => Ok(()),
    }
}

fn check_range(start: &[u8], end: &[u8]) -> Result<(), StateError> {
    if start > end {
        return Err(StateError::Key);
    }
    if start.len().max(end.len()) > KEY_MAX {
        return Err(StateError::TooLarge(KEY_MAX as u64));
    }
    Ok(())
}

mod account;
mod fork;
mod layer;
mod merge;
mod merge_op;
pub(super) mod steady;
#[cfg(test)]
mod tests;
