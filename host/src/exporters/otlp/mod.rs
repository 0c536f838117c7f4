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

use std::sync::Arc;

use super::pushing::{PushType, show_expiry};
use crate::contract::{Client, ComponentId, Delivery};
use crate::families::{ExporterContext, MakeError};

/// The type `otlp`.
pub struct Type;

impl PushType for Type {
    const NAMES: &'static [&'static str] = &["otlp", "otlp_grpc"];
    type Config = Config;

    fn delivery(config: &Config) -> Delivery {
        config.delivery.clone()
    }

    fn authenticator(config: &Config) -> Option<&ComponentId> {
        config.authenticator.as_ref()
    }

    fn client(id: &ComponentId, config: Config, context: &ExporterContext<'_>) -> Result<Arc<dyn Client>, MakeError> {
        let credentials = context.authenticators.client(config.authenticator.as_ref())?;
        let client = OtlpClient::new(config, credentials).map_err(|error| match error {
            client::ClientError::Tls(error) => MakeError::from(error).below("tls"),
            error => error.into(),
        })?;
        show_expiry(id, client.expiry(), context.registry);
        Ok(Arc::new(client))
    }
}
