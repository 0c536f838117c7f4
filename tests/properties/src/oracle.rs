//! The generated parsers: what a request is, according to prost.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::{DecodeError, Message};

use crate::contract::Signal;
use crate::model;

/// How many items a request has, or why it is none.
pub fn items(signal: Signal, bytes: &[u8]) -> Result<u64, DecodeError> {
    Ok(match signal {
        Signal::Metrics => {
            let request = ExportMetricsServiceRequest::decode(bytes)?;
            let scopes = request.resource_metrics.iter().flat_map(|resource| &resource.scope_metrics);
            scopes.flat_map(|scope| &scope.metrics).map(model::points).sum()
        }
        Signal::Traces => {
            let request = ExportTraceServiceRequest::decode(bytes)?;
            let scopes = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
            scopes.map(|scope| scope.spans.len() as u64).sum()
        }
        Signal::Logs => {
            let request = ExportLogsServiceRequest::decode(bytes)?;
            let scopes = request.resource_logs.iter().flat_map(|resource| &resource.scope_logs);
            scopes.map(|scope| scope.log_records.len() as u64).sum()
        }
    })
}

/// A metrics request, or `None` where it is none.
pub fn metrics(bytes: &[u8]) -> Option<ExportMetricsServiceRequest> {
    ExportMetricsServiceRequest::decode(bytes).ok()
}

/// Whether it was refused for its depth alone. The host counts levels otherwise and takes up to 100 more, never fewer:
/// `oracle/acceptance.rs` in the tests has the figures.
pub fn is_too_deep(error: &DecodeError) -> bool {
    error.to_string().contains("recursion limit")
}
