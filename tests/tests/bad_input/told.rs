//! Whoever runs a host reads in its log what was refused: one line for each reason in a while, with who sent it and what can be done.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use anyhow::{Context, Result, ensure};
use otelier_tests::certificates::Certificates;
use otelier_tests::host::{Configuration, Setup};
use otelier_tests::{grpc, http, payload, wait};
use serde_json::json;

const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
const HELLO: &[u8] = b"\x16\x03\x01\x00\x2f\x01\x00\x00\x2b\x03\x03";
const REQUEST: &[u8] = b"POST /v1/metrics HTTP/1.1\r\nhost: h\r\ncontent-length: 0\r\n\r\n";

/// The lines of a log about one reason of a port.
pub fn lines(log: &str, transport: &str, reason: &str) -> Vec<String> {
    let (transport, reason) = (format!("transport=\"{transport}\""), format!("reason=\"{reason}\""));
    let is_about =
        |line: &&str| line.contains("was not accepted") && line.contains(&*transport) && line.contains(&*reason);
    log.lines().filter(is_about).map(str::to_owned).collect()
}

/// One line tells of this reason, with all that it has to say.
pub fn is_told(setup: &Setup, transport: &str, reason: &str) -> Result<String> {
    let told = wait::until(&format!("{reason} over {transport} is told"), || {
        let told = lines(&setup.log(), transport, reason);
        Ok((!told.is_empty()).then_some(told))
    })
    .with_context(|| setup.log())?;
    let line = told.into_iter().next().unwrap_or_default();
    for part in ["WARN", "receiver=\"otlp\"", "peer=\"127.0.0.1:", "remedy=\"", "left_out=0"] {
        ensure!(line.contains(part), "no {part} in {line}");
    }
    ensure!(line.len() < 1200, "{} bytes", line.len());
    Ok(line)
}

/// Sends bytes and reads until the other side has closed.
fn sent(address: SocketAddr, bytes: &[u8]) -> Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(wait::DEADLINE))?;
    stream.write_all(bytes)?;
    // A reset is an end as well.
    let _ = stream.read_to_end(&mut Vec::new());
    Ok(())
}

#[test]
fn what_comes_to_the_wrong_port_is_told() -> Result<()> {
    let setup = Setup::without_plugins(&Configuration::passthrough())?;
    let host = setup.start()?;
    for (address, bytes, transport, reason, says) in [
        (host.endpoints().grpc, REQUEST, "grpc", "http1", "protocols.http"),
        (host.endpoints().grpc, HELLO, "grpc", "tls", "insecure: true"),
        (host.endpoints().http, HELLO, "http", "tls", "insecure: true"),
    ] {
        sent(address, bytes)?;
        let line = is_told(&setup, transport, reason)?;
        ensure!(line.contains(says), "{line}");
        let labels = [("receiver", "otlp"), ("transport", transport), ("reason", reason)];
        let counted = host.own_metrics()?.value("otelier_receiver_rejected_connections", &labels);
        ensure!(counted == Some(1.0), "{counted:?}");
    }
    Ok(())
}

#[test]
fn plain_text_on_a_port_with_tls_is_told() -> Result<()> {
    let certificates = Certificates::of(&["127.0.0.1:0".parse()?])?;
    let port = |name: &str| json!({"endpoint": format!("${{env:OTELIER_{name}_ENDPOINT}}"), "tls": certificates.tls().server()});
    let protocols = json!({"grpc": port("GRPC"), "http": port("HTTP")});
    let setup = Setup::without_plugins(&Configuration::passthrough().set("receivers/otlp/protocols", protocols))?;
    let host = setup.start()?;
    for (address, transport) in [(host.endpoints().grpc, "grpc"), (host.endpoints().http, "http")] {
        sent(address, REQUEST)?;
        let line = is_told(&setup, transport, "plaintext")?;
        ensure!(line.contains("https://"), "{line}");
        // A greeting that no version of TLS knows.
        sent(address, b"\x16\x03\x01\x00\x05\xff\xff\xff\xff\xff")?;
        is_told(&setup, transport, "handshake")?;
    }
    Ok(())
}

#[test]
fn a_flood_is_told_in_one_line_that_is_bounded_and_escaped() -> Result<()> {
    let setup = Setup::without_plugins(&Configuration::passthrough())?;
    let host = setup.start()?;
    let path = format!("/{}", "x".repeat(5000));
    for _ in 0..50 {
        let answer = http::post(host.endpoints().http, &format!("{path}?token=secret"), &[PROTOBUF], b"")?;
        ensure!(answer.status == 404);
        let kind = ("content-type", "text/\u{1b}[31m; \"quoted\"");
        ensure!(http::post(host.endpoints().http, "/v1/metrics", &[kind], b"")?.status >= 400);
    }
    let line = is_told(&setup, "http", "path")?;
    ensure!(lines(&setup.log(), "http", "path").len() < 5, "{}", setup.log());
    ensure!(!line.contains("secret") && !line.contains(&"x".repeat(200)), "{line}");
    ensure!(!setup.log().contains('\u{1b}'), "{}", setup.log());
    ensure!(host.refused("http", "path")? == 50.0);
    Ok(())
}

#[test]
fn credentials_are_not_told() -> Result<()> {
    let http = json!({"endpoint": "${env:OTELIER_HTTP_ENDPOINT}", "auth": {"authenticator": "bearertokenauth"}});
    let configuration = Configuration::passthrough()
        .set("receivers/otlp/protocols/http", http)
        .set("extensions/bearertokenauth", json!({"token": "the-right-one"}))
        .set("service/extensions", json!(["health_check", "bearertokenauth"]));
    let setup = Setup::without_plugins(&configuration)?;
    let host = setup.start()?;
    let token = ("authorization", "Bearer the-wrong-one");
    ensure!(http::post(host.endpoints().http, "/v1/metrics", &[PROTOBUF, token], b"")?.status == 401);
    is_told(&setup, "http", "unauthenticated")?;
    ensure!(!setup.log().contains("-one"), "{}", setup.log());
    Ok(())
}

#[test]
fn a_full_queue_refuses_items_that_are_counted_and_told() -> Result<()> {
    let stuck = otelier_tests::downstream::Downstream::start(|_| otelier_tests::downstream::Fate::Stalled)?;
    let exporter = json!({
        "endpoint": format!("http://{}", stuck.address()),
        "timeout": "60s",
        "sending_queue": {"queue_size": 1, "num_consumers": 1},
    });
    let configuration =
        Configuration::default().set("exporters/otlphttp", exporter).pipeline("logs", &[], &["otlphttp"]);
    let setup = Setup::without_plugins(&configuration)?;
    let host = setup.start()?;
    let mut client = host.grpc()?;
    ensure!(client.send(grpc::LOGS, &payload::logs(&["one"])).is_acknowledged());
    let request = payload::logs(&["two", "three", "four"]);
    let refusal = client.send(grpc::LOGS, &request).refusal()?;
    ensure!(refusal.code == grpc::UNAVAILABLE, "{refusal:?}");
    ensure!(http::post(host.endpoints().http, "/v1/logs", &[PROTOBUF], &request)?.status == 503);
    for transport in ["grpc", "http"] {
        let labels = [("receiver", "otlp"), ("transport", transport)];
        let refused = host.own_metrics()?.value("otelcol_receiver_refused_log_records", &labels);
        ensure!(refused == Some(3.0), "{refused:?} over {transport}");
        is_told(&setup, transport, "full")?;
    }
    host.kill()
}
