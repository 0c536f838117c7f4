//! What a plugin may use, by the manifest.

use std::time::Duration;

use serde::Deserialize;
use serde::de::{self, Deserializer};

use crate::contract;

/// What a wasm32 memory can address.
const MEMORY_MIB_MAX: u32 = 4096;

/// A plugin's bounds. A missing key has its default, which [`Limits::default`] states.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Linear memory of one instance.
    #[serde(deserialize_with = "memory_mib")]
    pub memory_mib: u32,
    /// Wall-clock time of one call.
    #[serde(deserialize_with = "contract::duration::nonzero")]
    pub call_timeout: Duration,
    /// Rows that one call may emit.
    #[serde(deserialize_with = "at_least_one")]
    pub emitted_rows: u64,
    /// Keys that one keying may hold.
    #[serde(deserialize_with = "at_least_one")]
    pub dictionary_entries: u64,
    /// What one component may keep in the store: keys and values, dictionaries included.
    #[serde(deserialize_with = "at_least_one")]
    pub storage_mib: u64,
    /// Bytes that one call may write to the log. The rest is left out, and counted.
    pub log_bytes: u64,
    /// Imports that one call may make.
    #[serde(deserialize_with = "at_least_one")]
    pub host_calls: u64,
    /// Bytes of its file, which is read into memory.
    #[serde(deserialize_with = "at_least_one")]
    pub plugin_bytes_max: u64,
}

impl Limits {
    /// Whether a message is about memory: then the limit is to be looked at, and hardly the configuration of who ran into it.
    pub fn is_memory_named_in(message: &str) -> bool {
        message.contains("`memory_mib` of the manifest")
    }

    /// The same in the units of those who keep them.
    pub fn granted(&self) -> contract::Limits {
        let bounded = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
        contract::Limits {
            memory_bytes: bounded(u64::from(self.memory_mib) << 20),
            call_ms: u64::try_from(self.call_timeout.as_millis()).unwrap_or(u64::MAX),
            emitted_rows: bounded(self.emitted_rows),
            dictionary_entries: bounded(self.dictionary_entries),
            storage_bytes: self.storage_mib.saturating_mul(1 << 20),
            log_bytes: bounded(self.log_bytes),
            host_calls: self.host_calls,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            memory_mib: 64,
            call_timeout: Duration::from_secs(1),
            emitted_rows: 1_000_000,
            dictionary_entries: 1_000_000,
            storage_mib: 1024,
            log_bytes: 64 << 10,
            host_calls: 1_000_000,
            plugin_bytes_max: contract::PLUGIN_BYTES_MAX,
        }
    }
}

/// For [`Limits::memory_mib`].
fn memory_mib<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    match u32::deserialize(deserializer)? {
        0 => Err(de::Error::custom("must be at least 1")),
        mib if mib > MEMORY_MIB_MAX => {
            Err(de::Error::custom(format_args!("a plugin can address at most {MEMORY_MIB_MAX} MiB, `{mib}` is more")))
        }
        mib => Ok(mib),
    }
}

/// For limits where zero would forbid everything.
fn at_least_one<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    match u64::deserialize(deserializer)? {
        0 => Err(de::Error::custom("must be at least 1")),
        number => Ok(number),
    }
}
