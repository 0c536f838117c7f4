//! The only form telemetry takes in flight: one signal's OTLP protobuf bytes.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use schemars::JsonSchema;

/// Which of OTLP's three export requests a batch holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Signal {
    /// `ExportMetricsServiceRequest`.
    Metrics,
    /// `ExportTraceServiceRequest`.
    Traces,
    /// `ExportLogsServiceRequest`.
    Logs,
}

impl Signal {
    /// All signals, in the order the documentation lists them.
    pub const ALL: [Signal; 3] = [Signal::Metrics, Signal::Traces, Signal::Logs];

    /// The name used in configuration: `metrics`, `traces`, `logs`.
    pub fn name(self) -> &'static str {
        match self {
            Signal::Metrics => "metrics",
            Signal::Traces => "traces",
            Signal::Logs => "logs",
        }
    }

    /// What one item is called in the Collector's metric names: `metric_points`, `spans`, `log_records`.
    pub fn items(self) -> &'static str {
        match self {
            Signal::Metrics => "metric_points",
            Signal::Traces => "spans",
            Signal::Logs => "log_records",
        }
    }
}

impl std::fmt::Display for Signal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// One export request: its signal and its protobuf bytes, shared and never changed in place.
#[derive(Debug, Clone)]
pub struct Batch {
    /// What `bytes` holds.
    pub signal: Signal,
    /// The serialized export request. Not trusted until a view has walked it.
    pub bytes: Bytes,
    /// How many items those are, once somebody has counted.
    pub items: Option<u64>,
    /// What to do with strings that are not UTF-8; the receiver's setting.
    pub invalid_utf8: InvalidUtf8,
    /// What the receiver keeps of the request's headers.
    pub metadata: Metadata,
}

/// What a receiver keeps of a request's headers, such as the tenant, shared and never changed in place; and who sent it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Metadata {
    entries: Option<Arc<[(String, String)]>>,
    /// Of the connection. It is for plugins: a queue does not keep it.
    sender: Option<IpAddr>,
}

/// What HTTP and gRPC say between neighbours, and what lets a sender in: metadata is kept in queues, on disk too, and secrets are not.
const NEVER_KEPT: &[&str] = &[
    "accept",
    "accept-encoding",
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];

impl Metadata {
    /// Whether a header of that name is left out, whatever the configuration says.
    pub fn is_never_kept(name: &str) -> bool {
        let is_grpcs = name.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("grpc-"));
        is_grpcs || NEVER_KEPT.iter().any(|never| never.eq_ignore_ascii_case(name))
    }

    /// Names, in lower case, and values. A name may come several times; the order of its values is kept.
    pub fn new(mut entries: Vec<(String, String)>) -> Metadata {
        entries.sort_by(|(one, _), (other, _)| one.cmp(other));
        Metadata { entries: if entries.is_empty() { None } else { Some(entries.into()) }, sender: None }
    }

    /// The same of a request that came from there.
    pub fn sent_by(self, sender: Option<IpAddr>) -> Metadata {
        Metadata { sender: sender.map(|address| address.to_canonical()), ..self }
    }

    /// Where the request came from, where that is known.
    pub fn sender(&self) -> Option<IpAddr> {
        self.sender
    }

    /// All of it, ascending by name.
    pub fn entries(&self) -> &[(String, String)] {
        self.entries.as_deref().unwrap_or_default()
    }

    /// The values of a name in lower case.
    pub fn values<'m>(&'m self, name: &'m str) -> impl Iterator<Item = &'m str> {
        self.entries().iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// What happens to a request with a string that is not UTF-8. Protobuf demands UTF-8; some senders do not comply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum InvalidUtf8 {
    /// The request is refused as malformed, as the protobuf specification says.
    #[default]
    Reject,
    /// The bytes pass as they are, as in the OpenTelemetry Collector.
    Accept,
}
