//! What `filter` and `attributes` are to drop or to strip never passes because a bound was reached: not with a dictionary of one key, not with
//! values, descriptions or metrics that are no row of their own.

use anyhow::Result;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::resource::v1::Resource;
use otelier_tests::host::{Configuration, Setup, manifest};
use otelier_tests::payload::{self, attribute};
use otelier_tests::{environment, grpc, wait};
use prost::Message;
use serde_json::{Value, json};

fn setup(filter: Value, attributes: Value, limits: Value) -> Result<Setup> {
    let mut config = Configuration::default().processor("filter", filter).processor("attributes", attributes);
    for signal in ["logs", "metrics"] {
        config = config.pipeline(signal, &["filter", "attributes"], &["debug"]);
    }
    let entry = json!({"limits": limits});
    let (filter, attributes) = (environment::plugin("filter")?, environment::plugin("attributes")?);
    let entries = [("filter", filter.as_path(), entry.clone()), ("attributes", attributes.as_path(), entry)];
    Setup::new(&config.text(), &manifest(&entries))
}

/// Records named by their number, with attributes that differ from record to record.
fn logs(count: usize, attributes: impl Fn(usize) -> Vec<(&'static str, String)>, resource: &[(&str, &str)]) -> Vec<u8> {
    let bodies: Vec<String> = (0..count).map(|number| format!("record {number}.")).collect();
    let bodies: Vec<&str> = bodies.iter().map(String::as_str).collect();
    let mut request = ExportLogsServiceRequest::decode(&payload::logs(&bodies)[..]).unwrap();
    let resource_logs = &mut request.resource_logs[0];
    let resource = resource.iter().map(|(key, value)| attribute(key, value)).collect();
    resource_logs.resource = Some(Resource { attributes: resource, ..Resource::default() });
    for (number, record) in resource_logs.scope_logs[0].log_records.iter_mut().enumerate() {
        record.attributes = attributes(number).iter().map(|(key, value)| attribute(key, value)).collect();
    }
    request.encode_to_vec()
}

#[test]
fn a_dictionary_of_one_key_lets_nothing_through() -> Result<()> {
    let setup = setup(
        json!({"logs": {"exclude": {"match_type": "regexp", "record_attributes": [{"key": "kind", "value": "^private"}]}}}),
        json!({"actions": [
            {"key": "user", "action": "hash"},
            {"key": "copy", "action": "upsert", "from_attribute": {"key": "host", "level": "resource"}},
            {"key": "host", "action": "delete", "level": "resource"},
            {"key": "token", "action": "delete"},
        ]}),
        json!({"dictionary_entries": 1}),
    )?;
    let host = setup.start()?;
    let kind = |number| if number % 2 == 0 { "private" } else { "public" };
    let attributes = |number: usize| {
        vec![
            ("kind", format!("{} {number}", kind(number))),
            ("user", format!("user-{number}@example.org")),
            ("token", format!("secret-{number}")),
        ]
    };
    let mut client = host.grpc()?;
    for _ in 0..3 {
        let outcome = client.send(grpc::LOGS, &logs(100, attributes, &[("host", "oven-7")]));
        assert!(outcome.is_acknowledged(), "{outcome:?}");
    }
    let output = wait::until("the records are written", || {
        let output = setup.output();
        Ok((output.matches("record 99.").count() == 3).then_some(output))
    })?;
    assert_eq!(output.matches("kind: Str(public ").count(), 150);
    assert_eq!(output.matches("copy: Str(oven-7)").count(), 150);
    for private in ["private", "@example.org", "secret-", "-> host:"] {
        assert!(!output.contains(private), "{private}");
    }
    Ok(())
}

#[test]
fn a_long_value_is_copied_before_it_is_deleted() -> Result<()> {
    let actions = json!({"actions": [
        {"key": "k", "action": "upsert", "from_attribute": "s"},
        {"key": "s", "action": "delete"},
        {"key": "r", "action": "upsert", "from_attribute": "t", "level": "resource"},
        {"key": "t", "action": "delete", "level": "resource"},
    ]});
    let setup = setup(json!({}), actions, json!({}))?;
    let host = setup.start()?;
    let (own, around) = ("o".repeat(70_000), "a".repeat(70_000));
    let attributes = |_| vec![("s", own.clone())];
    let outcome = host.grpc()?.send(grpc::LOGS, &logs(20, attributes, &[("t", &around)]));
    assert!(outcome.is_acknowledged(), "{outcome:?}");
    let output = wait::until("the records are written", || {
        let output = setup.output();
        Ok(output.contains("record 19.").then_some(output))
    })?;
    assert_eq!(output.matches(&format!("k: Str({own})")).count(), 20);
    assert_eq!(output.matches(&format!("r: Str({around})")).count(), 1);
    assert!(!output.contains("s: Str(o") && !output.contains("t: Str(a"));
    Ok(())
}

#[test]
fn metrics_are_excluded_whatever_their_description_and_points() -> Result<()> {
    let exclude = json!({"metrics": {"exclude": {"match_type": "regexp", "metric_names": ["^debug"],
        "resource_attributes": [{"key": "env", "value": "^test$"}]}}});
    let delete = json!({"level": "resource", "actions": [{"key": "host", "action": "delete"}]});
    let setup = setup(exclude, delete, json!({}))?;
    let host = setup.start()?;
    let point = || vec![payload::integer(1, &[])];
    let mut long = payload::gauge("debug.long", point());
    long.description = "d".repeat(9_000);
    let of_test = ["test.bare", "test.point"]
        .map(|name| payload::gauge(name, if name == "test.bare" { vec![] } else { point() }));
    let others = vec![payload::gauge("debug.bare", vec![]), long, payload::gauge("kept", point())];
    let decoded = |metrics| ExportMetricsServiceRequest::decode(&payload::metrics(metrics)[..]).unwrap();
    let (mut request, mut test) = (decoded(others), decoded(of_test.to_vec()));
    let env = vec![attribute("env", "test")];
    test.resource_metrics[0].resource = Some(Resource { attributes: env, ..Resource::default() });
    // A metric without points alone goes as well, and what stays is stripped.
    let mut bare = decoded(vec![payload::gauge("debug.alone", vec![]), payload::gauge("bare", vec![])]);
    let host_name = vec![attribute("host", "oven-7")];
    bare.resource_metrics[0].resource = Some(Resource { attributes: host_name, ..Resource::default() });
    request.resource_metrics.append(&mut test.resource_metrics);
    let mut client = host.grpc()?;
    for request in [bare, request] {
        let outcome = client.send(grpc::METRICS, &request.encode_to_vec());
        assert!(outcome.is_acknowledged(), "{outcome:?}");
    }
    let output = wait::until("the metric is written", || {
        let output = setup.output();
        Ok(output.contains("kept").then_some(output))
    })?;
    assert!(!output.contains("debug.") && !output.contains("test.") && !output.contains("oven-7"), "{output}");
    let own = host.own_metrics()?;
    let count = |name| own.value(name, &[("processor", "filter"), ("otel_signal", "metrics")]);
    assert_eq!(count("otelcol_processor_incoming_items"), Some(3.0));
    assert_eq!(count("otelcol_processor_outgoing_items"), Some(1.0));
    Ok(())
}

#[test]
fn points_of_metrics_whose_names_are_too_long_are_counted() -> Result<()> {
    let exclude = json!({"metrics": {"exclude": {"match_type": "regexp", "metric_names": ["^debug"]}}});
    let setup = setup(exclude, json!({"actions": [{"key": "secret", "action": "delete"}]}), json!({}))?;
    let host = setup.start()?;
    let points = vec![payload::integer(1, &[("secret", "s3cret")]), payload::integer(2, &[])];
    let request = payload::metrics(vec![payload::gauge(&"debug".repeat(2_000), points)]);
    let outcome = host.grpc()?.send(grpc::METRICS, &request);
    assert!(outcome.is_acknowledged(), "{outcome:?}");
    let own = host.own_metrics()?;
    let unread = |processor| {
        own.value("otelier_processor_unread_items", &[("processor", processor), ("otel_signal", "metrics")])
    };
    // One needs the name, the other does not.
    assert_eq!((unread("filter"), unread("attributes")), (Some(2.0), Some(0.0)));
    let output = wait::until("the metric is written", || {
        let output = setup.output();
        Ok(output.contains("debugdebug").then_some(output))
    })?;
    assert!(!output.contains("s3cret"), "{output}");
    let told = "points pass untouched that the processor should read";
    assert_eq!(setup.log().matches(told).count(), 1, "{}", setup.log());
    Ok(())
}
