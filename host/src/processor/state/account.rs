//! What a component's namespace takes, against its quota.
//!
//! The count is a bound from above, kept with the state in the same commit: what is written is added, and what a write replaces is not
//! looked up, because a look-up for each write would cost more than the write. When the bound nears the quota, the namespace is
//! counted anew, from end to end; what takes more than half of the quota is counted exactly from that moment on, every write looking up
//! what it replaces. So a count from end to end is paid for by at least a quarter of the quota in writes, and a component is refused
//! at its quota and not before.

use std::ops::ControlFlow;

use bytes::Bytes;

use super::{LOOK_EVERY, Said, Section, State, StateError, StateStore, StoreError, Write, said_by};

/// Under which key of [`Section::Meta`] the count is stored: bytes, little endian, and whether they are exact.
const KEY: &[u8] = b"bytes";

/// So many deleted ranges cost nothing to be looked through.
const RANGES_FREE: usize = 16;

/// What is taken, in bytes of the store's keys and of values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    bytes: u64,
    /// Else they are a bound from above.
    exact: bool,
}

/// What a component keeps, as of its last call that counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// What is taken, as an upper bound.
    pub bytes: u64,
    /// The quota.
    pub bytes_max: u64,
}

/// The count and its bound.
#[derive(Debug)]
pub(super) struct Account {
    quota: u64,
    /// `None` until the first write asks.
    now: Option<Tally>,
    /// As of the last call that counted.
    confirmed: Option<Tally>,
}

impl Account {
    pub fn new(quota: u64) -> Account {
        Account { quota, now: None, confirmed: None }
    }

    pub fn quota(&self) -> u64 {
        self.quota
    }

    /// The count at the moment, for [`go_back`](Self::go_back).
    pub fn standing(&self) -> Option<Tally> {
        self.now
    }

    /// What was written since is gone again.
    pub fn go_back(&mut self, standing: Option<Tally>) {
        self.now = standing;
    }

    /// The call counts.
    pub fn confirm(&mut self) {
        self.confirmed = self.now;
    }

    /// Where a bound is counted anew.
    fn near(&self) -> u64 {
        self.quota - self.quota / 4
    }
}

impl State {
    /// The same with a quota, in bytes.
    pub fn with_quota(mut self, bytes: u64) -> State {
        self.account = Account::new(bytes);
        self
    }

    /// What is taken, of how much. Before the first write it is what the store has of the count.
    pub fn kept(&self) -> Kept {
        let tally = self.account.confirmed.or(self.account.now);
        let bytes = tally.or_else(|| self.stored_tally().ok().flatten()).map_or(0, |tally| tally.bytes);
        Kept { bytes, bytes_max: self.account.quota }
    }

    /// Back to the last call that counted. The time between two calls is the better one to count in.
    pub(super) fn begin_account(&mut self) {
        self.account.now = self.account.confirmed;
        let near = self.account.near();
        if self.account.now.is_some_and(|tally| !tally.exact && tally.bytes > near) {
            // What cannot be read now is tried again at the quota, where it is an error.
            let _ = self.recount();
        }
    }

    /// Makes room in the account for an entry, or refuses it.
    pub(super) fn charge(&mut self, key: &Bytes, value: &[u8]) -> Result<(), StateError> {
        let quota = self.account.quota;
        let cost = (key.len() + value.len()) as u64;
        let mut tally = self.tally()?;
        if !tally.exact && tally.bytes.saturating_add(cost) > quota {
            tally = self.recount()?;
        }
        let is_asked = tally.exact || tally.bytes.saturating_add(cost) > quota;
        let replaced = if is_asked { self.size_of(key)? } else { 0 };
        let bytes = tally.bytes.saturating_sub(replaced).saturating_add(cost);
        // What gets smaller is never refused: it may be the way out.
        if bytes > quota && cost > replaced {
            return Err(StateError::Quota(quota));
        }
        // With much room again, look-ups are not worth it.
        self.account.now = Some(Tally { bytes, exact: tally.exact && bytes > quota / 4 });
        Ok(())
    }

    /// The same for what is not the guest's to answer for. The key is a new one.
    pub(super) fn charge_always(&mut self, cost: u64) -> Result<(), StateError> {
        let tally = self.tally()?;
        self.account.now = Some(Tally { bytes: tally.bytes.saturating_add(cost), ..tally });
        Ok(())
    }

