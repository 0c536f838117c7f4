//! Fields of spans and log records that a plugin sets, numbers that it merges, and traces that it keys by: on the real host, over a kill.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use otelier_tests::host::{Host, Setup, manifest};
use otelier_tests::payload::{self, attribute};
use otelier_tests::request::Request;
use otelier_tests::{capture, environment, grpc, wait};
use prost::Message as _;
use serde_json::{Value as Json, json};

const SECOND: u64 = 1_000_000_000;

fn setup(file: &Path, config: Json) -> Result<Setup> {
    let config = capture::configuration(file, &[])
        .processor("chronicle/spans", config)
        .processor("chronicle/records", json!({}))
        .pipeline("traces", &["chronicle/spans"], &["capture"])
        .pipeline("logs", &["chronicle/records"], &["capture"]);
    let guest = environment::guest("chronicle")?;
    let setup = Setup::new(&config.text(), &manifest(&[("chronicle", &guest, json!({}))]))?;
    Ok(setup.run_by(Path::new(env!("CARGO_BIN_EXE_otelier-capture"))))
}

/// A span of a trace, from and to some second.
fn span(trace: u8, id: u8, from: u64, to: u64) -> Span {
    Span {
        trace_id: vec![trace; 16],
        span_id: vec![id; 8],
        parent_span_id: vec![0xee; 8],
        name: format!("span {id}"),
        trace_state: "old=1".to_owned(),
        kind: 5,
        start_time_unix_nano: from * SECOND,
        end_time_unix_nano: to * SECOND,
        status: Some(Status { message: "old".to_owned(), code: 1 }),
        attributes: vec![attribute("kept", "yes")],
        ..Span::default()
    }
}

fn spans(spans: Vec<Span>) -> Vec<u8> {
    let mut request = ExportTraceServiceRequest::decode(&payload::spans(&["placeholder"])[..]).unwrap();
    request.resource_spans[0].scope_spans[0].spans = spans;
    request.encode_to_vec()
}

fn records(records: Vec<LogRecord>) -> Vec<u8> {
    let mut request = ExportLogsServiceRequest::decode(&payload::logs(&["placeholder"])[..]).unwrap();
    request.resource_logs[0].scope_logs[0].log_records = records;
    request.encode_to_vec()
}

fn valued(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

/// The span as the guest leaves it, when its trace has had so many spans from and to some second.
fn marked(span: &Span, count: i64, (first, last, seconds): (u64, u64, f64)) -> Span {
    let mut attributes = span.attributes.clone();
    attributes.push(valued("trace.spans", Value::IntValue(count)));
    attributes.push(valued("trace.seconds", Value::DoubleValue(seconds)));
    Span {
        name: format!("{} of {count}", span.name),
        kind: 2,
        trace_state: "by=chronicle".to_owned(),
        parent_span_id: span.span_id.clone(),
        start_time_unix_nano: first * SECOND,
        end_time_unix_nano: last * SECOND,
        status: Some(Status { message: "judged".to_owned(), code: 2 }),
        attributes,
        ..span.clone()
    }
}

fn send(host: &Host<'_>, path: &str, request: &[u8]) -> Result<()> {
    let outcome = host.grpc()?.send(path, request);
    ensure!(outcome.is_acknowledged(), "{path}: {outcome:?}");
    Ok(())
}

/// The items of the batch of that number.
fn arrived_spans(host: &Host<'_>, file: &Path, number: usize) -> Result<Vec<Span>> {
    let arrived = capture::wait_for(host, file, number + 1)?;
    let Some(Request::Traces(request)) = arrived.into_iter().nth(number) else { anyhow::bail!("no spans") };
    Ok(request.resource_spans.into_iter().flat_map(|spans| spans.scope_spans).flat_map(|spans| spans.spans).collect())
}

#[test]
fn fields_are_set_from_numbers_that_outlive_a_kill() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("captured");
    let setup = setup(&file, json!({}))?;
    let host = setup.start()?;

    // Two traces, one of them twice, and a span whose trace is none.
    let stray = Span { trace_id: vec![0; 16], ..span(9, 4, 1, 2) };
    let sent = [span(1, 1, 10, 20), span(2, 2, 5, 6), stray.clone(), span(1, 3, 8, 12)];
    send(&host, grpc::TRACES, &spans(sent.to_vec()))?;
    let first = [
        marked(&sent[0], 2, (8, 20, 14.0)),
        marked(&sent[1], 1, (5, 6, 1.0)),
        stray,
        marked(&sent[3], 2, (8, 20, 14.0)),
    ];
    assert_eq!(arrived_spans(&host, &file, 0)?, first);

    host.kill()?;
    let host = setup.start()?;
    let again = span(1, 5, 30, 31);
    send(&host, grpc::TRACES, &spans(vec![again.clone()]))?;
    assert_eq!(arrived_spans(&host, &file, 1)?, [marked(&again, 3, (8, 31, 15.0))]);
    Ok(())
}

