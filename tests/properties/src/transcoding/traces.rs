//! Traces in JSON, from the .proto files and the specification.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use serde_json::{Value, json};

use super::common::{attributes, integer, list, list_mut, resource, scope, span_id, trace_id};

pub fn request(request: &mut ExportTraceServiceRequest) -> Value {
    let of_resource = list_mut(&mut request.resource_spans, |of_resource| {
        let of_scope = list_mut(&mut of_resource.scope_spans, |of_scope| {
            json!({
                "scope": scope(of_scope.scope.as_ref()),
                "spans": list_mut(&mut of_scope.spans, span),
                "schemaUrl": of_scope.schema_url,
            })
        });
        json!({
            "resource": resource(of_resource.resource.as_ref()),
            "scopeSpans": of_scope,
            "schemaUrl": of_resource.schema_url,
        })
    });
    json!({ "resourceSpans": of_resource })
}

fn span(span: &mut Span) -> Value {
    let status = span.status.as_ref().map(|status| json!({ "message": status.message, "code": status.code }));
    json!({
        "traceId": trace_id(&mut span.trace_id),
        "spanId": span_id(&mut span.span_id),
        "traceState": span.trace_state,
        "parentSpanId": span_id(&mut span.parent_span_id),
        "flags": span.flags,
        "name": span.name,
        "kind": span.kind,
        "startTimeUnixNano": integer(span.start_time_unix_nano),
        "endTimeUnixNano": integer(span.end_time_unix_nano),
        "attributes": attributes(&span.attributes),
        "droppedAttributesCount": span.dropped_attributes_count,
        "events": list(&span.events, event),
        "droppedEventsCount": span.dropped_events_count,
        "links": list_mut(&mut span.links, link),
        "droppedLinksCount": span.dropped_links_count,
        "status": status,
    })
}

fn event(event: &Event) -> Value {
    json!({
        "timeUnixNano": integer(event.time_unix_nano),
        "name": event.name,
        "attributes": attributes(&event.attributes),
        "droppedAttributesCount": event.dropped_attributes_count,
    })
}

fn link(link: &mut Link) -> Value {
    json!({
        "traceId": trace_id(&mut link.trace_id),
        "spanId": span_id(&mut link.span_id),
        "traceState": link.trace_state,
        "attributes": attributes(&link.attributes),
        "droppedAttributesCount": link.dropped_attributes_count,
        "flags": link.flags,
    })
}
