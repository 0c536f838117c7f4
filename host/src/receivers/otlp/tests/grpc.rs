//! OTLP/gRPC over a real connection.

use std::time::Duration;

use bytes::Bytes;
use tokio::net::TcpStream;

use super::client::{METRICS, call, connect, framed, send};
use super::{Rule, Running, TestResult, accepted, bomb, full, lock};
use crate::contract::{InvalidUtf8, Request, Signal};

const GRPC: (&str, &str) = ("content-type", "application/grpc+proto");

#[tokio::test]
async fn each_signal_arrives_with_its_bytes_untouched() -> TestResult {
    let running = Running::accepting().await?;
    let client = connect(running.grpc).await?;
    for (service, signal) in
        [("metrics.v1.Metrics", Signal::Metrics), ("trace.v1.Trace", Signal::Traces), ("logs.v1.Logs", Signal::Logs)]
    {
        let path = format!("/opentelemetry.proto.collector.{service}Service/Export");
        let reply = call(&client, &path, b"\x0a\x00").await?;
        assert_eq!((reply.http_status, reply.field("grpc-status")), (200, "0"));
        assert_eq!(reply.body, [0; 5]);
        let batch = lock(&running.host.batches).pop().ok_or("nothing arrived")?;
        assert_eq!((batch.signal, &batch.bytes[..]), (signal, &b"\x0a\x00"[..]));
        assert_eq!(batch.invalid_utf8, InvalidUtf8::Reject);
        assert_eq!(running.counted(&format!("otelcol_receiver_accepted_{}", signal.items())), 5);
    }
    running.finish().await
}

#[tokio::test]
async fn large_messages_and_packed_ones_are_the_same_message() -> TestResult {
    let running = Running::accepting().await?;
    let client = connect(running.grpc).await?;
    let message: Vec<u8> = (0..3_000_000u32).map(|at| (at / 7) as u8).collect();
    call(&client, METRICS, &message).await?;
    let mut gzip = Vec::new();
    std::io::Read::read_to_end(
        &mut flate2::read::GzEncoder::new(&message[..], flate2::Compression::fast()),
        &mut gzip,
    )?;
    let zstd = zstd::stream::encode_all(&message[..], 1)?;
    for (name, packed) in [("gzip", gzip), ("zstd", zstd)] {
        let reply = send(&client, METRICS, &[GRPC, ("grpc-encoding", name)], framed(1, &packed)).await?;
        assert_eq!(reply.field("grpc-status"), "0", "{name}");
    }
    // An encoding that is named but not used for this message.
    send(&client, METRICS, &[GRPC, ("grpc-encoding", "gzip")], framed(0, &message)).await?;
    let batches = std::mem::take(&mut *lock(&running.host.batches));
    assert_eq!(batches.len(), 4);
    assert!(batches.iter().all(|batch| batch.bytes == message));
    running.finish().await
}

#[tokio::test]
async fn a_full_queue_is_unavailable_and_says_when_to_come_back() -> TestResult {
    let running = Running::start(full(), "", "").await?;
    let client = connect(running.grpc).await?;
    let reply = call(&client, METRICS, b"").await?;
    assert_eq!((reply.http_status, reply.field("grpc-status")), (200, "14"));
    assert_eq!(reply.field("grpc-message"), "prometheus is full; retry after 1500 ms");
    // google.rpc.Status with a RetryInfo of 1.5 s, literally.
    assert_eq!(
        reply.field("grpc-status-details-bin"),
        "CA4SJ3Byb21ldGhldXMgaXMgZnVsbDsgcmV0cnkgYWZ0ZXIgMTUwMCBtcxo2Cih0eXBlLmdvb2dsZWFwaXMuY29tL2dvb2dsZS5ycGMuUmV0cnlJbmZvEgoKCAgBEIDKte4B"
    );
    assert_eq!(running.refused("grpc", "full"), 1);
    running.finish().await
}

#[tokio::test]
async fn a_host_that_is_going_down_is_unavailable() -> TestResult {
    let running = Running::start(Rule::Answer(None), "", "").await?;
    let reply = call(&connect(running.grpc).await?, METRICS, b"").await?;
    assert_eq!(reply.field("grpc-status"), "14");
    assert!(!reply.field("grpc-status-details-bin").is_empty());
    running.finish().await
}

