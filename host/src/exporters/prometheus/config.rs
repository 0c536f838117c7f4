//! The settings of the Prometheus exporter, under the Collector's names.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::promoted::PromotedAttributes;
use crate::contract::duration;

/// `exporters: prometheus:`. What parsed is valid.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "RawConfig")]
#[schemars(with = "RawConfig")]
pub struct Config {
    /// Where the exporter listens.
    pub endpoint: String,
    /// Put in front of every metric name, with an underscore between.
    pub namespace: String,
    /// Labels that every series carries.
    pub const_labels: BTreeMap<LabelName, String>,
    /// Whether a sample carries the time of its point.
    pub send_timestamps: bool,
    /// How long a series stays after its last point.
    pub metric_expiration: Duration,
    /// Resource attributes as labels of every series.
    pub promoted: PromotedAttributes,
    /// Whether series say nothing of their scope.
    pub without_scope_info: bool,
    /// Whether a scraper that asks for OpenMetrics gets it.
    pub enable_open_metrics: bool,
    /// Whether unit and type are added to metric names.
    pub suffixes: bool,
    /// What becomes of the deltas of sums that go up and down.
    pub non_monotonic_deltas: NonMonotonicDeltas,
    /// The most series kept, as Prometheus counts them.
    pub series_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        let RawConfig { endpoint, namespace, const_labels, send_timestamps, metric_expiration, .. } =
            RawConfig::default();
        let RawConfig { enable_open_metrics, add_metric_suffixes, non_monotonic_deltas, series_max, .. } =
            RawConfig::default();
        Config {
            endpoint,
            namespace,
            const_labels,
            send_timestamps,
            metric_expiration,
            promoted: PromotedAttributes::default(),
            without_scope_info: false,
            enable_open_metrics,
            suffixes: add_metric_suffixes,
            non_monotonic_deltas,
            series_max,
        }
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct RawConfig {
    /// Where the exporter listens. Metrics are at `/metrics`.
    #[schemars(extend("x-collector" = "same; it has a default"))]
    endpoint: String,
    /// Put in front of every metric name, with an underscore between.
    namespace: String,
    /// Labels that every series carries; they win over attributes of the same name, and over `job` and `instance`.
    const_labels: BTreeMap<LabelName, String>,
    /// Whether a sample carries the time of its point. Off, the time of the scrape counts.
    send_timestamps: bool,
    /// How long a series stays after its last point.
    #[schemars(extend("x-collector" = "same, 0 refused"))]
    #[serde(deserialize_with = "duration::nonzero")]
    metric_expiration: Duration,
    /// Resource attributes as labels of every series. The former form of `resource_constant_labels`.
    resource_to_telemetry_conversion: ResourceToTelemetry,
    /// Resource attributes as labels of every series; they are on `target_info` whether they match or not.
    resource_constant_labels: ResourceConstantLabels,
    /// Whether series are without the labels of their scope, `otel_scope_name` and so on.
    without_scope_info: bool,
    /// Whether a scraper that asks for OpenMetrics gets it. Off, every answer is in the Prometheus text format.
    #[schemars(extend("x-collector" = "same; on by default"))]
    enable_open_metrics: bool,
    /// Whether unit and type are added to metric names, where `translation_strategy` does not say.
    add_metric_suffixes: bool,
    /// How names become those of Prometheus: `UnderscoreEscapingWithSuffixes` or `UnderscoreEscapingWithoutSuffixes`.
    #[schemars(extend("x-collector" = "same; `NoUTF8EscapingWithSuffixes` and `NoTranslation` are refused"))]
    translation_strategy: Option<Translation>,
    /// What becomes of the deltas of sums that go up and down.
    #[schemars(extend("x-collector" = "ours"))]
    non_monotonic_deltas: NonMonotonicDeltas,
    /// The most series kept, as Prometheus counts them: each bucket is one. Points of further ones are dropped with the reason
    /// `series_limit`. About 70 bytes each and the part of its label text that it does not share with its neighbours.
    #[schemars(extend("x-collector" = "ours"))]
    series_max: usize,
}

impl Default for RawConfig {
    fn default() -> Self {
        RawConfig {
            endpoint: "127.0.0.1:9464".to_owned(),
            namespace: String::new(),
            const_labels: BTreeMap::new(),
            send_timestamps: false,
            metric_expiration: Duration::from_secs(300),
            resource_to_telemetry_conversion: ResourceToTelemetry::default(),
            resource_constant_labels: ResourceConstantLabels::default(),
            without_scope_info: false,
            enable_open_metrics: true,
            add_metric_suffixes: true,
            translation_strategy: None,
            non_monotonic_deltas: NonMonotonicDeltas::Drop,
            series_max: 1_000_000,
        }
    }
}

/// Settings that cannot be together.
#[derive(Debug, thiserror::Error)]
enum ConfigError {
    #[error(
        "`resource_to_telemetry_conversion` and `resource_constant_labels` say the same: keep `resource_constant_labels`"
    )]
    Twice,
    #[error(
        "`enabled` and `exclude_service_attributes` say the same as `included` and `excluded`: keep the latter; `included: [\"*\"]` is all"
    )]
    BothForms,
    #[error(
        "`translation_strategy`: names are given in the characters of Prometheus' text format only: write `{}` or `{}`",
        WITH,
        WITHOUT
    )]
    Utf8Names,
}

