//! The `file_storage` extension, by the Collector's name and with its keys: the same as `rocksdb`.

use std::num::NonZeroU64;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::rocksdb::BYTES_MAX;
use crate::contract::ComponentId;
use crate::families::{ComponentType, Extension, ExtensionContext, ExtensionType, MakeError, Oddity, Role, Stability};

/// `extensions: {file_storage: …}`, with the Collector's keys. They are read and not used: there is no file of its own.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
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

impl Default for Config {
    fn default() -> Self {
        Config {
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

/// The type `file_storage`.
pub struct Type;

impl ComponentType for Type {
    const NAMES: &'static [&'static str] = &["file_storage"];
    const STABILITY: Stability = Stability::Beta;
    type Config = Config;

    fn oddities(config: &Config) -> Vec<Oddity> {
        let words = "`directory` is not used: queues are kept in the database of the state directory (`--state-dir`)";
        config.directory.as_ref().map(|_| Oddity { keys: &[], words: words.to_owned() }).into_iter().collect()
    }
}

impl ExtensionType for Type {
    const ROLES: &'static [Role] = &[Role::Storage];

    fn make(_: &ComponentId, config: Config, _: &ExtensionContext<'_>) -> Result<Extension, MakeError> {
        Ok(Extension { storage_bytes_max: Some(config.max_bytes), ..Extension::default() })
    }
}
