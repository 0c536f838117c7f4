//! Pushes the host's own metrics, logs and traces over OTLP, where the configuration says so.
//!
//! - `encode` writes them as OTLP requests;
//! - `layer` makes log records of what is logged, `queue` holds records and spans until they are sent;
//! - `pusher` sends one request, with retries; `tasks` decides when.
//!
//! The exporters' own clients send: there is no second one. Nothing here ever blocks what it tells of. What finds a full queue is dropped and
//! counted; a destination that fails is told once in a while, on standard error only. What is logged while a push is made is not pushed, so no push
//! causes the next one.

mod encode;
mod layer;
mod pusher;
mod queue;
mod tasks;

use std::sync::Arc;
use std::time::Duration;

use crate::contract::{Client, Resource, Span, Tracer};
use crate::telemetry::Registry;

pub use layer::LogLayer;
use queue::{Outlet, queue};
pub use tasks::Pushing;

/// When something is pushed.
#[derive(Debug, Clone)]
pub struct PushSettings {
    /// Metrics: how often. Otherwise: how long the first of a batch waits for more.
    pub interval: Duration,
    /// How long one push may take, retries included.
    pub timeout: Duration,
    /// How many may wait; unused for metrics.
    pub queue_max: usize,
    /// How many are sent together at the most; unused for metrics.
    pub batch_max: usize,
}

/// Log records on their way; one end is in the log.
pub struct Logs(Vec<(PushSettings, Outlet<layer::LogRecord>)>);

/// Spans on their way; the other end is a [`Tracer`].
pub struct Spans(Vec<(PushSettings, Outlet<Span>)>);

/// A layer for the log, and the far end of what it takes in; `None` where nobody wants it.
pub fn logs(settings: Vec<PushSettings>, registry: &Registry) -> (Option<LogLayer>, Logs) {
    let (inlets, outlets): (Vec<_>, Vec<_>) = settings
        .into_iter()
        .map(|settings| {
            let (inlet, outlet) = queue(settings.queue_max, "logs", registry);
            (inlet, (settings, outlet))
        })
        .unzip();
    ((!inlets.is_empty()).then(|| LogLayer::new(inlets)), Logs(outlets))
}

/// What samples trips, and the far end of the spans; it samples none where nobody wants them.
pub fn spans(ratio: f64, settings: Vec<PushSettings>, registry: &Registry) -> (Tracer, Spans) {
    let (inlets, outlets): (Vec<_>, Vec<_>) = settings
        .into_iter()
        .map(|settings| {
            let (inlet, outlet) = queue(settings.queue_max, "traces", registry);
            (inlet, (settings, outlet))
        })
        .unzip();
    if inlets.is_empty() {
        return (Tracer::default(), Spans(outlets));
    }
    (Tracer::new(ratio, move |span: Span| inlets.iter().for_each(|inlet| inlet.put(span.clone()))), Spans(outlets))
}

/// Who sends what: a client for each reader and processor, in the order of their settings.
pub struct Destinations {
    /// Of metrics.
    pub metrics: Vec<(PushSettings, Arc<dyn Client>)>,
    /// Of logs.
    pub logs: Vec<Arc<dyn Client>>,
    /// Of traces.
    pub traces: Vec<Arc<dyn Client>>,
}

/// Begins to push, inside the tokio runtime.
pub fn start(
    destinations: Destinations,
    logs: Logs,
    spans: Spans,
    resource: &Resource,
    registry: &Registry,
) -> Pushing {
    let Destinations { metrics, logs: to_logs, traces } = destinations;
    let resource: Arc<[u8]> = encode::resource(resource).into();
    let mut pushing = Pushing::new(resource, registry.clone());
    metrics.into_iter().for_each(|(settings, client)| pushing.metrics(&settings, client));
    logs.0.into_iter().zip(to_logs).for_each(|((settings, outlet), client)| pushing.logs(settings, outlet, client));
    spans.0.into_iter().zip(traces).for_each(|((settings, outlet), client)| pushing.spans(settings, outlet, client));
    pushing
}
