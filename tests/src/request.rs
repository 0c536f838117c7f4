//! An export request of any signal as the generated types decode it, and the comparison of two of them item by item.

use std::fmt::Debug;

use anyhow::{Context, Result, bail};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::{Metric, metric::Data};
use otelier::contract::Signal;
use prost::Message as _;

/// A decoded request.
#[derive(Debug, Clone)]
pub enum Request {
    /// Of metrics.
    Metrics(ExportMetricsServiceRequest),
    /// Of traces.
    Traces(ExportTraceServiceRequest),
    /// Of logs.
    Logs(ExportLogsServiceRequest),
}

impl Request {
    /// From protobuf.
    pub fn decode(signal: Signal, bytes: &[u8]) -> Result<Request> {
        let decoded = match signal {
            Signal::Metrics => ExportMetricsServiceRequest::decode(bytes).map(Request::Metrics),
            Signal::Traces => ExportTraceServiceRequest::decode(bytes).map(Request::Traces),
            Signal::Logs => ExportLogsServiceRequest::decode(bytes).map(Request::Logs),
        };
        decoded.with_context(|| format!("no request of {signal}"))
    }

    /// Its signal.
    pub fn signal(&self) -> Signal {
        match self {
            Request::Metrics(_) => Signal::Metrics,
            Request::Traces(_) => Signal::Traces,
            Request::Logs(_) => Signal::Logs,
        }
    }

    /// The name of the first instrumentation scope: by it the clients of the tests tell what a request is.
    pub fn scope(&self) -> Option<&str> {
        let scope = match self {
            Request::Metrics(request) => &request.resource_metrics.first()?.scope_metrics.first()?.scope,
            Request::Traces(request) => &request.resource_spans.first()?.scope_spans.first()?.scope,
            Request::Logs(request) => &request.resource_logs.first()?.scope_logs.first()?.scope,
        };
        Some(&scope.as_ref()?.name)
    }

    /// Every item with all that stands above it, in order: resource, scope, the metric without its points, the point.
    pub fn items(&self) -> Vec<String> {
        let mut items = Items::default();
        match self {
            Request::Metrics(request) => {
                for resource in &request.resource_metrics {
                    items.within(&(&resource.resource, &resource.schema_url));
                    for scope in &resource.scope_metrics {
                        items.scope(&(&scope.scope, &scope.schema_url));
                        scope.metrics.iter().for_each(|metric| items.metric(metric));
                    }
                }
            }
            Request::Traces(request) => {
                for resource in &request.resource_spans {
                    items.within(&(&resource.resource, &resource.schema_url));
                    for scope in &resource.scope_spans {
                        items.scope(&(&scope.scope, &scope.schema_url));
                        scope.spans.iter().for_each(|span| items.item(span));
                    }
                }
            }
            Request::Logs(request) => {
                for resource in &request.resource_logs {
                    items.within(&(&resource.resource, &resource.schema_url));
                    for scope in &resource.scope_logs {
                        items.scope(&(&scope.scope, &scope.schema_url));
                        scope.log_records.iter().for_each(|record| items.item(record));
                    }
                }
            }
        }
        items.all
    }

    /// Fails unless `arrived` says the same. The error shows the first item that differs.
    pub fn assert_arrived_as(&self, arrived: &Request) -> Result<()> {
        let (sent_items, arrived_items) = (self.items(), arrived.items());
        for (number, (sent, arrived)) in sent_items.iter().zip(&arrived_items).enumerate() {
            if sent != arrived {
                bail!("item {number} was sent as\n{sent}\nand arrived as\n{arrived}\n{}", parting(sent, arrived));
            }
        }
        let (sent, arrived_count) = (sent_items.len(), arrived_items.len());
        if sent != arrived_count {
            bail!("{sent} items were sent, {arrived_count} arrived");
        }
        // What holds no item, such as an empty scope, is part of the request as well. Text, because NaN is not equal to
        // itself; it has every digit of a number and tells -0.0 from 0.0.
        if format!("{self:?}") != format!("{arrived:?}") {
            bail!("the items are the same, but not what is around them: sent\n{self:#?}\narrived\n{arrived:#?}");
        }
        Ok(())
    }
}

/// Where two texts part, with a little of what stands around it.
fn parting(one: &str, other: &str) -> String {
    let at = one.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count();
    let around = |text: &str| {
        let bytes = text.as_bytes();
        let piece = bytes.get(at.saturating_sub(40)..bytes.len().min(at + 60)).unwrap_or_default();
        String::from_utf8_lossy(piece).into_owned()
    };
    format!("they part at …{}… and …{}…", around(one), around(other))
}

/// Items as text, and where in the request the walk is.
#[derive(Default)]
struct Items {
    resource: String,
    scope: String,
    all: Vec<String>,
}

impl Items {
    fn within(&mut self, resource: &dyn Debug) {
        self.resource = format!("{resource:?}");
    }

    fn scope(&mut self, scope: &dyn Debug) {
        self.scope = format!("{scope:?}");
    }

    fn item(&mut self, item: &dyn Debug) {
        self.all.push(format!("{}\n{}\n{item:?}", self.resource, self.scope));
    }

    fn metric(&mut self, metric: &Metric) {
        let mut header = metric.clone();
        let points = header.data.as_mut().map(take_points).unwrap_or_default();
        for point in points {
            self.item(&format_args!("{header:?}\n{point}"));
        }
    }
}

/// Takes the points out of a metric, as text.
fn take_points(data: &mut Data) -> Vec<String> {
    fn all<P: Debug>(points: &mut Vec<P>) -> Vec<String> {
        std::mem::take(points).iter().map(|point| format!("{point:?}")).collect()
    }
    match data {
        Data::Gauge(gauge) => all(&mut gauge.data_points),
        Data::Sum(sum) => all(&mut sum.data_points),
        Data::Histogram(histogram) => all(&mut histogram.data_points),
        Data::ExponentialHistogram(histogram) => all(&mut histogram.data_points),
        Data::Summary(summary) => all(&mut summary.data_points),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload;

    fn decoded(bytes: &[u8]) -> Result<Request> {
        Request::decode(Signal::Metrics, bytes)
    }

    #[test]
    fn a_request_is_equal_to_itself_even_with_nan() -> Result<()> {
        let request =
            decoded(&payload::metrics(vec![payload::gauge("oven", vec![payload::double(f64::NAN, &[("a", "b")])])]))?;
        assert_eq!(request.items().len(), 1);
        request.assert_arrived_as(&request.clone())
    }

    #[test]
    fn one_changed_field_is_named() -> Result<()> {
        let gauge = |point| decoded(&payload::metrics(vec![payload::gauge("oven", vec![point])]));
        let point = payload::double(0.0, &[]);
        let changed = opentelemetry_proto::tonic::metrics::v1::NumberDataPoint { flags: 1, ..point.clone() };
        let error = gauge(point)?.assert_arrived_as(&gauge(changed)?).map_err(|error| error.to_string());
        assert!(error.is_err_and(|text| text.contains("item 0") && text.contains("flags: 1")));
        Ok(())
    }

    #[test]
    fn an_empty_scope_counts() -> Result<()> {
        let with = Request::Metrics(ExportMetricsServiceRequest { resource_metrics: vec![Default::default()] });
        let without = Request::Metrics(ExportMetricsServiceRequest::default());
        assert!(with.assert_arrived_as(&without).is_err());
        Ok(())
    }
}
