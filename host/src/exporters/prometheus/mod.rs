//! The Prometheus exporter: the latest value of every series, for whoever scrapes it.
//!
//! Sums and gauges are shown; deltas are added up; histograms, exponential histograms and summaries are dropped and counted. Two
//! OTLP streams that would be the same line of an exposition are one series. What is shown lives in memory only.
//!
//! The way in is `ingest`, the way out `server`; both meet in `store`. Names and labels follow the specification's
//! "Prometheus and OpenMetrics compatibility" and, where it leaves a choice, the Collector.

mod config;
mod drops;
mod exposition;
mod family;
mod ingest;
mod labels;
mod names;
mod negotiate;
mod scope;
mod scrape;
mod series;
mod server;
mod settings;
mod slab;
mod store;
mod target;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use tokio::net::TcpListener;

pub use config::{Config, ResourceToTelemetry};

use super::{Clock, monotonic_clock};
use crate::contract::{Batch, BindError, ComponentId, Consumed, Exporter, ExporterError, Signal, Stop};
use crate::otlp::{Malformed, Strings, check, metrics};
use crate::telemetry::Registry;
use drops::{DropCounters, Drops, Reason};
use ingest::Ingest;
use scrape::Shared;
use settings::Settings;
use store::Store;

/// `exporters: prometheus:`, running.
pub struct PrometheusExporter {
    id: ComponentId,
    endpoint: String,
    settings: Settings,
    shared: Arc<Shared>,
    counters: DropCounters,
    listener: Option<TcpListener>,
    /// The address that was really bound, which matters for port 0.
    address: Option<SocketAddr>,
}

impl PrometheusExporter {
    /// An exporter with an empty store and no socket yet.
    pub fn new(id: ComponentId, config: Config, registry: &Registry) -> Self {
        Self::with_clock(id, config, registry, monotonic_clock())
    }

    /// The same with another clock, which decides when series expire.
    pub fn with_clock(id: ComponentId, config: Config, registry: &Registry, clock: Clock) -> Self {
        let store = Store::new(config.series_max, config.metric_expiration);
        let shared = Shared::new(store, clock, config.send_timestamps, config.enable_open_metrics);
        PrometheusExporter {
            settings: Settings::new(&config),
            counters: DropCounters::new(&id, registry),
            id,
            endpoint: config.endpoint,
            shared: Arc::new(shared),
            listener: None,
            address: None,
        }
    }

    /// Takes a metrics request into the store; returns how many points it has.
    fn consume_metrics(&self, request: &[u8]) -> Result<(u64, Drops), Malformed> {
        let now = (self.shared.clock)();
        let mut ingest = Ingest::new(self.shared.for_ingest(), &self.settings, now);
        let points = metrics::walk(request, Strings::Bytes, &mut ingest)?;
        Ok((points, ingest.finish(points)))
    }

    /// Counts what this exporter has no form for at all.
    fn refuse(signal: Signal, request: &[u8]) -> Result<(u64, Drops), Malformed> {
        let (items, mut drops) = (check(signal, request, Strings::Bytes)?, Drops::default());
        drops.add(Reason::UnsupportedSignal, items);
        Ok((items, drops))
    }
}

impl Exporter for PrometheusExporter {
    fn consume(&mut self, batch: &Batch) -> Result<Consumed, ExporterError> {
        let taken = match batch.signal {
            Signal::Metrics => self.consume_metrics(&batch.bytes),
            signal => Self::refuse(signal, &batch.bytes),
        };
        let (items, drops) =
            taken.map_err(|Malformed { offset, reason }| ExporterError::Unreadable { offset, reason })?;
        self.counters.add(&drops);
        Ok(drops.consumed(items))
    }

    fn bind(&mut self) -> Result<(), BindError> {
        let listener = server::bind(&self.id, &self.endpoint)?;
        self.address = listener.local_addr().ok();
        self.listener = Some(listener);
        Ok(())
    }

    fn serve(&mut self, stop: Stop) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        match self.listener.take() {
            Some(listener) => Box::pin(server::serve(listener, Arc::clone(&self.shared), stop)),
            None => stop,
        }
    }

    fn endpoint(&self) -> Option<String> {
        let address = self.address.map_or_else(|| self.endpoint.clone(), |address| address.to_string());
        Some(format!("http://{address}{}", server::PATH))
    }
}
