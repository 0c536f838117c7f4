//! Metrics requests.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogramDataPoint, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics,
    ScopeMetrics, SummaryDataPoint, exemplar, exponential_histogram_data_point::Buckets, metric::Data,
    number_data_point, summary_data_point::ValueAtQuantile,
};

use super::{Member, Writer};

const TEMPORALITIES: [&str; 3] =
    ["AGGREGATION_TEMPORALITY_UNSPECIFIED", "AGGREGATION_TEMPORALITY_DELTA", "AGGREGATION_TEMPORALITY_CUMULATIVE"];

impl Writer<'_> {
    pub fn metrics(&mut self, request: &ExportMetricsServiceRequest) -> String {
        let members = vec![("resourceMetrics", self.list(&request.resource_metrics, Writer::resource_metrics))];
        self.object(members)
    }

    fn resource_metrics(&mut self, resource: &ResourceMetrics) -> String {
        let members = vec![
            ("resource", self.resource(&resource.resource)),
            ("scopeMetrics", self.list(&resource.scope_metrics, Writer::scope_metrics)),
            ("schemaUrl", self.string(&resource.schema_url)),
        ];
        self.object(members)
    }

    fn scope_metrics(&mut self, scope: &ScopeMetrics) -> String {
        let members = vec![
            ("scope", self.scope(&scope.scope)),
            ("metrics", self.list(&scope.metrics, Writer::metric)),
            ("schemaUrl", self.string(&scope.schema_url)),
        ];
        self.object(members)
    }

    fn metric(&mut self, metric: &Metric) -> String {
        let mut members = vec![
            ("name", self.string(&metric.name)),
            ("description", self.string(&metric.description)),
            ("unit", self.string(&metric.unit)),
            ("metadata", self.attributes(&metric.metadata)),
        ];
        members.extend(metric.data.as_ref().map(|data| self.data(data)));
        self.object(members)
    }

    fn data(&mut self, data: &Data) -> Member {
        let (name, points, temporality) = match data {
            Data::Gauge(data) => ("gauge", self.list(&data.data_points, Writer::number_point), None),
            Data::Sum(data) => {
                let points = self.list(&data.data_points, Writer::number_point);
                ("sum", points, Some(data.aggregation_temporality))
            }
            Data::Histogram(data) => {
                let points = self.list(&data.data_points, Writer::histogram_point);
                ("histogram", points, Some(data.aggregation_temporality))
            }
            Data::ExponentialHistogram(data) => {
                let points = self.list(&data.data_points, Writer::exponential_point);
                ("exponentialHistogram", points, Some(data.aggregation_temporality))
            }
            Data::Summary(data) => ("summary", self.list(&data.data_points, Writer::summary_point), None),
        };
        let mut members = vec![("dataPoints", points)];
        if let Some(temporality) = temporality {
            members.push(("aggregationTemporality", self.named(temporality, &TEMPORALITIES)));
        }
        if let Data::Sum(sum) = data {
            members.push(("isMonotonic", self.bool(sum.is_monotonic)));
        }
        (name, Some(self.object(members)))
    }

    fn number_point(&mut self, point: &NumberDataPoint) -> String {
        let mut members = vec![
            ("attributes", self.attributes(&point.attributes)),
            ("startTimeUnixNano", self.number(point.start_time_unix_nano)),
            ("timeUnixNano", self.number(point.time_unix_nano)),
            ("exemplars", self.list(&point.exemplars, Writer::exemplar)),
            ("flags", self.number(point.flags)),
        ];
        members.extend(point.value.map(|value| match value {
            number_data_point::Value::AsDouble(value) => ("asDouble", Some(self.double(value))),
            number_data_point::Value::AsInt(value) => ("asInt", Some(self.integer(value.into()))),
        }));
        self.object(members)
    }

    fn exemplar(&mut self, exemplar: &Exemplar) -> String {
        let mut members = vec![
            ("filteredAttributes", self.attributes(&exemplar.filtered_attributes)),
            ("timeUnixNano", self.number(exemplar.time_unix_nano)),
            ("spanId", self.hex(&exemplar.span_id)),
            ("traceId", self.hex(&exemplar.trace_id)),
        ];
        members.extend(exemplar.value.map(|value| match value {
            exemplar::Value::AsDouble(value) => ("asDouble", Some(self.double(value))),
            exemplar::Value::AsInt(value) => ("asInt", Some(self.integer(value.into()))),
        }));
        self.object(members)
    }

    fn histogram_point(&mut self, point: &HistogramDataPoint) -> String {
        let members = vec![
            ("attributes", self.attributes(&point.attributes)),
            ("startTimeUnixNano", self.number(point.start_time_unix_nano)),
            ("timeUnixNano", self.number(point.time_unix_nano)),
            ("count", self.number(point.count)),
            ("sum", point.sum.map(|sum| self.double(sum))),
            ("bucketCounts", self.list(&point.bucket_counts, |writer, count| writer.integer((*count).into()))),
            ("explicitBounds", self.list(&point.explicit_bounds, |writer, bound| writer.double(*bound))),
            ("exemplars", self.list(&point.exemplars, Writer::exemplar)),
            ("flags", self.number(point.flags)),
            ("min", point.min.map(|min| self.double(min))),
            ("max", point.max.map(|max| self.double(max))),
        ];
        self.object(members)
    }

    fn exponential_point(&mut self, point: &ExponentialHistogramDataPoint) -> String {
        let members = vec![
            ("attributes", self.attributes(&point.attributes)),
            ("startTimeUnixNano", self.number(point.start_time_unix_nano)),
            ("timeUnixNano", self.number(point.time_unix_nano)),
            ("count", self.number(point.count)),
            ("sum", point.sum.map(|sum| self.double(sum))),
            ("scale", self.number(point.scale)),
            ("zeroCount", self.number(point.zero_count)),
            ("positive", point.positive.as_ref().map(|buckets| self.buckets(buckets))),
            ("negative", point.negative.as_ref().map(|buckets| self.buckets(buckets))),
            ("flags", self.number(point.flags)),
            ("exemplars", self.list(&point.exemplars, Writer::exemplar)),
            ("min", point.min.map(|min| self.double(min))),
            ("max", point.max.map(|max| self.double(max))),
            ("zeroThreshold", self.double_field(point.zero_threshold)),
        ];
        self.object(members)
    }

    fn buckets(&mut self, buckets: &Buckets) -> String {
        let members = vec![
            ("offset", self.number(buckets.offset)),
            ("bucketCounts", self.list(&buckets.bucket_counts, |writer, count| writer.integer((*count).into()))),
        ];
        self.object(members)
    }

    fn summary_point(&mut self, point: &SummaryDataPoint) -> String {
        let members = vec![
            ("attributes", self.attributes(&point.attributes)),
            ("startTimeUnixNano", self.number(point.start_time_unix_nano)),
            ("timeUnixNano", self.number(point.time_unix_nano)),
            ("count", self.number(point.count)),
            ("sum", self.double_field(point.sum)),
            ("quantileValues", self.list(&point.quantile_values, Writer::quantile)),
            ("flags", self.number(point.flags)),
        ];
        self.object(members)
    }

    fn quantile(&mut self, pair: &ValueAtQuantile) -> String {
        let members = vec![("quantile", self.double_field(pair.quantile)), ("value", self.double_field(pair.value))];
        self.object(members)
    }
}