#[tokio::test]
async fn a_partial_success_is_a_success_that_says_so() -> TestResult {
    let running = Running::start(Rule::Answer(Some(Ok(accepted(10, 3)))), "", "").await?;
    let reply = call(&connect(running.grpc).await?, METRICS, b"").await?;
    assert_eq!(reply.field("grpc-status"), "0");
    assert_eq!(reply.body, b"\0\0\0\0\x0d\x0a\x0b\x08\x03\x12\x07too old");
    assert_eq!(running.counted("otelcol_receiver_accepted_metric_points"), 7);
    assert_eq!(running.counted("otelcol_receiver_refused_metric_points"), 3);
    running.finish().await
}

#[tokio::test]
async fn what_is_no_export_call_gets_the_status_grpc_has_for_it() -> TestResult {
    let running = Running::accepting().await?;
    let client = connect(running.grpc).await?;
    let reply = call(&client, "/opentelemetry.proto.collector.metrics.v1.MetricsService/Import", b"").await?;
    assert_eq!((reply.http_status, reply.field("grpc-status")), (200, "12"));
    let reply = send(&client, METRICS, &[GRPC, ("grpc-encoding", "br")], framed(1, b"x")).await?;
    assert_eq!(reply.field("grpc-status"), "12");
    assert_eq!(reply.field("grpc-accept-encoding"), "gzip, zstd, deflate, zlib, snappy, x-snappy-framed, identity");
    let reply = send(&client, METRICS, &[("content-type", "application/json")], Bytes::from_static(b"{}")).await?;
    assert_eq!(reply.http_status, 415);
    for (body, flawed) in [
        (Bytes::new(), "no message"),
        (framed(1, b"x"), "compressed without an encoding"),
        ([framed(0, b""), framed(0, b"")].concat().into(), "two messages"),
    ] {
        let reply = send(&client, METRICS, &[GRPC], body).await?;
        assert_eq!(reply.field("grpc-status"), "13", "{flawed}");
    }
    let reply = send(&client, METRICS, &[GRPC, ("grpc-encoding", "gzip")], framed(1, b"not gzip")).await?;
    assert_eq!(reply.field("grpc-status"), "3");
    for (reason, count) in [("path", 1), ("encoding", 1), ("content_type", 1), ("framing", 3), ("compression", 1)] {
        assert_eq!(running.refused("grpc", reason), count, "{reason}");
    }
    assert!(lock(&running.host.batches).is_empty());
    running.finish().await
}

