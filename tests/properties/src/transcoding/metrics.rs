//! Metrics in JSON, from the .proto files and the specification.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogramDataPoint, HistogramDataPoint, Metric, NumberDataPoint, SummaryDataPoint, exemplar,
    exponential_histogram_data_point::Buckets, metric::Data, number_data_point,
};
use serde_json::{Map, Value, json};

use super::common::{attributes, double, integer, list, list_mut, resource, scope, span_id, trace_id};

pub fn request(request: &mut ExportMetricsServiceRequest) -> Value {
    let of_resource = list_mut(&mut request.resource_metrics, |of_resource| {
        let of_scope = list_mut(&mut of_resource.scope_metrics, |of_scope| {
            json!({
                "scope": scope(of_scope.scope.as_ref()),
                "metrics": list_mut(&mut of_scope.metrics, metric),
                "schemaUrl": of_scope.schema_url,
            })
        });
        json!({
            "resource": resource(of_resource.resource.as_ref()),
            "scopeMetrics": of_scope,
            "schemaUrl": of_resource.schema_url,
        })
    });
    json!({ "resourceMetrics": of_resource })
}

fn metric(metric: &mut Metric) -> Value {
    let mut fields = fields(json!({
        "name": metric.name,
        "description": metric.description,
        "unit": metric.unit,
        "metadata": attributes(&metric.metadata),
    }));
    let data = match &mut metric.data {
        None => None,
        Some(Data::Gauge(data)) => Some(("gauge", json!({ "dataPoints": list_mut(&mut data.data_points, number) }))),
        Some(Data::Sum(data)) => Some((
            "sum",
            json!({
                "dataPoints": list_mut(&mut data.data_points, number),
                "aggregationTemporality": data.aggregation_temporality,
                "isMonotonic": data.is_monotonic,
            }),
        )),
        Some(Data::Histogram(data)) => Some((
            "histogram",
            json!({
                "dataPoints": list_mut(&mut data.data_points, histogram),
                "aggregationTemporality": data.aggregation_temporality,
            }),
        )),
        Some(Data::ExponentialHistogram(data)) => Some((
            "exponentialHistogram",
            json!({
                "dataPoints": list_mut(&mut data.data_points, exponential),
                "aggregationTemporality": data.aggregation_temporality,
            }),
        )),
        Some(Data::Summary(data)) => Some(("summary", json!({ "dataPoints": list(&data.data_points, summary) }))),
    };
    fields.extend(data.map(|(name, data)| (name.to_owned(), data)));
    fields.into()
}

fn fields(object: Value) -> Map<String, Value> {
    match object {
        Value::Object(fields) => fields,
        other => panic!("no object: {other}"),
    }
}

/// A field that may be absent.
fn perhaps(value: Option<f64>) -> Value {
    value.map_or(Value::Null, double)
}

fn number(point: &mut NumberDataPoint) -> Value {
    let mut fields = fields(json!({
        "attributes": attributes(&point.attributes),
        "startTimeUnixNano": integer(point.start_time_unix_nano),
        "timeUnixNano": integer(point.time_unix_nano),
        "exemplars": list_mut(&mut point.exemplars, exemplar),
        "flags": point.flags,
    }));
    match point.value {
        None => None,
        Some(number_data_point::Value::AsDouble(value)) => fields.insert("asDouble".to_owned(), double(value)),
        Some(number_data_point::Value::AsInt(value)) => fields.insert("asInt".to_owned(), integer(value)),
    };
    fields.into()
}

fn exemplar(exemplar: &mut Exemplar) -> Value {
    let mut fields = fields(json!({
        "filteredAttributes": attributes(&exemplar.filtered_attributes),
        "timeUnixNano": integer(exemplar.time_unix_nano),
        "spanId": span_id(&mut exemplar.span_id),
        "traceId": trace_id(&mut exemplar.trace_id),
    }));
    match exemplar.value {
        None => None,
        Some(exemplar::Value::AsDouble(value)) => fields.insert("asDouble".to_owned(), double(value)),
        Some(exemplar::Value::AsInt(value)) => fields.insert("asInt".to_owned(), integer(value)),
    };
    fields.into()
}

fn histogram(point: &mut HistogramDataPoint) -> Value {
    json!({
        "attributes": attributes(&point.attributes),
        "startTimeUnixNano": integer(point.start_time_unix_nano),
        "timeUnixNano": integer(point.time_unix_nano),
        "count": integer(point.count),
        "sum": perhaps(point.sum),
        "bucketCounts": list(&point.bucket_counts, |count| integer(*count)),
        "explicitBounds": list(&point.explicit_bounds, |bound| double(*bound)),
        "exemplars": list_mut(&mut point.exemplars, exemplar),
        "flags": point.flags,
        "min": perhaps(point.min),
        "max": perhaps(point.max),
    })
}

fn exponential(point: &mut ExponentialHistogramDataPoint) -> Value {
    json!({
        "attributes": attributes(&point.attributes),
        "startTimeUnixNano": integer(point.start_time_unix_nano),
        "timeUnixNano": integer(point.time_unix_nano),
        "count": integer(point.count),
        "sum": perhaps(point.sum),
        "scale": point.scale,
        "zeroCount": integer(point.zero_count),
        "positive": point.positive.as_ref().map_or(Value::Null, buckets),
        "negative": point.negative.as_ref().map_or(Value::Null, buckets),
        "flags": point.flags,
        "exemplars": list_mut(&mut point.exemplars, exemplar),
        "min": perhaps(point.min),
        "max": perhaps(point.max),
        "zeroThreshold": double(point.zero_threshold),
    })
}

fn buckets(buckets: &Buckets) -> Value {
    json!({ "offset": buckets.offset, "bucketCounts": list(&buckets.bucket_counts, |count| integer(*count)) })
}

fn summary(point: &SummaryDataPoint) -> Value {
    json!({
        "attributes": attributes(&point.attributes),
        "startTimeUnixNano": integer(point.start_time_unix_nano),
        "timeUnixNano": integer(point.time_unix_nano),
        "count": integer(point.count),
        "sum": double(point.sum),
        "quantileValues": list(&point.quantile_values, |at| {
            json!({ "quantile": double(at.quantile), "value": double(at.value) })
        }),
        "flags": point.flags,
    })
}
