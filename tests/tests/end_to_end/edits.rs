//! `configs/sanitize.yaml` on the real host: one filter and one editor of attributes in the pipelines of all three signals.

use anyhow::Result;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{Status, status::StatusCode};
use otelier_tests::host::{Configuration, Host, Setup, aggregate, manifest};
use otelier_tests::payload::{self, attribute};
use otelier_tests::{environment, grpc, wait};
use prost::Message;
use serde_json::json;

/// `printf %s ada@example.org | sha256sum`
const HASH: &str = "cfe00dde46ef942601ffafb9e2825e802858b460e586b8305b344c1eb826357d";

fn setup() -> Result<Setup> {
    let config = std::fs::read_to_string(environment::repository().join("configs/sanitize.yaml"))?;
    let plugins = ["attributes", "filter"].map(|name| environment::plugin(name).map(|file| (name, file)));
    let plugins = plugins.into_iter().collect::<Result<Vec<_>>>()?;
    let entries: Vec<_> = plugins.iter().map(|(name, file)| (*name, file.as_path(), json!({}))).collect();
    Setup::new(&config, &manifest(&entries))
}

fn secrets() -> Vec<KeyValue> {
    vec![
        attribute("user.email", "ada@example.org"),
        attribute("http.request.header.authorization", "Bearer s3cret"),
        attribute("kept", "yes"),
    ]
}

fn resource() -> Option<Resource> {
    let attributes = vec![
        attribute("service.name", "shop"),
        attribute("host.ip", "10.1.2.3"),
        attribute("deployment.environment", "test"),
    ];
    Some(Resource { attributes, ..Resource::default() })
}

fn spans() -> Vec<u8> {
    let mut request =
        ExportTraceServiceRequest::decode(&payload::spans(&["GET /health", "GET /health", "GET /cart"])[..]).unwrap();
    let resource_spans = &mut request.resource_spans[0];
    resource_spans.resource = resource();
    let spans = &mut resource_spans.scope_spans[0].spans;
    spans.iter_mut().for_each(|span| span.attributes = secrets());
    // A failed health check is worth a look.
    spans[1].status = Some(Status { code: StatusCode::Error as i32, message: "the oven is cold".to_owned() });
    request.encode_to_vec()
}

fn logs() -> Vec<u8> {
    let bodies = ["chatter", "informative", "undefined"];
    let mut request = ExportLogsServiceRequest::decode(&payload::logs(&bodies)[..]).unwrap();
    let resource_logs = &mut request.resource_logs[0];
    resource_logs.resource = resource();
    for (record, severity) in resource_logs.scope_logs[0].log_records.iter_mut().zip([5, 9, 0]) {
        record.severity_number = severity;
        record.attributes = secrets();
    }
    request.encode_to_vec()
}

fn metrics() -> Vec<u8> {
    let point = |value| {
        let mut point = payload::integer(value, &[]);
        point.attributes = secrets();
        point
    };
    let kept = payload::gauge("oven.temperature", vec![point(180)]);
    let noise = payload::gauge("debug.loops", vec![point(7), point(8)]);
    let mut request = ExportMetricsServiceRequest::decode(&payload::metrics(vec![noise, kept])[..]).unwrap();
    request.resource_metrics[0].resource = resource();
    request.encode_to_vec()
}

#[test]
fn nothing_that_is_secret_or_noise_leaves_the_host() -> Result<()> {
    let setup = setup()?;
    let host = setup.start()?;
    let mut client = host.grpc()?;
    for (path, request) in [(grpc::TRACES, spans()), (grpc::LOGS, logs()), (grpc::METRICS, metrics())] {
        let outcome = client.send(path, &request);
        assert!(outcome.is_acknowledged(), "{path}: {outcome:?}");
    }
    wait::until("spans and records are written", || {
        let output = setup.output();
        Ok((output.contains("GET /cart") && output.contains("undefined")).then_some(()))
    })?;
    let scrape = wait::until("the gauge is shown", || {
        let scrape = host.scrape()?;
        Ok((scrape.named("oven_temperature").count() > 0).then_some(scrape))
    })?;
    let output = setup.output();
    assert_eq!(output.matches("GET /health").count(), 1, "the one that failed: {output}");
    assert!(!output.contains("chatter"), "{output}");
    assert!(output.contains("informative"), "{output}");
    let shown = format!("{output}{scrape:?}");
    for secret in
        ["ada@example.org", "s3cret", "authorization", "10.1.2.3", "host.ip", "deployment.environment:", "debug_loops"]
    {
        assert!(!shown.contains(secret), "{secret}: {shown}");
    }
    assert_eq!(output.matches("deployment.environment.name: Str(test)").count(), 2, "{output}");
    assert_eq!(output.matches("kept: Str(yes)").count(), 4, "{output}");
    assert_eq!(output.matches(&format!("user.email: Str({HASH}")).count(), 4, "{output}");
    check_ledger(&host)
}

/// What each processor took, dropped and sent on.
fn check_ledger(host: &Host<'_>) -> Result<()> {
    let own = host.own_metrics()?;
    for (signal, came, went) in [("traces", 3.0, 2.0), ("logs", 3.0, 2.0), ("metrics", 3.0, 1.0)] {
        let count = |name, processor| own.value(name, &[("processor", processor), ("otel_signal", signal)]);
        assert_eq!(count("otelcol_processor_incoming_items", "filter"), Some(came), "{signal}");
        assert_eq!(count("otelcol_processor_outgoing_items", "filter"), Some(went), "{signal}");
        assert_eq!(count("otelcol_processor_incoming_items", "attributes"), Some(went), "{signal}");
        assert_eq!(count("otelcol_processor_outgoing_items", "attributes"), Some(went), "{signal}");
    }
    Ok(())
}

#[test]
fn a_processor_with_state_stands_in_one_pipeline_only() -> Result<()> {
    let config = Configuration::default()
        .processor("aggregate", aggregate())
        .pipeline("metrics", &["aggregate"], &["prometheus"])
        .pipeline("metrics/copy", &["aggregate"], &["debug"]);
    let errors = Setup::with_aggregate(&config)?.fails_to_start()?;
    let expected = "processor `aggregate` keeps state and stands in two pipelines, `metrics` and `metrics/copy`, which would mix it";
    assert!(errors.contains(expected), "{errors}");
    Ok(())
}
