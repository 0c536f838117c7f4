//! OTLP/HTTP over real connections, HTTP/1.1 and HTTP/2.

use bytes::Bytes;

use super::client::{Http1, connect, send};
use super::{Rule, Running, TestResult, accepted, bomb, full, lock};
use crate::contract::Signal;

const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
const JSON: (&str, &str) = ("content-type", "application/json; charset=utf-8");

#[tokio::test]
async fn each_path_takes_its_signal_on_one_kept_connection() -> TestResult {
    let running = Running::accepting().await?;
    let mut client = Http1::connect(running.http).await?;
    for signal in Signal::ALL {
        let reply = client.post(&format!("/v1/{signal}"), &[PROTOBUF], b"\x0a\x00").await?;
        assert_eq!((reply.http_status, &reply.body[..]), (200, &b""[..]));
        assert_eq!(reply.field("content-type"), "application/x-protobuf");
        let batch = lock(&running.host.batches).pop().ok_or("nothing arrived")?;
        assert_eq!((batch.signal, &batch.bytes[..]), (signal, &b"\x0a\x00"[..]));
    }
    running.finish().await
}

#[tokio::test]
async fn http2_is_served_on_the_same_port() -> TestResult {
    let running = Running::accepting().await?;
    let client = connect(running.http).await?;
    let reply = send(&client, "/v1/logs", &[JSON], Bytes::from_static(b"{\"resourceLogs\":[{}]}")).await?;
    assert_eq!((reply.http_status, &reply.body[..]), (200, &b"{}"[..]));
    assert_eq!(reply.field("content-type"), "application/json");
    let batch = lock(&running.host.batches).pop().ok_or("nothing arrived")?;
    assert_eq!((batch.signal, &batch.bytes[..]), (Signal::Logs, &b"\x0a\x00"[..]));
    running.finish().await
}

#[tokio::test]
async fn packed_and_chunked_bodies_are_the_same_message() -> TestResult {
    let running = Running::accepting().await?;
    let mut client = Http1::connect(running.http).await?;
    let message = b"telemetry ".repeat(20_000);
    let mut zlib = Vec::new();
    std::io::Read::read_to_end(
        &mut flate2::read::ZlibEncoder::new(&message[..], flate2::Compression::fast()),
        &mut zlib,
    )?;
    let zstd = zstd::stream::encode_all(&message[..], 1)?;
    let mut gzip = Vec::new();
    std::io::Read::read_to_end(
        &mut flate2::read::GzEncoder::new(&message[..], flate2::Compression::fast()),
        &mut gzip,
    )?;
    let packings = [("deflate", &zlib), ("zstd", &zstd), ("gzip", &gzip), ("X-GZip", &gzip), ("identity", &message)];
    for (name, packed) in packings {
        let reply = client.post("/v1/traces", &[PROTOBUF, ("content-encoding", name)], packed).await?;
        assert_eq!(reply.http_status, 200, "{name}");
    }
    client.write(b"POST /v1/traces HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n").await?;
    client.write(b"content-type: application/x-protobuf\r\n\r\n").await?;
    for piece in message.chunks(50_000) {
        client.write(format!("{:x}\r\n", piece.len()).as_bytes()).await?;
        client.write(piece).await?;
        client.write(b"\r\n").await?;
    }
    client.write(b"0\r\n\r\n").await?;
    assert_eq!(client.answer().await?.http_status, 200);
    let batches = std::mem::take(&mut *lock(&running.host.batches));
    assert_eq!(batches.len(), 6);
    assert!(batches.iter().all(|batch| batch.bytes == message));
    running.finish().await
}

