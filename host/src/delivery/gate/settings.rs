//! A breaker's configuration as far as the gate reads it: `interval`, `bucket_period` and `max_hold`. The rest is the policy's, which
//! sees all but `max_hold`.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::window::{BUCKETS_MAX, Span};
use crate::contract::duration;

/// How long a policy may hold work back, unless the configuration says otherwise.
const MAX_HOLD: Duration = Duration::from_secs(300);
const MAX_HOLD_KEY: &str = "max_hold";

/// What is wrong with the gate's part of a configuration.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A value.
    #[error("{0}")]
    Value(serde_json::Error),
    /// Too many buckets.
    #[error(
        "`bucket_period` makes {buckets} buckets of `interval`, at most {BUCKETS_MAX} are kept; choose a longer period"
    )]
    Buckets {
        /// How many.
        buckets: u64,
    },
}

#[derive(Debug, Deserialize)]
#[serde(default)]
struct Raw {
    #[serde(deserialize_with = "duration::deserialize")]
    interval: Duration,
    #[serde(deserialize_with = "duration::deserialize")]
    bucket_period: Duration,
    #[serde(deserialize_with = "duration::nonzero")]
    max_hold: Duration,
}

impl Default for Raw {
    fn default() -> Self {
        Raw { interval: Duration::ZERO, bucket_period: Duration::ZERO, max_hold: MAX_HOLD }
    }
}

/// The gate's part, and the policy's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// What the counters reach back.
    pub(super) span: Span,
    /// After so long one attempt is made whatever the policy says, in nanoseconds.
    pub(super) max_hold_ns: u64,
    /// For the policy, JSON.
    pub(super) policy: String,
}

impl Settings {
    /// Reads an extension's configuration.
    pub fn read(mut config: Value) -> Result<Settings, SettingsError> {
        let raw = match &config {
            Value::Object(_) => read_each(&config)?,
            // The policy says what is wrong with anything else.
            _ => Raw::default(),
        };
        let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let span = Span::new(nanoseconds(raw.interval), nanoseconds(raw.bucket_period));
        if span.buckets > BUCKETS_MAX {
            return Err(SettingsError::Buckets { buckets: span.buckets });
        }
        if let Value::Object(fields) = &mut config {
            fields.remove(MAX_HOLD_KEY);
        }
        Ok(Settings { span, max_hold_ns: nanoseconds(raw.max_hold), policy: config.to_string() })
    }

    /// The policy's part, as JSON.
    pub fn policy(&self) -> &str {
        &self.policy
    }
}

/// Key by key, because serde does not say of which one it speaks.
fn read_each(config: &Value) -> Result<Raw, SettingsError> {
    for key in ["interval", "bucket_period", MAX_HOLD_KEY] {
        let Some(value) = config.get(key) else { continue };
        let alone = Value::Object([(key.to_owned(), value.clone())].into_iter().collect());
        if let Err(error) = Raw::deserialize(alone) {
            let message = format!("`{key}`: {error}");
            return Err(SettingsError::Value(serde::de::Error::custom(message)));
        }
    }
    Raw::deserialize(config).map_err(SettingsError::Value)
}
