//! OTLP/JSON to OTLP protobuf and back, in one pass and without a tree in between.
//!
//! Driven by the tables of `schema`, the parser writes each value as it reads it. What the OTLP specification says of
//! its JSON holds: names in lowerCamelCase (the names of the .proto files are understood too), unknown names are
//! ignored, trace and span ids are hex, other bytes are base64, 64-bit integers are strings or numbers, enums are
//! numbers (their names are understood too), null means absent, and of a oneof the last one wins, since fields are
//! written in the order they are read. Where texts need not be UTF-8, an escaped half of a surrogate pair that stands alone becomes
//! U+FFFD, as in the Collector, and other bytes pass as they are; else either is an error. Nesting is bounded by serde_json's recursion limit of 128.

mod any;
mod descriptor;
mod output;
mod print;
mod scalar;
mod schema;
#[cfg(test)]
mod tests;
mod text;
mod transcode;

use bytes::Bytes;
use serde::de::DeserializeSeed;

pub use self::any::AnyRequest;
pub use self::text::{base64 as from_base64, to_base64};

use self::descriptor::Message;
use self::output::Output;
use self::transcode::MessageSeed;
use super::Strings;
use super::wire::Malformed;
use crate::contract::Signal;

/// A body that is no OTLP/JSON request, or too large a one.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// Not JSON, or not of the message's form. The text ends with line and column.
    #[error(transparent)]
    Invalid(#[from] serde_json::Error),
    /// The protobuf form passes the limit.
    #[error("the request is too large")]
    TooLarge,
}

/// The protobuf form of an export request, of at most `limit` bytes.
pub fn to_protobuf(signal: Signal, json: &[u8], limit: usize, strings: Strings) -> Result<Bytes, JsonError> {
    let mut output = Output::new(json.len() / USUAL_RATIO, limit, strings);
    let mut parser = serde_json::Deserializer::from_slice(json);
    let seed = MessageSeed { message: request(signal), output: &mut output };
    let parsed = seed.deserialize(&mut parser).and_then(|()| parser.end());
    if output.overflowed() {
        return Err(JsonError::TooLarge);
    }
    parsed?;
    Ok(output.finish())
}

/// The JSON form of an export request.
pub fn to_json(signal: Signal, protobuf: &[u8]) -> Result<Vec<u8>, Malformed> {
    print::print(request(signal), protobuf)
}

/// How much larger the JSON form of telemetry usually is.
const USUAL_RATIO: usize = 3;

fn request(signal: Signal) -> &'static Message {
    match signal {
        Signal::Metrics => &schema::EXPORT_METRICS_SERVICE_REQUEST,
        Signal::Traces => &schema::EXPORT_TRACE_SERVICE_REQUEST,
        Signal::Logs => &schema::EXPORT_LOGS_SERVICE_REQUEST,
    }
}
