//! From one host to the next: OTLP in, OTLP out, and what the second one has in the end.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result};
use otelier::contract::Signal;
use otelier_tests::host::{Configuration, Setup};
use otelier_tests::payload::{self, Temporality};
use otelier_tests::request::Request;
use otelier_tests::{capture, grpc, http, wait};
use serde_json::{Value, json};

/// The destination: it keeps what it gets in `file`.
fn capturing(file: &Path, protocols: Value) -> Result<Setup> {
    let mut config = capture::configuration(file, &[]);
    if let Value::Object(protocols) = protocols {
        for (path, value) in protocols {
            config = config.set(&format!("receivers/otlp/protocols/{path}"), value);
        }
    }
    Ok(Setup::without_plugins(&config)?.run_by(Path::new(env!("CARGO_BIN_EXE_otelier-capture"))))
}

/// The host between: every signal goes to one exporter.
fn forwarding(id: &str, exporter: Value) -> Configuration {
    let path = format!("exporters/{}", id.replace('/', "~1"));
    let config = Configuration::default().set(&path, exporter);
    ["metrics", "traces", "logs"].into_iter().fold(config, |config, signal| config.pipeline(signal, &[], &[id]))
}

fn requests() -> Vec<(&'static str, Vec<u8>)> {
    let point = payload::integer(7, &[("work.type", "manual")]);
    let metrics = payload::metrics(vec![payload::counter("work.done", Temporality::Cumulative, vec![point])]);
    vec![(grpc::METRICS, metrics), (grpc::TRACES, payload::spans(&["bake"])), (grpc::LOGS, payload::logs(&["hot"]))]
}

/// Sends all three signals and waits until the destination has them as they were.
fn passes_on(exporter: &str, config: impl Fn(SocketAddr, SocketAddr) -> Value) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("captured");
    let far = capturing(&file, json!({}))?;
    let near = Setup::without_plugins(&forwarding(exporter, config(far.endpoints.grpc, far.endpoints.http)))?;
    let (far_host, near_host) = (far.start()?, near.start()?);
    let mut client = near_host.grpc()?;
    let mut expected = Vec::new();
    for ((path, request), signal) in requests().into_iter().zip(Signal::ALL) {
        assert!(client.send(path, &request).is_acknowledged());
        expected.push(Request::decode(signal, &request)?);
    }
    let arrived = capture::wait_for(&far_host, &file, expected.len()).with_context(|| near.log())?;
    for sent in &expected {
        let arrived =
            arrived.iter().find(|arrived| arrived.signal() == sent.signal()).context("a signal is missing")?;
        sent.assert_arrived_as(arrived)?;
    }
    // The answer comes after the request has arrived.
    for items in ["metric_points", "spans", "log_records"] {
        let name = format!("otelcol_exporter_sent_{items}");
        let sent = || Ok(near_host.own_metrics()?.total(&name, &[("exporter", exporter)]));
        wait::until_equal(&name, &1.0, sent)?;
    }
    Ok(())
}

#[test]
fn every_signal_goes_on_over_grpc() -> Result<()> {
    passes_on("otlp", |grpc, _| json!({"endpoint": grpc.to_string(), "tls": {"insecure": true}}))
}

#[test]
fn every_signal_goes_on_over_http_in_protobuf_and_in_json() -> Result<()> {
    for encoding in ["proto", "json"] {
        passes_on("otlphttp/next", |_, http| json!({"endpoint": format!("http://{http}"), "encoding": encoding}))?;
    }
    Ok(())
}

/// A destination that comes up late gets what was acknowledged before.
#[test]
fn what_cannot_be_sent_now_is_sent_later() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("captured");
    let far = capturing(&file, json!({}))?;
    let retry = json!({"initial_interval": "50ms", "max_interval": "100ms"});
    let exporter =
        json!({"endpoint": far.endpoints.grpc.to_string(), "tls": {"insecure": true}, "retry_on_failure": retry});
    let near = Setup::without_plugins(&forwarding("otlp", exporter))?;
    let near_host = near.start()?;
    assert!(near_host.grpc()?.send(grpc::LOGS, &payload::logs(&["hot"])).is_acknowledged());
    let far_host = far.start()?;
    capture::wait_for(&far_host, &file, 1).with_context(|| near.log())?;
    Ok(())
}

/// An untrusted sender is told so, over both protocols.
#[test]
fn a_port_with_authentication_turns_others_away() -> Result<()> {
    let config = Configuration::passthrough()
        .set("receivers/otlp/protocols/grpc/auth", json!({"authenticator": "bearertokenauth"}))
        .set("receivers/otlp/protocols/http/auth", json!({"authenticator": "bearertokenauth"}))
        .set("extensions/bearertokenauth", json!({"token": "topsecret"}))
        .set("service/extensions", json!(["health_check", "bearertokenauth"]));
    let setup = Setup::without_plugins(&config)?;
    let host = setup.start()?;
    let (path, request) = requests().into_iter().next().context("a request")?;
    let refusal = host.grpc()?.send(path, &request).refusal()?;
    assert_eq!((refusal.http_status, refusal.code), (200, 16), "{refusal:?}");
    let protobuf = ("content-type", "application/x-protobuf");
    let answer = http::post(host.endpoints().http, "/v1/metrics", &[protobuf], &request)?;
    assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some("Bearer")));
    let headers = [protobuf, ("authorization", "Bearer topsecret")];
    assert_eq!(http::post(host.endpoints().http, "/v1/metrics", &headers, &request)?.status, 200);
    let headers = [("content-type", "application/grpc"), ("authorization", "Bearer topsecret")];
    assert!(host.grpc()?.call(path, &headers, grpc::framed(0, &request)).is_acknowledged());
    assert!(!setup.log().contains("topsecret"));
    Ok(())
}
