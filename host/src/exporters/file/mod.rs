//! The `file` exporter: a line of OTLP/JSON for each batch, or protobuf behind its length, in files that can rotate.
//!
//! One thread owns the files (`writer`), so messages are whole and in order, and one sync answers all batches that wait for it. A batch is
//! settled when what `fsync` promises is true. What a kill or a full disk left half written is cut off before anything follows it
//! (`tail`, `output`).

mod client;
mod config;
mod directory;
mod frame;
mod groups;
mod output;
mod outputs;
mod rotation;
mod tail;
#[cfg(test)]
mod tests;
mod writer;

pub use config::Config;

use std::sync::Arc;

use self::client::FileClient;
use super::pushing::PushType;
use crate::contract::{Client, ComponentId, Delivery};
use crate::families::{ExporterContext, MakeError};

/// The type `file`.
pub struct Type;

impl PushType for Type {
    const NAMES: &'static [&'static str] = &["file"];
    type Config = Config;

    fn delivery(config: &Config) -> Delivery {
        config.delivery.clone()
    }

    fn client(id: &ComponentId, config: Config, context: &ExporterContext<'_>) -> Result<Arc<dyn Client>, MakeError> {
        Ok(Arc::new(FileClient::new(id, config, context.registry)))
    }
}
