//! The exporters that push, from outside: real sockets on loopback, our own receiver as the destination, and destinations that fail.

#![allow(clippy::panic)]

mod answers;
mod auth;
mod certificates;
mod delivery;
mod destination;
mod failing;
mod keys;
mod proxy;
mod redirects;
mod tls;
mod unix;

use std::error::Error;
use std::sync::Arc;

use bytes::Bytes;

use super::{otlp, otlphttp};
use crate::contract::{Authenticators, Batch, Client, FailureClass, InvalidUtf8, Metadata, Outcome, Signal};
use crate::otlp::wire::put_bytes;

type TestResult = Result<(), Box<dyn Error>>;

/// A client by its configuration: of gRPC where the endpoint is `host:port`, else of HTTP.
fn client(config: &serde_json::Value) -> Result<Arc<dyn Client>, Box<dyn Error>> {
    client_with(config, &Authenticators::default())
}

fn client_with(config: &serde_json::Value, known: &Authenticators) -> Result<Arc<dyn Client>, Box<dyn Error>> {
    let is_url = config["endpoint"].as_str().is_some_and(|endpoint| endpoint.contains("://"));
    let text = config.to_string();
    if is_url {
        let config: otlphttp::Config = serde_json::from_str(&text)?;
        let credentials = known.client(config.authenticator.as_ref())?;
        return Ok(Arc::new(otlphttp::OtlpHttpClient::new(config, credentials)?));
    }
    let config: otlp::Config = serde_json::from_str(&text)?;
    let credentials = known.client(config.authenticator.as_ref())?;
    Ok(Arc::new(otlp::OtlpClient::new(config, credentials)?))
}

/// A batch with one named item, which every signal has at the same place.
fn batch(signal: Signal, name: &str) -> Batch {
    let number = match signal {
        Signal::Metrics => 1,
        Signal::Traces => 5,
        Signal::Logs => 3,
    };
    let mut bytes = Vec::new();
    put_bytes(&mut bytes, number, name.as_bytes());
    for number in [2, 2, 1] {
        let mut outer = Vec::new();
        put_bytes(&mut outer, number, &bytes);
        bytes = outer;
    }
    let (invalid_utf8, metadata) = (InvalidUtf8::Reject, Metadata::default());
    Batch { signal, bytes: Bytes::from(bytes), items: Some(1), invalid_utf8, metadata }
}

/// The class and the words of a failure.
fn failure(outcome: Outcome) -> Result<(FailureClass, String), Box<dyn Error>> {
    match outcome {
        Outcome::Failed(failure) => Ok((failure.class, failure.reason)),
        other => Err(format!("expected a failure, not {other:?}").into()),
    }
}
