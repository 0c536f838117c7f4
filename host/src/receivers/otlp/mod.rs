//! The `otlp` receiver: OTLP over gRPC and over HTTP, for metrics, traces and logs.
//!
//! It says what is served where and in which format; everything else is shared with other receivers ([`intake`](crate::intake)). Protobuf
//! is never decoded here: validation is the host's.

mod answers;
mod config;
mod format;
#[cfg(test)]
pub(crate) mod tests;

use std::num::NonZeroU32;
use std::sync::Arc;

pub use self::config::{Config, GrpcConfig, HttpConfig, Protocols, UrlPath};

use self::answers::response_protobuf;
use self::format::Format;
use crate::contract::{Authentication, ComponentId, Signal};
use crate::families::{
    self, ComponentType, FormerKey, Listener, ReceiverContext, ReceiverType, Reference, Role, Stability,
};
use crate::intake::{
    GrpcMethod, GrpcPort, HttpPath, HttpPort, Intake, MakeError, Port, Reachable, Sample, Served, Transport,
};
use crate::net::Endpoint;

/// The type `otlp`.
pub struct Type;

impl ComponentType for Type {
    const NAMES: &'static [&'static str] = &["otlp"];
    const STABILITY: Stability = Stability::Beta;
    const FORMER_KEYS: &'static [FormerKey] = &[
        FormerKey::renamed(
            &["protocols", "http", "cors_allowed_origins"],
            &["protocols", "http", "cors", "allowed_origins"],
        ),
        FormerKey::renamed(
            &["protocols", "http", "cors_allowed_headers"],
            &["protocols", "http", "cors", "allowed_headers"],
        ),
        FormerKey::renamed(&["protocols", "http", "tls_settings"], &["protocols", "http", "tls"]),
        FormerKey::renamed(&["protocols", "grpc", "tls_settings"], &["protocols", "grpc", "tls"]),
    ];
    type Config = Config;

    fn references(config: &Config) -> Vec<Reference> {
        let Protocols { grpc, http } = &config.protocols;
        let named =
            [grpc.as_ref().and_then(|grpc| grpc.auth.as_ref()), http.as_ref().and_then(|http| http.auth.as_ref())];
        let reference =
            |auth: &Authentication| Reference { role: Role::ServerAuthenticator, id: auth.authenticator.clone() };
        named.into_iter().flatten().map(reference).collect()
    }

    fn listeners(config: &Config) -> Vec<Listener> {
        let listener = |keys, endpoint: &Endpoint, connections: NonZeroU32| Listener {
            keys,
            endpoint: endpoint.to_string(),
            connections_max: usize::try_from(connections.get()).unwrap_or(usize::MAX),
            is_shared: true,
        };
        let Protocols { grpc, http } = &config.protocols;
        let grpc = grpc.iter().map(|grpc| listener(GRPC_KEYS, &grpc.endpoint, grpc.max_connections));
        let http = http.iter().map(|http| listener(HTTP_KEYS, &http.endpoint, http.max_connections));
        grpc.chain(http).collect()
    }
}

const GRPC_KEYS: &[&str] = &["protocols", "grpc"];
const HTTP_KEYS: &[&str] = &["protocols", "http"];

impl ReceiverType for Type {
    fn make(id: &ComponentId, config: Config, context: &ReceiverContext<'_>) -> Result<Vec<Port>, families::MakeError> {
        let grpc = config.protocols.grpc.as_ref().map(|grpc| grpc_port(id, &config, grpc, context));
        let http = config.protocols.http.as_ref().map(|http| http_port(id, &config, http, context));
        Ok([grpc, http].into_iter().flatten().collect::<Result<_, MakeError>>()?)
    }

    /// Each protocol alone, so that what is wrong has its place.
    fn obstacles(id: &ComponentId, config: Config, context: &ReceiverContext<'_>) -> Vec<families::MakeError> {
        let grpc = config.protocols.grpc.as_ref().map(|grpc| (GRPC_KEYS, grpc_port(id, &config, grpc, context)));
        let http = config.protocols.http.as_ref().map(|http| (HTTP_KEYS, http_port(id, &config, http, context)));
        let obstacle = |(keys, made): (&'static [&'static str], Result<Port, MakeError>)| {
            let error = made.err()?;
            let below: &[&str] = match error {
                MakeError::Tls(_) => &["tls"],
                MakeError::Network(_) => &["endpoint"],
                MakeError::Auth(_) => &[],
            };
            let keys = keys.iter().chain(below).rev();
            Some(keys.fold(families::MakeError::from(error), |error, key| error.below(key)))
        };
        [grpc, http].into_iter().flatten().filter_map(obstacle).collect()
    }
}

