//! Storage extensions: what a `sending_queue.storage` names. Both keep queues in the one database of the state directory, so that a
//! trip and what it queues are written together.

use std::num::NonZeroU64;

use serde::Deserialize;
use serde::de::IgnoredAny;

/// `extensions: {rocksdb: …}`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StorageConfig {
    /// Bytes that all queues which name this extension may hold together.
    pub max_bytes: NonZeroU64,
}

impl Default for StorageConfig {
    fn default() -> Self {
        StorageConfig { max_bytes: BYTES_MAX }
    }
}

const BYTES_MAX: NonZeroU64 = const { NonZeroU64::new(10 << 30).unwrap() };

/// `extensions: {file_storage: …}`, with the Collector's keys. They are read and not used: there is no file of its own.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FileStorageConfig {
    /// Where the Collector would keep its files.
    pub directory: Option<String>,
    /// How long it would wait for their lock.
    pub timeout: Option<IgnoredAny>,
    /// Whether it would make the directory,
    pub create_directory: Option<IgnoredAny>,
    /// and for whom.
    pub directory_permissions: Option<IgnoredAny>,
    /// How it would give room back.
    pub compaction: Option<IgnoredAny>,
    /// Whether it would sync.
    pub fsync: Option<IgnoredAny>,
    /// What it would do about a damaged file.
    pub recreate: Option<IgnoredAny>,
    /// Ours: as of `rocksdb`.
    pub max_bytes: NonZeroU64,
}

impl Default for FileStorageConfig {
    fn default() -> Self {
        FileStorageConfig {
            directory: None,
            timeout: None,
            create_directory: None,
            directory_permissions: None,
            compaction: None,
            fsync: None,
            recreate: None,
            max_bytes: BYTES_MAX,
        }
    }
}
