//! The Prometheus exporter: the latest value of every series, for whoever scrapes it.
//!
//! All kinds of metrics are shown. Deltas of a stream are added up, of histograms too, as long as each begins where the last one
//! ended (see `series`). Exponential histograms are shown with classic buckets (see `exponential`): only the protobuf exposition
//! has native ones, and without them the text would say a count and a sum. What is shown lives in memory only.
//!
//! Two OTLP streams that would be the same line of an exposition are one series: their deltas are added up, of their other
//! values the newest stands, and each of their points is counted as a conflict. Whatever is shown otherwise than it came moves a
//! counter: `drop_counters` counts what is not shown at all, `notes` the rest.
//!
//! The way in is `ingest`, the way out `server`; both meet in `store`. Names and labels follow the specification's
//! "Prometheus and OpenMetrics compatibility" and, where it leaves a choice, the Collector.

mod bounds;
mod compound;
mod config;
mod drop_counters;
mod drops;
mod exemplar;
mod exponential;
mod exposition;
mod family;
mod ingest;
mod known;
mod labels;
mod metric;
mod names;
mod negotiate;
mod note;
mod notes;
mod numbers;
mod pace;
mod promoted;
mod read;
mod scope;
mod scrape;
mod series;
mod server;
mod settings;
mod slab;
mod store;
mod tally;
mod target;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use tokio::net::TcpListener;

pub use config::Config;
pub use exposition::Format as ScrapeFormat;
pub use scrape::ScrapeBody;

use super::{Clock, monotonic_clock};
use crate::contract::{Batch, BindError, ComponentId, Consumed, Exporter, ExporterError, Remarks, Signal, Stop};
use crate::families::{ComponentType, ExporterContext, ExporterType, FarEnd, Listener, MakeError, Stability};
use crate::otlp::levels::Order;
use crate::otlp::{Malformed, Strings, check, metrics};
use crate::telemetry::Registry;
use drop_counters::DropCounters;
use ingest::Ingest;
use known::Known;
use notes::Notes;
use pace::Limits;
use read::PointReader;
use scrape::ScrapeTarget;
use settings::Settings;
use store::Store;

/// The type `prometheus`.
pub struct Type;

impl ComponentType for Type {
    const NAMES: &'static [&'static str] = &["prometheus"];
    const STABILITY: Stability = Stability::Beta;
    type Config = Config;

    fn listeners(config: &Config) -> Vec<Listener> {
        vec![Listener {
            keys: &[],
            endpoint: config.endpoint.clone(),
            connections_max: server::CONNECTIONS_MAX,
            is_shared: false,
        }]
    }
}

impl ExporterType for Type {
    fn make(id: &ComponentId, config: Config, context: &ExporterContext<'_>) -> Result<FarEnd, MakeError> {
        Ok(FarEnd::Local(Box::new(PrometheusExporter::new(id.clone(), config, context.registry))))
    }

    fn misfit(_: &Config, signal: Signal, pipeline: &ComponentId) -> Option<String> {
        (signal != Signal::Metrics).then(|| format!("has metrics only; take it out of pipeline {pipeline}"))
    }
}

/// `exporters: prometheus:`, running.
pub struct PrometheusExporter {
    id: ComponentId,
    endpoint: String,
    settings: Settings,
    shared: Arc<ScrapeTarget>,
    counters: DropCounters,
    known: Known,
    reader: PointReader,
    limits: Limits,
    /// Whether it was logged that this exporter is in a pipeline of another signal.
    refusal_logged: bool,
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
        let shared = ScrapeTarget::new(store, Notes::new(&id, registry), clock, &config);
        PrometheusExporter {
            settings: Settings::new(&config),
            counters: DropCounters::new(&id, registry),
            known: Known::default(),
            reader: PointReader::default(),
            limits: Limits::default(),
            refusal_logged: false,
            id,
            endpoint: config.endpoint,
            shared: Arc::new(shared),
            listener: None,
            address: None,
        }
    }

    /// The body of an answer to a scrape that begins now.
    pub fn scrape(&self, format: ScrapeFormat, gzip: bool) -> ScrapeBody {
        ScrapeBody::new(Arc::clone(&self.shared), format, gzip, None)
    }

    /// Takes a metrics request into the store; returns how many points it has.
    fn consume_metrics(&mut self, request: &[u8]) -> Result<Consumed, Malformed> {
        let now = (self.shared.clock)();
        let (known, reader) = (&mut self.known, &mut self.reader);
        let mut ingest = Ingest::new(self.shared.for_ingest(), &self.settings, known, reader, now);
        let points = metrics::walk(request, Strings::Bytes, Order::Any, &mut ingest)?;
        let (drops, tally) = ingest.finish();
        self.shared.notes.add(&tally, now);
        self.counters.add(&drops, now);
        Ok(drops.consumed(points))
    }

    /// Counts what this exporter has no form for at all.
    fn refuse(&mut self, signal: Signal, request: &[u8]) -> Result<Consumed, Malformed> {
        let dropped = check(signal, request, Strings::Bytes)?;
        if dropped > 0 && !std::mem::replace(&mut self.refusal_logged, true) {
            let (exporter, items) = (self.id.to_string(), signal.items());
            tracing::warn!(
                exporter,
                items,
                "dropped: Prometheus has metrics only; take this exporter out of the pipeline"
            );
        }
        Ok(Consumed { items: 0, dropped, reason: if dropped > 0 { "unsupported_signal" } else { "" } })
    }
}

impl Exporter for PrometheusExporter {
    fn consume(&mut self, batch: &Batch) -> Result<Consumed, ExporterError> {
        let taken = match batch.signal {
            Signal::Metrics => self.consume_metrics(&batch.bytes),
            signal => self.refuse(signal, &batch.bytes),
        };
        taken.map_err(|Malformed { offset, reason }| ExporterError::Unreadable { offset, reason })
    }

    fn bind(&mut self) -> Result<(), BindError> {
        let (listener, address) = server::bind(&self.id, &self.endpoint)?;
        self.address = address;
        self.listener = Some(listener);
        Ok(())
    }

    fn serve(&mut self, stop: Stop) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        match self.listener.take() {
            Some(listener) => Box::pin(server::serve(listener, Arc::clone(&self.shared), self.limits, stop)),
            None => stop,
        }
    }

    /// The conflicts of the last ten minutes: names that two metrics come to, series that are two streams.
    fn remarks(&self) -> Option<Remarks> {
        let shared = Arc::clone(&self.shared);
        Some(Arc::new(move || shared.notes.conflicts((shared.clock)())))
    }

    fn endpoint(&self) -> Option<String> {
        let address = self.address.map_or_else(|| self.endpoint.clone(), |address| address.to_string());
        Some(format!("http://{address}{}", server::PATH))
    }
}
