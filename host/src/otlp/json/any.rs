//! A request of the signal that its root names, from any form that serde reads: for files that people write. So a name that is none is an error,
//! where a request from the network may have names of a newer OTLP.

use std::fmt;

use bytes::Bytes;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

use super::output::Output;
use super::request;
use super::transcode::FieldSeed;
use crate::contract::Signal;
use crate::otlp::Strings;

/// Bytes of its protobuf form, at the most.
const BYTES_MAX: usize = 64 << 20;

/// An export request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnyRequest {
    /// What it holds.
    pub signal: Signal,
    /// Its protobuf form.
    pub bytes: Bytes,
}

impl<'de> Deserialize<'de> for AnyRequest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<AnyRequest, D::Error> {
        deserializer.deserialize_map(RequestVisitor)
    }
}

struct RequestVisitor;

impl<'de> Visitor<'de> for RequestVisitor {
    type Value = AnyRequest;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a request: `resourceMetrics`, `resourceSpans` or `resourceLogs`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<AnyRequest, A::Error> {
        let mut output = Output::new(0, BYTES_MAX, Strings::Utf8);
        output.is_strict = true;
        let mut found = None;
        while let Some(key) = map.next_key::<String>()? {
            let of_signal = |signal: Signal| Some((signal, request(signal).field(&key)?));
            let Some((signal, field)) = Signal::ALL.into_iter().find_map(of_signal) else {
                return Err(A::Error::custom(format!("`{key}` begins no request; there is {}", Roots)));
            };
            if found.replace(signal).is_some_and(|other| other != signal) {
                return Err(A::Error::custom("a request has one signal; send the others in steps of their own"));
            }
            map.next_value_seed(FieldSeed { field, output: &mut output })?;
        }
        if output.overflowed() {
            return Err(A::Error::custom("the request is too large"));
        }
        let signal = found.ok_or_else(|| A::Error::custom(format!("an empty request; write {}", Roots)))?;
        Ok(AnyRequest { signal, bytes: output.finish() })
    }
}

struct Roots;

impl fmt::Display for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`resourceMetrics`, `resourceSpans` or `resourceLogs`")
    }
}
