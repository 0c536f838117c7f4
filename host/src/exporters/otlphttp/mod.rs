//! The `otlphttp` exporter: OTLP over HTTP, protobuf or JSON.
//!
//! One POST a batch, to a path of its signal, over HTTP/1.1 or, where TLS finds that the destination speaks it, HTTP/2. In protobuf and
//! without compression a batch leaves as the very bytes that came in. What an answer means is in `status`; connections and addresses
//! are `net`'s.

mod client;
mod config;
mod status;

pub use client::OtlpHttpClient;
pub use config::{Config, Encoding};

use std::sync::Arc;

use super::pushing;
use crate::contract::{ComponentId, Delivery, Signal};
use crate::families::{
    ComponentType, ExporterContext, ExporterType, FarEnd, MakeError, MetadataUse, Oddity, Reference, Stability,
};

/// The type `otlphttp`.
pub struct Type;

impl ComponentType for Type {
    const NAMES: &'static [&'static str] = &["otlphttp", "otlp_http"];
    const STABILITY: Stability = Stability::Beta;
    type Config = Config;

    fn references(config: &Config) -> Vec<Reference> {
        pushing::references(&config.delivery, config.authenticator.as_ref())
    }

    fn metadata(config: &Config) -> Vec<MetadataUse> {
        pushing::metadata(&config.delivery)
    }

    fn oddities(config: &Config) -> Vec<Oddity> {
        pushing::oddities(&config.delivery)
    }
}

impl ExporterType for Type {
    fn make(_: &ComponentId, config: Config, context: &ExporterContext<'_>) -> Result<FarEnd, MakeError> {
        let delivery = Box::new(config.delivery.clone());
        let credentials = context.authenticators.client(config.authenticator.as_ref())?;
        let client = OtlpHttpClient::new(config, credentials).map_err(|error| match error {
            client::ClientError::Tls(error) => MakeError::from(error).below("tls"),
            error => error.into(),
        })?;
        Ok(FarEnd::Push(Arc::new(client), delivery))
    }

    fn delivery(config: &Config) -> Option<Delivery> {
        Some(config.delivery.clone())
    }

    fn misfit(config: &Config, signal: Signal, pipeline: &ComponentId) -> Option<String> {
        config
            .target(signal)
            .is_none()
            .then(|| format!("has no endpoint for pipeline {pipeline}: set `endpoint` or `{signal}_endpoint`"))
    }
}
