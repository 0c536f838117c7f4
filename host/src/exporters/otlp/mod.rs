//! The `otlp` exporter: OTLP over gRPC.
//!
//! A unary call is one HTTP/2 request: a path that names the method, a body of five bytes and the message, and an answer whose
//! trailers say how it went. So gRPC is spoken on hyper here as it is in the receiver, and a batch that nobody touched leaves as the
//! very bytes that came in. What an answer means is in `status`; connections and addresses are `net`'s.

mod client;
mod config;
mod status;

pub use client::OtlpClient;
pub use config::Config;

use super::pushing;
use std::sync::Arc;

use crate::contract::{ComponentId, Delivery};
use crate::families::{
    ComponentType, ExporterContext, ExporterType, FarEnd, MakeError, MetadataUse, Oddity, Reference, Stability,
};

/// The type `otlp`.
pub struct Type;

impl ComponentType for Type {
    const NAMES: &'static [&'static str] = &["otlp", "otlp_grpc"];
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
        let client = OtlpClient::new(config, credentials).map_err(|error| match error {
            client::ClientError::Tls(error) => MakeError::from(error).below("tls"),
            error => error.into(),
        })?;
        Ok(FarEnd::Push(Arc::new(client), delivery))
    }

    fn delivery(config: &Config) -> Option<Delivery> {
        Some(config.delivery.clone())
    }
}
