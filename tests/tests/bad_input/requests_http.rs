//! Bad requests over HTTP: the status, the words, the counted reason.

use std::io::Write as _;

use anyhow::{Context, Result};
use otelier_tests::host::{Configuration, Setup};
use otelier_tests::http::{self, Response};
use otelier_tests::payload::{self, Temporality};
use serde_json::json;

use crate::survivor::{Survivor, limited};
use crate::told;

const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
const JSON: (&str, &str) = ("content-type", "application/json");
const GZIP: (&str, &str) = ("content-encoding", "gzip");

/// A request that is refused.
struct Case {
    name: &'static str,
    method: &'static str,
    path: &'static str,
    headers: Vec<(&'static str, &'static str)>,
    body: Vec<u8>,
    status: u16,
    reason: &'static str,
    /// What the answer says.
    says: &'static str,
}

fn case(name: &'static str, headers: &[(&'static str, &'static str)], body: &[u8]) -> Case {
    let (headers, body) = (headers.to_vec(), body.to_vec());
    Case { name, method: "POST", path: "/v1/metrics", headers, body, status: 400, reason: "", says: "" }
}

/// Everything that a good request can be spoilt by.
fn cases() -> Result<Vec<Case>> {
    let good = payload::work("bad", Temporality::Delta, &[1000]);
    let cut = good.get(..good.len() - 3).context("short")?;
    let mut not_text = good.clone();
    let place = good.windows(3).position(|window| window == b"bad").context("no such text")?;
    not_text[place] = 0xff;
    let large = vec![0; (1 << 20) + 1];
    let packed = gzip(&good)?;
    Ok(vec![
        Case { reason: "malformed", says: "malformed request at byte", ..case("cut", &[PROTOBUF], cut) },
        Case { reason: "malformed", says: "malformed request at byte", ..case("no UTF-8", &[PROTOBUF], &not_text) },
        Case { reason: "malformed", says: "malformed request at byte", ..case("noise", &[PROTOBUF], &[0xff; 64]) },
        Case {
            status: 413,
            reason: "too_large",
            says: "max_request_body_size",
            ..case("too large", &[PROTOBUF], &large)
        },
        Case {
            status: 413,
            reason: "too_large",
            says: "max_request_body_size",
            ..case("unpacks to too much", &[PROTOBUF, GZIP], &gzip(&large)?)
        },
        Case {
            reason: "compression",
            says: "not valid gzip",
            ..case("cut gzip", &[PROTOBUF, GZIP], packed.get(..packed.len() / 2).context("short")?)
        },
        Case { reason: "compression", says: "not valid gzip", ..case("no gzip at all", &[PROTOBUF, GZIP], &good) },
        Case {
            status: 415,
            reason: "encoding",
            says: "br",
            ..case("unknown packing", &[PROTOBUF, ("content-encoding", "br")], &good)
        },
        Case {
            status: 415,
            reason: "content_type",
            says: "application/x-protobuf",
            ..case("wrong content type", &[("content-type", "text/plain")], &good)
        },
        Case { status: 415, reason: "content_type", says: "application/json", ..case("no content type", &[], &good) },
        Case {
            reason: "json",
            says: "not an OTLP/JSON request",
            ..case("no JSON", &[JSON], b"{\"resourceMetrics\": [")
        },
        Case {
            reason: "json",
            says: "not an OTLP/JSON request",
            ..case("JSON of another shape", &[JSON], b"{\"resourceMetrics\": [{\"scopeMetrics\": 5}]}")
        },
        Case {
            status: 404,
            path: "/v1/profiles",
            reason: "path",
            says: "/v1/metrics",
            ..case("path", &[PROTOBUF], &good)
        },
        Case { status: 405, method: "PUT", reason: "method", says: "POST", ..case("method", &[PROTOBUF], &good) },
        Case {
            status: 404,
            path: "/v1/traces",
            reason: "no_pipeline",
            says: "no pipeline takes traces",
            ..case("a signal without a pipeline", &[PROTOBUF], &payload::spans(&["bad"]))
        },
    ])
}

fn gzip(data: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(data)?;
    Ok(encoder.finish()?)
}

#[test]
fn each_bad_request_has_its_status_and_its_reason() -> Result<()> {
    let setup = Setup::with_aggregate(&limited())?;
    let host = setup.start()?;
    let mut survivor = Survivor::new(&host)?;
    for case in cases()? {
        let before = host.refused("http", case.reason)?;
        let answer = http::request(host.endpoints().http, case.method, case.path, &case.headers, &case.body)?;
        let text = answer.text();
        assert_eq!(answer.status, case.status, "{}: {text}", case.name);
        assert!(text.contains(case.says), "{}: {text}", case.name);
        assert_eq!(answer.header("retry-after"), None, "{}: sending again cannot help", case.name);
        assert_eq!(host.refused("http", case.reason)?, before + 1.0, "{}: {} is counted", case.name, case.reason);
        told::is_told(&setup, "http", case.reason).context(case.name)?;
    }
    survivor.goes_on()?;
    assert_eq!(
        host.scrape()?.value("work_done_batched_total", &[("work_type", "bad")]),
        None,
        "nothing bad was counted"
    );
    Ok(())
}

