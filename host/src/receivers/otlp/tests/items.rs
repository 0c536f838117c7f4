//! What becomes of the items of a request that is not accepted, in the Collector's counters: every way to refuse one.

use std::time::Duration;

use super::client::{Http1, METRICS, call, connect};
use super::{Rule, Running, TestResult};
use crate::contract::{Answer, Code, Refusal, Signal};

const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");

/// One resource with one scope: three spans or records, or a gauge of three points.
fn three(signal: Signal) -> &'static [u8] {
    match signal {
        Signal::Metrics => b"\x0a\x0c\x12\x0a\x12\x08\x2a\x06\x0a\x00\x0a\x00\x0a\x00",
        Signal::Traces | Signal::Logs => b"\x0a\x08\x12\x06\x12\x00\x12\x00\x12\x00",
    }
}

/// Each answer of the host that is no acceptance, with the items that it refuses and those it loses.
fn answers() -> Vec<(Option<Answer>, i64, i64)> {
    let (text, retry_after) = (String::from, Duration::from_secs(1));
    let undelivered = |code, retry_after| Refusal::Undelivered {
        exporter: text("otlp"),
        reason: text("it does not want to"),
        code,
        retry_after,
    };
    let refusals = [
        (Refusal::Full { queue: text("the queue of exporter otlp"), retry_after }, 3),
        (Refusal::Unavailable { reason: text("the queue of requests is full"), retry_after }, 3),
        (Refusal::NoPipeline { signal: Signal::Logs }, 3),
        (Refusal::Declined { component: text("filter"), message: text("never") }, 3),
        (undelivered(Code::PermissionDenied, None), 3),
        (undelivered(Code::Unavailable, Some(retry_after)), 3),
        // Nobody can say what it holds.
        (Refusal::Malformed { offset: 0, reason: "cut" }, 0),
    ];
    let answered = refusals.into_iter().map(|(refusal, refused)| (Some(Err(refusal)), refused, 0));
    answered.chain([(None, 0, 3)]).collect()
}

fn counted(running: &Running, kind: &str, signal: Signal, transport: &str) -> i64 {
    let name = match (kind, signal) {
        ("refused", Signal::Metrics) => "otelcol_receiver_refused_metric_points",
        ("refused", Signal::Traces) => "otelcol_receiver_refused_spans",
        ("refused", Signal::Logs) => "otelcol_receiver_refused_log_records",
        (_, Signal::Metrics) => "otelcol_receiver_failed_metric_points",
        (_, Signal::Traces) => "otelcol_receiver_failed_spans",
        (_, Signal::Logs) => "otelcol_receiver_failed_log_records",
    };
    running.registry.total(name, &[("receiver", "otlp/test"), ("transport", transport)])
}

#[tokio::test]
async fn items_that_the_host_refuses_are_counted_whatever_refused_them() -> TestResult {
    for (answer, refused, failed) in answers() {
        let what = format!("{answer:?}");
        let running = Running::start(Rule::Answer(answer), "", "").await?;
        let (mut http, grpc) = (Http1::connect(running.http).await?, connect(running.grpc).await?);
        for signal in Signal::ALL {
            assert!(http.post(&format!("/v1/{signal}"), &[PROTOBUF], three(signal)).await?.http_status >= 400);
            let path = match signal {
                Signal::Metrics => METRICS,
                Signal::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
                Signal::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
            };
            assert_ne!(call(&grpc, path, three(signal)).await?.field("grpc-status"), "0");
            for transport in ["http", "grpc"] {
                assert_eq!(
                    counted(&running, "refused", signal, transport),
                    refused,
                    "{signal} over {transport}: {what}"
                );
                assert_eq!(counted(&running, "failed", signal, transport), failed, "{signal} over {transport}: {what}");
            }
        }
        assert_eq!(running.counted("otelier_receiver_refused_requests"), 6, "{what}");
        running.finish().await?;
    }
    Ok(())
}

/// As in the Collector, which has read nothing by then.
#[tokio::test]
async fn a_request_that_is_turned_away_unread_has_no_items() -> TestResult {
    let running = Running::start(Rule::Hold, "", r#", "max_request_body_size": 14"#).await?;
    let metrics = three(Signal::Metrics);
    for (method, path, headers, body) in [
        ("POST", "/v1/metric", &[PROTOBUF][..], metrics),
        ("PUT", "/v1/metrics", &[PROTOBUF], metrics),
        ("POST", "/v1/metrics", &[("content-type", "text/plain")], metrics),
        ("POST", "/v1/metrics", &[PROTOBUF, ("content-encoding", "br")], metrics),
        ("POST", "/v1/metrics", &[PROTOBUF, ("content-encoding", "gzip")], metrics),
        ("POST", "/v1/metrics", &[("content-type", "application/json")], metrics),
        ("POST", "/v1/metrics", &[PROTOBUF], b"\x0a\x0d\x12\x0a\x12\x08\x2a\x06\x0a\x00\x0a\x00\x0a\x00\x0a"),
    ] {
        let reply = Http1::connect(running.http).await?.request(method, path, headers, body).await?;
        assert!(reply.http_status >= 400, "{method} {path}");
    }
    assert_eq!(running.counted("otelier_receiver_refused_requests"), 7);
    for signal in Signal::ALL {
        assert_eq!(counted(&running, "refused", signal, "http") + counted(&running, "failed", signal, "http"), 0);
    }
    running.finish().await
}
