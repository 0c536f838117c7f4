//! The steady clock as it is stored: with each call's changes, in the same commit, so it costs no sync of its own.
//!
//! There is one clock for all components. Each stores what it has seen under a key of its own, because the commits of two workers have
//! no order; the clock goes on from the latest of all. So no component ever sees less than what it has stored.

use super::{State, StateStore, StoreError, Write};

impl State {
    /// The call that has begun is made when the steady clock shows that.
    pub fn set_steady(&mut self, steady: u64) {
        self.steady = steady;
    }

    /// The clock as a change to commit with the call's others.
    pub(super) fn steady_write(&self) -> Write {
        StateStore::put_steady(&self.namespace, self.steady)
    }
}

/// The latest that any component has stored; 0 where none has, as in a store of an earlier version.
pub fn stored_steady(store: &StateStore) -> Result<u64, StoreError> {
    let mut latest = 0;
    store.each_steady(|stored| latest = latest.max(stored))?;
    Ok(latest)
}
