//! What a metric becomes: its family's name and type, and how its points are joined.

use std::sync::Arc;

use super::drops::Reason;
use super::family::{FamilyKind, Meta};
use super::known::Metric;
use super::names::{NameKind, metric_name};
use super::series::Update;
use super::settings::{Identity, Salt, Settings};
use crate::otlp::metrics::{MetricHeader, MetricKind, Temporality};

/// The hash of everything that decides what a metric becomes.
pub fn hash(header: &MetricHeader<'_>, identity: &Identity) -> u128 {
    let shape =
        [header.kind.map_or(0, |kind| kind.field() as u8), header.temporality as u8, u8::from(header.monotonic)];
    let texts = [(Salt::Name, header.name), (Salt::Unit, header.unit), (Salt::Help, header.description)];
    let hashes = texts.map(|(salt, text)| identity.of(salt, text));
    hashes.into_iter().fold(identity.of(Salt::Shape, &shape), u128::wrapping_add)
}

/// Whether negative deltas are a mistake.
pub fn is_counter(metric: &Metric) -> bool {
    metric.meta.kind == FamilyKind::Counter
}

/// The metric without its family, or why its points have no form here.
pub fn open(header: &MetricHeader<'_>, settings: &Settings) -> Result<Metric, Reason> {
    let (kind, name_kind) = match header.kind {
        Some(MetricKind::Gauge) => (FamilyKind::Gauge, NameKind::Gauge),
        Some(MetricKind::Sum) if header.monotonic => (FamilyKind::Counter, NameKind::Counter),
        Some(MetricKind::Sum) => (FamilyKind::Gauge, NameKind::Other),
        Some(MetricKind::Histogram | MetricKind::ExponentialHistogram) => (FamilyKind::Histogram, NameKind::Other),
        Some(MetricKind::Summary) => (FamilyKind::Summary, NameKind::Other),
        None => return Err(Reason::NoValue),
    };
    let update = match (header.kind, header.temporality) {
        (Some(MetricKind::Gauge | MetricKind::Summary), _) | (_, Temporality::Cumulative) => Update::Replace,
        (_, Temporality::Delta) => Update::Accumulate,
        (_, Temporality::Unspecified) => return Err(Reason::UnspecifiedTemporality),
    };
    let (name, unit) = (String::from_utf8_lossy(header.name), String::from_utf8_lossy(header.unit));
    let source = source(&name, &unit, header);
    let name =
        metric_name(&settings.namespace, &name, &unit, name_kind, settings.suffixes).ok_or(Reason::InvalidName)?;
    let identity = settings.identity.of(Salt::Family, name.base.as_bytes());
    let help = String::from_utf8_lossy(header.description).into_owned();
    let meta = Meta { base: Arc::from(name.base), text_name: name.text, kind, help, unit: name.unit, source };
    Ok(Metric { meta: Arc::new(meta), identity, update, family: None })
}

/// The metric for people: `work.done (monotonic sum, unit "s")`.
fn source(name: &str, unit: &str, header: &MetricHeader<'_>) -> String {
    let kind = match header.kind {
        Some(MetricKind::Gauge) => "gauge",
        Some(MetricKind::Sum) if header.monotonic => "monotonic sum",
        Some(MetricKind::Sum) => "sum",
        Some(MetricKind::Histogram) => "histogram",
        Some(MetricKind::ExponentialHistogram) => "exponential histogram",
        Some(MetricKind::Summary) => "summary",
        None => "no data",
    };
    let unit = if unit.is_empty() { "no unit".to_owned() } else { format!("unit {unit:?}") };
    format!("{name} ({kind}, {unit})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_can_name_the_metric_as_its_sender_does() {
        let header = MetricHeader {
            name: b"work.done",
            unit: b"s",
            description: b"",
            kind: Some(MetricKind::Sum),
            temporality: Temporality::Delta,
            monotonic: true,
        };
        assert_eq!(source("work.done", "s", &header), "work.done (monotonic sum, unit \"s\")");
        let header = MetricHeader { kind: Some(MetricKind::ExponentialHistogram), ..header };
        assert_eq!(source("work.done", "", &header), "work.done (exponential histogram, no unit)");
    }
}
