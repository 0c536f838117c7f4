//! The `otlp` receiver: OTLP over gRPC and over HTTP, for metrics, traces and logs.
//!
//! Every request takes the same path: its bytes are gathered within bounds (`body`), unpacked (`compression`), put into
//! protobuf if they are JSON, and handed to the host (`intake`); what comes back, or what stood in the way (`rejection`), is put in
//! the sender's own terms by `grpc` and `http`. Protobuf is never decoded here: validation is the host's.

mod admission;
mod body;
mod config;
mod deadline;
mod endpoint;
mod foreign;
mod grpc;
mod host;
mod http;
mod intake;
mod rejection;
mod serve;
#[cfg(test)]
mod tests;
mod told;
mod wire;

use std::future::Future;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;

pub use self::admission::MakeError;
pub use self::config::{Config, GrpcConfig, HttpConfig, Keepalive, Protocols, ServerParameters};
pub use self::endpoint::{Endpoint, EndpointError};

use self::grpc::GrpcServer;
use self::http::HttpServer;
use self::intake::{Intake, Transport};
use crate::contract::{
    Authentication, Authenticators, BindError, ComponentId, Ingest, MemoryGate, Receiver, Signal, Stop,
};
use crate::families::{self, ComponentType, Listener, ReceiverContext, ReceiverType, Reference, Role, Stability};
use crate::telemetry::Registry;

/// The type `otlp`.
pub struct Type;

impl ComponentType for Type {
    const NAMES: &'static [&'static str] = &["otlp"];
    const STABILITY: Stability = Stability::Beta;
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
    fn make(
        id: &ComponentId,
        config: Config,
        context: &ReceiverContext<'_>,
    ) -> Result<Box<dyn Receiver>, families::MakeError> {
        let ReceiverContext { ingest, registry, authenticators, memory } = context;
        let receiver = OtlpReceiver::new(id.clone(), config, Arc::clone(ingest), registry, authenticators, memory)?;
        Ok(Box::new(receiver))
    }

    /// Each protocol alone, so that what is wrong has its place.
    fn obstacles(id: &ComponentId, config: Config, context: &ReceiverContext<'_>) -> Vec<families::MakeError> {
        let Protocols { grpc, http } = config.protocols.clone();
        let alone = [("grpc", Protocols { grpc, http: None }), ("http", Protocols { grpc: None, http })];
        let is_on = |protocols: &Protocols| protocols.grpc.is_some() || protocols.http.is_some();
        let obstacle = |(name, protocols)| {
            let ReceiverContext { ingest, registry, authenticators, memory } = context;
            let config = Config { protocols, ..config.clone() };
            let made = OtlpReceiver::new(id.clone(), config, Arc::clone(ingest), registry, authenticators, memory);
            let error = made.err()?;
            let below: &[&str] = if matches!(error, MakeError::Tls(_)) { &["tls"] } else { &[] };
            let error = below.iter().fold(families::MakeError::from(error), |error, key| error.below(key));
            Some(error.below(name).below("protocols"))
        };
        alone.into_iter().filter(|(_, protocols)| is_on(protocols)).filter_map(obstacle).collect()
    }
}

/// The receiver behind one `otlp` entry of the configuration.
pub struct OtlpReceiver {
    id: ComponentId,
    grpc: Option<Port<GrpcServer>>,
    http: Option<Port<HttpServer>>,
    ingest: Arc<dyn Ingest>,
}

/// One protocol: where it listens and what answers there.
struct Port<S> {
    endpoint: Endpoint,
    is_secure: bool,
    server: S,
    /// Open between `bind` and `serve`.
    listener: Option<TcpListener>,
}