#[test]
fn an_answer_is_in_the_format_of_its_request() -> Result<()> {
    let setup = Setup::without_plugins(&Configuration::passthrough())?;
    let host = setup.start()?;
    let answer = |headers: &[_]| http::post(host.endpoints().http, "/v1/metrics", headers, &[0xff; 8]);
    let protobuf = answer(&[PROTOBUF])?;
    assert_eq!(protobuf.header("content-type"), Some("application/x-protobuf"));
    assert_eq!(protobuf.body.first_chunk(), Some(b"\x08\x03"), "google.rpc.Status with INVALID_ARGUMENT");
    let json = answer(&[JSON])?;
    assert_eq!(json.header("content-type"), Some("application/json"));
    let status: serde_json::Value = serde_json::from_slice(&json.body)?;
    assert_eq!(status["code"], 3);
    Ok(())
}

#[test]
fn a_body_that_ends_early_is_counted() -> Result<()> {
    let setup = Setup::without_plugins(&Configuration::passthrough())?;
    let host = setup.start()?;
    let head =
        "POST /v1/metrics HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\ncontent-length: 100\r\n\r\n";
    let mut stream = std::net::TcpStream::connect(host.endpoints().http)?;
    stream.write_all(head.as_bytes())?;
    stream.write_all(&[0; 10])?;
    stream.shutdown(std::net::Shutdown::Both)?;
    otelier_tests::wait::until_equal("it is counted", &1.0, || host.refused("http", "broken"))
}

#[test]
fn a_request_that_never_arrives_is_ended() -> Result<()> {
    let http = json!({"endpoint": "${env:OTELIER_HTTP_ENDPOINT}", "read_timeout": "100ms"});
    let setup = Setup::without_plugins(&Configuration::passthrough().set("receivers/otlp/protocols/http", http))?;
    let host = setup.start()?;
    let head =
        "POST /v1/metrics HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\ncontent-length: 100\r\n\r\n";
    let answer = http::raw(host.endpoints().http, head.as_bytes(), &[0; 10])?;
    assert_eq!(answer.status, 408, "{}", answer.text());
    assert_eq!(host.refused("http", "timeout")?, 1.0);
    Ok(())
}

/// 2 GiB of zeros in 2 MiB, one gzip member behind the other: nothing near the former may ever be held.
#[test]
fn a_bomb_is_refused_without_being_unpacked() -> Result<()> {
    let setup = Setup::with_aggregate(&Configuration::aggregate())?;
    let host = setup.start()?;
    let mut survivor = Survivor::new(&host)?;
    let bomb = gzip(&vec![0; 1 << 20])?.repeat(2048);
    let answer = http::post(host.endpoints().http, "/v1/metrics", &[PROTOBUF, GZIP], &bomb)?;
    assert_eq!(answer.status, 413, "{}", answer.text());
    assert!(answer.text().contains("larger than 67108864 bytes"), "{}", answer.text());
    assert_eq!(host.refused("http", "too_large")?, 1.0);
    let peak = host.peak_memory_bytes()?;
    assert!(peak.is_none_or(|peak| peak < 512 << 20), "{peak:?} bytes of memory at the peak");
    survivor.goes_on()
}

/// The middle one of three records ends in half of a surrogate pair.
const LONE_SURROGATE: &[u8] = br#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[
    {"body":{"stringValue":"whole"}},{"body":{"stringValue":"cut \ud83d"}},{"body":{"stringValue":"whole too"}}]}]}]}"#;

#[test]
fn half_of_a_surrogate_pair_is_replaced_where_the_receiver_accepts_it() -> Result<()> {
    let configuration =
        Configuration::default().set("receivers/otlp/invalid_utf8", json!("accept")).pipeline("logs", &[], &["debug"]);
    let setup = Setup::without_plugins(&configuration)?;
    let host = setup.start()?;
    let answer = http::post(host.endpoints().http, "/v1/logs", &[JSON], LONE_SURROGATE)?;
    assert_eq!(answer.status, 200, "{}", answer.text());
    otelier_tests::wait::until("all three are shown", || {
        let shown = setup.output();
        Ok(["whole", "cut \u{fffd}", "whole too"].iter().all(|text| shown.contains(text)).then_some(()))
    })?;
    let accepted = host.own_metrics()?.total("otelcol_receiver_accepted_log_records", &[]);
    assert_eq!(accepted, 3.0);
    Ok(())
}

#[test]
fn half_of_a_surrogate_pair_is_refused_where_texts_have_to_be_utf8() -> Result<()> {
    let setup = Setup::without_plugins(&Configuration::default().pipeline("logs", &[], &["debug"]))?;
    let host = setup.start()?;
    let answer = http::post(host.endpoints().http, "/v1/logs", &[JSON], LONE_SURROGATE)?;
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert_eq!(host.refused("http", "json")?, 1.0);
    Ok(())
}

#[test]
fn text_that_is_no_utf8_passes_where_the_receiver_accepts_it() -> Result<()> {
    let setup =
        Setup::without_plugins(&Configuration::passthrough().set("receivers/otlp/invalid_utf8", json!("accept")))?;
    let host = setup.start()?;
    let gauge = payload::gauge("oven", vec![payload::integer(3, &[("rack", "top?")])]);
    let mut request = payload::metrics(vec![gauge]);
    let place = request.iter().position(|byte| *byte == b'?').context("no such text")?;
    request[place] = 0xff;
    let answer: Response = http::post(host.endpoints().http, "/v1/metrics", &[PROTOBUF], &request)?;
    assert_eq!(answer.status, 200, "{}", answer.text());
    // A scrape has to be UTF-8 all the same.
    otelier_tests::wait::until("it is shown", || Ok((host.scrape()?.named("oven").count() > 0).then_some(())))
}