const WITH: &str = "UnderscoreEscapingWithSuffixes";
const WITHOUT: &str = "UnderscoreEscapingWithoutSuffixes";

impl TryFrom<RawConfig> for Config {
    type Error = ConfigError;

    fn try_from(raw: RawConfig) -> Result<Config, ConfigError> {
        let (former, present) = (&raw.resource_to_telemetry_conversion, &raw.resource_constant_labels);
        if *former != ResourceToTelemetry::default() && *present != ResourceConstantLabels::default() {
            return Err(ConfigError::Twice);
        }
        let has_patterns = !former.included.is_empty() || !former.excluded.is_empty();
        if has_patterns && (former.enabled || former.exclude_service_attributes) {
            return Err(ConfigError::BothForms);
        }
        let promoted = match former.enabled {
            true => PromotedAttributes::all(former.exclude_service_attributes),
            false if has_patterns => PromotedAttributes::of(&former.included, &former.excluded),
            false => PromotedAttributes::of(&present.included, &present.excluded),
        };
        let suffixes = match raw.translation_strategy {
            None => raw.add_metric_suffixes,
            Some(Translation::UnderscoreEscapingWithSuffixes) => true,
            Some(Translation::UnderscoreEscapingWithoutSuffixes) => false,
            Some(Translation::NoUTF8EscapingWithSuffixes | Translation::Unaltered) => {
                return Err(ConfigError::Utf8Names);
            }
        };
        Ok(Config {
            endpoint: raw.endpoint,
            namespace: raw.namespace,
            const_labels: raw.const_labels,
            send_timestamps: raw.send_timestamps,
            metric_expiration: raw.metric_expiration,
            promoted,
            without_scope_info: raw.without_scope_info,
            enable_open_metrics: raw.enable_open_metrics,
            suffixes,
            non_monotonic_deltas: raw.non_monotonic_deltas,
            series_max: raw.series_max,
        })
    }
}

/// `translation_strategy`, in the Collector's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
enum Translation {
    /// Other characters become underscores; unit and type are suffixes.
    UnderscoreEscapingWithSuffixes,
    /// Other characters become underscores.
    UnderscoreEscapingWithoutSuffixes,
    /// Not available.
    NoUTF8EscapingWithSuffixes,
    /// Not available.
    #[serde(rename = "NoTranslation")]
    Unaltered,
}

/// `resource_to_telemetry_conversion:`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct ResourceToTelemetry {
    /// Whether all resource attributes become labels. Off, they are only on `target_info`.
    enabled: bool,
    /// Whether `service.name`, `service.namespace` and `service.instance.id` do not.
    exclude_service_attributes: bool,
    /// Patterns of keys, with `*` and `?`.
    included: Vec<String>,
    /// Patterns of keys that are left out, whatever includes them.
    excluded: Vec<String>,
}

/// `resource_constant_labels:`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct ResourceConstantLabels {
    /// Patterns of keys, with `*` and `?`: any text, and any one character. Empty beside `excluded`, it is all.
    included: Vec<String>,
    /// Patterns of keys that are left out, whatever includes them.
    excluded: Vec<String>,
}

/// `non_monotonic_deltas`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum NonMonotonicDeltas {
    /// They are dropped with the reason `non_monotonic_delta`, as the compatibility specification says.
    #[default]
    Drop,
    /// They are added up to a gauge, which begins at zero with each start of the collector.
    Accumulate,
}

/// The name of a label that a configuration may add: as Prometheus wants it, and none that the exposition writes itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub struct LabelName(String);

/// What the exposition writes itself.
const RESERVED_LABELS: [&str; 2] = ["le", "quantile"];

/// A name that is none for a label.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LabelNameError {
    /// Not the characters of a label.
    #[error("`{0}` is no name for a label; write letters, digits and underscores, and no digit first")]
    Characters(String),
    /// Prometheus' own.
    #[error("`{0}` is reserved: names that begin with two underscores are Prometheus' own; choose another name")]
    Internal(String),
    /// The exposition's own.
    #[error("`{0}` is reserved: histograms and summaries carry it themselves; choose another name")]
    Reserved(String),
}

