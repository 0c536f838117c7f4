//! A request, written as JSON by a writer that knows nothing of the host's, becomes the same request again.

mod common;
mod logs;
mod metrics;
mod traces;

use std::fmt::Debug;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use serde_json::Value;

use crate::contract::Signal;
use crate::receivers::otlp::protobuf;

const LIMIT: usize = 1 << 20;
/// JSON may be refused when it nests deeper than this. A list in a list is three levels of it and two of protobuf.
const DEPTH_MAX: usize = 120;

pub fn check(bytes: &[u8]) {
    comes_back(Signal::Metrics, bytes, |request: &mut ExportMetricsServiceRequest| metrics::request(request));
    comes_back(Signal::Traces, bytes, |request: &mut ExportTraceServiceRequest| traces::request(request));
    comes_back(Signal::Logs, bytes, |request: &mut ExportLogsServiceRequest| logs::request(request));
}

/// The writer mends ids of a wrong length first: JSON has no such ones.
fn comes_back<M: Message + Default + Debug>(signal: Signal, bytes: &[u8], write: impl Fn(&mut M) -> Value) {
    let Ok(mut request) = M::decode(bytes) else { return };
    let json = write(&mut request);
    let text = json.to_string();
    let Some(transcoded) = protobuf(signal, text.as_bytes(), LIMIT) else {
        return assert!(depth(&json) > DEPTH_MAX, "{signal} refused: {text}");
    };
    let back = M::decode(&*transcoded).expect("prost reads what JSON became");
    // As text, where all NaNs are the same.
    assert_eq!(format!("{back:?}"), format!("{request:?}"), "{signal}: {text}");
}

fn depth(json: &Value) -> usize {
    match json {
        Value::Array(list) => 1 + list.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}
