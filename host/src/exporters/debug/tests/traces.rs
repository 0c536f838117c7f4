//! Spans.

use super::*;
use crate::otlp::wire::put_fixed64;

fn span() -> Vec<u8> {
    let event = message(|event| {
        put_fixed64(event, 1, 1_581_452_773_000_000_123);
        put_bytes(event, 2, b"retry");
        put_bytes(event, 3, &integer_attribute("attempt", 2));
        put_varint_field(event, 4, 1);
    });
    let link = message(|link| {
        put_bytes(link, 1, &[0x33; 16]);
        put_bytes(link, 2, &[0x44; 8]);
        put_bytes(link, 3, b"a=b");
    });
    let status = message(|status| {
        put_bytes(status, 2, b"cancelled");
        put_varint_field(status, 3, 2);
    });
    message(|span| {
        put_bytes(span, 1, &[0x11; 16]);
        put_bytes(span, 2, &[0x22; 8]);
        put_bytes(span, 3, b"ot=th:0");
        put_bytes(span, 5, b"checkout");
        put_varint_field(span, 6, 2);
        put_fixed64(span, 7, 1_581_452_772_000_000_321);
        put_fixed64(span, 8, 1_581_452_773_000_000_789);
        put_bytes(span, 9, &text_attribute("http.method", "GET"));
        put_bytes(span, 9, &integer_attribute("items", 3));
        put_varint_field(span, 10, 7);
        put_bytes(span, 11, &event);
        put_bytes(span, 13, &link);
        put_bytes(span, 15, &status);
    })
}

#[test]
fn normal() {
    let expected = r#"Traces {"resource spans": 1, "spans": 2}
ResourceTraces #0 [https://example.org/schema] service.name=cart
ScopeTraces #0 my.lib@1.2 short=ml
checkout 11111111111111111111111111111111 2222222222222222 http.method=GET items=3
  
"#;
    assert_eq!(written("normal", Signal::Traces, &request(&[span(), Vec::new()])), expected);
}

#[test]
fn detailed() {
    let expected = r#"Traces {"resource spans": 1, "spans": 1}
ResourceSpans #0
Resource SchemaURL: https://example.org/schema
Resource attributes:
     -> service.name: Str(cart)
ScopeSpans #0
ScopeSpans SchemaURL: 
InstrumentationScope my.lib 1.2
InstrumentationScope attributes:
     -> short: Str(ml)
Span #0
    Trace ID       : 11111111111111111111111111111111
    Parent ID      : 
    ID             : 2222222222222222
    Name           : checkout
    Kind           : Server
    TraceState     : ot=th:0
    Start time     : 2020-02-11 20:26:12.000000321 +0000 UTC
    End time       : 2020-02-11 20:26:13.000000789 +0000 UTC
    Status code    : Error
    Status message : cancelled
    DroppedAttributesCount: 7
    DroppedEventsCount: 0
    DroppedLinksCount: 0
Attributes:
     -> http.method: Str(GET)
     -> items: Int(3)
Events:
SpanEvent #0
     -> Name: retry
     -> Timestamp: 2020-02-11 20:26:13.000000123 +0000 UTC
     -> DroppedAttributesCount: 1
     -> Attributes::
          -> attempt: Int(2)
Links:
SpanLink #0
     -> Trace ID: 33333333333333333333333333333333
     -> ID: 4444444444444444
     -> TraceState: a=b
     -> DroppedAttributesCount: 0
"#;
    assert_eq!(written("detailed", Signal::Traces, &request(&[span()])), expected);
}
