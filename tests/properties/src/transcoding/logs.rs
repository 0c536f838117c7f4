//! Logs in JSON, from the .proto files and the specification.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use serde_json::{Value, json};

use super::common::{any_value, attributes, integer, list_mut, resource, scope, span_id, trace_id};

pub fn request(request: &mut ExportLogsServiceRequest) -> Value {
    let of_resource = list_mut(&mut request.resource_logs, |of_resource| {
        let of_scope = list_mut(&mut of_resource.scope_logs, |of_scope| {
            json!({
                "scope": scope(of_scope.scope.as_ref()),
                "logRecords": list_mut(&mut of_scope.log_records, record),
                "schemaUrl": of_scope.schema_url,
            })
        });
        json!({
            "resource": resource(of_resource.resource.as_ref()),
            "scopeLogs": of_scope,
            "schemaUrl": of_resource.schema_url,
        })
    });
    json!({ "resourceLogs": of_resource })
}

fn record(record: &mut LogRecord) -> Value {
    json!({
        "timeUnixNano": integer(record.time_unix_nano),
        "observedTimeUnixNano": integer(record.observed_time_unix_nano),
        "severityNumber": record.severity_number,
        "severityText": record.severity_text,
        "body": any_value(record.body.as_ref()),
        "attributes": attributes(&record.attributes),
        "droppedAttributesCount": record.dropped_attributes_count,
        "flags": record.flags,
        "traceId": trace_id(&mut record.trace_id),
        "spanId": span_id(&mut record.span_id),
        "eventName": record.event_name,
    })
}