impl LabelName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for LabelName {
    type Error = LabelNameError;

    fn try_from(name: String) -> Result<LabelName, LabelNameError> {
        let is_part = |character: char| character == '_' || character.is_ascii_alphanumeric();
        if name.is_empty() || !name.chars().all(is_part) || name.starts_with(|first: char| first.is_ascii_digit()) {
            return Err(LabelNameError::Characters(name));
        }
        if name.starts_with("__") {
            return Err(LabelNameError::Internal(name));
        }
        if RESERVED_LABELS.contains(&name.as_str()) {
            return Err(LabelNameError::Reserved(name));
        }
        Ok(LabelName(name))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_section_has_the_documented_defaults() {
        let config: Config = serde_json::from_str("{}").unwrap();
        assert_eq!(config, Config::default());
        assert_eq!(config.endpoint, "127.0.0.1:9464");
        assert_eq!(config.metric_expiration, Duration::from_secs(300));
    }

    #[test]
    fn the_collectors_keys_are_read() {
        let config: Config = serde_json::from_str(
            r#"{"endpoint": "0.0.0.0:1234", "namespace": "test", "const_labels": {"a": "b"}, "send_timestamps": true,
                "metric_expiration": "1h30m", "resource_to_telemetry_conversion": {"enabled": true},
                "enable_open_metrics": false, "add_metric_suffixes": false, "series_max": 5,
                "non_monotonic_deltas": "accumulate"}"#,
        )
        .unwrap();
        assert_eq!(config.metric_expiration, Duration::from_secs(5400));
        assert!(config.promoted == PromotedAttributes::all(false) && !config.suffixes);
        assert_eq!(config.series_max, 5);
    }

    #[test]
    fn resource_labels_and_names_have_two_forms() {
        let read = |text: &str| serde_json::from_str::<Config>(text).map_err(|error| error.to_string());
        let text = r#"{"resource_to_telemetry_conversion": {"enabled": true, "exclude_service_attributes": true}}"#;
        assert_eq!(read(text).unwrap().promoted, PromotedAttributes::all(true));
        let text = r#"{"resource_constant_labels": {"included": ["k8s.*"], "excluded": ["k8s.pod.*"]}, "without_scope_info": true}"#;
        let config = read(text).unwrap();
        assert!(config.promoted.has("k8s.node") && !config.promoted.has("k8s.pod.uid"));
        assert!(config.without_scope_info);
        let strategy = |name: &str| read(&format!(r#"{{"translation_strategy": "{name}"}}"#));
        assert!(strategy(WITH).unwrap().suffixes && !strategy(WITHOUT).unwrap().suffixes);
        for (error, words) in [
            (strategy("NoTranslation"), "UnderscoreEscapingWithoutSuffixes"),
            (strategy("loud"), "unknown variant"),
            (
                read(
                    r#"{"resource_to_telemetry_conversion": {"enabled": true}, "resource_constant_labels": {"included": ["a"]}}"#,
                ),
                "keep `resource_constant_labels`",
            ),
            (read(r#"{"resource_to_telemetry_conversion": {"enabled": true, "included": ["a"]}}"#), "keep the latter"),
        ] {
            let error = error.unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn const_labels_have_names_of_their_own() {
        let read = |name: &str| {
            let text = serde_json::json!({"const_labels": {name: "x"}}).to_string();
            serde_json::from_str::<Config>(&text).map_err(|error| error.to_string())
        };
        for name in ["job", "instance", "env", "_a1", "Le", "otel_scope_name"] {
            assert!(read(name).is_ok(), "{name}");
        }
        for (name, reason) in [
            ("le", "is reserved: histograms"),
            ("quantile", "is reserved: histograms"),
            ("__name__", "is reserved: names that begin"),
            ("", "no name for a label"),
            ("a.b", "no name for a label"),
            ("1a", "no name for a label"),
            ("ä", "no name for a label"),
        ] {
            let error = read(name).unwrap_err();
            assert!(error.contains(&format!("`{name}` is")) && error.contains(reason), "{error}");
        }
    }

    #[test]
    fn unknown_keys_and_unusable_durations_are_refused() {
        for text in [
            r#"{"endpont": "x"}"#,
            r#"{"metric_expiration": "5"}"#,
            r#"{"metric_expiration": ""}"#,
            r#"{"metric_expiration": "-5s"}"#,
            r#"{"metric_expiration": "0s"}"#,
            r#"{"metric_expiration": "1..5s"}"#,
            r#"{"metric_expiration": "5 s"}"#,
            r#"{"metric_expiration": "99999999999999999999999h"}"#,
        ] {
            assert!(serde_json::from_str::<Config>(text).is_err(), "{text}");
        }
    }
}
