//! `grpc.health.v1` on the port of OTLP/gRPC, by the bytes of its messages: `HealthCheckRequest { string service = 1; }` and
//! `HealthCheckResponse { ServingStatus status = 1; }`, 1 for serving, 2 for not serving, 3 for an unknown service.

use std::time::Duration;

use bytes::Bytes;

use super::client::{METRICS, call, connect, framed};
use super::{Running, TestResult};
use crate::contract::{Phase, STORE};

const CHECK: &str = "/grpc.health.v1.Health/Check";
const WATCH: &str = "/grpc.health.v1.Health/Watch";

fn service(name: &str) -> Vec<u8> {
    match name.len() {
        0 => Vec::new(),
        length => [&[0x0a, length as u8], name.as_bytes()].concat(),
    }
}

#[tokio::test]
async fn health_is_that_of_the_process_and_of_each_service() -> TestResult {
    let running = Running::accepting().await?;
    let client = connect(running.grpc).await?;
    for name in ["", "grpc.health.v1.Health", "opentelemetry.proto.collector.metrics.v1.MetricsService"] {
        let reply = call(&client, CHECK, &service(name)).await?;
        assert_eq!((reply.field("grpc-status"), &reply.body[..]), ("0", &b"\0\0\0\0\x02\x08\x01"[..]), "{name}");
    }
    let reply = call(&client, CHECK, &service("shop.Cart")).await?;
    assert_eq!(reply.field("grpc-status"), "5", "not found");
    running.health.failed(STORE, "the disk is full");
    assert_eq!(call(&client, CHECK, &[]).await?.body, b"\0\0\0\0\x02\x08\x02");
    running.health.recovered(STORE);
    running.health.enter(Phase::Stopping);
    assert_eq!(call(&client, CHECK, &[]).await?.body, b"\0\0\0\0\x02\x08\x02");
    // Neither stands in the other's way.
    assert_eq!(call(&client, METRICS, b"\x0a\x00").await?.field("grpc-status"), "0");
    let reply = call(&client, "/grpc.health.v1.Health/List2", &[]).await?;
    assert_eq!(reply.field("grpc-status"), "12", "unimplemented");
    let reply = call(&client, "/shop.Cart/Fill", &[]).await?;
    assert_eq!(reply.field("grpc-status"), "12");
    assert!(reply.field("grpc-message").contains("grpc.health.v1.Health"), "{}", reply.field("grpc-message"));
    running.finish().await
}

#[tokio::test]
async fn whoever_watches_is_told_of_changes_and_does_not_hold_up_the_end() -> TestResult {
    let running = Running::accepting().await?;
    let mut client = connect(running.grpc).await?.ready().await?;
    let request = ::http::Request::post(format!("http://localhost{WATCH}")).header("content-type", "application/grpc");
    let (response, mut sender) = client.send_request(request.body(())?, false)?;
    sender.send_data(framed(0, &[]), true)?;
    let mut told = response.await?.into_body();
    assert_eq!(told.data().await.ok_or("nothing is told")??, Bytes::from_static(b"\0\0\0\0\x02\x08\x01"));
    running.health.failed(STORE, "the disk is full");
    assert_eq!(told.data().await.ok_or("nothing is told")??, Bytes::from_static(b"\0\0\0\0\x02\x08\x02"));
    running.health.recovered(STORE);
    assert_eq!(told.data().await.ok_or("nothing is told")??, Bytes::from_static(b"\0\0\0\0\x02\x08\x01"));
    let watching = tokio::spawn(async move {
        while told.data().await.is_some() {}
        told.trailers().await
    });
    // Less than what is under way may take.
    tokio::time::timeout(Duration::from_secs(5), running.finish()).await.map_err(|_| "the watcher holds it up")??;
    let trailers = watching.await??.ok_or("no trailers")?;
    assert_eq!(trailers.get("grpc-status").map(|status| status.as_bytes()), Some(&b"14"[..]));
    Ok(())
}

/// Each looks twice a second.
#[tokio::test]
async fn no_more_watch_than_a_port_has_places_for() -> TestResult {
    let running = Running::accepting().await?;
    let mut watching = Vec::new();
    let mut refused = 0;
    for _ in 0..3 {
        let mut client = connect(running.grpc).await?;
        for _ in 0..90 {
            client = client.ready().await?;
            let request = ::http::Request::post(format!("http://localhost{WATCH}"));
            let request = request.header("content-type", "application/grpc").body(())?;
            let (response, mut sender) = client.send_request(request, false)?;
            sender.send_data(framed(0, &[]), true)?;
            let response = response.await?;
            match response.headers().get("grpc-status") {
                Some(status) => {
                    assert_eq!(status.as_bytes(), b"8", "resource exhausted");
                    refused += 1;
                }
                None => watching.push(response.into_body()),
            }
        }
    }
    assert_eq!((watching.len(), refused), (256, 14));
    drop(watching);
    let client = connect(running.grpc).await?;
    assert_eq!(call(&client, CHECK, &[]).await?.body, b"\0\0\0\0\x02\x08\x01");
    running.finish().await
}
