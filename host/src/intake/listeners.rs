//! Listeners: what all receivers say they serve, by address. Several at one address share its connections, TLS and authentication, and so
//! have to say the same of them.

use std::collections::HashSet;
use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::watch;

use super::grpc::GrpcPort;
use super::http::HttpPort;
use super::metrics::PortMetrics;
use super::transport::Transport;
use crate::contract::{BindError, ComponentId, Health, MemoryGate, Stop};
use crate::net::tls::Expiry;
use crate::net::{Endpoint, Listening, Network};
use crate::telemetry::{Registry, show_certificate};

/// What a receiver serves at one address.
pub struct Port {
    /// Which receiver.
    pub receiver: ComponentId,
    /// The keys of its configuration that lead to the mapping with the `endpoint`.
    pub keys: &'static [&'static str],
    /// What it is.
    pub served: Served,
    /// Shows where it is, and the line that sends data there.
    pub sample: Sample,
}

/// An endpoint and the one line that sends data to it, for the banner at start-up.
pub type Sample = Box<dyn Fn(&Reachable) -> (String, String) + Send + Sync>;

/// Where a sender on this machine reaches a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reachable {
    /// `host:port`.
    pub address: String,
    /// Whether it has TLS.
    pub is_secure: bool,
    /// The unix socket that it is, in place of an address.
    pub socket: Option<PathBuf>,
}

/// What is served at one address.
pub enum Served {
    /// gRPC.
    Grpc(GrpcPort),
    /// HTTP.
    Http(HttpPort),
}

impl Served {
    fn transport(&self) -> Transport {
        match self {
            Served::Grpc(_) => Transport::Grpc,
            Served::Http(_) => Transport::Http,
        }
    }

    fn endpoint(&self) -> &Endpoint {
        match self {
            Served::Grpc(port) => &port.settings.endpoint,
            Served::Http(port) => &port.settings.endpoint,
        }
    }

    fn network(&self) -> Network {
        match self {
            Served::Grpc(port) => port.settings.transport,
            Served::Http(port) => port.settings.transport,
        }
    }

    fn is_secure(&self) -> bool {
        match self {
            Served::Grpc(port) => port.settings.tls.is_some(),
            Served::Http(port) => port.settings.tls.is_some(),
        }
    }

    /// When the certificate ends that it shows, if it shows any.
    fn expiry(&self) -> Option<Expiry> {
        match self {
            Served::Grpc(port) => port.expiry(),
            Served::Http(port) => port.expiry(),
        }
    }

    /// What is served there, each once.
    fn names(&self) -> HashSet<&str> {
        match self {
            Served::Grpc(port) => {
                port.methods.iter().map(|method| method.path).chain(port.services.iter().map(|s| s.name)).collect()
            }
            Served::Http(port) => port.paths.iter().map(|path| path.path.as_str()).collect(),
        }
    }

    /// Serves what another port at this address does as well; says why it cannot.
    fn add(&mut self, other: Served) -> Result<(), Conflict> {
        let taken = self.names().intersection(&other.names()).min().map(|name| (*name).to_owned());
        if let Some(name) = taken {
            return Err(Conflict::Taken { name });
        }
        match (self, other) {
            (Served::Grpc(port), Served::Grpc(other)) => {
                port.settings.difference(&other.settings).map_or(Ok(()), |key| Err(Conflict::Settings { key }))?;
                port.methods.extend(other.methods);
                port.services.extend(other.services);
                Ok(())
            }
            (Served::Http(port), Served::Http(other)) => {
                port.settings.difference(&other.settings).map_or(Ok(()), |key| Err(Conflict::Settings { key }))?;
                port.paths.extend(other.paths);
                Ok(())
            }
            _ => Err(Conflict::Protocol),
        }
    }
}

/// Why two ports cannot be one.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Conflict {
    Taken { name: String },
    Settings { key: &'static str },
    Protocol,
}

/// A port that cannot be where another one is.
#[derive(Debug, thiserror::Error)]
#[error("`{endpoint}`: receiver {other} listens there too, {reason}")]
pub struct JoinError {
    /// Whose port it is.
    pub receiver: ComponentId,
    /// The keys that lead to its mapping.
    pub keys: &'static [&'static str],
    endpoint: String,
    other: ComponentId,
    reason: String,
}

impl JoinError {
    fn new(
        port: (ComponentId, &'static [&'static str]),
        endpoint: &Endpoint,
        other: ComponentId,
        why: Conflict,
    ) -> Self {
        let reason = match why {
            Conflict::Taken { name } => {
                format!("and serves {name}; set another `endpoint` for one of them")
            }
            Conflict::Settings { key } => {
                format!("with another `{key}`; give both the same, or set another `endpoint` for one of them")
            }
            Conflict::Protocol => "with another protocol; set another `endpoint` for one of them".to_owned(),
        };
        let (receiver, keys) = port;
        JoinError { receiver, keys, endpoint: endpoint.to_string(), other, reason }
    }
}

