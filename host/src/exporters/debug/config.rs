//! The settings of the debug exporter, under the Collector's names.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de};

/// `exporters: debug:`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How much is written.
    pub verbosity: Verbosity,
    /// How many batches of each signal are written in every second before sampling begins.
    pub sampling_initial: u64,
    /// Of the batches behind those, every how-manieth is written; `1` writes all, `0` none.
    pub sampling_thereafter: u64,
    /// `false`, as it is here: what is shown goes to standard output. A Collector's own log is no place of this exporter.
    #[schemars(extend("x-collector" = "`false` is the same; `true`, the default there, is refused"))]
    #[serde(deserialize_with = "no_logger")]
    pub use_internal_logger: bool,
}

impl Default for Config {
    fn default() -> Self {
        Config { verbosity: Verbosity::Basic, sampling_initial: 2, sampling_thereafter: 1, use_internal_logger: false }
    }
}

fn no_logger<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    match bool::deserialize(deserializer)? {
        false => Ok(false),
        true => Err(de::Error::custom(
            "what this exporter shows goes to standard output and not to the log: leave `use_internal_logger` out",
        )),
    }
}

/// How much the debug exporter writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verbosity {
    /// A line for each batch.
    #[default]
    #[serde(alias = "Basic", alias = "BASIC")]
    Basic,
    /// And a line for each item.
    #[serde(alias = "Normal", alias = "NORMAL")]
    Normal,
    /// And everything there is to know about each item.
    #[serde(alias = "Detailed", alias = "DETAILED")]
    Detailed,
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_collectors_keys_are_read() {
        let config: Config = serde_json::from_str("{}").unwrap();
        assert_eq!(config, Config::default());
        let text = r#"{"verbosity": "detailed", "sampling_initial": 5, "sampling_thereafter": 200, "use_internal_logger": false}"#;
        let config: Config = serde_json::from_str(text).unwrap();
        assert_eq!((config.verbosity, config.sampling_initial), (Verbosity::Detailed, 5));
        assert!(serde_json::from_str::<Config>(r#"{"use_internal_logger": true}"#).is_err());
        assert!(serde_json::from_str::<Config>(r#"{"verbosity": "loud"}"#).is_err());
        assert!(serde_json::from_str::<Config>(r#"{"verbositi": "basic"}"#).is_err());
    }
}
