//! The store: what components keep, what waits for exporters, and what could not be delivered.
//!
//! - [`Storage`] is a backend: `get`, `range`, `commit`, `sync`. The trait says what every backend promises, the header of a backend's
//!   folder how it keeps that and what it promises beyond. The book has the same in `concepts/storage.md`.
//! - [`StateStore`] and [`QueueStore`] are what the rest of the host sees of it. Each has the layout of its keys, so nobody else builds one.
//! - [`Store`] is both ends of one backend: there a trip's changes of state and of queues are one commit.
//! - `rocksdb` is the backend of the state directory. `memory` is one for tests, also those of plugin authors, which loses power and fails on demand. `suite` is what every
//!   backend has to pass.

mod backend;
mod error;
mod letters;
pub mod memory;
mod namespace;
mod queue;
pub mod record;
mod rocksdb;
mod state;
mod store;
#[cfg(test)]
mod suite;
mod write;

pub use backend::{Durability, Each, Storage};
pub use error::{StoreError, told_to_senders};
pub use namespace::{Division, Namespace, Section};
pub use queue::{ExporterQueue, QueueStore};
pub use state::StateStore;
pub use store::Store;
pub use write::{Family, Write};
