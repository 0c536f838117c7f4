//! The `rocksdb` extension: what `sending_queue.storage` of an exporter names, and `storage` of a processor. Queues are in the one database of the
//! state directory, as state is, so that a trip and what it queues are written together.

use std::num::NonZeroU64;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::contract::ComponentId;
use crate::families::{ComponentType, Extension, ExtensionContext, ExtensionType, MakeError, Role, Stability};

/// Bytes of queues, unless a configuration says otherwise.
pub(super) const BYTES_MAX: NonZeroU64 = const { NonZeroU64::new(10 << 30).unwrap() };

/// `extensions: {rocksdb: …}`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Bytes that all queues which name this extension may hold together.
    #[schemars(extend("x-collector" = "ours"))]
    pub max_bytes: NonZeroU64,
}

impl Default for Config {
    fn default() -> Self {
        Config { max_bytes: BYTES_MAX }
    }
}

/// The type `rocksdb`.
pub struct Type;

impl ComponentType for Type {
    const NAMES: &'static [&'static str] = &["rocksdb"];
    const STABILITY: Stability = Stability::Beta;
    type Config = Config;
}

impl ExtensionType for Type {
    const ROLES: &'static [Role] = &[Role::Storage];

    fn make(_: &ComponentId, config: Config, _: &ExtensionContext<'_>) -> Result<Extension, MakeError> {
        Ok(Extension { storage_bytes_max: Some(config.max_bytes), ..Extension::default() })
    }
}
