//! The steady clock as it is stored: with each call's changes, in the same commit, so it costs no sync of its own.
//!
//! There is one clock for all components. Each stores what it has seen under a key of its own, because the commits of two workers have
//! no order; the clock goes on from the latest of all. So no component ever sees less than what it has stored.

use std::ops::ControlFlow;

use bytes::Bytes;

use super::{Family, State, Store, StoreError, Write};

/// What the keys begin with: no component's id does.
const PREFIX: &[u8] = b"\0steady\0";
/// Behind all of them.
const END: &[u8] = b"\0steady\x01";

impl State {
    /// The call that has begun is made when the steady clock shows that.
    pub fn set_steady(&mut self, steady: u64) {
        self.steady = steady;
    }

    /// The clock as a change to commit with the call's others.
    pub(super) fn steady_write(&self) -> Write {
        let key = Bytes::from([PREFIX, &self.prefix].concat());
        Write::Put(Family::State, key, Bytes::copy_from_slice(&self.steady.to_le_bytes()))
    }
}

/// The latest that any component has stored; 0 where none has, as in a store of an earlier version.
pub fn stored_steady(store: &Store) -> Result<u64, StoreError> {
    let mut latest = 0;
    store.each(Family::State, PREFIX, END, |_, value| {
        let stored = value.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        latest = latest.max(stored);
        ControlFlow::Continue(())
    })?;
    Ok(latest)
}
