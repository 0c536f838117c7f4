//! Requests of each signal with the bytes they must become, and requests that must be refused with their place named.

use super::{JsonError, to_protobuf};
use crate::contract::Signal;
use crate::otlp::Strings;

const LIMIT: usize = 1 << 20;

fn transcode(signal: Signal, json: &str) -> Result<Vec<u8>, String> {
    to_protobuf(signal, json.as_bytes(), LIMIT, Strings::Utf8).map(Vec::from).map_err(|error| error.to_string())
}

/// Wraps `fields` in single-field messages, innermost tag last. All of them are short.
fn wrap(tags: &[u8], fields: &[u8]) -> Vec<u8> {
    tags.iter().rev().fold(fields.to_vec(), |inner, tag| {
        let length = u8::try_from(inner.len()).unwrap_or(u8::MAX);
        [&[*tag, length][..], &inner].concat()
    })
}

/// One log record with these JSON members.
fn log(members: &str) -> Result<Vec<u8>, String> {
    transcode(Signal::Logs, &format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{{members}}}]}}]}}]}}"#))
}

fn log_bytes(fields: &[u8]) -> Result<Vec<u8>, String> {
    Ok(wrap(&[0x0a, 0x12, 0x12], fields))
}

/// One metric with these JSON members.
fn metric(members: &str) -> Result<Vec<u8>, String> {
    transcode(
        Signal::Metrics,
        &format!(r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{{members}}}]}}]}}]}}"#),
    )
}

fn metric_bytes(fields: &[u8]) -> Result<Vec<u8>, String> {
    Ok(wrap(&[0x0a, 0x12, 0x12], fields))
}

#[test]
fn a_number_point_becomes_the_bytes_any_encoder_would_write() {
    let json = r#""name":"m","sum":{"dataPoints":[{"timeUnixNano":"1","asInt":"-5"}],
        "aggregationTemporality":2,"isMonotonic":true}"#;
    let point = b"\x19\x01\0\0\0\0\0\0\0\x31\xfb\xff\xff\xff\xff\xff\xff\xff";
    let sum = [&wrap(&[0x0a], point)[..], b"\x10\x02\x18\x01"].concat();
    let expected = [b"\x0a\x01m", &wrap(&[0x3a], &sum)[..]].concat();
    assert_eq!(metric(json), metric_bytes(&expected));
}

#[test]
fn histograms_pack_their_numbers_and_zigzag_their_scale() {
    let json = r#""exponentialHistogram":{"dataPoints":[{"scale":-2,"positive":{"offset":3,"bucketCounts":[1,"300"]},
        "negative":{"bucketCounts":[]}}]}"#;
    let point = b"\x30\x03\x42\x07\x08\x06\x12\x03\x01\xac\x02\x4a\x00";
    assert_eq!(metric(json), metric_bytes(&wrap(&[0x52, 0x0a], point)));
    let json = r#""histogram":{"dataPoints":[{"bucketCounts":["1",2],"explicitBounds":[0.5]}]}"#;
    let point = b"\x32\x10\x01\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x3a\x08\0\0\0\0\0\0\xe0\x3f";
    assert_eq!(metric(json), metric_bytes(&wrap(&[0x4a, 0x0a], point)));
}

#[test]
fn ids_are_hex_of_either_case_and_an_empty_one_is_absent() {
    let trace = "\"traceId\":\"5B8EFFF798038103D269B633813FC60C\"";
    let bytes = b"\x0a\x10\x5b\x8e\xff\xf7\x98\x03\x81\x03\xd2\x69\xb6\x33\x81\x3f\xc6\x0c\x12\x08\xee\xe1\x9b\x7e\xc3\xc1\xb1\x74";
    let json = format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{{trace},"spanId":"eee19b7ec3c1b174","parentSpanId":""}}]}}]}}]}}"#
    );
    assert_eq!(transcode(Signal::Traces, &json), Ok(wrap(&[0x0a, 0x12, 0x12], bytes)));
}

