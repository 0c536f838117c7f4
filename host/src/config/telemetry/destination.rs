//! `exporter: {otlp: …}` of readers and processors, in the words of OpenTelemetry's declarative configuration, schema 0.3, which the Collector
//! reads here. Times are whole numbers of milliseconds.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::contract::{OtlpProtocol, Secret, TelemetryDestination};

/// What sends.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PushExporter {
    /// OTLP.
    pub otlp: Otlp,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Otlp {
    /// How OTLP is spoken.
    protocol: Protocol,
    /// Where it sends, as a URL or as `host:port`; over HTTP without a path it is `/v1/` and the signal.
    endpoint: String,
    /// Whether an endpoint without a scheme is without TLS.
    #[serde(default)]
    insecure: bool,
    /// The CA of the destination, in PEM; the system's without it.
    #[serde(default)]
    certificate: Option<PathBuf>,
    /// The certificate of this side, in PEM.
    #[serde(default)]
    client_certificate: Option<PathBuf>,
    /// The certificate's private key, in PEM.
    #[serde(default)]
    client_key: Option<PathBuf>,
    /// What goes along with each request.
    #[serde(default)]
    headers: Vec<Header>,
    /// How messages are compressed.
    #[serde(default)]
    compression: OtlpCompression,
    /// How long one attempt may take, in milliseconds.
    #[serde(default = "attempt_ms")]
    timeout: u64,
    /// Whether each push has everything since the start.
    #[schemars(extend("x-collector" = "same; of metrics only, and others than `cumulative` are refused"))]
    #[serde(default)]
    #[allow(dead_code, reason = "there is one value")]
    temporality_preference: Temporality,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Header {
    /// Its name.
    name: String,
    /// Its value.
    value: Secret,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
enum Protocol {
    /// OTLP/gRPC.
    #[serde(rename = "grpc")]
    Grpc,
    /// OTLP/HTTP with protobuf.
    #[serde(rename = "http/protobuf")]
    Http,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum OtlpCompression {
    /// Not.
    #[default]
    None,
    /// By gzip.
    Gzip,
}

#[derive(Clone, Copy, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Temporality {
    /// It has.
    #[default]
    Cumulative,
}

fn attempt_ms() -> u64 {
    10_000
}

impl PushExporter {
    /// Where it sends.
    pub fn destination(self) -> TelemetryDestination {
        let Otlp { protocol, endpoint, insecure, certificate, client_certificate, client_key, headers, .. } = self.otlp;
        // As in the Collector.
        let has_scheme = endpoint.starts_with("http://") || endpoint.starts_with("https://");
        let endpoint = match (has_scheme, insecure) {
            (true, _) => endpoint,
            (false, true) => format!("http://{endpoint}"),
            (false, false) => format!("https://{endpoint}"),
        };
        TelemetryDestination {
            protocol: match protocol {
                Protocol::Grpc => OtlpProtocol::Grpc,
                Protocol::Http => OtlpProtocol::Http,
            },
            endpoint,
            certificate,
            client_certificate,
            client_key,
            headers: headers.into_iter().map(|Header { name, value }| (name, value)).collect(),
            gzip: self.otlp.compression == OtlpCompression::Gzip,
            timeout: Duration::from_millis(self.otlp.timeout),
        }
    }
}
