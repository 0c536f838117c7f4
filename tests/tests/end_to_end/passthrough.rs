//! What no plugin touches: every signal and encoding arrives as it was sent.

use anyhow::Result;
use otelier_tests::environment;
use otelier_tests::exposition::Format;
use otelier_tests::host::{Configuration, Setup};
use otelier_tests::payload::{self, Temporality};
use otelier_tests::{grpc, http, scrape, wait};
use serde_json::json;

/// The labels that say who sent what `payload` builds.
const SENDER: [(&str, &str); 4] =
    [("job", "shop"), ("instance", "one"), ("otel_scope_name", "work"), ("otel_scope_version", "1")];

#[test]
fn traces_and_logs_reach_the_debug_exporter() -> Result<()> {
    let config = Configuration::default().pipeline("traces", &[], &["debug"]).pipeline("logs", &[], &["debug"]);
    let setup = Setup::without_plugins(&config)?;
    let host = setup.start()?;
    let mut client = host.grpc()?;
    assert!(client.send(grpc::TRACES, &payload::spans(&["bake", "deliver"])).is_acknowledged());
    let protobuf = [("content-type", "application/x-protobuf")];
    let answer = http::post(host.endpoints().http, "/v1/logs", &protobuf, &payload::logs(&["the oven is hot"]))?;
    assert_eq!(answer.status, 200, "{}", answer.text());
    wait::until("the debug exporter has written both", || {
        let output = setup.output();
        let written = ["bake", "deliver", "the oven is hot"].iter().all(|text| output.contains(text));
        Ok(written.then_some(()))
    })?;
    let own = host.own_metrics()?;
    let accepted = |items, transport| own.value(items, &[("receiver", "otlp"), ("transport", transport)]);
    assert_eq!(accepted("otelcol_receiver_accepted_spans", "grpc"), Some(2.0));
    assert_eq!(accepted("otelcol_receiver_accepted_log_records", "http"), Some(1.0));
    Ok(())
}

#[test]
fn json_arrives_packed_and_plain() -> Result<()> {
    let setup = Setup::without_plugins(&Configuration::passthrough())?;
    let host = setup.start()?;
    for (encoding, pack) in PACKINGS {
        let name = format!("oven.{encoding}");
        let point = json!({"asInt": "41", "timeUnixNano": payload::now().to_string(), "attributes": [
            {"key": "rack", "value": {"stringValue": "top"}}
        ]});
        let metric = json!({"name": name, "gauge": {"dataPoints": [point]}});
        let request = json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]}).to_string();
        let headers = [("content-type", "application/json"), ("content-encoding", *encoding)];
        let answer = http::post(host.endpoints().http, "/v1/metrics", &headers, &pack(request.as_bytes())?)?;
        assert_eq!((answer.status, answer.text().as_str()), (200, "{}"), "{encoding}");
        host.wait_for(&format!("oven_{encoding}"), &[("rack", "top")], 41.0)?;
    }
    Ok(())
}

type Pack = fn(&[u8]) -> std::io::Result<Vec<u8>>;

const PACKINGS: &[(&str, Pack)] = &[
    ("identity", |data| Ok(data.to_vec())),
    ("gzip", |data| read_all(flate2::read::GzEncoder::new(data, flate2::Compression::fast()))),
    ("deflate", |data| read_all(flate2::read::ZlibEncoder::new(data, flate2::Compression::fast()))),
    ("zstd", |data| zstd::stream::encode_all(data, 1)),
];

fn read_all(mut packed: impl std::io::Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    packed.read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[test]
fn a_packed_grpc_message_arrives() -> Result<()> {
    let setup = Setup::without_plugins(&Configuration::passthrough())?;
    let host = setup.start()?;
    let request = payload::metrics(vec![payload::gauge("oven.temperature", vec![payload::double(181.5, &[])])]);
    let packed = read_all(flate2::read::GzEncoder::new(&request[..], flate2::Compression::fast()))?;
    let headers = [("content-type", "application/grpc"), ("grpc-encoding", "gzip")];
    let outcome = host.grpc()?.call(grpc::METRICS, &headers, grpc::framed(1, &packed));
    assert!(outcome.is_acknowledged(), "{outcome:?}");
    host.wait_for("oven_temperature", &SENDER, 181.5)
}

#[test]
fn one_request_goes_to_two_pipelines() -> Result<()> {
    let config = Configuration::default().pipeline("metrics", &[], &["prometheus"]).pipeline(
        "metrics/copy",
        &[],
        &["prometheus/copy", "debug"],
    );
    let setup = Setup::without_plugins(&config)?;
    let copy = setup.endpoints.spare;
    setup.reconfigure(&config.set("exporters/prometheus~1copy", json!({"endpoint": copy.to_string()})))?;
    let host = setup.start()?;
    let point = payload::integer(7, &[("work.type", "manual")]);
    host.accepts(&payload::metrics(vec![payload::counter("work.done", Temporality::Cumulative, vec![point])]))?;
    let labels = [&SENDER[..], &[("work_type", "manual")]].concat();
    host.wait_for("work_done_total", &labels, 7.0)?;
    wait::until_equal("the second exporter shows the same", &Some(7.0), || {
        Ok(scrape::page(copy, Format::Text)?.exposition.value("work_done_total", &labels))
    })?;
    wait::until("the third shows it as well", || Ok(setup.output().contains("work.done").then_some(())))?;
    let sent = |exporter| -> Result<_> {
        Ok(host.own_metrics()?.value("otelcol_exporter_sent_metric_points", &[("exporter", exporter)]))
    };
    for exporter in ["prometheus", "prometheus/copy", "debug"] {
        wait::until_equal(&format!("{exporter} has counted it"), &Some(1.0), || sent(exporter))?;
    }
    Ok(())
}

#[test]
fn metrics_of_the_passing_kind_satisfy_promtool() -> Result<()> {
    let setup = Setup::without_plugins(&Configuration::passthrough())?;
    let host = setup.start()?;
    let promtool = environment::promtool()?;
    let point = || vec![payload::integer(7, &[("work.type", "a \"quoted\" \\ name\n")])];
    host.accepts(&payload::metrics(vec![
        payload::counter("work.done", Temporality::Cumulative, point()),
        payload::gauge("work.queue", point()),
    ]))?;
    wait::until("both are shown", || Ok((host.scrape()?.samples.len() >= 2).then_some(())))?;
    super::prometheus::check(&promtool, &scrape::page(host.endpoints().prometheus, Format::Text)?.text)
}
