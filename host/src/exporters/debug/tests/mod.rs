//! The exporter as a whole: requests in, exact text out.
#![allow(clippy::unwrap_used)]

mod controls;
mod logs;
mod metrics;
mod traces;

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::contract::{InvalidUtf8, Metadata};
use crate::otlp::wire::{put_bytes, put_varint_field};

/// An output the test can read.
#[derive(Clone, Default)]
struct Output(Arc<Mutex<Vec<u8>>>);

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An output that is gone.
struct Closed;

impl Write for Closed {
    fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn exporter(config: &str, output: Box<dyn Write + Send>, seconds: Arc<AtomicU64>) -> DebugExporter {
    let clock: Clock = Arc::new(move || Duration::from_secs(seconds.load(Ordering::Relaxed)));
    DebugExporter::with_clock("debug".parse().unwrap(), serde_json::from_str(config).unwrap(), output, clock)
}

fn batch(signal: Signal, bytes: Vec<u8>) -> Batch {
    Batch {
        signal,
        bytes: Bytes::from(bytes),
        items: None,
        invalid_utf8: InvalidUtf8::Accept,
        metadata: Metadata::default(),
    }
}

/// What the exporter writes for one request.
fn written(verbosity: &str, signal: Signal, request: &[u8]) -> String {
    let output = Output::default();
    let config = format!(r#"{{"verbosity": "{verbosity}"}}"#);
    let mut exporter = exporter(&config, Box::new(output.clone()), Arc::default());
    exporter.consume(&batch(signal, request.to_vec())).unwrap();
    String::from_utf8(output.0.lock().unwrap().clone()).unwrap()
}

fn message(build: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    build(&mut out);
    out
}

fn text_attribute(key: &str, value: &str) -> Vec<u8> {
    message(|entry| {
        put_bytes(entry, 1, key.as_bytes());
        put_bytes(entry, 2, &message(|any| put_bytes(any, 1, value.as_bytes())));
    })
}

fn integer_attribute(key: &str, value: i64) -> Vec<u8> {
    message(|entry| {
        put_bytes(entry, 1, key.as_bytes());
        put_bytes(entry, 2, &message(|any| put_varint_field(any, 3, value.cast_unsigned())));
    })
}

/// A request of items in one scope of one resource.
fn request(items: &[Vec<u8>]) -> Vec<u8> {
    let resource = message(|resource| put_bytes(resource, 1, &text_attribute("service.name", "cart")));
    let scope = message(|scope| {
        put_bytes(scope, 1, b"my.lib");
        put_bytes(scope, 2, b"1.2");
        put_bytes(scope, 3, &text_attribute("short", "ml"));
    });
    let scope_level = message(|level| {
        put_bytes(level, 1, &scope);
        items.iter().for_each(|item| put_bytes(level, 2, item));
    });
    let resource_level = message(|level| {
        put_bytes(level, 1, &resource);
        put_bytes(level, 2, &scope_level);
        put_bytes(level, 3, b"https://example.org/schema");
    });
    message(|request| put_bytes(request, 1, &resource_level))
}

#[test]
fn batches_are_sampled_by_signal_and_second_but_all_are_counted() {
    let (output, seconds) = (Output::default(), Arc::new(AtomicU64::new(0)));
    let config = r#"{"sampling_initial": 1, "sampling_thereafter": 0}"#;
    let mut exporter = exporter(config, Box::new(output.clone()), Arc::clone(&seconds));
    let traces = batch(Signal::Traces, request(&[Vec::new(), Vec::new()]));
    for second in [0, 0, 1] {
        seconds.store(second, Ordering::Relaxed);
        assert_eq!(exporter.consume(&traces).unwrap(), Consumed { items: 2, dropped: 0, reason: "" });
    }
    exporter.consume(&batch(Signal::Logs, request(&[Vec::new()]))).unwrap();
    let line = "Traces {\"resource spans\": 1, \"spans\": 2}\n";
    let expected = format!("{line}{line}Logs {{\"resource logs\": 1, \"log records\": 1}}\n");
    assert_eq!(String::from_utf8(output.0.lock().unwrap().clone()).unwrap(), expected);
}

#[test]
fn an_output_that_is_gone_is_an_error() {
    let mut exporter = exporter("{}", Box::new(Closed), Arc::default());
    let error = exporter.consume(&batch(Signal::Logs, Vec::new())).unwrap_err();
    assert!(matches!(error, ExporterError::Io(_)), "{error}");
}

#[test]
fn bytes_that_are_no_request_are_an_error_and_write_nothing() {
    let output = Output::default();
    let mut exporter = exporter("{}", Box::new(output.clone()), Arc::default());
    let error = exporter.consume(&batch(Signal::Traces, vec![0x0a, 5])).unwrap_err();
    assert_eq!(error.to_string(), "unreadable batch at byte 1: length reaches beyond the message");
    assert!(output.0.lock().unwrap().is_empty());
}
