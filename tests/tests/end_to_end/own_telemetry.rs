//! What the host says of itself: the page on 8888 as Prometheus' own tools see it, and a destination that takes nothing.

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use otelier_tests::exposition::Format;
use otelier_tests::host::{Configuration, Endpoints, Setup, free};
use otelier_tests::payload::Temporality;
use otelier_tests::{environment, grpc, payload, scrape, wait};
use serde_json::json;

/// What `promtool check metrics` is to say of counters, whose names are as the Collector's page has them.
const AS_IN_THE_COLLECTOR: &str = r#"counter metrics should have "_total" suffix"#;

/// Everything that `promtool` says of a page, line by line.
fn said_by_promtool(text: &str) -> Result<String> {
    let mut command = Command::new(environment::promtool()?);
    command.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().context("cannot start promtool")?;
    child.stdin.take().context("no input")?.write_all(text.as_bytes())?;
    let output = child.wait_with_output()?;
    Ok(format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn promtool_has_nothing_against_the_hosts_own_metrics_but_the_collectors_names() -> Result<()> {
    let config = Configuration::aggregate().pipeline("traces", &[], &["debug"]);
    let setup = Setup::with_aggregate(&config)?;
    let host = setup.start()?;
    host.accepts(&payload::work("manual", Temporality::Delta, &[1]))?;
    let commits =
        || Ok::<_, anyhow::Error>(host.own_metrics()?.total("otelier_store_write_duration_seconds_count", &[]));
    wait::until("a commit was timed", || Ok((commits()? >= 1.0).then_some(())))?;
    let text = scrape::page(host.endpoints().telemetry, Format::Text)?.text;
    let said = said_by_promtool(&text)?;
    let others: Vec<&str> = said.lines().filter(|line| !line.ends_with(AS_IN_THE_COLLECTOR)).collect();
    ensure!(others.is_empty(), "promtool says:\n{}\nabout:\n{text}", others.join("\n"));
    let own = host.own_metrics()?;
    for (name, labels) in [
        ("otelier_receiver_request_duration_seconds", [("receiver", "otlp"), ("data_type", "metrics")]),
        ("otelier_receiver_queue_wait_seconds", [("receiver", "otlp"), ("data_type", "metrics")]),
        ("otelcol_processor_internal_duration", [("processor", "aggregate"), ("otel_signal", "metrics")]),
        ("otelier_processor_flush_duration_seconds", [("processor", "aggregate"), ("otel_signal", "metrics")]),
        ("otelier_exporter_queue_wait_seconds", [("exporter", "prometheus"), ("data_type", "metrics")]),
        ("otelier_exporter_attempt_duration_seconds", [("exporter", "prometheus"), ("data_type", "metrics")]),
    ] {
        let count = || Ok::<_, anyhow::Error>(host.own_metrics()?.total(&format!("{name}_count"), &labels));
        wait::until(&format!("{name} counts"), || Ok((count()? >= 1.0).then_some(())))?;
        for bound in ["0.01", "0.05", "0.1", "+Inf"] {
            let bucket = format!("{name}_bucket");
            let is_there = own.named(&bucket).any(|sample| sample.labels.get("le").is_some_and(|le| le == bound));
            ensure!(is_there, "{name} has no bucket up to {bound}");
        }
    }
    Ok(())
}

/// A pipeline whose host tells all of itself where nobody is, and shows its metrics at `own`.
fn telling_nobody(own: SocketAddr) -> Result<Configuration> {
    let nobody = free(1)?[0].to_string();
    let exporter = |protocol: &str| json!({"otlp": {"protocol": protocol, "endpoint": nobody, "insecure": true}});
    let batch = |exporter| json!([{"batch": {"schedule_delay": 10, "export_timeout": 100, "exporter": exporter}}]);
    let prometheus = json!({"host": own.ip().to_string(), "port": own.port()});
    let readers = json!([
        {"pull": {"exporter": {"prometheus": prometheus}}},
        {"periodic": {"interval": 20, "timeout": 100, "exporter": exporter("http/protobuf")}},
    ]);
    Ok(Configuration::default()
        .pipeline("logs", &[], &["debug"])
        .set("service/telemetry/metrics", json!({"readers": readers}))
        .set("service/telemetry/logs", json!({"processors": batch(exporter("grpc"))}))
        .set("service/telemetry/traces", json!({"processors": batch(exporter("http/protobuf"))})))
}

#[test]
fn a_destination_of_own_telemetry_that_is_gone_is_told_once_and_stops_nothing() -> Result<()> {
    let own = Endpoints::free()?.spare;
    let setup = Setup::without_plugins(&telling_nobody(own)?)?;
    let host = setup.start()?;
    let mut client = host.grpc()?;
    let page = || Ok::<_, anyhow::Error>(scrape::page(own, Format::Text)?.exposition);
    wait::until("pushes of all signals have failed", || {
        let outcome = client.send(grpc::LOGS, &payload::logs(&["the oven is hot"]));
        ensure!(outcome.is_acknowledged(), "{outcome:?}");
        let page = page()?;
        let failed = |signal| page.total("otelier_telemetry_failed_pushes", &[("data_type", signal)]);
        Ok((failed("metrics") >= 3.0 && failed("logs") >= 1.0 && failed("traces") >= 3.0).then_some(()))
    })?;
    let dropped = page()?.total("otelier_telemetry_dropped_items", &[("data_type", "traces")]);
    ensure!(dropped >= 3.0, "{dropped} spans are counted as dropped");
    ensure!(host.terminate()?.success(), "{}", setup.log());
    let told = setup.log().matches("own telemetry cannot be pushed").count();
    ensure!(told == 3, "told {told} times of three destinations:\n{}", setup.log());
    Ok(())
}
