//! What a backend is, and what every one promises.

use std::fmt;
use std::ops::ControlFlow;

use bytes::Bytes;

use super::error::StoreError;
use super::write::{Family, Write};

/// How far a commit has come when it returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// It survives a power cut.
    Synced,
    /// It survives the end of the process. A power cut may take it, with everything that was committed after it, until the next commit that is
    /// synced, or the next [`sync`](Storage::sync).
    Unsynced,
}

/// Is called with a key and its value; says whether to go on.
pub type Each<'e> = &'e mut dyn FnMut(Bytes, Bytes) -> ControlFlow<()>;

/// A backend: ordered keys with values, in families.
///
/// # What every backend promises
///
/// - **Atomic**: after a commit all of its changes are there, in every family, and nobody sees a part of them. They are applied in their order,
///   so the last change of a key counts.
/// - **Order**: a commit that returned before another began comes before it. After the end of the process or a power cut what is there is
///   the result of the first so many commits, never of a later one without an earlier one.
/// - **Durable**: as [`Durability`] says.
/// - **Reads** see every commit that has returned. A range is of one moment: a commit under way is in it whole or not at all.
/// - **A value is what was written under that key**, or an error ([`StoreError::Record`]). What cannot be read is an error, never "absent".
/// - **A commit that fails leaves nothing**, now and after a restart. The one exception is [`StoreError::InDoubt`]: a sync failed, and whether
///   the changes count is seen at the next start. Whoever gets that ends the process without an answer, which [`Store`](super::Store) and its two ends do.
/// - **After any other failure the backend goes on by itself** once its medium works: each use tries again, and fails until it does.
/// - **Nothing is repaired**: what is damaged is an error that names what it found, not an empty store.
///
/// A backend that cannot promise one of these is none: what calls it relies on all of them.
pub trait Storage: fmt::Debug + Send + Sync {
    /// The value of a key.
    fn get(&self, of: Family, key: &[u8]) -> Result<Option<Bytes>, StoreError>;

    /// Calls `each` with the entries of [start, end), ascending by the bytes of their keys, until it breaks. A range that ends before it begins
    /// has none. An error may come after some entries.
    fn range(&self, of: Family, start: &[u8], end: &[u8], each: Each<'_>) -> Result<(), StoreError>;

    /// Applies changes as one. None of the ranges it deletes ends before it begins.
    fn commit(&self, writes: &mut dyn Iterator<Item = &Write>, durability: Durability) -> Result<(), StoreError>;

    /// Makes every commit that has returned survive a power cut.
    fn sync(&self) -> Result<(), StoreError>;

    /// Former values of these keys are secrets: they leave the medium, as far as the backend writes it itself. Free blocks of a disk may hold
    /// them still.
    fn drop_former(&self, of: Family, keys: &[Bytes]) -> Result<(), StoreError>;
}
