//! The `file_storage` extension, by the Collector's name and with its keys: the same as `rocksdb`.

use std::num::NonZeroU64;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::rocksdb::BYTES_MAX;
use crate::contract::ComponentId;
use crate::families::{ComponentType, Extension, ExtensionContext, ExtensionType, MakeError, Role, Stability};

/// `extensions: {file_storage: …}`, with the Collector's keys. They are read and not used: there is no file of its own.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the Collector would keep its files.
    #[schemars(extend("x-no-effect" = "queues are kept in the database of the state directory (`--state-dir`)"))]
    pub directory: Option<String>,
    /// How long it would wait for their lock.
    #[schemars(extend("x-no-effect" = "queues are kept in the database of the state directory (`--state-dir`)"))]
    #[schemars(with = "serde_json::Value")]
    pub timeout: Option<IgnoredAny>,
    /// Whether it would make the directory.
    #[schemars(extend("x-no-effect" = "queues are kept in the database of the state directory (`--state-dir`)"))]
    #[schemars(with = "serde_json::Value")]
    pub create_directory: Option<IgnoredAny>,
    /// Who might read it.
    #[schemars(extend("x-no-effect" = "queues are kept in the database of the state directory (`--state-dir`)"))]
    #[schemars(with = "serde_json::Value")]
    pub directory_permissions: Option<IgnoredAny>,
    /// How it would give room back.
    #[schemars(extend("x-no-effect" = "the database compacts by itself"))]
    #[schemars(with = "serde_json::Value")]
    pub compaction: Option<IgnoredAny>,
    /// Whether it would sync.
    #[schemars(extend("x-no-effect" = "`durability` of a pipeline says when its data is synced"))]
    #[schemars(with = "serde_json::Value")]
    pub fsync: Option<IgnoredAny>,
    /// What it would do about a damaged file.
    #[schemars(extend("x-no-effect" = "a damaged database is never made anew"))]
    #[schemars(with = "serde_json::Value")]
    pub recreate: Option<IgnoredAny>,
    /// Bytes that all queues which name this extension may hold together.
    #[schemars(extend("x-collector" = "ours"))]
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
}

impl ExtensionType for Type {
    const ROLES: &'static [Role] = &[Role::Storage];

    fn make(_: &ComponentId, config: Config, _: &ExtensionContext<'_>) -> Result<Extension, MakeError> {
        Ok(Extension { storage_bytes_max: Some(config.max_bytes), ..Extension::default() })
    }
}
