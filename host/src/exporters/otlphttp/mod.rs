//! The `otlphttp` exporter: OTLP over HTTP, protobuf or JSON.
//!
//! One POST a batch, to a path of its signal, over HTTP/1.1 or, where TLS finds that the destination speaks it, HTTP/2. In protobuf and
//! without compression a batch leaves as the very bytes that came in. What an answer means is in `status`; connections and addresses
//! are `net`'s.

mod client;
mod config;
mod cookies;
mod hosts;
mod redirect;
mod status;

pub use client::OtlpHttpClient;
pub use config::{Config, Encoding};

use std::sync::Arc;

use super::pushing::{PushType, show_expiry};
use crate::contract::{Client, ComponentId, Delivery, Signal};
use crate::families::{ExporterContext, MakeError};

/// The type `otlphttp`.
pub struct Type;

impl PushType for Type {
    const NAMES: &'static [&'static str] = &["otlphttp", "otlp_http"];
    type Config = Config;

    fn delivery(config: &Config) -> Delivery {
        config.delivery.clone()
    }

    fn authenticator(config: &Config) -> Option<&ComponentId> {
        config.authenticator.as_ref()
    }

    fn misfit(config: &Config, signal: Signal, pipeline: &ComponentId) -> Option<String> {
        config
            .target(signal)
            .is_none()
            .then(|| format!("has no endpoint for pipeline {pipeline}: set `endpoint` or `{signal}_endpoint`"))
    }

    fn client(id: &ComponentId, config: Config, context: &ExporterContext<'_>) -> Result<Arc<dyn Client>, MakeError> {
        let credentials = context.authenticators.client(config.authenticator.as_ref())?;
        let client = OtlpHttpClient::new(config, credentials).map_err(|error| match error {
            client::ClientError::Tls(error) => MakeError::from(error).below("tls"),
            error => error.into(),
        })?;
        show_expiry(id, client.expiry(), context.registry);
        Ok(Arc::new(client))
    }
}
