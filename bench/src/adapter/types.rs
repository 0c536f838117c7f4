//! The SDK's types and the host's, one by one.

use otelier::otlp::columns::{Blob as HostBlob, ExponentialBuckets as HostBuckets};
use otelier::otlp::descriptors::Descriptor as HostDescriptor;
use otelier::otlp::edit::When as HostWhen;
use otelier::otlp::key::Level as HostLevel;
use otelier::otlp::metrics::{MetricKind as HostKind, Temporality as HostTemporality};
use otelier::processor::{AnySource, MergeOp as HostMergeOp, StateError};
use otelier_sdk::{
    Attribute, Blob, Descriptor, ExponentialBuckets, Level, MergeOp, MetricKind, Source, StorageError, Temporality,
    When,
};

/// An error of the store.
pub fn storage_error(error: StateError) -> StorageError {
    match error {
        StateError::Quota(quota) => StorageError::Quota(quota),
        StateError::TooLarge(bound) => StorageError::TooLarge(bound),
        StateError::NoNumber(place) => StorageError::NoNumber(place),
        other => StorageError::Unavailable(other.to_string()),
    }
}

/// An attribute's name.
pub fn named_one(attribute: Attribute) -> (HostLevel, String) {
    (host_level(attribute.level), attribute.key)
}

/// A level.
pub fn host_level(level: Level) -> HostLevel {
    match level {
        Level::Resource => HostLevel::Resource,
        Level::Scope => HostLevel::Scope,
        Level::Item => HostLevel::Item,
        Level::Metadata => HostLevel::Metadata,
    }
}

/// Attribute names.
pub fn named(attributes: Vec<Attribute>) -> Vec<(HostLevel, String)> {
    attributes.into_iter().map(named_one).collect()
}

/// A source of the SDK.
pub fn host_source(source: Source) -> AnySource {
    match source {
        Source::Attribute(attribute) => {
            let (level, key) = named_one(attribute);
            AnySource::Attribute(level, key)
        }
        Source::Field(name) => AnySource::Field(name),
    }
}

/// A condition of the SDK.
pub fn host_when(when: When) -> HostWhen {
    match when {
        When::Always => HostWhen::Always,
        When::Absent => HostWhen::Absent,
        When::Present => HostWhen::Present,
    }
}

/// A merge of the SDK.
pub fn host_merge_op(op: MergeOp) -> HostMergeOp {
    match op {
        MergeOp::Add => HostMergeOp::Add,
        MergeOp::Min => HostMergeOp::Min,
        MergeOp::Max => HostMergeOp::Max,
    }
}

/// A blob of the host.
pub fn guest_blob(HostBlob { ends, bytes }: HostBlob) -> Blob {
    Blob { ends, bytes }
}

/// Buckets of the host.
pub fn guest_buckets(HostBuckets { offsets, ends, counts }: HostBuckets) -> ExponentialBuckets {
    ExponentialBuckets { offsets, ends, counts }
}

/// Buckets of the SDK.
pub fn host_buckets(ExponentialBuckets { offsets, ends, counts }: ExponentialBuckets) -> HostBuckets {
    HostBuckets { offsets, ends, counts }
}

/// A kind of the SDK.
pub fn host_kind(kind: MetricKind) -> HostKind {
    match kind {
        MetricKind::Gauge => HostKind::Gauge,
        MetricKind::Sum => HostKind::Sum,
        MetricKind::Histogram => HostKind::Histogram,
        MetricKind::ExponentialHistogram => HostKind::ExponentialHistogram,
        MetricKind::Summary => HostKind::Summary,
    }
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
        kind: host_kind(descriptor.kind),
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