impl OtlpReceiver {
    /// A receiver that submits to `ingest`. Nothing is opened before `bind`.
    /// Files of TLS are read here.
    pub fn new(
        id: ComponentId,
        config: Config,
        ingest: Arc<dyn Ingest>,
        registry: &Registry,
        authenticators: &Authenticators,
        memory: &MemoryGate,
    ) -> Result<Self, MakeError> {
        let intake =
            |transport| Intake::new(&id, transport, Arc::clone(&ingest), config.invalid_utf8, memory.clone(), registry);
        let grpc = config.protocols.grpc.as_ref().map(|grpc| -> Result<_, MakeError> {
            let server = GrpcServer::new(grpc, intake(Transport::Grpc), authenticators)?;
            Ok(Port { endpoint: grpc.endpoint.clone(), is_secure: grpc.tls.is_some(), server, listener: None })
        });
        let http = config.protocols.http.as_ref().map(|http| -> Result<_, MakeError> {
            let server = HttpServer::new(http, intake(Transport::Http), authenticators)?;
            Ok(Port { endpoint: http.endpoint.clone(), is_secure: http.tls.is_some(), server, listener: None })
        });
        let (grpc, http) = (grpc.transpose()?, http.transpose()?);
        Ok(OtlpReceiver { id, grpc, http, ingest })
    }

    /// The address gRPC listens on, once bound: how a test that asked for port 0 learns its port.
    pub fn grpc_address(&self) -> Option<SocketAddr> {
        self.grpc.as_ref().and_then(Port::address)
    }

    /// The address HTTP listens on, once bound.
    pub fn http_address(&self) -> Option<SocketAddr> {
        self.http.as_ref().and_then(Port::address)
    }
}

impl<S> Port<S> {
    fn bind(&mut self, id: &ComponentId) -> Result<(), BindError> {
        self.listener = Some(self.endpoint.bind(id)?);
        Ok(())
    }

    fn address(&self) -> Option<SocketAddr> {
        self.listener.as_ref().and_then(|listener| listener.local_addr().ok())
    }

    fn scheme(&self) -> &'static str {
        if self.is_secure { "https" } else { "http" }
    }

    /// Where a sender on this machine reaches the port: what was bound if it was, else what was configured.
    fn reachable(&self) -> String {
        match self.address() {
            Some(address) => endpoint::reachable(address).to_string(),
            None => self.endpoint.to_string(),
        }
    }
}

impl Receiver for OtlpReceiver {
    fn bind(&mut self) -> Result<(), BindError> {
        if let Some(grpc) = &mut self.grpc {
            grpc.bind(&self.id)?;
        }
        if let Some(http) = &mut self.http {
            http.bind(&self.id)?;
        }
        Ok(())
    }

    fn serve(self: Box<Self>, stop: Stop) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let (stopping, stopped) = watch::channel(false);
        let grpc = self.grpc.and_then(|port| Some((port.listener?, port.server)));
        let http = self.http.and_then(|port| Some((port.listener?, port.server)));
        let http_stopped = stopped.clone();
        let announce = async move {
            stop.await;
            // No receiver is left only when both ports have ended by themselves.
            let _ = stopping.send(true);
        };
        let serve_grpc = async move {
            if let Some((listener, server)) = grpc {
                server.serve(listener, stopped).await;
            }
        };
        let serve_http = async move {
            if let Some((listener, server)) = http {
                server.serve(listener, http_stopped).await;
            }
        };
        Box::pin(async move {
            tokio::join!(announce, serve_grpc, serve_http);
        })
    }

    fn endpoints(&self) -> Vec<(String, String)> {
        let mut endpoints = Vec::new();
        if let Some(grpc) = &self.grpc {
            let (at, scheme) = (grpc.reachable(), grpc.scheme());
            let line = format!("OTEL_EXPORTER_OTLP_PROTOCOL=grpc OTEL_EXPORTER_OTLP_ENDPOINT={scheme}://{at}");
            let shown = if grpc.is_secure { "grpcs" } else { "grpc" };
            endpoints.push((format!("{shown}://{at}"), line));
        }
        if let Some(http) = &self.http {
            let (at, scheme) = (http.reachable(), http.scheme());
            let signal = Signal::ALL.into_iter().find(|signal| self.ingest.takes(*signal)).unwrap_or(Signal::Metrics);
            endpoints.push((format!("{scheme}://{at}"), curl(signal, &format!("{scheme}://{at}"))));
        }
        endpoints
    }
}

/// Sends one item of that signal to the server with this address.
fn curl(signal: Signal, server: &str) -> String {
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
    format!("curl -H 'Content-Type: application/json' -d '{body}' {server}/v1/{signal}")
}
