//! The items of a request of any signal, flat, with what encloses each; which of them are rows, and how those lie.

use std::sync::LazyLock;

use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::{
    ExponentialHistogramDataPoint, HistogramDataPoint, Metric, NumberDataPoint, SummaryDataPoint, metric::Data,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use otelier::otlp::columns::Extent;
use otelier::otlp::descriptors::{Descriptor, Kinds};
use otelier::otlp::metrics::{MetricKind, Temporality};
use otelier::otlp::projection::Projection;
use otelier_tests::generate::Request;

use super::is_match;

/// What a metric without points is as a row.
static BARE: LazyLock<NumberDataPoint> = LazyLock::new(NumberDataPoint::default);

/// An item itself.
#[derive(Debug, Clone, Copy)]
pub enum Of<'r> {
    Number(&'r NumberDataPoint),
    Histogram(&'r HistogramDataPoint),
    Exponential(&'r ExponentialHistogramDataPoint),
    Summary(&'r SummaryDataPoint),
    Span(&'r Span),
    Record(&'r LogRecord),
}

impl<'r> Of<'r> {
    pub fn attributes(self) -> &'r [KeyValue] {
        match self {
            Of::Number(point) => &point.attributes,
            Of::Histogram(point) => &point.attributes,
            Of::Exponential(point) => &point.attributes,
            Of::Summary(point) => &point.attributes,
            Of::Span(span) => &span.attributes,
            Of::Record(record) => &record.attributes,
        }
    }
}

/// A row with what encloses it.
#[derive(Debug, Clone)]
pub struct Item<'r> {
    pub resource: Option<&'r Resource>,
    pub scope: Option<&'r InstrumentationScope>,
    pub descriptor: Option<Descriptor>,
    pub of: Of<'r>,
}

/// One expected run: where it ends, its metric's descriptor and ordinal.
#[derive(Debug)]
pub struct Run {
    pub end: usize,
    pub descriptor: Descriptor,
    pub ordinal: u32,
}

/// Which items are rows, and how they lie.
#[derive(Debug, Default)]
pub struct Batch<'r> {
    pub items: u64,
    pub rows: Vec<Item<'r>>,
    /// Which rows stand for a metric without points.
    pub bare: Vec<usize>,
    pub runs: Vec<Run>,
    pub resources: Vec<Extent>,
    pub scopes: Vec<Extent>,
}

/// A resource and a scope.
type Around<'r> = (Option<&'r Resource>, Option<&'r InstrumentationScope>);

/// Finds the rows of a request.
pub fn batch<'r>(request: &'r Request, projection: &Projection) -> Batch<'r> {
    let mut batch = Batch::default();
    match request {
        Request::Metrics(request) => {
            let mut ordinal = 0;
            for resource in &request.resource_metrics {
                let mut resource_others = false;
                for scope in &resource.scope_metrics {
                    let mut scope_others = false;
                    for metric in &scope.metrics {
                        let around = (resource.resource.as_ref(), scope.scope.as_ref());
                        scope_others |= batch.metric(metric, around, ordinal, projection);
                        ordinal += 1;
                    }
                    resource_others |= scope_others;
                    batch.end_scope(ordinal, scope_others);
                }
                batch.end_resource(resource_others);
            }
            if projection.metrics.is_empty() {
                return Batch { items: batch.items, ..Batch::default() };
            }
            return batch;
        }
        Request::Traces(request) => {
            for resource in &request.resource_spans {
                for scope in &resource.scope_spans {
                    let (resource, own) = (resource.resource.as_ref(), scope.scope.as_ref());
                    let item = |span| Item { resource, scope: own, descriptor: None, of: Of::Span(span) };
                    batch.rows.extend(scope.spans.iter().map(item));
                    batch.end_scope(0, false);
                }
                batch.end_resource(false);
            }
        }
        Request::Logs(request) => {
            for resource in &request.resource_logs {
                for scope in &resource.scope_logs {
                    let (resource, own) = (resource.resource.as_ref(), scope.scope.as_ref());
                    let item = |record| Item { resource, scope: own, descriptor: None, of: Of::Record(record) };
                    batch.rows.extend(scope.log_records.iter().map(item));
                    batch.end_scope(0, false);
                }
                batch.end_resource(false);
            }
        }
    }
    batch.items = batch.rows.len() as u64;
    if projection.items { batch } else { Batch { items: batch.items, ..Batch::default() } }
}

impl<'r> Batch<'r> {
    /// Adds a metric's points, if they are rows; else says whether it has any.
    fn metric(&mut self, metric: &'r Metric, around: Around<'r>, ordinal: u32, projection: &Projection) -> bool {
        let points = points(metric);
        self.items += points.len() as u64;
        let Some(descriptor) = descriptor(metric).filter(|descriptor| is_read(descriptor, projection)) else {
            return !points.is_empty();
        };
        let (resource, scope) = around;
        let item = |of| Item { resource, scope, descriptor: Some(descriptor.clone()), of };
        if points.is_empty() && projection.bare_metrics {
            self.bare.push(self.rows.len());
            self.rows.push(item(Of::Number(&BARE)));
        }
        self.rows.extend(points.into_iter().map(item));
        self.runs.push(Run { end: self.rows.len(), descriptor, ordinal });
        false
    }

    fn end_scope(&mut self, children_end: u32, has_others: bool) {
        self.scopes.push(Extent { end: self.rows.len() as u32, children_end, has_others });
    }

    fn end_resource(&mut self, has_others: bool) {
        let children_end = self.scopes.len() as u32;
        self.resources.push(Extent { end: self.rows.len() as u32, children_end, has_others });
    }
}

/// Whether the points of such a metric are rows.
pub fn is_read(descriptor: &Descriptor, projection: &Projection) -> bool {
    let kinds = projection.kinds.unwrap_or(Kinds::ALL);
    kinds.has(descriptor.kind) && projection.metrics.iter().any(|pattern| is_match(pattern, &descriptor.name))
}

/// A metric's points.
pub fn points(metric: &Metric) -> Vec<Of<'_>> {
    match &metric.data {
        None => Vec::new(),
        Some(Data::Gauge(data)) => data.data_points.iter().map(Of::Number).collect(),
        Some(Data::Sum(data)) => data.data_points.iter().map(Of::Number).collect(),
        Some(Data::Histogram(data)) => data.data_points.iter().map(Of::Histogram).collect(),
        Some(Data::ExponentialHistogram(data)) => data.data_points.iter().map(Of::Exponential).collect(),
        Some(Data::Summary(data)) => data.data_points.iter().map(Of::Summary).collect(),
    }
}

/// The descriptor of a metric with data.
pub fn descriptor(metric: &Metric) -> Option<Descriptor> {
    let (kind, temporality, monotonic) = match metric.data.as_ref()? {
        Data::Gauge(_) => (MetricKind::Gauge, 0, false),
        Data::Sum(sum) => (MetricKind::Sum, sum.aggregation_temporality, sum.is_monotonic),
        Data::Histogram(data) => (MetricKind::Histogram, data.aggregation_temporality, false),
        Data::ExponentialHistogram(data) => (MetricKind::ExponentialHistogram, data.aggregation_temporality, false),
        Data::Summary(_) => (MetricKind::Summary, 0, false),
    };
    let temporality = match temporality {
        1 => Temporality::Delta,
        2 => Temporality::Cumulative,
        _ => Temporality::Unspecified,
    };
    let Metric { name, unit, description, .. } = metric.clone();
    Some(Descriptor { name, unit, description, kind, temporality, monotonic })
}