#[test]
fn a_body_becomes_any_value_and_a_field_goes() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("captured");
    let setup = setup(&file, json!({}))?;
    let host = setup.start()?;
    let text = |text: &str| Some(AnyValue { value: Some(Value::StringValue(text.to_owned())) });
    let record = |seconds: u64, body: &str| LogRecord {
        trace_id: vec![7; 16],
        time_unix_nano: seconds * SECOND,
        body: text(body),
        event_name: "gone".to_owned(),
        flags: 1,
        ..LogRecord::default()
    };
    let sent = [record(3, "late"), record(2, "early")];
    send(&host, grpc::LOGS, &records(sent.to_vec()))?;
    let arrived = capture::wait_for(&host, &file, 1)?;
    let Some(Request::Logs(request)) = arrived.first() else { anyhow::bail!("no records") };
    let expected = sent.each_ref().map(|record| {
        let seen = valued("seen", Value::IntValue(2));
        let text = KeyValue { key: "text".to_owned(), value: record.body.clone(), ..KeyValue::default() };
        let body =
            Value::KvlistValue(opentelemetry_proto::tonic::common::v1::KeyValueList { values: vec![seen, text] });
        LogRecord {
            time_unix_nano: 2 * SECOND,
            observed_time_unix_nano: 3 * SECOND,
            severity_number: 17,
            severity_text: "ERROR".to_owned(),
            body: Some(AnyValue { value: Some(body) }),
            event_name: String::new(),
            ..record.clone()
        }
    });
    assert_eq!(request.resource_logs[0].scope_logs[0].log_records, expected);
    Ok(())
}

/// A kind that there is not: the span becomes a dead letter as it came, and its trace has not counted it.
#[test]
fn a_value_that_a_field_does_not_take_costs_the_item_alone() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("captured");
    let setup = setup(&file, json!({"kind": 6}))?;
    let host = setup.start()?;
    send(&host, grpc::TRACES, &spans(vec![span(1, 1, 10, 20)]))?;
    let reason = "contract violated: the field `kind` takes an integer from 0 to 5, and was given something else";
    let letters = wait::until("the span is a dead letter", || {
        let letters = setup.prints(&["dlq", "ls", "--json"])?;
        Ok(Some(letters).filter(|letters| !letters.is_empty()))
    })?;
    ensure!(letters.contains(reason) && letters.lines().count() == 1, "{letters}");
    host.kill()?;
    let config = capture::configuration(&file, &[])
        .processor("chronicle/spans", json!({}))
        .pipeline("traces", &["chronicle/spans"], &["capture"])
        .pipeline("logs", &[], &["capture"]);
    setup.reconfigure(&config)?;
    let host = setup.start().with_context(|| setup.log())?;
    let next = span(1, 2, 1, 2);
    send(&host, grpc::TRACES, &spans(vec![next.clone()]))?;
    assert_eq!(arrived_spans(&host, &file, 0)?, [marked(&next, 1, (1, 2, 1.0))]);
    Ok(())
}
