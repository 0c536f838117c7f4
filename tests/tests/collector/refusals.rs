//! What senders are told of a request that is not taken: the same bytes to the Collector and to the host, and the same destination behind
//! both.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use otelier_tests::collector::{Collector, Route};
use otelier_tests::downstream::{Downstream, Fate};
use otelier_tests::grpc::{self, Client};
use otelier_tests::host::{self, Configuration, Setup};
use otelier_tests::{http, payload};
use serde_json::{Value, json};

const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");

/// gRPC's codes, and what HTTP answers a client that sends to the wrong place, too much, or too early.
const CODES: std::ops::RangeInclusive<u16> = 1..=16;
const STATUSES: [u16; 14] = [400, 401, 403, 404, 405, 408, 413, 415, 429, 500, 501, 502, 503, 504];

/// An exporter's type there and here, the statuses of its destinations, and its configuration.
fn exporters(to: SocketAddr) -> [(&'static str, &'static str, Vec<u16>, Value); 2] {
    let tls = json!({"insecure": true});
    let grpc = json!({"endpoint": to, "tls": tls, "compression": "none"});
    let http = json!({"endpoint": format!("http://{to}"), "tls": tls, "compression": "none"});
    [("otlp_grpc", "otlp", CODES.collect(), grpc), ("otlp_http", "otlphttp", STATUSES.to_vec(), http)]
}

/// The code over gRPC and the status over HTTP.
fn told(client: &mut Client, http: SocketAddr) -> Result<(u32, u16)> {
    let request = payload::logs(&["a record"]);
    let code = client.send(grpc::LOGS, &request).refusal()?.code;
    Ok((code, http::post(http, "/v1/logs", &[PROTOBUF], &request)?.status))
}

#[test]
fn every_status_of_a_destination_is_told_as_the_collector_tells_it() -> Result<()> {
    let downstream = Downstream::start(|_| Fate::Taken)?;
    for (theirs, ours, statuses, settings) in exporters(downstream.address()) {
        let listens = host::free(2)?;
        let [grpc_listen, http_listen] = listens[..] else { anyhow::bail!("two were asked for") };
        let protocols = json!({"grpc": {"endpoint": grpc_listen}, "http": {"endpoint": http_listen}});
        let route =
            Route { name: "all".into(), protocols, listen: grpc_listen, exporter: theirs, settings: settings.clone() };
        let collector = Collector::start(&[route])?;
        let mut exporter = settings;
        exporter["sending_queue"] = json!({"enabled": false});
        exporter["retry_on_failure"] = json!({"enabled": false});
        let configuration =
            Configuration::default().set(&format!("exporters/{ours}"), exporter).pipeline("logs", &[], &[ours]);
        let setup = Setup::without_plugins(&configuration)?;
        let host = setup.start()?;
        let (mut to_collector, mut to_host) = (Client::connect(grpc_listen)?, host.grpc()?);
        for status in statuses {
            downstream.follow(move |_| Fate::Status(status));
            let expected = told(&mut to_collector, http_listen)
                .with_context(|| format!("{theirs} and {status}; the Collector's log:\n{}", collector.log()))?;
            let found = told(&mut to_host, host.endpoints().http).with_context(|| format!("{ours} and {status}"))?;
            ensure!(found == expected, "{ours} and {status}: {found:?}, the Collector {expected:?}");
        }
        host.kill()?;
    }
    Ok(())
}

/// A request as it stands on the wire, and the status that both answer with.
struct Case {
    name: &'static str,
    head: &'static str,
    body: &'static [u8],
    status: u16,
}

const fn case(name: &'static str, head: &'static str, body: &'static [u8], status: u16) -> Case {
    Case { name, head, body, status }
}

const LOGS: &str = "POST /v1/logs HTTP/1.1\r\nhost: h\r\ncontent-type: application/x-protobuf";
const LOGS_JSON: &str = "POST /v1/logs HTTP/1.1\r\nhost: h\r\ncontent-type: application/json";

const CASES: [Case; 14] = [
    case("a record", LOGS, b"\x0a\x04\x12\x02\x12\x00", 200),
    case("a trace id of one byte", LOGS, b"\x0a\x07\x12\x05\x12\x03\x4a\x01\x07", 400),
    case("a span id of one byte", LOGS, b"\x0a\x07\x12\x05\x12\x03\x52\x01\x07", 400),
    case("an empty trace id", LOGS, b"\x0a\x06\x12\x04\x12\x02\x4a\x00", 200),
    case("instrumentation libraries", LOGS, b"\x0a\x05\xc2\x3e\x02\x12\x00", 200),
    case("cut", LOGS, b"\x0a\x05\x12", 400),
    case("no JSON", LOGS_JSON, b"{", 400),
    case("nothing", LOGS_JSON, b"{}", 200),
    case(
        "half of a surrogate pair",
        LOGS_JSON,
        br#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"\ud83d"}}]}]}]}"#,
        200,
    ),
    case("no Host", "POST /v1/logs HTTP/1.1\r\ncontent-type: application/x-protobuf", b"", 400),
    case("two Hosts", "POST /v1/logs HTTP/1.1\r\nhost: a\r\nhost: b\r\ncontent-type: application/x-protobuf", b"", 400),
    case("a path that is not served", "POST /v1/log HTTP/1.1\r\nhost: h\r\ncontent-type: application/json", b"{}", 404),
    case("another method", "PUT /v1/logs HTTP/1.1\r\nhost: h\r\ncontent-type: application/json", b"{}", 405),
    case("another content type", "POST /v1/logs HTTP/1.1\r\nhost: h\r\ncontent-type: text/plain", b"{}", 415),
];

#[test]
fn odd_requests_get_the_collectors_status() -> Result<()> {
    let listens = host::free(1)?;
    let listen = listens[0];
    let protocols = json!({"http": {"endpoint": listen}});
    let route =
        Route { name: "odd".into(), protocols, listen, exporter: "debug", settings: json!({"verbosity": "basic"}) };
    let collector = Collector::start(&[route])?;
    let configuration =
        Configuration::default().set("receivers/otlp/invalid_utf8", json!("accept")).pipeline("logs", &[], &["debug"]);
    let setup = Setup::without_plugins(&configuration)?;
    let host = setup.start()?;
    let mut wrong = Vec::new();
    for Case { name, head, body, status } in CASES {
        let head = format!("{head}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
        let by_collector = http::raw(listen, head.as_bytes(), body).with_context(|| collector.log())?.status;
        let by_host = http::raw(host.endpoints().http, head.as_bytes(), body).context(name)?.status;
        if (by_collector, by_host) != (status, status) {
            wrong.push(format!("{name}: the Collector {by_collector}, the host {by_host}"));
        }
    }
    ensure!(wrong.is_empty(), "{wrong:#?}");
    Ok(())
}
