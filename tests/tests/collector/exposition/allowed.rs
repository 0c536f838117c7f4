//! The differences from the Collector's exporter that are right, each with the sentence that makes it so. Names are in `renamed`.

use std::collections::BTreeMap;

use otelier_tests::exposition::{Format, Kind};

use super::compare::{Difference, Field, Found, Key};
use super::look::{
    Sides, exemplars, has_negative_buckets, has_twin, is_exponential, is_open, of_name, only_here, only_there, sibling,
    targets, twins,
};

/// The OpenTelemetry specification's `compatibility/prometheus_and_openmetrics.md`.
pub const COMPATIBILITY: &str = "Prometheus and OpenMetrics Compatibility";
/// The specification of OpenMetrics 1.0.
pub const OPEN_METRICS: &str = "OpenMetrics 1.0";

/// One entry of the list.
struct Allowed {
    what: &'static str,
    /// The document, the section and the sentence.
    _because: [&'static str; 3],
    /// Whether it makes this difference.
    applies: fn(&Found, &Sides) -> bool,
}

const ALLOWED: &[Allowed] = &[
    Allowed {
        what: "the host says the unit",
        _because: [
            COMPATIBILITY,
            "Metric Metadata",
            "The resulting unit SHOULD be added to the metric as UNIT metadata.",
        ],
        applies: |found, _| match &found.difference {
            Difference::Both(Field::Unit, _, there) => there.unit.is_none(),
            _ => false,
        },
    },
    Allowed {
        what: "the host says since when it counts",
        _because: [
            COMPATIBILITY,
            "Sums",
            "Monotonic Sum metric points with `StartTimeUnixNano` SHOULD transform `StartTimeUnixNano` into Prometheus `StartTime`.",
        ],
        applies: |found, _| {
            only_here(found) && found.format == Format::OpenMetrics && found.key.name.ends_with("_created")
        },
    },
    Allowed {
        what: "the host shows the buckets of exponential histograms",
        _because: [
            COMPATIBILITY,
            "Differences between Prometheus formats",
            "Exponential (Native) Histograms SHOULD be dropped if they are not supported, or MAY be converted to fixed-bucket \
             histograms.",
        ],
        applies: |found, _| only_here(found) && is_exponential(&found.key) && found.key.labels.contains_key("le"),
    },
    Allowed {
        what: "the target is an info",
        _because: [
            COMPATIBILITY,
            "Resource Attributes",
            "The `target` info metric MUST be an info-typed metric whose labels MUST include the resource attributes.",
        ],
        applies: |found, _| match &found.difference {
            Difference::Both(Field::Kind, here, there) => (here.kind, there.kind) == (Kind::Info, Kind::Gauge),
            _ => false,
        },
    },
    Allowed {
        what: "values of keys that become one label are joined",
        _because: [
            COMPATIBILITY,
            "Metric Attributes",
            "In such cases, the values MUST be concatenated together, separated by `;`, and ordered by the lexicographical order of \
             the original keys.",
        ],
        // The Collector drops the metric, whether the values are equal or not.
        applies: |found, sides| {
            let is_joined = |(name, value): (&String, &String)| name.ends_with("a_b") || value.contains(';');
            only_here(found) && found.key.labels.iter().any(is_joined) && twins(found, sides).next().is_none()
        },
    },
    Allowed {
        what: "a gauge of unknown type is unknown",
        _because: [
            COMPATIBILITY,
            "Gauges",
            "If the `prometheus.type` key has value equal to `unkown`, the datapoint MUST be transformed to a Prometheus Unknown.",
        ],
        applies: |found, _| match &found.difference {
            Difference::Both(Field::Kind, here, there) => {
                let is_scraped = found.key.name.ends_with("x_scraped");
                is_scraped && (here.kind, there.kind) == (Kind::Unknown, Kind::Gauge)
            }
            _ => false,
        },
    },
    Allowed {
        what: "a resource's own `job` and `instance` give way to those of its service",
        _because: [
            COMPATIBILITY,
            "Resource Attributes",
            "The `target` metric is an info-typed metric whose labels MUST include the resource attributes, and MUST NOT include any other \
             labels other than `job` and `instance`.",
        ],
        applies: |found, sides| {
            let gave_way = |key: &Key| key.labels.contains_key("resource_job");
            let is_target = found.key.name.ends_with("target_info");
            only_here(found) && gave_way(&found.key)
                || only_there(found) && is_target && targets(&found.key, &sides.here).any(gave_way)
        },
    },
    Allowed {
        what: "a resource's attribute takes the place of no attribute of a point",
        _because: [
            COMPATIBILITY,
            "Metric Attributes",
            "OpenTelemetry Metric Attributes MUST be converted to Prometheus labels.",
        ],
        applies: |found, sides| found.key.labels.contains_key("host_name") && has_twin(found, sides),
    },
    Allowed {
        what: "a target needs no instance",
        _because: [
            COMPATIBILITY,
            "Resource Attributes",
            "In Prometheus exporters, an OpenTelemetry Resource SHOULD be converted to a `target` info metric if the resource is not \
             empty.",
        ],
        applies: |found, _| {
            only_here(found) && found.key.name.ends_with("target_info") && !found.key.labels.contains_key("instance")
        },
    },
    Allowed {
        what: "an exemplar has the attributes that were filtered",
        _because: [
            COMPATIBILITY,
            "Exemplar Conversion",
            "`filtered_attributes` MUST be added as labels on the Prometheus exemplar, unless they would exceed the Prometheus \
             protocol's exemplar limits.",
        ],
        applies: |found, _| match exemplars(found) {
            Some((Some(here), there)) => {
                let is_filtered = |name: &String| !["trace_id", "span_id"].contains(&name.as_str());
                here.labels.keys().any(is_filtered) && there.is_none_or(|there| there.value == here.value)
            }
            _ => false,
        },
    },
    Allowed {
        what: "an exemplar may be without labels",
        _because: [OPEN_METRICS, "Exemplars", "Exemplars without Labels MUST represent an empty LabelSet as {}."],
        applies: |found, _| matches!(exemplars(found), Some((Some(here), None)) if here.labels.is_empty()),
    },
    Allowed {
        what: "a bucket has its exemplar, in the only one and in one that was added up as well",
        _because: [
            COMPATIBILITY,
            "Histograms as Prometheus Histograms",
            "If the Prometheus protocol only supports a single exemplar per-bucket, the latest exemplar that falls into each bucket \
             SHOULD be converted.",
        ],
        applies: |found, _| {
            let is_bucket = found.key.labels.contains_key("le");
            is_bucket && matches!(exemplars(found), Some((Some(_), None)))
        },
    },
    Allowed {
        what: "OpenMetrics has no counter that is NaN or negative",
        _because: [
            OPEN_METRICS,
            "Counter",
            "A Total is a non-NaN and MUST be monotonically non-decreasing over time, starting from 0.",
        ],
        applies: |found, _| match &found.difference {
            Difference::There(there) => {
                is_open(found) && there.kind == Kind::Counter && (there.value.is_nan() || there.value < 0.0)
            }
            _ => false,
        },
    },
    Allowed {
        what: "OpenMetrics has one family of a name",
        _because: [
            OPEN_METRICS,
            "MetricFamily, Name",
            "MetricFamily names are a string and MUST be unique within a MetricSet.",
        ],
        applies: |found, sides| {
            let (front, other) = match found.key.name.strip_suffix("m_total") {
                Some(front) => (front, "m"),
                None => (found.key.name.strip_suffix('m').unwrap_or("none"), "m_total"),
            };
            let is_family = ["", "spaced_"].contains(&front);
            is_family
                && is_open(found)
                && only_there(found)
                && of_name(&format!("{front}{other}"), &sides.here).next().is_some()
        },
    },
    Allowed {
        what: "a delta that overlaps the one before it is not counted",
        _because: [
            "Metrics Data Model",
            "Overlap resolution",
            "When there are overlapping points, receivers SHOULD eliminate points so that there are no overlaps.",
        ],
        applies: |found, _| match &found.difference {
            // The Collector begins anew with the one that overlaps, and adds the next.
            Difference::Both(Field::Value, here, there) => {
                found.key.name.ends_with("c_overlap_total") && here.value * 2.0 == there.value
            }
            _ => false,
        },
    },
    Allowed {
        what: "OpenMetrics has no sum beside negative buckets",
        _because: [
            OPEN_METRICS,
            "Histogram",
            "Negative threshold buckets MAY be used, but then the Histogram MetricPoint MUST NOT contain a sum value as it would no \
             longer be a counter semantically.",
        ],
        applies: |found, sides| only_there(found) && is_open(found) && has_negative_buckets(&found.key, &sides.here),
    },
    Allowed {
        what: "a histogram without a sum shows none",
        _because: [
            OPEN_METRICS,
            "Histogram",
            "If present, the Sum value MUST equal the Sum of all the measured event values.",
        ],
        applies: |found, sides| match &found.difference {
            Difference::There(there) => {
                there.kind == Kind::Histogram
                    && there.value == 0.0
                    && sibling(&found.key, "_sum", "_bucket", &sides.here)
            }
            _ => false,
        },
    },
    Allowed {
        what: "OpenMetrics has a count beside a sum alone",
        _because: [
            OPEN_METRICS,
            "Text format, Histogram",
            "If and only if a Sum Value is present in a MetricPoint, then the MetricPoint's +Inf Bucket value MUST also appear in a \
             Sample with a MetricName with the suffix \"_count\".",
        ],
        applies: |found, sides| match &found.difference {
            Difference::There(there) => {
                let is_count = there.kind == Kind::Histogram && sibling(&found.key, "_count", "_bucket", &sides.here);
                is_open(found) && is_count && !sibling(&found.key, "_count", "_sum", &sides.here)
            }
            _ => false,
        },
    },
    Allowed {
        what: "OpenMetrics has no summary that is negative",
        _because: [
            OPEN_METRICS,
            "Summary",
            "Semantically, Count and Sum values are counters so MUST NOT be NaN or negative. [...] Quantile values MUST NOT be negative.",
        ],
        applies: |found, _| match &found.difference {
            Difference::There(there) => is_open(found) && there.kind == Kind::Summary && there.value < 0.0,
            _ => false,
        },
    },
];

/// Whether an entry of the list allows it; that entry is needed then.
pub fn is_allowed(found: &Found, sides: &Sides, needed: &mut BTreeMap<&'static str, usize>) -> bool {
    let entry = ALLOWED.iter().find(|entry| (entry.applies)(found, sides));
    if let Some(entry) = entry {
        *needed.entry(entry.what).or_default() += 1;
    }
    entry.is_some()
}

/// What every entry is called.
pub fn all() -> impl Iterator<Item = &'static str> {
    ALLOWED.iter().map(|entry| entry.what)
}
