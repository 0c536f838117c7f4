//! Choices of the operator that several parts act on.

use serde::Deserialize;

/// Where a request must be before its sender is told that it was accepted; the greater, the stricter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// In memory.
    Memory,
    /// Handed to the operating system, synced at intervals.
    Interval,
    /// On disk, synced.
    Sync,
}

/// What becomes of batches while a plugin breaks on everything, or cannot be started again.
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

impl OnTrap {
    /// As the manifest has it.
    pub fn name(self) -> &'static str {
        match self {
            OnTrap::Pass => "pass",
            OnTrap::Drop => "drop",
            OnTrap::Refuse => "refuse",
        }
    }
}

/// Bytes of a plugin's file, where the manifest does not say otherwise.
pub const PLUGIN_BYTES_MAX: u64 = 64 << 20;

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
    /// Bytes a component may keep in the store.
    pub storage_bytes: u64,
    /// Bytes one call may write to the log.
    pub log_bytes: usize,
    /// Imports one call may make.
    pub host_calls: u64,
}

/// Interfaces of the host that a manifest can keep from a plugin; without the others its world makes no sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Interface {
    /// Lines in the host's log.
    Log,
    /// State.
    Storage,
    /// The virtual WASI.
    Wasi,
}

impl Interface {
    /// Each of them.
    pub const ALL: [Interface; 3] = [Interface::Log, Interface::Storage, Interface::Wasi];

    /// As in the manifest and in the contract.
    pub fn name(self) -> &'static str {
        match self {
            Interface::Log => "log",
            Interface::Storage => "storage",
            Interface::Wasi => "wasi",
        }
    }
}

/// How many instances a processor has, and how items are divided among them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instances {
    /// At least one.
    pub count: u32,
    /// Items with equal values under all of these have one instance. Empty: any has any.
    pub partition_by: Vec<PartitionKey>,
}

impl Default for Instances {
    fn default() -> Self {
        Instances { count: 1, partition_by: Vec::new() }
    }
}

/// An attribute that says which instance an item belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionKey {
    /// Where it stands.
    pub level: PartitionLevel,
    /// Its key.
    pub key: String,
}

/// Where an attribute stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PartitionLevel {
    /// At the resource.
    Resource,
    /// At the scope.
    Scope,
    /// At the point, span or record.
    #[default]
    Item,
}

/// What a plugin may import.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Grants {
    /// These, and what its world cannot do without.
    pub interfaces: Vec<Interface>,
}

impl Default for Grants {
    fn default() -> Self {
        Grants { interfaces: Interface::ALL.to_vec() }
    }
}