/// An address and all that is served there.
pub struct Listener {
    receivers: Vec<ComponentId>,
    served: Served,
    samples: Vec<Sample>,
    /// Open between `bind` and `serve`.
    socket: Option<Listening>,
}

/// All listeners of a process.
pub struct Listeners(Vec<Listener>);

impl Listeners {
    /// One for each address; a port 0 is a port of its own. Errors are ports that are left out.
    pub fn join(ports: impl IntoIterator<Item = Port>) -> (Listeners, Vec<JoinError>) {
        let (mut listeners, mut errors) = (Vec::<Listener>::new(), Vec::new());
        for Port { receiver, keys, served, sample } in ports {
            let endpoint = served.endpoint().clone();
            let is_there = |listener: &&mut Listener| *listener.served.endpoint() == endpoint;
            match listeners.iter_mut().find(is_there).filter(|_| !endpoint.is_any_port()) {
                None => {
                    listeners.push(Listener { receivers: vec![receiver], served, samples: vec![sample], socket: None });
                }
                Some(listener) => match listener.served.add(served) {
                    Ok(()) => {
                        listener.samples.push(sample);
                        if !listener.receivers.contains(&receiver) {
                            listener.receivers.push(receiver);
                        }
                    }
                    Err(why) => {
                        let other = listener.receivers.first().unwrap_or(&receiver).clone();
                        errors.push(JoinError::new((receiver, keys), &endpoint, other, why));
                    }
                },
            }
        }
        (Listeners(listeners), errors)
    }

    /// Opens every socket, inside the tokio runtime.
    pub fn bind(&mut self) -> Result<(), BindError> {
        self.0.iter_mut().try_for_each(Listener::bind)
    }
}

impl IntoIterator for Listeners {
    type Item = Listener;
    type IntoIter = std::vec::IntoIter<Listener>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// What listeners serve with.
#[derive(Clone)]
pub struct Serving {
    /// What requests under way may take.
    pub memory: MemoryGate,
    /// Where connections are counted.
    pub registry: Registry,
    /// What `grpc.health.v1` says.
    pub health: Health,
}

impl Listener {
    /// What counters and messages call it.
    fn name(&self) -> String {
        let names: Vec<String> = self.receivers.iter().map(ToString::to_string).collect();
        names.join(",")
    }

    fn bind(&mut self) -> Result<(), BindError> {
        self.socket = Some(self.served.endpoint().open(&self.name(), self.served.network())?);
        Ok(())
    }

    /// Where it listens, once bound: how a test that asked for port 0 learns its port.
    pub fn address(&self) -> Option<SocketAddr> {
        self.socket.as_ref().and_then(Listening::address)
    }

    /// Each port's line for the banner at start-up: where it is, and the line that sends data there.
    pub fn samples(&self) -> Vec<(String, String)> {
        let endpoint = self.served.endpoint();
        let address = self.address().map(|address| endpoint.reachable(address).to_string());
        let address = address.unwrap_or_else(|| endpoint.to_string());
        let socket = endpoint.path().map(Path::to_owned);
        let reachable = Reachable { address, is_secure: self.served.is_secure(), socket };
        self.samples.iter().map(|sample| sample(&reachable)).collect()
    }

    /// Serves until `stop` resolves, then drains: no new request is taken and every request under way is answered.
    pub fn serve(self, serving: &Serving, stop: Stop) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let metrics = PortMetrics::new(&self.name(), self.served.transport(), &serving.registry);
        if let Some(expiry) = self.served.expiry() {
            let (name, transport) = (self.name(), self.served.transport().name());
            let labels = [("receiver", name.as_str()), ("transport", transport)];
            show_certificate(&serving.registry, &labels, move || expiry.remaining_s());
        }
        let (memory, metrics) = (serving.memory.clone(), Arc::new(metrics));
        let (stopping, stopped) = watch::channel(false);
        let announce = async move {
            stop.await;
            // Nobody listens only where the port has ended by itself.
            let _ = stopping.send(true);
        };
        let Some(socket) = self.socket else { return Box::pin(announce) };
        match self.served {
            Served::Grpc(port) => {
                let serve = port.server(memory, metrics, &serving.health).serve(socket, stopped);
                Box::pin(async move {
                    tokio::join!(announce, serve);
                })
            }
            Served::Http(port) => {
                let serve = port.server(memory, metrics).serve(socket, stopped);
                Box::pin(async move {
                    tokio::join!(announce, serve);
                })
            }
        }
    }
}
