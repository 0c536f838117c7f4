//! Trace requests.

use fastrand::Rng;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::{
    ResourceSpans, ScopeSpans, Span, Status,
    span::{Event, Link},
};

use super::attributes::{attributes, count, id, resource, scope, text};
use super::{items, several, time};

/// A request with events, links and every field of a span.
pub fn request(rng: &mut Rng) -> ExportTraceServiceRequest {
    ExportTraceServiceRequest { resource_spans: several(rng, 3, resource_spans) }
}

fn resource_spans(rng: &mut Rng) -> ResourceSpans {
    ResourceSpans { resource: resource(rng), scope_spans: several(rng, 2, scope_spans), schema_url: text(rng) }
}

fn scope_spans(rng: &mut Rng) -> ScopeSpans {
    ScopeSpans { scope: scope(rng), spans: items(rng, span), schema_url: text(rng) }
}

fn span(rng: &mut Rng) -> Span {
    Span {
        trace_id: id(rng, 16),
        span_id: id(rng, 8),
        trace_state: text(rng),
        parent_span_id: id(rng, 8),
        flags: count(rng),
        name: text(rng),
        kind: rng.i32(-1..7),
        start_time_unix_nano: time(rng),
        end_time_unix_nano: time(rng),
        attributes: attributes(rng),
        dropped_attributes_count: count(rng),
        events: several(rng, 2, event),
        dropped_events_count: count(rng),
        links: several(rng, 2, link),
        dropped_links_count: count(rng),
        status: rng.bool().then(|| Status { message: text(rng), code: rng.i32(0..4) }),
    }
}

fn event(rng: &mut Rng) -> Event {
    Event {
        time_unix_nano: time(rng),
        name: text(rng),
        attributes: attributes(rng),
        dropped_attributes_count: count(rng),
    }
}

fn link(rng: &mut Rng) -> Link {
    Link {
        trace_id: id(rng, 16),
        span_id: id(rng, 8),
        trace_state: text(rng),
        attributes: attributes(rng),
        dropped_attributes_count: count(rng),
        flags: count(rng),
    }
}