/// The Export method of each signal's service.
fn method(signal: Signal) -> &'static str {
    match signal {
        Signal::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
        Signal::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        Signal::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    }
}

fn intake(id: &ComponentId, transport: Transport, config: &Config, context: &ReceiverContext<'_>) -> Intake {
    let ReceiverContext { ingest, registry, memory, .. } = context;
    Intake::new(id, transport, Arc::clone(ingest), config.invalid_utf8, (*memory).clone(), registry)
}

fn grpc_port(
    id: &ComponentId,
    config: &Config,
    grpc: &GrpcConfig,
    context: &ReceiverContext<'_>,
) -> Result<Port, MakeError> {
    let intake = intake(id, Transport::Grpc, config, context);
    let methods = Signal::ALL.map(|signal| {
        let (path, intake) = (method(signal), intake.clone());
        GrpcMethod { path, signal, intake, accepted: response_protobuf }
    });
    let served = GrpcPort::new(grpc.settings(), methods.into(), Vec::new(), context.authenticators)?;
    let sample: Sample = Box::new(|Reachable { address, is_secure, socket }| {
        if let Some(path) = socket {
            let url = format!("unix://{}", path.display());
            return (url.clone(), format!("OTEL_EXPORTER_OTLP_PROTOCOL=grpc OTEL_EXPORTER_OTLP_ENDPOINT={url}"));
        }
        let (scheme, shown) = if *is_secure { ("https", "grpcs") } else { ("http", "grpc") };
        let line = format!("OTEL_EXPORTER_OTLP_PROTOCOL=grpc OTEL_EXPORTER_OTLP_ENDPOINT={scheme}://{address}");
        (format!("{shown}://{address}"), line)
    });
    Ok(Port { receiver: id.clone(), keys: GRPC_KEYS, served: Served::Grpc(served), sample })
}

fn http_port(
    id: &ComponentId,
    config: &Config,
    http: &HttpConfig,
    context: &ReceiverContext<'_>,
) -> Result<Port, MakeError> {
    let intake = intake(id, Transport::Http, config, context);
    let paths = Signal::ALL.map(|signal| HttpPath {
        path: http.path(signal).to_owned(),
        intake: intake.clone(),
        format: Arc::new(Format { signal, strings: intake.strings() }),
    });
    let served = HttpPort::new(http.settings(), paths.into(), context.authenticators)?;
    let signal = Signal::ALL.into_iter().find(|signal| intake.takes(*signal)).unwrap_or(Signal::Metrics);
    let path = http.path(signal).to_owned();
    let sample: Sample = Box::new(move |Reachable { address, is_secure, socket }| {
        let scheme = if *is_secure { "https" } else { "http" };
        if let Some(socket) = socket {
            let line = curl(signal, &format!("{scheme}://localhost{path}"));
            let by_socket = format!("curl --unix-socket {} ", socket.display());
            return (format!("unix://{}", socket.display()), line.replacen("curl ", &by_socket, 1));
        }
        (format!("{scheme}://{address}"), curl(signal, &format!("{scheme}://{address}{path}")))
    });
    Ok(Port { receiver: id.clone(), keys: HTTP_KEYS, served: Served::Http(served), sample })
}

/// Sends one item of that signal to this URL.
fn curl(signal: Signal, url: &str) -> String {
    let body = match signal {
        Signal::Metrics => concat!(
            r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"work.done","#,
            r#""sum":{"aggregationTemporality":1,"isMonotonic":true,"dataPoints":[{"asInt":1,"#,
            r#""attributes":[{"key":"work.type","value":{"stringValue":"manual"}}]}]}}]}]}]}"#,
        ),
        Signal::Traces => concat!(
            r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"work","kind":1,"#,
            r#""traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174"}]}]}]}"#,
        ),
        Signal::Logs => {
            r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"work is done"}}]}]}]}"#
        }
    };
    format!("curl -H 'Content-Type: application/json' -d '{body}' {url}")
}
