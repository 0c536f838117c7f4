//! What came out of a case, step by step: what `expected.json` holds.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::contract::Signal;
use crate::otlp::Malformed;
use crate::otlp::json::{AnyRequest, to_json};

/// Of a whole case.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Came {
    /// Of the start: nothing, mostly.
    #[serde(skip_serializing_if = "Step::is_empty")]
    pub start: Step,
    /// Of each step.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
}

/// Of one step.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Step {
    /// Why the call does not count: the plugin's words, or how it broke.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Whether the sender may come back with it.
    #[serde(skip_serializing_if = "is_false")]
    pub retryable: bool,
    /// Items that the plugin dropped.
    #[serde(skip_serializing_if = "is_zero")]
    pub dropped: u64,
    /// Items that it absorbed.
    #[serde(skip_serializing_if = "is_zero")]
    pub absorbed: u64,
    /// What is left of the request.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "request")]
    pub output: Option<Value>,
    /// The points that were emitted.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "request")]
    pub emitted: Option<Value>,
    /// What is stored now, where the step asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<Stored>,
    /// What the plugin logged, where the case asks for it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<String>,
}

/// What is stored of a component.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Stored {
    /// The plugin's own number of its format.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<u32>,
    /// Keys of durable keyings.
    pub codes: u64,
    /// The plugin's own entries; bytes that are no printable ASCII as in Rust's texts, `\x00`.
    pub entries: BTreeMap<String, String>,
}

impl Step {
    fn is_empty(&self) -> bool {
        *self == Step::default()
    }
}

fn is_false(value: &bool) -> bool {
    !value
}

fn is_zero(value: &u64) -> bool {
    *value == 0
}

/// A request in one form, however it is written.
fn request<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    let AnyRequest { signal, bytes } = AnyRequest::deserialize(deserializer)?;
    shown(signal, &bytes).map(Some).map_err(serde::de::Error::custom)
}

/// A request as OTLP JSON.
pub fn shown(signal: Signal, bytes: &[u8]) -> Result<Value, Malformed> {
    // What is printed is JSON.
    Ok(serde_json::from_slice(&to_json(signal, bytes)?).unwrap_or_default())
}
