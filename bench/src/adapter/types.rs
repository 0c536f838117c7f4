//! The SDK's types and the host's, one by one.

use otelier::otlp::descriptors::Descriptor as HostDescriptor;
use otelier::otlp::key::Level as HostLevel;
use otelier::otlp::metrics::{MetricKind as HostKind, Temporality as HostTemporality};
use otelier::processor::StateError;
use otelier_sdk::{Attribute, Descriptor, Level, MetricKind, StorageError, Temporality};

/// An error of the store.
pub fn storage_error(error: StateError) -> StorageError {
    match error {
        StateError::TooLarge(bound) => StorageError::TooLarge(bound),
        other => StorageError::Unavailable(other.to_string()),
    }
}

/// Attribute names.
pub fn named(attributes: Vec<Attribute>) -> Vec<(HostLevel, String)> {
    let level = |level| match level {
        Level::Resource => HostLevel::Resource,
        Level::Scope => HostLevel::Scope,
        Level::Item => HostLevel::Item,
        Level::Metadata => HostLevel::Metadata,
    };
    attributes.into_iter().map(|attribute| (level(attribute.level), attribute.key)).collect()
}

/// A temporality of the SDK.
pub fn host_temporality(temporality: Temporality) -> HostTemporality {
    match temporality {
        Temporality::Unspecified => HostTemporality::Unspecified,
        Temporality::Delta => HostTemporality::Delta,
        Temporality::Cumulative => HostTemporality::Cumulative,
    }
}

/// A temporality of the host.
pub fn guest_temporality(temporality: HostTemporality) -> Temporality {
    match temporality {
        HostTemporality::Unspecified => Temporality::Unspecified,
        HostTemporality::Delta => Temporality::Delta,
        HostTemporality::Cumulative => Temporality::Cumulative,
    }
}

/// A descriptor of the SDK.
pub fn host_descriptor(descriptor: Descriptor) -> HostDescriptor {
    HostDescriptor {
        name: descriptor.name,
        unit: descriptor.unit,
        description: descriptor.description,
        kind: match descriptor.kind {
            MetricKind::Gauge => HostKind::Gauge,
            MetricKind::Sum => HostKind::Sum,
            MetricKind::Histogram => HostKind::Histogram,
            MetricKind::ExponentialHistogram => HostKind::ExponentialHistogram,
            MetricKind::Summary => HostKind::Summary,
        },
        temporality: host_temporality(descriptor.temporality),
        monotonic: descriptor.monotonic,
    }
}

/// A descriptor of the host.
pub fn guest_descriptor(descriptor: HostDescriptor) -> Descriptor {
    Descriptor {
        name: descriptor.name,
        unit: descriptor.unit,
        description: descriptor.description,
        kind: match descriptor.kind {
            HostKind::Gauge => MetricKind::Gauge,
            HostKind::Sum => MetricKind::Sum,
            HostKind::Histogram => MetricKind::Histogram,
            HostKind::ExponentialHistogram => MetricKind::ExponentialHistogram,
            HostKind::Summary => MetricKind::Summary,
        },
        temporality: guest_temporality(descriptor.temporality),
        monotonic: descriptor.monotonic,
    }
}