    /// The same for entries that may replace others: the count is a bound from above from then on.
    pub(super) fn charge_roughly(&mut self, cost: u64) -> Result<(), StateError> {
        self.charge_always(cost)?;
        self.account.now = self.account.now.map(|tally| Tally { exact: false, ..tally });
        Ok(())
    }

    /// Gives back what a key takes.
    pub(super) fn credit(&mut self, key: &Bytes) -> Result<(), StateError> {
        let tally = self.tally()?;
        if tally.exact {
            let bytes = tally.bytes.saturating_sub(self.size_of(key)?);
            self.account.now = Some(Tally { bytes, ..tally });
        }
        Ok(())
    }

    /// Gives back what the keys of a range take.
    pub(super) fn credit_range(&mut self, start: &Bytes, end: &Bytes) -> Result<(), StateError> {
        let tally = self.tally()?;
        if tally.exact {
            let bytes = tally.bytes.saturating_sub(self.count(start, end)?);
            self.account.now = Some(Tally { bytes, ..tally });
        }
        Ok(())
    }

    /// The count as a change to commit with the call's others.
    pub(super) fn counted(&self) -> Option<Write> {
        let Tally { bytes, exact } = self.account.now?;
        let value = [&bytes.to_le_bytes()[..], &[u8::from(exact)]].concat();
        Some(StateStore::put(self.account_key(), value.into()))
    }

    /// Where the count is stored.
    pub(super) fn account_key(&self) -> Bytes {
        self.full_key(Section::Meta, KEY)
    }

    /// Loads the count where nothing was written yet.
    pub(super) fn tally(&mut self) -> Result<Tally, StateError> {
        if let Some(tally) = self.account.now {
            return Ok(tally);
        }
        match self.noted(self.stored_tally())? {
            Some(tally) => {
                self.account.now = Some(tally);
                Ok(tally)
            }
            None => self.recount(),
        }
    }

    /// The count that the store has.
    fn stored_tally(&self) -> Result<Option<Tally>, StoreError> {
        let Some(store) = &self.store else { return Ok(None) };
        let stored = store.get(&self.account_key())?;
        let read = |(bytes, exact): (&[u8; 8], &[u8])| Tally { bytes: u64::from_le_bytes(*bytes), exact: exact == [1] };
        Ok(stored.as_deref().and_then(|stored| stored.split_first_chunk::<8>()).map(read))
    }

    /// Counts everything. With much of the quota taken, the count is kept exact from here on.
    fn recount(&mut self) -> Result<Tally, StateError> {
        let (start, end) = self.namespace.range();
        let bytes = self.count(&start, &end)?;
        let tally = Tally { bytes, exact: bytes > self.account.quota / 2 };
        self.account.now = Some(tally);
        Ok(tally)
    }

    /// What a key takes, as the component sees it.
    fn size_of(&self, key: &Bytes) -> Result<u64, StateError> {
        Ok(self.now(key)?.map_or(0, |value| (key.len() + value.len()) as u64))
    }

    /// What the keys of [start, end) take, as the component sees them.
    fn count(&self, start: &Bytes, end: &Bytes) -> Result<u64, StateError> {
        let mut bytes = 0;
        // The count itself is not the component's.
        let own = self.account_key();
        // Counting is the host's own affair and pays for itself. Not where each entry is looked for in many ranges that a call has deleted.
        let ranges: usize = self.layers().map(|layer| layer.deleted.len()).sum();
        let (mut passed, mut late) = (0_u32, Ok(()));
        self.each_stored(start, end, |key, value| {
            passed = passed.wrapping_add(1);
            if ranges > RANGES_FREE && passed.is_multiple_of(LOOK_EVERY) {
                late = self.in_time();
            }
            if late.is_err() {
                return ControlFlow::Break(());
            }
            if key != own && matches!(said_by(self.layers(), &key), Said::Nothing) {
                bytes += (key.len() + value.len()) as u64;
            }
            ControlFlow::Continue(())
        })?;
        late?;
        let mut above: Vec<&Bytes> = self
            .layers()
            .flat_map(|layer| layer.latest.range(start.clone()..end.clone()))
            .map(|(key, _)| key)
            .collect();
        above.sort_unstable();
        above.dedup();
        for key in above {
            if let Said::Is(value) = said_by(self.layers(), key) {
                bytes += (key.len() + value.len()) as u64;
            }
        }
        Ok(bytes)
    }
}