#[tokio::test]
async fn too_large_is_not_retryable_whether_sent_announced_or_unpacked() -> TestResult {
    let rule = Rule::Answer(Some(Ok(accepted(1, 0))));
    let running = Running::start(rule, r#", "max_recv_msg_size_mib": 1"#, "").await?;
    let client = connect(running.grpc).await?;
    let packed = [GRPC, ("grpc-encoding", "gzip")];
    let mut announced = framed(0, b"").to_vec();
    announced[1] = 0xff;
    for (headers, body, how) in [
        (&packed[..1], framed(0, &vec![0; (1 << 20) + 1]), "sent"),
        (&packed[..1], announced.into(), "announced"),
        (&packed[..], framed(1, &bomb(64 << 20)?), "unpacked"),
    ] {
        let reply = send(&client, METRICS, headers, body).await?;
        assert_eq!(reply.field("grpc-status"), "8", "{how}");
        assert_eq!(reply.field("grpc-status-details-bin"), "", "{how}");
    }
    assert_eq!(call(&client, METRICS, &vec![0; 1 << 20]).await?.field("grpc-status"), "0");
    assert_eq!(running.refused("grpc", "too_large"), 3);
    running.finish().await
}

#[tokio::test]
async fn a_request_that_trickles_in_is_cut_off() -> TestResult {
    let running = Running::start(Rule::Hold, r#", "read_timeout": "20ms""#, "").await?;
    let mut client = connect(running.grpc).await?.ready().await?;
    let request = ::http::Request::post(format!("http://localhost{METRICS}")).header(GRPC.0, GRPC.1).body(())?;
    let (response, mut sender) = client.send_request(request, false)?;
    sender.send_data(Bytes::from_static(b"\0\0\0\0\x09abc"), false)?;
    let response = response.await?;
    assert_eq!(response.headers().get("grpc-status").map(|value| value.as_bytes()), Some(&b"4"[..]));
    assert_eq!(running.refused("grpc", "timeout"), 1);
    running.finish().await
}

#[tokio::test]
async fn metadata_is_accepted_up_to_a_limit_and_refused_in_grpcs_terms_beyond() -> TestResult {
    let running = Running::accepting().await?;
    let client = connect(running.grpc).await?;
    for (kib, code) in [(1, "0"), (17, "0"), (63, "0"), (65, "8"), (200, "8")] {
        // Single values are bounded by clients: many of them make the size.
        let fields: Vec<(String, String)> = (0..kib).map(|field| (format!("x-{field}"), "v".repeat(980))).collect();
        let mut headers = vec![GRPC];
        headers.extend(fields.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let reply = send(&client, METRICS, &headers, framed(0, b"")).await?;
        assert_eq!((reply.http_status, reply.field("grpc-status")), (200, code), "{kib} KiB");
    }
    assert_eq!(running.refused("grpc", "metadata"), 2);
    // The connection outlives them.
    assert_eq!(call(&client, METRICS, b"").await?.field("grpc-status"), "0");
    running.finish().await
}

#[tokio::test]
async fn a_timeout_that_is_over_or_malformed_is_answered_before_the_host_is_asked() -> TestResult {
    let running = Running::accepting().await?;
    let client = connect(running.grpc).await?;
    for (timeout, code, reason) in [
        ("0n", "4", "deadline"),
        ("00H", "4", "deadline"),
        ("5", "3", "timeout_form"),
        ("-1S", "3", "timeout_form"),
        ("123456789m", "3", "timeout_form"),
        ("soon", "3", "timeout_form"),
    ] {
        let before = running.refused("grpc", reason);
        let reply = send(&client, METRICS, &[GRPC, ("grpc-timeout", timeout)], framed(0, b"")).await?;
        assert_eq!((reply.http_status, reply.field("grpc-status")), (200, code), "{timeout}");
        assert_eq!(running.refused("grpc", reason), before + 1, "{timeout}");
    }
    assert!(lock(&running.host.batches).is_empty());
    let reply = send(&client, METRICS, &[GRPC, ("grpc-timeout", "99999999H")], framed(0, b"")).await?;
    assert_eq!(reply.field("grpc-status"), "0");
    running.finish().await
}

#[tokio::test]
async fn the_time_that_a_sender_gives_bounds_the_wait() -> TestResult {
    let running = Running::start(Rule::Wait, "", "").await?;
    let client = connect(running.grpc).await?;
    let reply = send(&client, METRICS, &[GRPC, ("grpc-timeout", "20m")], framed(0, b"")).await?;
    assert_eq!(reply.field("grpc-status"), "4");
    assert!(reply.field("grpc-message").contains("20 ms"), "{}", reply.field("grpc-message"));
    assert_eq!(running.refused("grpc", "deadline"), 1);
    assert!(lock(&running.host.waiting).iter().all(Request::is_withdrawn), "nobody takes it any more");
    running.finish().await
}

#[tokio::test]
async fn what_a_plugin_has_seen_is_answered_as_what_it_becomes_however_late() -> TestResult {
    let running = Running::start(Rule::Hold, "", "").await?;
    let client = connect(running.grpc).await?;
    let answer_late = async {
        let held = until(|| lock(&running.host.held).pop()).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        let _ = held.send(Ok(accepted(5, 0)));
    };
    let sent = send(&client, METRICS, &[GRPC, ("grpc-timeout", "20m")], framed(0, b""));
    let (reply, ()) = tokio::join!(sent, answer_late);
    assert_eq!(reply?.field("grpc-status"), "0");
    assert_eq!(running.counted("otelcol_receiver_accepted_metric_points"), 5);
    assert_eq!(running.refused("grpc", "deadline"), 0);
    running.finish().await
}

#[tokio::test]
async fn what_belongs_on_another_port_is_counted_by_what_it_is() -> TestResult {
    let running = Running::accepting().await?;
    const HELLO: &[u8] = b"\x16\x03\x01\x00\x2f\x01\x00\x00\x2b\x03\x03";
    for (address, bytes, transport, reason) in [
        (running.grpc, &b"POST /v1/metrics HTTP/1.1\r\nhost: h\r\n\r\n"[..], "grpc", "http1"),
        (running.grpc, HELLO, "grpc", "tls"),
        (running.grpc, b"SSH-2.0-OpenSSH_9.6\r\n------------", "grpc", "protocol"),
        (running.http, HELLO, "http", "tls"),
    ] {
        let mut peer = super::client::Http1::connect(address).await?;
        peer.write(bytes).await?;
        peer.closed().await;
        let labels = [("transport", transport), ("reason", reason)];
        while running.registry.total("otelier_receiver_rejected_connections", &labels) != 1 {
            tokio::task::yield_now().await;
        }
    }
    // Who only looks whether a port is open is not told of.
    drop(TcpStream::connect(running.grpc).await?);
    call(&connect(running.grpc).await?, METRICS, b"").await?;
    assert_eq!(running.counted("otelier_receiver_rejected_connections"), 4);
    running.finish().await
}

#[tokio::test]
async fn stopping_answers_what_is_under_way_and_takes_nothing_new() -> TestResult {
    let running = Running::start(Rule::Hold, "", "").await?;
    let client = connect(running.grpc).await?;
    let late = client.clone();
    let request = tokio::spawn(async move {
        let reply = call(&client, METRICS, b"").await;
        reply.map(|reply| reply.field("grpc-status").to_owned()).map_err(|error| error.to_string())
    });
    let held = until(|| lock(&running.host.held).pop()).await;
    drop(running.stop);
    // The listening socket closes first.
    while TcpStream::connect(running.grpc).await.is_ok() {
        tokio::task::yield_now().await;
    }
    // Then connections are told: the client will not open another stream on this one.
    while late.clone().ready().await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!running.served.is_finished());
    let _ = held.send(Ok(accepted(1, 0)));
    assert_eq!(request.await??, "0");
    running.served.await?;
    assert_eq!(running.registry.total("otelier_receiver_open_connections", &[]), 0);
    Ok(())
}

#[tokio::test]
async fn connections_beyond_the_limit_are_closed_and_counted_while_all_others_work() -> TestResult {
    let running = Running::start(Rule::Hold, r#", "max_connections": 1"#, "").await?;
    let client = connect(running.grpc).await?;
    let refused = async {
        let held = until(|| lock(&running.host.held).pop()).await;
        let mut second = super::client::Http1::connect(running.grpc).await?;
        assert!(second.closed().await.is_empty());
        assert_eq!(running.counted("otelier_receiver_refused_connections"), 1);
        assert_eq!(running.counted("otelier_receiver_open_connections"), 1);
        let _ = held.send(Ok(accepted(1, 0)));
        Ok::<_, Box<dyn std::error::Error>>(())
    };
    let (answered, refused) = tokio::join!(call(&client, METRICS, b""), refused);
    refused?;
    assert_eq!(answered?.field("grpc-status"), "0");
    running.finish().await
}

#[tokio::test]
async fn an_idle_connection_gives_way_to_another() -> TestResult {
    let rule = Rule::Answer(Some(Ok(accepted(1, 0))));
    let running = Running::start(rule, r#", "max_connections": 1"#, "").await?;
    let mut idle = super::client::Http1::connect(running.grpc).await?;
    while running.counted("otelier_receiver_open_connections") == 0 {
        tokio::task::yield_now().await;
    }
    let reply = call(&connect(running.grpc).await?, METRICS, b"").await?;
    assert_eq!(reply.field("grpc-status"), "0");
    // It has had the settings of HTTP/2 alone.
    let _settings = idle.closed().await;
    let labels = [("transport", "grpc"), ("reason", "gave_way")];
    assert_eq!(running.registry.total("otelier_receiver_rejected_connections", &labels), 1);
    running.finish().await
}

/// What `look` finds, once it finds something.
async fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    loop {
        if let Some(found) = look() {
            return found;
        }
        tokio::task::yield_now().await;
    }
}
