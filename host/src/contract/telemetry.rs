//! Where the host's own telemetry is pushed to.

use std::path::PathBuf;
use std::time::Duration;

use super::Secret;

/// An OTLP endpoint for the host's own telemetry, as `service.telemetry` names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TelemetryDestination {
    /// How OTLP is spoken.
    pub protocol: OtlpProtocol,
    /// A URL: `http://` is a connection without TLS.
    pub endpoint: String,
    /// The CA of the destination, in PEM; the system's without it.
    pub certificate: Option<PathBuf>,
    /// The host's own certificate, in PEM.
    pub client_certificate: Option<PathBuf>,
    /// Its key.
    pub client_key: Option<PathBuf>,
    /// What goes along with each request.
    pub headers: Vec<(String, Secret)>,
    /// Whether messages are compressed by gzip.
    pub gzip: bool,
    /// Of one attempt.
    pub timeout: Duration,
}

/// How OTLP is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtlpProtocol {
    /// OTLP/gRPC.
    Grpc,
    /// OTLP/HTTP with protobuf.
    Http,
}
