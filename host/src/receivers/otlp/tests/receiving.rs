//! A receiver that is served, for tests.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::super::{Config, Type};
use crate::contract::{Authenticators, Health, Ingest, MemoryGate, Phase, Stop};
use crate::families::{ReceiverContext, ReceiverType as _};
use crate::intake::{Listeners, Serving};
use crate::telemetry::Registry;

/// What a receiver with both protocols serves until `stop` is dropped.
pub(crate) struct Receiving {
    pub(crate) grpc: SocketAddr,
    pub(crate) http: SocketAddr,
    pub(crate) samples: Vec<(String, String)>,
    pub(crate) health: Health,
    pub(crate) stop: oneshot::Sender<()>,
    pub(crate) served: JoinHandle<()>,
}

impl Receiving {
    /// Serves, inside the tokio runtime.
    pub(crate) fn start(
        id: &str,
        config: Config,
        ingest: Arc<dyn Ingest>,
        registry: &Registry,
        authenticators: &Authenticators,
    ) -> Result<Receiving, Box<dyn Error>> {
        let (memory, health) = (MemoryGate::default(), Health::default());
        health.enter(Phase::Running);
        let context = ReceiverContext { ingest, registry, authenticators, memory: &memory };
        let made = Type::make(&id.parse()?, config, &context).map_err(|error| error.to_string())?;
        let (mut listeners, errors) = Listeners::join(made);
        assert!(errors.is_empty(), "{errors:?}");
        listeners.bind()?;
        let listeners: Vec<_> = listeners.into_iter().collect();
        let [grpc, http] = &listeners[..] else { return Err("two listeners".into()) };
        // A unix socket has none.
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        let (grpc, http) = (grpc.address().unwrap_or(nowhere), http.address().unwrap_or(nowhere));
        let samples = listeners.iter().flat_map(|listener| listener.samples()).collect();
        let serving = Serving { memory, registry: registry.clone(), health: health.clone() };
        let (stop, stopped) = oneshot::channel::<()>();
        let (all, _) = tokio::sync::watch::channel(false);
        let stopping = |mut stopped: tokio::sync::watch::Receiver<bool>| -> Stop {
            Box::pin(async move { drop(stopped.wait_for(|stopped| *stopped).await) })
        };
        let tasks: Vec<_> = listeners
            .into_iter()
            .map(|listener| tokio::spawn(listener.serve(&serving, stopping(all.subscribe()))))
            .collect();
        let served = tokio::spawn(async move {
            drop(stopped.await);
            all.send_replace(true);
            for task in tasks {
                drop(task.await);
            }
        });
        Ok(Receiving { grpc, http, samples, health, stop, served })
    }
}
