//! What is written reads as OTLP: the host's own check walks every byte, and the texts of it say what is there.

use std::time::{Duration, SystemTime};

use super::*;
use crate::contract::{AttributeValue, SpanEnd, Tracer};
use crate::otlp::{self, Strings, json};
use crate::own_telemetry::layer::LogRecord;
use crate::telemetry::{Kind, Registry};

fn own() -> Vec<u8> {
    resource(&Resource::new(&[("floor".to_owned(), Some(AttributeValue::Integer(-3)))]))
}

fn shown(signal: crate::contract::Signal, bytes: &[u8], items: u64) -> Result<String, Box<dyn std::error::Error>> {
    assert_eq!(otlp::check(signal, bytes, Strings::Utf8)?, items);
    Ok(String::from_utf8(json::to_json(signal, bytes)?)?)
}

#[test]
fn every_kind_of_metric_is_written() -> Result<(), Box<dyn std::error::Error>> {
    let registry = Registry::default();
    registry.counter("otelcol_exporter_sent_spans", "Sent.", &[("exporter", "otlp")]).add(3);
    registry.gauge("otelier_dead_letters", "Letters.", &[]).set(-7);
    registry.measure("otelcol_process_uptime", "Uptime.", Kind::Counter, &[], || 1.5);
    registry.histogram("wait_seconds", "Wait.", &[("otel.signal", "logs")]).record(Duration::from_millis(20));
    registry.gauge("target_info", "Target metadata", &[("service.name", "otelier")]).set(1);
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(9);
    let (bytes, points) = metrics(&own(), &registry.show(), SystemTime::UNIX_EPOCH + Duration::from_secs(5), now);
    assert_eq!(points, 4);
    let text = shown(crate::contract::Signal::Metrics, &bytes, 4)?;
    for words in [
        r#""key":"floor","value":{"intValue":"-3"}"#,
        r#""key":"service.name","value":{"stringValue":"otelier"}"#,
        r#""name":"otelcol_exporter_sent_spans""#,
        r#""unit":"{span}""#,
        r#""asInt":"3""#,
        r#""asInt":"-7""#,
        r#""asDouble":1.5"#,
        r#""isMonotonic":true"#,
        r#""startTimeUnixNano":"5000000000","timeUnixNano":"9000000000""#,
        r#""count":"1","sum":0.02"#,
        r#""key":"otel.signal""#,
    ] {
        assert!(text.contains(words), "{words}\nis not in\n{text}");
    }
    assert!(!text.contains("target_info"), "{text}");
    Ok(())
}

#[test]
fn log_records_and_spans_are_written() -> Result<(), Box<dyn std::error::Error>> {
    let attributes = vec![("share", AttributeValue::Double(0.5)), ("whole", AttributeValue::Bool(true))];
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
    let record = LogRecord { time, severity: tracing::Level::WARN, body: "the queue is full".into(), attributes };
    let text = shown(crate::contract::Signal::Logs, &logs(&own(), &[record.clone(), record]), 2)?;
    for words in ["the queue is full", r#""severityText":"warn""#, r#""doubleValue":0.5"#, r#""boolValue":true"#] {
        assert!(text.contains(words), "{words}\nis not in\n{text}");
    }
    let (sender, receiver) = std::sync::mpsc::channel();
    let trace = Tracer::new(1.0, move |span| drop(sender.send(span))).begin();
    let now = std::time::Instant::now();
    trace.span(crate::contract::DELIVER, now, || SpanEnd { error: Some("no answer".into()), ..SpanEnd::default() });
    trace.root("receive", now, || SpanEnd { attributes: vec![("items", 5_u64.into())], ..SpanEnd::default() });
    let all: Vec<_> = receiver.try_iter().collect();
    let text = shown(crate::contract::Signal::Traces, &spans(&own(), &all), 2)?;
    for words in ["no answer", r#""name":"deliver""#, r#""name":"receive""#, "parentSpanId", r#""intValue":"5""#] {
        assert!(text.contains(words), "{words}\nis not in\n{text}");
    }
    Ok(())
}
