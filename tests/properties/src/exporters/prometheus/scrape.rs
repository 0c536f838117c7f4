//! The store without the lock and without scrapes that wait for it.

use super::store::Store;

/// Ingest's hold on the store.
pub struct IngestTurn<'s> {
    store: &'s mut Store,
}

impl<'s> IngestTurn<'s> {
    pub fn new(store: &'s mut Store) -> IngestTurn<'s> {
        IngestTurn { store }
    }

    pub fn store(&mut self) -> &mut Store {
        self.store
    }

    pub fn step_aside(&mut self) {}
}
