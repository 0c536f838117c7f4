//! Log records.

use super::*;
use crate::otlp::wire::{put_fixed64, put_varint};

fn record() -> Vec<u8> {
    let map = message(|map| {
        put_bytes(map, 1, &text_attribute("key", "val"));
        put_bytes(map, 1, &integer_attribute("count", 2));
    });
    message(|record| {
        put_fixed64(record, 1, 1_581_452_773_000_000_789);
        put_varint_field(record, 2, 10);
        put_bytes(record, 3, b"INFO2");
        put_bytes(record, 5, &message(|any| put_bytes(any, 6, &map)));
        put_bytes(record, 6, &text_attribute("app", "server"));
        // Field 8 is fixed32.
        put_varint(record, 8 << 3 | 5);
        record.extend_from_slice(&1_u32.to_le_bytes());
        put_bytes(record, 9, &[0x11; 16]);
        put_bytes(record, 10, &[0x22; 8]);
        put_bytes(record, 12, b"order.placed");
    })
}

#[test]
fn normal() {
    let plain = message(|record| put_bytes(record, 5, &message(|any| put_bytes(any, 1, b"hello \xff"))));
    let expected = "Logs {\"resource logs\": 1, \"log records\": 2}
ResourceLog #0 [https://example.org/schema] service.name=cart
ScopeLog #0 my.lib@1.2 short=ml
{\"count\":2,\"key\":\"val\"} app=server
hello \u{fffd} 
";
    assert_eq!(written("normal", Signal::Logs, &request(&[record(), plain])), expected);
}

#[test]
fn detailed() {
    let expected = r#"LogRecord #0
ObservedTimestamp: 1970-01-01 00:00:00 +0000 UTC
Timestamp: 2020-02-11 20:26:13.000000789 +0000 UTC
SeverityText: INFO2
SeverityNumber: Info2(10)
EventName: order.placed
Body: Map({"count":2,"key":"val"})
Attributes:
     -> app: Str(server)
Trace ID: 11111111111111111111111111111111
Span ID: 2222222222222222
Flags: 1
LogRecord #1
ObservedTimestamp: 1970-01-01 00:00:00 +0000 UTC
Timestamp: 1970-01-01 00:00:00 +0000 UTC
SeverityText: 
SeverityNumber: Unspecified(0)
Body: Empty()
Trace ID: 
Span ID: 
Flags: 0
"#;
    let shown = written("detailed", Signal::Logs, &request(&[record(), Vec::new()]));
    assert!(shown.ends_with(expected), "{shown}");
    assert!(shown.contains("\nResourceLog #0\n") && shown.contains("\nScopeLogs #0\nScopeLogs SchemaURL: \n"));
}
