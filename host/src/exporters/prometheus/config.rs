//! The settings of the Prometheus exporter, under the Collector's names.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use crate::contract::duration;

/// `exporters: prometheus:`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where the exporter listens. Metrics are at `/metrics`.
    pub endpoint: String,
    /// Put in front of every metric name, with an underscore between.
    pub namespace: String,
    /// Labels that every series carries; they win over attributes of the same name.
    pub const_labels: BTreeMap<String, String>,
    /// Whether a sample carries the time of its point. Off, the time of the scrape counts.
    pub send_timestamps: bool,
    /// How long a series stays after its last point.
    #[serde(deserialize_with = "duration::nonzero")]
    pub metric_expiration: Duration,
    /// Resource attributes as labels of every series.
    pub resource_to_telemetry_conversion: ResourceToTelemetry,
    /// Whether a scraper that asks for OpenMetrics gets it. Off, every answer is in the Prometheus text format.
    pub enable_open_metrics: bool,
    /// Whether unit and type are added to metric names.
    pub add_metric_suffixes: bool,
    /// The most series kept, as Prometheus counts them: each bucket is one. Points of further ones are dropped with the reason
    /// `series_limit`. About 70 bytes each and the part of its label text that it does not share with its neighbours.
    pub series_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            endpoint: "127.0.0.1:9464".to_owned(),
            namespace: String::new(),
            const_labels: BTreeMap::new(),
            send_timestamps: false,
            metric_expiration: Duration::from_secs(300),
            resource_to_telemetry_conversion: ResourceToTelemetry::default(),
            enable_open_metrics: true,
            add_metric_suffixes: true,
            series_max: 1_000_000,
        }
    }
}

/// `resource_to_telemetry_conversion:`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ResourceToTelemetry {
    /// Whether all resource attributes become labels. Off, they are only on `target_info`.
    pub enabled: bool,
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
                "enable_open_metrics": false, "add_metric_suffixes": false, "series_max": 5}"#,
        )
        .unwrap();
        assert_eq!(config.metric_expiration, Duration::from_secs(5400));
        assert!(config.resource_to_telemetry_conversion.enabled && !config.add_metric_suffixes);
        assert_eq!(config.series_max, 5);
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
