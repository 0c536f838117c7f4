//! What a metric becomes: its family's name and type, and how its points are joined.

use std::sync::Arc;

use super::bounds::{DESCRIPTION_BYTES_MAX, NAME_BYTES_MAX, UNIT_BYTES_MAX, cut};
use super::drops::Reason;
use super::family::{FamilyKind, Meta};
use super::known::{Cut, Metric};
use super::names::{NameKind, metric_name};
use super::series::Update;
use super::settings::{Identity, Salt, Settings};
use crate::exporters::value;
use crate::otlp::attribute::{Attribute, Strings};
use crate::otlp::metrics::{MetricHeader, MetricKind, Temporality};
use crate::otlp::wire::Fault;

/// Where a metric that was scraped from Prometheus keeps its type.
const TYPE_KEY: &[u8] = b"prometheus.type";

/// What a metric is told from others by, and its description: what it becomes is decided by both.
#[derive(Debug, Clone, Copy, Default)]
pub struct Hashes {
    /// Of name, unit and type.
    pub identity: u128,
    /// Of everything.
    pub all: u128,
}

impl Hashes {
    /// Of a metric that says in its metadata, or does not, that its type was not known.
    pub fn of(header: &MetricHeader<'_>, is_unknown: bool, identity: &Identity) -> Hashes {
        let kind = header.kind.map_or(0, |kind| kind.field() as u8);
        let shape = [kind, header.temporality as u8, u8::from(header.monotonic), u8::from(is_unknown)];
        let name = identity.of(Salt::Name, header.name).wrapping_add(identity.of(Salt::Unit, header.unit));
        let own = identity.of(Salt::Shape, &shape).wrapping_add(name);
        Hashes { identity: own, all: own.wrapping_add(identity.of(Salt::Help, header.description)) }
    }
}

/// Whether an entry of a metric's metadata says that its type was not known where it came from.
pub fn says_unknown(entry: &[u8]) -> bool {
    let read = || {
        let attribute = Attribute::read(entry, Strings::Bytes)?;
        Ok::<_, Fault>(attribute.key == TYPE_KEY && value::text(&attribute.value()?)? == "unknown")
    };
    read().unwrap_or(false)
}

/// Whether negative deltas are a mistake.
pub fn is_counter(metric: &Metric) -> bool {
    metric.meta.kind == FamilyKind::Counter
}

/// The metric without its family, or why its points have no form here.
pub fn open(header: &MetricHeader<'_>, is_unknown: bool, settings: &Settings) -> Result<Metric, Reason> {
    if header.name.len() > NAME_BYTES_MAX {
        return Err(Reason::NameLimit);
    }
    let (kind, name_kind) = match header.kind {
        Some(MetricKind::Gauge) if is_unknown => (FamilyKind::Unknown, NameKind::Gauge),
        Some(MetricKind::Gauge) => (FamilyKind::Gauge, NameKind::Gauge),
        Some(MetricKind::Sum) if header.monotonic => (FamilyKind::Counter, NameKind::Counter),
        Some(MetricKind::Sum) if is_unknown => (FamilyKind::Unknown, NameKind::Other),
        Some(MetricKind::Sum) => (FamilyKind::Gauge, NameKind::Other),
        Some(MetricKind::Histogram | MetricKind::ExponentialHistogram) => (FamilyKind::Histogram, NameKind::Other),
        Some(MetricKind::Summary) => (FamilyKind::Summary, NameKind::Other),
        None => return Err(Reason::NoValue),
    };
    let update = match (header.kind, header.temporality) {
        (Some(MetricKind::Gauge | MetricKind::Summary), _) | (_, Temporality::Cumulative) => Update::Replace,
        (Some(MetricKind::Sum), Temporality::Delta) if !header.monotonic && !settings.non_monotonic_deltas => {
            return Err(Reason::NonMonotonicDelta);
        }
        (_, Temporality::Delta) => Update::Accumulate,
        (_, Temporality::Unspecified) => return Err(Reason::UnspecifiedTemporality),
    };
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let (name, mut unit, mut help) = (text(header.name), text(header.unit), text(header.description));
    let cut = Cut { unit: cut(&mut unit, UNIT_BYTES_MAX), description: cut(&mut help, DESCRIPTION_BYTES_MAX) };
    let source = source(&name, &unit, header);
    let name =
        metric_name(&settings.namespace, &name, &unit, name_kind, settings.suffixes).ok_or(Reason::InvalidName)?;
    let (base, text_name) = (Arc::from(name.base), Arc::from(name.text));
    let (unit, unit_words) = (name.unit, name.unit_words);
    let meta = Meta { text_name, base, kind, help, unit, unit_words, source };
    Ok(Metric { meta: Arc::new(meta), update, cut, family: None, conflict: None })
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
