//! gRPC's own health client against a port of the host.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use otelier_tests::environment;
use otelier_tests::host::{Configuration, Host, Setup};
use serde_json::{Value, json};

const METRICS: &str = "opentelemetry.proto.collector.metrics.v1.MetricsService";
const TRACES: &str = "opentelemetry.proto.collector.trace.v1.TraceService";

/// What the client was told.
fn ask(host: &Host<'_>, arguments: &[&str]) -> Result<Value> {
    let mut command = Command::new(environment::test_python()?);
    command.arg(environment::test_client("python/health.py")?);
    let endpoint = host.endpoints().grpc.to_string();
    command.args(["--endpoint", &endpoint]).args(arguments).args(["--", "", METRICS, TRACES, "shop.Cart"]);
    let output = command.output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).context("no JSON")
}

#[test]
fn health_over_grpc_is_that_of_the_process_and_of_services_with_pipelines() -> Result<()> {
    let setup = Setup::without_plugins(&Configuration::passthrough())?;
    let host = setup.start()?;
    let told = ask(&host, &[])?;
    let checks = json!({"": "SERVING", METRICS: "SERVING", TRACES: "NOT_SERVING", "shop.Cart": "NOT_FOUND"});
    assert_eq!(told, json!({"checks": checks, "watch": "SERVING"}));
    Ok(())
}

#[test]
fn health_over_grpc_is_behind_the_authentication_of_its_port() -> Result<()> {
    let config = Configuration::passthrough()
        .set("receivers/otlp/protocols/grpc/auth", json!({"authenticator": "bearertokenauth"}))
        .set("extensions/bearertokenauth", json!({"token": "example-token"}))
        .set("service/extensions", json!(["health_check", "bearertokenauth"]));
    let setup = Setup::without_plugins(&config)?;
    let host = setup.start()?;
    let told = ask(&host, &[])?;
    let refused = "UNAUTHENTICATED";
    let checks = json!({"": refused, METRICS: refused, TRACES: refused, "shop.Cart": refused});
    assert_eq!(told, json!({"checks": checks, "watch": refused}));
    let told = ask(&host, &["--token", "example-token"])?;
    assert_eq!((&told["checks"][METRICS], &told["watch"]), (&json!("SERVING"), &json!("SERVING")));
    Ok(())
}