#[test]
fn both_spellings_null_and_unknown_names_are_understood() {
    let expected = log_bytes(b"\x1a\x01x\x38\x07");
    assert_eq!(log(r#""severityText":"x","droppedAttributesCount":7"#), expected);
    assert_eq!(log(r#""severity_text":"x","dropped_attributes_count":"7""#), expected);
    let json =
        r#""body":null,"attributes":null,"severityText":"x","new":{"a":[1,{"b":null}]},"droppedAttributesCount":7"#;
    assert_eq!(log(json), expected);
    assert_eq!(transcode(Signal::Logs, "{}"), Ok(vec![]));
    assert_eq!(transcode(Signal::Logs, r#"{"resourceLogs":[]}"#), Ok(vec![]));
}

#[test]
fn enums_are_numbers_or_names() {
    assert_eq!(log(r#""severityNumber":9"#), log_bytes(b"\x10\x09"));
    assert_eq!(log(r#""severityNumber":"SEVERITY_NUMBER_INFO""#), log_bytes(b"\x10\x09"));
    // A value from a newer version of OTLP passes: enums are open.
    assert_eq!(log(r#""severityNumber":99"#), log_bytes(b"\x10\x63"));
}

#[test]
fn any_values_hold_every_kind() {
    for (json, bytes) in [
        (r#"{"stringValue":"é\n"}"#, &b"\x0a\x03\xc3\xa9\n"[..]),
        (r#"{"boolValue":false}"#, b"\x10\x00"),
        (r#"{"intValue":"-1"}"#, b"\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
        (r#"{"intValue":1e3}"#, b"\x18\xe8\x07"),
        (r#"{"doubleValue":1}"#, b"\x21\0\0\0\0\0\0\xf0\x3f"),
        (r#"{"doubleValue":"-Infinity"}"#, b"\x21\0\0\0\0\0\0\xf0\xff"),
        (r#"{"bytesValue":"-_8"}"#, b"\x3a\x02\xfb\xff"),
        (r#"{"arrayValue":{"values":[{"intValue":1},{}]}}"#, b"\x2a\x06\x0a\x02\x18\x01\x0a\x00"),
        (r#"{"kvlistValue":{"values":[{"key":"k"}]}}"#, b"\x32\x05\x0a\x03\x0a\x01k"),
        // Of a oneof the last one wins, which is how a protobuf reader takes these bytes.
        (r#"{"intValue":1,"boolValue":true}"#, b"\x18\x01\x10\x01"),
    ] {
        assert_eq!(log(&format!(r#""body":{json}"#)), log_bytes(&wrap(&[0x2a], bytes)), "{json}");
    }
}

#[test]
fn doubles_are_read_to_the_last_bit() {
    // serde_json is one unit in the last place off here without its `float_roundtrip` feature.
    for text in ["51.24817837550540", "0.1", "1.7976931348623157e308", "5e-324", "31.245270191439438"] {
        let value: f64 = text.parse().unwrap_or(f64::NAN);
        let body = [b"\x21", &value.to_le_bytes()[..]].concat();
        assert_eq!(log(&format!(r#""body":{{"doubleValue":{text}}}"#)), log_bytes(&wrap(&[0x2a], &body)), "{text}");
    }
}

#[test]
fn what_does_not_fit_is_refused_with_its_place() {
    for (members, words) in [
        (r#""timeUnixNano":-1"#, "`time_unix_nano` to be an unsigned 64-bit integer"),
        (r#""timeUnixNano":1.5"#, "found 1.5"),
        (r#""timeUnixNano":"18446744073709551616""#, "found \"18446744073709551616\""),
        (r#""timeUnixNano":true"#, "boolean `true`"),
        (r#""severityNumber":"INFO""#, "the number or the name of an enum value"),
        (r#""severityText":5"#, "`severity_text` to be a string"),
        (r#""traceId":"5b8e""#, "32 hex digits"),
        (r#""spanId":"xee19b7ec3c1b174""#, "16 hex digits"),
        (r#""attributes":{}"#, "`attributes` to be a list"),
        (r#""attributes":[null]"#, "an object (KeyValue)"),
        (r#""body":[]"#, "an object (AnyValue)"),
        (r#""body":{"bytesValue":"A"}"#, "a base64 string"),
        (r#""body":{"doubleValue":"nan"}"#, "found \"nan\""),
        (r#""body":{"boolValue":"true"}"#, "true or false"),
        (r#""flags":4294967296"#, "an unsigned 32-bit integer"),
        (r#""severityText":"\ud800""#, "hex escape"),
        (r#""severityText":"x",,"#, "column"),
    ] {
        let error = log(members).err().unwrap_or_default();
        assert!(error.contains(words), "{members}: {error}");
        assert!(error.contains("at line 1 column "), "{members}: {error}");
    }
    assert!(transcode(Signal::Logs, "{} x").is_err_and(|error| error.contains("trailing")));
    assert!(transcode(Signal::Logs, "[]").is_err_and(|error| error.contains("ExportLogsServiceRequest")));
    assert!(transcode(Signal::Logs, "").is_err());
}

#[test]
fn nesting_and_growth_are_bounded() {
    let deep = format!(r#""body":{}{{}}{}"#, r#"{"arrayValue":{"values":["#.repeat(5000), "]}}".repeat(5000));
    assert!(log(&deep).is_err_and(|error| error.contains("recursion limit")));
    let unknown = format!(r#"{{"x":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    assert!(transcode(Signal::Logs, &unknown).is_ok_and(|bytes| bytes.is_empty()));
    // Two bytes of JSON become eight of protobuf.
    let json = format!(
        r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{"histogram":{{"dataPoints":[{{
        "explicitBounds":[0{}]}}]}}}}]}}]}}]}}"#,
        ",0".repeat(100_000)
    );
    let outcome = to_protobuf(Signal::Metrics, json.as_bytes(), 300_000, Strings::Utf8);
    assert!(matches!(outcome, Err(JsonError::TooLarge)), "{outcome:?}");
}

/// The same of each way in which half of a surrogate pair can stand alone: before text, an escape, another half, a whole letter, the end.
#[test]
fn lone_surrogates_are_replaced_where_texts_need_not_be_utf8() {
    let lenient = |text: &[u8]| {
        let json =
            [&br#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":""#[..], text, br#""}}]}]}]}"#];
        to_protobuf(Signal::Logs, &json.concat(), LIMIT, Strings::Bytes)
            .map(Vec::from)
            .map_err(|error| error.to_string())
    };
    let body = |text: &str| wrap(&[0x0a, 0x12, 0x12, 0x2a, 0x0a], text.as_bytes());
    for (escaped, text) in [
        (r"cut \ud83d", "cut \u{fffd}"),
        (r"\ude00 cut", "\u{fffd} cut"),
        (r"\ud83d\n", "\u{fffd}\n"),
        (r"\ud83d\ud83d", "\u{fffd}\u{fffd}"),
        (r"\ud83d\u0041", "\u{fffd}A"),
        (r"\ud83d\ud83d\ude00", "\u{fffd}\u{1f600}"),
        (r"whole \ud83d\ude00", "whole \u{1f600}"),
    ] {
        assert_eq!(lenient(escaped.as_bytes()), Ok(body(text)), "{escaped}");
        let strict = log(&format!(r#""body":{{"stringValue":"{escaped}"}}"#));
        assert_eq!(strict.is_ok(), !text.contains('\u{fffd}'), "{escaped}: {strict:?}");
    }
    assert_eq!(lenient(b"\xff"), Ok(wrap(&[0x0a, 0x12, 0x12, 0x2a, 0x0a], b"\xff")), "other bytes pass");
    let key = to_protobuf(Signal::Logs, br#"{"\ud83d": 1}"#, LIMIT, Strings::Bytes);
    assert!(key.is_ok_and(|bytes| bytes.is_empty()), "an unknown name is ignored whatever it is");
}

#[test]
fn instrumentation_libraries_are_read_under_their_own_number() {
    for (signal, json) in [
        (
            Signal::Metrics,
            r#"{"resourceMetrics":[{"instrumentationLibraryMetrics":[{"instrumentationLibrary":{"name":"l"},"metrics":[{}]}]}]}"#,
        ),
        (
            Signal::Traces,
            r#"{"resourceSpans":[{"instrumentationLibrarySpans":[{"instrumentationLibrary":{"name":"l"},"spans":[{}]}]}]}"#,
        ),
        (
            Signal::Logs,
            r#"{"resource_logs":[{"instrumentation_library_logs":[{"instrumentation_library":{"name":"l"},"log_records":[{}]}]}]}"#,
        ),
    ] {
        let expected = b"\x0a\x0a\xc2\x3e\x07\x0a\x03\x0a\x01l\x12\x00";
        assert_eq!(transcode(signal, json).as_deref(), Ok(&expected[..]), "{json}");
    }
}
