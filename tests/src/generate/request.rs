//! A request of any signal.

use fastrand::Rng;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use otelier::contract::Signal;
use prost::{DecodeError, Message};

use super::{logs, metrics, schema, traces, vary};

/// The structs that the generated parsers decode.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// Metrics.
    Metrics(ExportMetricsServiceRequest),
    /// Traces.
    Traces(ExportTraceServiceRequest),
    /// Logs.
    Logs(ExportLogsServiceRequest),
}

/// Bytes that are no request.
#[derive(Debug)]
pub enum NoRequest {
    /// The generated parsers do not take them.
    Unreadable(DecodeError),
    /// Of a trace or a span, whose bytes the generated parsers do not count.
    IdLength,
}

impl std::fmt::Display for NoRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            NoRequest::Unreadable(error) => error.fmt(f),
            NoRequest::IdLength => f.write_str("an id of another length"),
        }
    }
}

impl std::error::Error for NoRequest {}

impl From<DecodeError> for NoRequest {
    fn from(error: DecodeError) -> NoRequest {
        NoRequest::Unreadable(error)
    }
}

impl Request {
    /// A random one. It is what its bytes decode to: a negative zero is lost where absent means zero.
    pub fn random(rng: &mut Rng, signal: Signal) -> Request {
        let request = match signal {
            Signal::Metrics => Request::Metrics(metrics::request(rng)),
            Signal::Traces => Request::Traces(traces::request(rng)),
            Signal::Logs => Request::Logs(logs::request(rng)),
        };
        Request::decode(signal, &request.encode()).unwrap_or(request)
    }

    /// The request that bytes stand for.
    pub fn decode(signal: Signal, bytes: &[u8]) -> Result<Request, NoRequest> {
        let request = match signal {
            Signal::Metrics => Request::Metrics(Message::decode(bytes)?),
            Signal::Traces => Request::Traces(Message::decode(bytes)?),
            Signal::Logs => Request::Logs(Message::decode(bytes)?),
        };
        if schema::request(signal).ids_fit(bytes) { Ok(request) } else { Err(NoRequest::IdLength) }
    }

    /// Its plain bytes, by which requests are compared as well: a NaN is not equal to itself.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Request::Metrics(request) => request.encode_to_vec(),
            Request::Traces(request) => request.encode_to_vec(),
            Request::Logs(request) => request.encode_to_vec(),
        }
    }

    /// Bytes in any wire form.
    pub fn varied(&self, rng: &mut Rng) -> Vec<u8> {
        let signal = match self {
            Request::Metrics(_) => Signal::Metrics,
            Request::Traces(_) => Signal::Traces,
            Request::Logs(_) => Signal::Logs,
        };
        vary(rng, schema::request(signal), &self.encode())
    }
}
