//! A request without what differs from run to run: times, random ids, and what telemetrygen makes at random, which are
//! the values of exponential histograms and the order of an item's attributes.

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::{Exemplar, ExponentialHistogramDataPoint, NumberDataPoint, metric::Data};
use otelier_tests::request::Request;

/// The steady part of `request`.
pub fn steady(mut request: Request) -> Request {
    match &mut request {
        Request::Metrics(request) => {
            let scopes = request.resource_metrics.iter_mut().flat_map(|resource| &mut resource.scope_metrics);
            scopes.flat_map(|scope| &mut scope.metrics).filter_map(|metric| metric.data.as_mut()).for_each(still_data);
        }
        Request::Traces(request) => {
            let scopes = request.resource_spans.iter_mut().flat_map(|resource| &mut resource.scope_spans);
            for span in scopes.flat_map(|scope| &mut scope.spans) {
                for id in [&mut span.trace_id, &mut span.span_id, &mut span.parent_span_id] {
                    // Its length stays: an id that is missing is not a random one.
                    id.fill(0);
                }
                sort(&mut span.attributes);
                (span.start_time_unix_nano, span.end_time_unix_nano) = (0, 0);
                span.events.iter_mut().for_each(|event| event.time_unix_nano = 0);
                for link in &mut span.links {
                    link.trace_id.fill(0);
                    link.span_id.fill(0);
                }
                // A stack trace names the files of the machine.
                let attributes = span.events.iter_mut().flat_map(|event| &mut event.attributes);
                attributes.filter(|a| a.key == "exception.stacktrace").for_each(|attribute| attribute.value = None);
            }
        }
        Request::Logs(request) => {
            let scopes = request.resource_logs.iter_mut().flat_map(|resource| &mut resource.scope_logs);
            for record in scopes.flat_map(|scope| &mut scope.log_records) {
                sort(&mut record.attributes);
                (record.time_unix_nano, record.observed_time_unix_nano) = (0, 0);
            }
        }
    }
    request
}

fn still_data(data: &mut Data) {
    match data {
        Data::Gauge(gauge) => gauge.data_points.iter_mut().for_each(still_number),
        Data::Sum(sum) => sum.data_points.iter_mut().for_each(still_number),
        Data::Histogram(histogram) => {
            for point in &mut histogram.data_points {
                sort(&mut point.attributes);
                (point.start_time_unix_nano, point.time_unix_nano) = (0, 0);
                still_exemplars(&mut point.exemplars);
            }
        }
        Data::ExponentialHistogram(histogram) => {
            for point in &mut histogram.data_points {
                let ExponentialHistogramDataPoint { attributes, exemplars, flags, .. } = std::mem::take(point);
                *point = ExponentialHistogramDataPoint { attributes, exemplars, flags, ..Default::default() };
                sort(&mut point.attributes);
                still_exemplars(&mut point.exemplars);
            }
        }
        Data::Summary(_) => {}
    }
}

fn still_number(point: &mut NumberDataPoint) {
    sort(&mut point.attributes);
    (point.start_time_unix_nano, point.time_unix_nano) = (0, 0);
    still_exemplars(&mut point.exemplars);
}

fn sort(attributes: &mut [KeyValue]) {
    attributes.sort_by(|one, other| one.key.cmp(&other.key));
}

fn still_exemplars(exemplars: &mut [Exemplar]) {
    exemplars.iter_mut().for_each(|exemplar| exemplar.time_unix_nano = 0);
}
