//! Between the contract's types and the host's.

use crate::contract::Signal;
use crate::otlp::columns::{Blob, ExponentialBuckets};
use crate::otlp::descriptors::Descriptor;
use crate::otlp::key::Level;
use crate::otlp::metrics::{MetricKind, Temporality};
use crate::processor::AnySource;
use crate::wasm::bindings::otelier::plugin::types;

impl From<Signal> for types::Signal {
    fn from(signal: Signal) -> Self {
        match signal {
            Signal::Metrics => types::Signal::Metrics,
            Signal::Traces => types::Signal::Traces,
            Signal::Logs => types::Signal::Logs,
        }
    }
}

impl From<types::Temporality> for Temporality {
    fn from(temporality: types::Temporality) -> Self {
        match temporality {
            types::Temporality::Unspecified => Temporality::Unspecified,
            types::Temporality::Delta => Temporality::Delta,
            types::Temporality::Cumulative => Temporality::Cumulative,
        }
    }
}

impl From<Temporality> for types::Temporality {
    fn from(temporality: Temporality) -> Self {
        match temporality {
            Temporality::Unspecified => types::Temporality::Unspecified,
            Temporality::Delta => types::Temporality::Delta,
            Temporality::Cumulative => types::Temporality::Cumulative,
        }
    }
}

impl From<types::MetricKind> for MetricKind {
    fn from(kind: types::MetricKind) -> Self {
        match kind {
            types::MetricKind::Gauge => MetricKind::Gauge,
            types::MetricKind::Sum => MetricKind::Sum,
            types::MetricKind::Histogram => MetricKind::Histogram,
            types::MetricKind::ExponentialHistogram => MetricKind::ExponentialHistogram,
            types::MetricKind::Summary => MetricKind::Summary,
        }
    }
}

impl From<MetricKind> for types::MetricKind {
    fn from(kind: MetricKind) -> Self {
        match kind {
            MetricKind::Gauge => types::MetricKind::Gauge,
            MetricKind::Sum => types::MetricKind::Sum,
            MetricKind::Histogram => types::MetricKind::Histogram,
            MetricKind::ExponentialHistogram => types::MetricKind::ExponentialHistogram,
            MetricKind::Summary => types::MetricKind::Summary,
        }
    }
}

impl From<types::Descriptor> for Descriptor {
    fn from(descriptor: types::Descriptor) -> Self {
        Descriptor {
            name: descriptor.name,
            unit: descriptor.unit,
            description: descriptor.description,
            kind: descriptor.kind.into(),
            temporality: descriptor.temporality.into(),
            monotonic: descriptor.monotonic,
        }
    }
}

impl From<Descriptor> for types::Descriptor {
    fn from(descriptor: Descriptor) -> Self {
        types::Descriptor {
            name: descriptor.name,
            unit: descriptor.unit,
            description: descriptor.description,
            kind: descriptor.kind.into(),
            temporality: descriptor.temporality.into(),
            monotonic: descriptor.monotonic,
        }
    }
}

impl From<types::Attribute> for (Level, String) {
    fn from(attribute: types::Attribute) -> Self {
        (attribute.level.into(), attribute.key)
    }
}

impl From<types::Level> for Level {
    fn from(level: types::Level) -> Self {
        match level {
            types::Level::Resource => Level::Resource,
            types::Level::Scope => Level::Scope,
            types::Level::Item => Level::Item,
            types::Level::Metadata => Level::Metadata,
        }
    }
}

/// Attributes as the host has them.
pub fn named(attributes: Vec<types::Attribute>) -> Vec<(Level, String)> {
    attributes.into_iter().map(Into::into).collect()
}

impl From<types::Source> for AnySource {
    fn from(source: types::Source) -> Self {
        match source {
            types::Source::Attribute(attribute) => {
                let (level, key) = attribute.into();
                AnySource::Attribute(level, key)
            }
            types::Source::Field(name) => AnySource::Field(name),
        }
    }
}

impl From<Blob> for types::Blob {
    fn from(Blob { ends, bytes }: Blob) -> Self {
        types::Blob { ends, bytes }
    }
}

impl From<ExponentialBuckets> for types::ExponentialBuckets {
    fn from(ExponentialBuckets { offsets, ends, counts }: ExponentialBuckets) -> Self {
        types::ExponentialBuckets { offsets, ends, counts }
    }
}

impl From<types::ExponentialBuckets> for ExponentialBuckets {
    fn from(types::ExponentialBuckets { offsets, ends, counts }: types::ExponentialBuckets) -> Self {
        ExponentialBuckets { offsets, ends, counts }
    }
}
