//! Trace requests.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::{
    ResourceSpans, ScopeSpans, Span, Status,
    span::{Event, Link},
};

use super::Writer;

const KINDS: [&str; 6] = [
    "SPAN_KIND_UNSPECIFIED",
    "SPAN_KIND_INTERNAL",
    "SPAN_KIND_SERVER",
    "SPAN_KIND_CLIENT",
    "SPAN_KIND_PRODUCER",
    "SPAN_KIND_CONSUMER",
];
const CODES: [&str; 3] = ["STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"];

impl Writer<'_> {
    pub fn traces(&mut self, request: &ExportTraceServiceRequest) -> String {
        let members = vec![("resourceSpans", self.list(&request.resource_spans, Writer::resource_spans))];
        self.object(members)
    }

    fn resource_spans(&mut self, resource: &ResourceSpans) -> String {
        let members = vec![
            ("resource", self.resource(&resource.resource)),
            ("scopeSpans", self.list(&resource.scope_spans, Writer::scope_spans)),
            ("schemaUrl", self.string(&resource.schema_url)),
        ];
        self.object(members)
    }

    fn scope_spans(&mut self, scope: &ScopeSpans) -> String {
        let members = vec![
            ("scope", self.scope(&scope.scope)),
            ("spans", self.list(&scope.spans, Writer::span)),
            ("schemaUrl", self.string(&scope.schema_url)),
        ];
        self.object(members)
    }

    fn span(&mut self, span: &Span) -> String {
        let members = vec![
            ("traceId", self.hex(&span.trace_id)),
            ("spanId", self.hex(&span.span_id)),
            ("traceState", self.string(&span.trace_state)),
            ("parentSpanId", self.hex(&span.parent_span_id)),
            ("flags", self.number(span.flags)),
            ("name", self.string(&span.name)),
            ("kind", self.named(span.kind, &KINDS)),
            ("startTimeUnixNano", self.number(span.start_time_unix_nano)),
            ("endTimeUnixNano", self.number(span.end_time_unix_nano)),
            ("attributes", self.attributes(&span.attributes)),
            ("droppedAttributesCount", self.number(span.dropped_attributes_count)),
            ("events", self.list(&span.events, Writer::event)),
            ("droppedEventsCount", self.number(span.dropped_events_count)),
            ("links", self.list(&span.links, Writer::link)),
            ("droppedLinksCount", self.number(span.dropped_links_count)),
            ("status", span.status.as_ref().map(|status| self.status(status))),
        ];
        self.object(members)
    }

    fn event(&mut self, event: &Event) -> String {
        let members = vec![
            ("timeUnixNano", self.number(event.time_unix_nano)),
            ("name", self.string(&event.name)),
            ("attributes", self.attributes(&event.attributes)),
            ("droppedAttributesCount", self.number(event.dropped_attributes_count)),
        ];
        self.object(members)
    }

    fn link(&mut self, link: &Link) -> String {
        let members = vec![
            ("traceId", self.hex(&link.trace_id)),
            ("spanId", self.hex(&link.span_id)),
            ("traceState", self.string(&link.trace_state)),
            ("attributes", self.attributes(&link.attributes)),
            ("droppedAttributesCount", self.number(link.dropped_attributes_count)),
            ("flags", self.number(link.flags)),
        ];
        self.object(members)
    }

    fn status(&mut self, status: &Status) -> String {
        let members = vec![("message", self.string(&status.message)), ("code", self.named(status.code, &CODES))];
        self.object(members)
    }
}
