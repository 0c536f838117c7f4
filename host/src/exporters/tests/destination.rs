//! Our own receiver, with a host behind it that keeps what it is given and answers by a rule.

use std::error::Error;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::contract::{Accepted, Answer, Authenticators, Batch, Ingest, Request};
use crate::receivers::otlp::Config;
use crate::receivers::otlp::tests::receiving::Receiving;
use crate::telemetry::Registry;

/// What is served until it is dropped.
pub(super) struct Destination {
    pub(super) grpc: SocketAddr,
    pub(super) http: SocketAddr,
    pub(super) registry: Registry,
    host: Arc<Host>,
    _stop: oneshot::Sender<()>,
}

struct Host {
    batches: Mutex<Vec<Batch>>,
    answer: Answer,
}

impl Ingest for Host {
    fn submit(&self, request: Request) {
        let Some((batch, sender)) = request.take() else { return };
        lock(&self.batches).push(batch);
        drop(sender.send(self.answer.clone()));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Destination {
    /// One that takes everything; `keys` stand in both protocols' configuration.
    pub(super) fn start(keys: Value) -> Result<Destination, Box<dyn Error>> {
        Self::answering(Ok(Accepted { items: 1, ..Accepted::default() }), keys, &Authenticators::default())
    }

    pub(super) fn answering(
        answer: Answer,
        keys: Value,
        known: &Authenticators,
    ) -> Result<Destination, Box<dyn Error>> {
        let mut port = json!({"endpoint": "127.0.0.1:0"});
        if let (Value::Object(port), Value::Object(keys)) = (&mut port, keys) {
            port.extend(keys);
        }
        Self::serving(json!({"grpc": port, "http": port}), answer, known)
    }

    /// One that takes everything, at `grpc.sock` and `http.sock` of a folder.
    pub(super) fn on_sockets(folder: &Path) -> Result<Destination, Box<dyn Error>> {
        let at = |name: &str| json!({"transport": "unix", "endpoint": folder.join(name)});
        let protocols = json!({"grpc": at("grpc.sock"), "http": at("http.sock")});
        Self::serving(protocols, Ok(Accepted { items: 1, ..Accepted::default() }), &Authenticators::default())
    }

    fn serving(protocols: Value, answer: Answer, known: &Authenticators) -> Result<Destination, Box<dyn Error>> {
        let config: Config = serde_json::from_str(&json!({"protocols": protocols}).to_string())?;
        let host = Arc::new(Host { batches: Mutex::default(), answer });
        let (registry, ingest): (_, Arc<dyn Ingest>) = (Registry::default(), host.clone());
        let Receiving { grpc, http, stop, .. } = Receiving::start("otlp", config, ingest, &registry, known)?;
        Ok(Destination { grpc, http, registry, host, _stop: stop })
    }

    /// What has arrived since the last call.
    pub(super) fn take(&self) -> Vec<Batch> {
        std::mem::take(&mut *lock(&self.host.batches))
    }

    /// A client's configuration for each protocol, without TLS; `keys` stand in both.
    pub(super) fn configs(&self, keys: &Value) -> [Value; 2] {
        let with = |endpoint: String, more: Value| {
            let mut config = json!({"endpoint": endpoint});
            if let Value::Object(config) = &mut config {
                config.extend(more.as_object().cloned().unwrap_or_default());
                config.extend(keys.as_object().cloned().unwrap_or_default());
            }
            config
        };
        let grpc = with(self.grpc.to_string(), json!({"tls": {"insecure": true}}));
        [grpc, with(format!("http://{}", self.http), json!({}))]
    }

    /// The same over TLS, by a name that certificates have.
    pub(super) fn secure_configs(&self, tls: &Value, keys: &Value) -> [Value; 2] {
        let with = |endpoint: String| {
            let mut config = json!({"endpoint": endpoint, "tls": tls});
            if let Value::Object(config) = &mut config {
                config.extend(keys.as_object().cloned().unwrap_or_default());
            }
            config
        };
        [with(format!("localhost:{}", self.grpc.port())), with(format!("https://localhost:{}", self.http.port()))]
    }

    /// What the receiver has counted, over both ports.
    pub(super) fn counted(&self, name: &str) -> i64 {
        self.registry.total(name, &[])
    }
}
