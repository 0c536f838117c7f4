//! Choices of the operator that several parts act on.

use serde::Deserialize;

/// Where a request must be before its sender is told that it was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// On disk, synced.
    Sync,
    /// Handed to the operating system, synced at intervals.
    Interval,
    /// In memory.
    Memory,
}

/// What becomes of a batch on which a plugin trapped, overran its time or broke the contract.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnTrap {
    /// It goes on as if the plugin had said nothing.
    Pass,
    /// It is dropped, counted and acknowledged.
    Drop,
    /// Its sender is told to try again.
    #[default]
    Refuse,
}

/// What the manifest grants an instance.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Linear memory, in bytes.
    pub memory_bytes: usize,
    /// Time a call may take, in milliseconds.
    pub call_ms: u64,
    /// Points one call may emit.
    pub emitted_rows: usize,
    /// Keys in each dictionary.
    pub dictionary_entries: usize,
}
