//! A lane: what stands between pipelines and one exporter.
//!
//! Room is reserved before any plugin runs, so a full lane refuses a request while nothing has changed, and a committed trip
//! always has a place to go. Today's lanes end at exporters that hold their data in memory; they are bounded and keep order.

use tokio::sync::{mpsc, oneshot};

use crate::contract::{Batch, ComponentId, Exporter, Signal};
use crate::otlp::{Strings, check};
use crate::telemetry::{Counter, Gauge, Registry};

/// How many trips may wait in a lane.
pub const TRIPS_MAX: usize = 256;

enum Load {
    /// What one trip has for this exporter.
    Batches(Vec<Batch>),
    /// Answered when everything before it has been consumed.
    Barrier(oneshot::Sender<()>),
}

/// The near end of a lane. Clones lead into the same one.
#[derive(Clone)]
pub struct Lane {
    id: ComponentId,
    sender: mpsc::Sender<Load>,
    queued: Gauge,
}

/// Room for one trip in one lane.
pub struct Reserved {
    permit: mpsc::OwnedPermit<Load>,
    queued: Gauge,
}

/// The lane has no room.
#[derive(Debug)]
pub struct LaneFull {
    /// The exporter's id.
    pub exporter: ComponentId,
}

impl Lane {
    /// The exporter it ends at.
    pub fn id(&self) -> &ComponentId {
        &self.id
    }

    /// Sets room aside.
    pub fn reserve(&self) -> Result<Reserved, LaneFull> {
        match self.sender.clone().try_reserve_owned() {
            Ok(permit) => Ok(Reserved { permit, queued: self.queued.clone() }),
            Err(_) => Err(LaneFull { exporter: self.id.clone() }),
        }
    }

    /// Waits until everything sent so far has been consumed.
    pub async fn settled(&self) {
        let (done, wait) = oneshot::channel();
        if self.sender.send(Load::Barrier(done)).await.is_ok() {
            // Dropped unanswered only when the exporter is gone: nothing is left to wait for.
            let _ = wait.await;
        }
    }
}

impl Reserved {
    /// Fills the room. Nothing to send gives it back.
    pub fn send(self, batches: Vec<Batch>) {
        if !batches.is_empty() {
            self.queued.add(1);
            self.permit.send(Load::Batches(batches));
        }
    }
}

/// The far end: consumes until every near end is gone.
pub struct LaneTask {
    id: ComponentId,
    receiver: mpsc::Receiver<Load>,
    queued: Gauge,
    registry: Registry,
}

/// A lane to the exporter of that id.
pub fn lane(id: &ComponentId, registry: &Registry) -> (Lane, LaneTask) {
    let (sender, receiver) = mpsc::channel(TRIPS_MAX);
    let label = id.to_string();
    let labels = [("exporter", label.as_str())];
    let capacity = registry.gauge("otelcol_exporter_queue_capacity", "Trips the lane can hold.", &labels);
    capacity.set(TRIPS_MAX as i64);
    let queued = registry.gauge("otelcol_exporter_queue_size", "Trips waiting in the lane.", &labels);
    let lane = Lane { id: id.clone(), sender, queued: queued.clone() };
    (lane, LaneTask { id: id.clone(), receiver, queued, registry: registry.clone() })
}

impl LaneTask {
    /// Feeds the exporter, in order, until the lane is closed and empty.
    pub async fn run(mut self, mut exporter: Box<dyn Exporter>) {
        let sent = Signal::ALL.map(|signal| self.counter("sent", signal, "Items the exporter took."));
        let failed =
            Signal::ALL.map(|signal| self.counter("send_failed", signal, "Items the exporter could not take."));
        while let Some(load) = self.receiver.recv().await {
            match load {
                Load::Batches(batches) => {
                    self.queued.add(-1);
                    for batch in &batches {
                        self.consume(exporter.as_mut(), batch, &sent, &failed);
                    }
                }
                Load::Barrier(done) => {
                    // The other end may have stopped waiting.
                    let _ = done.send(());
                }
            }
        }
    }

    fn consume(&self, exporter: &mut dyn Exporter, batch: &Batch, sent: &[Counter; 3], failed: &[Counter; 3]) {
        let of = |counters: &[Counter; 3], count: u64| {
            let index = Signal::ALL.iter().position(|signal| *signal == batch.signal);
            if let Some(counter) = index.and_then(|index| counters.get(index)) {
                counter.add(count);
            }
        };
        match exporter.consume(batch) {
            Ok(consumed) => {
                of(sent, consumed.items);
                if consumed.dropped > 0 {
                    let (exporter, signal) = (self.id.to_string(), batch.signal.items());
                    let labels = [("exporter", exporter.as_str()), ("items", signal), ("reason", consumed.reason)];
                    let help = "Items an exporter dropped, by reason.";
                    self.registry.counter("otelier_exporter_dropped_items", help, &labels).add(consumed.dropped);
                }
            }
            Err(error) => {
                of(failed, check(batch.signal, &batch.bytes, Strings::Bytes).unwrap_or(0));
                tracing::error!(exporter = %self.id, %error, "batch lost by the exporter");
            }
        }
    }

    fn counter(&self, what: &'static str, signal: Signal, help: &'static str) -> Counter {
        let name = match (what, signal) {
            ("sent", Signal::Metrics) => "otelcol_exporter_sent_metric_points",
            ("sent", Signal::Traces) => "otelcol_exporter_sent_spans",
            ("sent", Signal::Logs) => "otelcol_exporter_sent_log_records",
            (_, Signal::Metrics) => "otelcol_exporter_send_failed_metric_points",
            (_, Signal::Traces) => "otelcol_exporter_send_failed_spans",
            (_, Signal::Logs) => "otelcol_exporter_send_failed_log_records",
        };
        self.registry.counter(name, help, &[("exporter", &self.id.to_string())])
    }
}