#[tokio::test]
async fn errors_are_statuses_in_the_format_of_the_request() -> TestResult {
    let running = Running::accepting().await?;
    for (method, path, headers, body, status, reason) in [
        ("POST", "/v1/metric", &[JSON][..], "{}", 404, "path"),
        ("GET", "/v1/metrics", &[JSON], "", 405, "method"),
        ("POST", "/v1/metrics", &[("content-type", "text/plain")], "{}", 415, "content_type"),
        ("POST", "/v1/metrics", &[], "{}", 415, "content_type"),
        ("POST", "/v1/metrics", &[JSON, ("content-encoding", "br")], "{}", 415, "encoding"),
        ("POST", "/v1/metrics", &[JSON, ("content-encoding", "gzip")], "{}", 400, "compression"),
        ("POST", "/v1/metrics", &[JSON], "{\n\"resourceMetrics\":5}", 400, "json"),
    ] {
        let before = running.refused("http", reason);
        let mut client = Http1::connect(running.http).await?;
        let reply = client.request(method, path, headers, body.as_bytes()).await?;
        assert_eq!(reply.http_status, status, "{reason}");
        let value: serde_json::Value = serde_json::from_slice(&reply.body)?;
        assert!(value["code"].is_u64() && value["message"].is_string(), "{value}");
        assert_eq!(running.refused("http", reason), before + 1, "{reason}");
        match reason {
            "method" => assert_eq!(reply.field("allow"), "POST"),
            "encoding" => assert_eq!(
                reply.field("accept-encoding"),
                "gzip, zstd, deflate, zlib, snappy, x-snappy-framed, identity"
            ),
            "json" => assert!(value["message"].to_string().contains("at line 2 column"), "{value}"),
            _ => {}
        }
    }
    running.finish().await
}

#[tokio::test]
async fn http_1_1_has_exactly_one_good_host() -> TestResult {
    let running = Running::accepting().await?;
    for (version, hosts, status) in [
        ("1.1", &["collector.example:4318"][..], 200),
        ("1.1", &[""], 200),
        ("1.1", &["[::1]:4318"], 200),
        ("1.1", &[], 400),
        ("1.1", &["a", "a"], 400),
        ("1.1", &["a b"], 400),
        ("1.1", &["a:port"], 400),
        ("1.1", &["user@a"], 400),
        ("1.0", &[], 200),
        ("1.0", &["a"], 200),
        ("1.0", &["a", "b"], 400),
    ] {
        let before = running.refused("http", "host");
        let mut client = Http1::connect(running.http).await?;
        let lines: String = hosts.iter().map(|host| format!("host: {host}\r\n")).collect();
        let head =
            format!("POST /v1/logs HTTP/{version}\r\n{lines}content-type: application/json\r\ncontent-length: 2\r\n");
        client.write(format!("{head}\r\n{{}}").as_bytes()).await?;
        assert_eq!(client.answer().await?.http_status, status, "HTTP/{version} with {hosts:?}");
        let refused = running.refused("http", "host") - before;
        assert_eq!(refused, i64::from(status == 400), "HTTP/{version} with {hosts:?}");
    }
    running.finish().await
}

#[tokio::test]
async fn instrumentation_libraries_arrive_as_scopes_in_either_encoding() -> TestResult {
    let running = Running::accepting().await?;
    let mut client = Http1::connect(running.http).await?;
    for (signal, resources, libraries, items) in [
        (Signal::Metrics, "resourceMetrics", "instrumentationLibraryMetrics", "metrics"),
        (Signal::Traces, "resourceSpans", "instrumentationLibrarySpans", "spans"),
        (Signal::Logs, "resourceLogs", "instrumentationLibraryLogs", "logRecords"),
    ] {
        let json = format!(
            r#"{{"{resources}":[{{"{libraries}":[{{"instrumentationLibrary":{{"name":"l"}},"{items}":[{{}}]}}]}}]}}"#
        );
        let protobuf = b"\x0a\x0a\xc2\x3e\x07\x0a\x03\x0a\x01l\x12\x00";
        let today = b"\x0a\x09\x12\x07\x0a\x03\x0a\x01l\x12\x00";
        for (kind, body) in [(PROTOBUF, &protobuf[..]), (JSON, json.as_bytes())] {
            assert_eq!(client.post(&format!("/v1/{signal}"), &[kind], body).await?.http_status, 200);
            let batch = lock(&running.host.batches).pop().ok_or("nothing arrived")?;
            assert_eq!((batch.signal, &batch.bytes[..]), (signal, &today[..]), "{kind:?}");
        }
    }
    running.finish().await
}

#[tokio::test]
async fn a_full_queue_says_when_to_come_back() -> TestResult {
    let running = Running::start(full(), "", "").await?;
    let reply = Http1::connect(running.http).await?.post("/v1/logs", &[PROTOBUF], b"").await?;
    assert_eq!((reply.http_status, reply.field("retry-after")), (503, "2"));
    assert!(reply.body.starts_with(b"\x08\x0e\x12\x27prometheus is full"));
    running.finish().await
}

#[tokio::test]
async fn requests_that_hold_nothing_are_counted_by_signal() -> TestResult {
    let running = Running::start(Rule::Answer(Some(Ok(accepted(0, 0)))), "", "").await?;
    let metrics = br#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"a","gauge":{"dataPoints":[{}]}}]}]}]}"#;
    for _ in 0..2 {
        let reply = Http1::connect(running.http).await?.post("/v1/traces", &[JSON], metrics).await?;
        assert_eq!(reply.http_status, 200);
    }
    let empty = |signal| running.registry.total("otelier_receiver_empty_requests", &[("signal", signal)]);
    assert_eq!((empty("traces"), empty("metrics")), (2, 0));
    running.finish().await
}

#[tokio::test]
async fn a_partial_success_is_a_success_that_says_so() -> TestResult {
    let running = Running::start(Rule::Answer(Some(Ok(accepted(10, 3)))), "", "").await?;
    let reply = Http1::connect(running.http).await?.post("/v1/logs", &[JSON], b"{}").await?;
    assert_eq!(reply.http_status, 200);
    assert_eq!(reply.body, br#"{"partialSuccess":{"errorMessage":"too old","rejectedLogRecords":"3"}}"#);
    running.finish().await
}

#[tokio::test]
async fn too_large_is_413_whether_announced_sent_unpacked_or_transcoded() -> TestResult {
    let rule = Rule::Answer(Some(Ok(accepted(1, 0))));
    let running = Running::start(rule, "", r#", "max_request_body_size": 100000"#).await?;
    let growing = format!(
        r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{"histogram":{{"dataPoints":[{{"explicitBounds":[0{}]}}]}}}}]}}]}}]}}"#,
        ",0".repeat(40_000)
    );
    for (headers, body, how) in [
        (&[PROTOBUF][..], vec![0; 100_001], "announced"),
        (&[PROTOBUF, ("content-encoding", "gzip")], bomb(16 << 20)?, "unpacked"),
        (&[JSON], growing.into_bytes(), "transcoded"),
    ] {
        let reply = Http1::connect(running.http).await?.post("/v1/metrics", headers, &body).await?;
        assert_eq!(reply.http_status, 413, "{how}");
    }
    let mut client = Http1::connect(running.http).await?;
    client.write(b"POST /v1/metrics HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n").await?;
    client.write(b"content-type: application/x-protobuf\r\n\r\n186a1\r\n").await?;
    client.write(&[0; 100_001]).await?;
    assert_eq!(client.answer().await?.http_status, 413);
    assert_eq!(running.refused("http", "too_large"), 4);
    running.finish().await
}

#[tokio::test]
async fn a_body_that_trickles_in_is_cut_off() -> TestResult {
    let running = Running::start(Rule::Hold, "", r#", "read_timeout": "20ms""#).await?;
    let mut client = Http1::connect(running.http).await?;
    client.write(b"POST /v1/logs HTTP/1.1\r\nhost: h\r\ncontent-length: 9\r\n").await?;
    client.write(b"content-type: application/x-protobuf\r\n\r\nabc").await?;
    assert_eq!(client.answer().await?.http_status, 408);
    running.finish().await
}

#[tokio::test]
async fn connections_that_never_ask_or_have_gone_quiet_are_closed() -> TestResult {
    let rule = Rule::Answer(Some(Ok(accepted(1, 0))));
    let running = Running::start(rule, "", r#", "read_header_timeout": "20ms", "idle_timeout": "20ms""#).await?;
    let mut silent = Http1::connect(running.http).await?;
    assert!(silent.closed().await.is_empty());
    let mut half = Http1::connect(running.http).await?;
    half.write(b"POST /v1/logs HTTP/1.1\r\nhost:").await?;
    assert!(half.closed().await.is_empty());
    let mut quiet = Http1::connect(running.http).await?;
    assert_eq!(quiet.post("/v1/logs", &[PROTOBUF], b"").await?.http_status, 200);
    assert!(quiet.closed().await.is_empty());
    running.finish().await
}
