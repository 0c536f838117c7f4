//! The lane of an exporter that holds its data in memory and never fails to take it: one task, in order, bounded.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use super::LaneFull;
use crate::contract::{Batch, ComponentId, DELIVER, Exporter, Signal, Trace};
use crate::delivery::attempts::Attempts;
use crate::guard::EndWithProcess;
use crate::otlp::{Strings, check};
use crate::telemetry::{Counter, Gauge, Registry};

/// How many trips may wait in a lane.
pub const TRIPS_MAX: usize = 256;
/// How many bytes may wait in a lane before it takes no more trips.
pub const BYTES_MAX: usize = 64 << 20;

/// When senders are to try again: nobody knows how fast the exporter takes what waits.
const RETRY_AFTER: Duration = Duration::from_secs(1);

enum Load {
    /// What one trip has for this exporter, since when, and what is told of the trip.
    Batches(Vec<Batch>, Instant, Trace),
    /// Answered when everything before it has been consumed.
    Barrier(oneshot::Sender<()>),
}

/// The near end. Clones lead into the same one.
#[derive(Clone)]
pub struct LocalLane {
    id: ComponentId,
    sender: mpsc::Sender<Load>,
    waiting: Waiting,
}

/// What waits in a lane.
#[derive(Clone)]
struct Waiting {
    trips: Gauge,
    bytes: Arc<AtomicUsize>,
}

fn bytes_of(batches: &[Batch]) -> usize {
    batches.iter().map(|batch| batch.bytes.len()).sum()
}

/// Room for one trip in one lane.
pub struct LocalReserved {
    permit: mpsc::OwnedPermit<Load>,
    waiting: Waiting,
    trace: Trace,
}

impl LocalLane {
    /// A lane to the exporter of that id, and its far end.
    pub fn open(id: &ComponentId, registry: &Registry) -> (LocalLane, LocalTask) {
        let (sender, receiver) = mpsc::channel(TRIPS_MAX);
        let label = id.to_string();
        let labels = [("exporter", label.as_str())];
        let capacity = registry.gauge("otelcol_exporter_queue_capacity", "Trips the lane can hold.", &labels);
        capacity.set(TRIPS_MAX as i64);
        let trips = registry.gauge("otelcol_exporter_queue_size", "Trips waiting in the lane.", &labels);
        let waiting = Waiting { trips, bytes: Arc::default() };
        let lane = LocalLane { id: id.clone(), sender, waiting: waiting.clone() };
        (lane, LocalTask { id: id.clone(), receiver, waiting, registry: registry.clone() })
    }

    /// The exporter it ends at.
    pub fn id(&self) -> &ComponentId {
        &self.id
    }

    fn full(&self) -> LaneFull {
        LaneFull { exporter: self.id.clone(), retry_after: RETRY_AFTER, waits: false }
    }

    /// Sets room aside.
    pub fn reserve(&self) -> Result<LocalReserved, LaneFull> {
        if self.waiting.bytes.load(Ordering::Relaxed) >= BYTES_MAX {
            return Err(self.full());
        }
        let permit = self.sender.clone().try_reserve_owned().map_err(|_| self.full())?;
        Ok(LocalReserved { permit, waiting: self.waiting.clone(), trace: Trace::default() })
    }

    /// Waits until everything sent so far has been consumed.
    pub async fn drained(&self) {
        let (done, wait) = oneshot::channel();
        if self.sender.send(Load::Barrier(done)).await.is_ok() {
            // Dropped unanswered only when the exporter is gone: nothing is left to wait for.
            let _ = wait.await;
        }
    }
}

impl LocalReserved {
    /// What becomes of its batches is told to that trace.
    pub fn follow(&mut self, trace: &Trace) {
        self.trace = trace.clone();
    }

    /// Fills the room. Nothing to send gives it back.
    pub fn send(self, batches: Vec<Batch>) {
        if !batches.is_empty() {
            self.waiting.trips.add(1);
            self.waiting.bytes.fetch_add(bytes_of(&batches), Ordering::Relaxed);
            self.permit.send(Load::Batches(batches, Instant::now(), self.trace));
        }
    }
}

/// The far end: consumes until every near end is gone.
pub struct LocalTask {
    id: ComponentId,
    receiver: mpsc::Receiver<Load>,
    waiting: Waiting,
    registry: Registry,
}

impl LocalTask {
    /// Feeds the exporter, in order, until the lane is closed and empty.
    pub async fn run(mut self, mut exporter: Box<dyn Exporter>) {
        let _end = EndWithProcess;
        let sent = Signal::ALL.map(|signal| self.counter("sent", signal, "Items the exporter took."));
        let failed =
            Signal::ALL.map(|signal| self.counter("send_failed", signal, "Items the exporter could not take."));
        let attempts = Attempts::new(&self.id, None, &self.registry);
        while let Some(load) = self.receiver.recv().await {
            match load {
                Load::Batches(batches, since, trace) => {
                    let wait = since.elapsed();
                    for batch in &batches {
                        attempts.waited(batch.signal, wait);
                        let began = Instant::now();
                        let is_taken = self.consume(exporter.as_mut(), batch, &sent, &failed);
                        match is_taken {
                            true => attempts.taken(batch.signal, began.elapsed()),
                            false => attempts.failed(batch.signal, None, began.elapsed()),
                        }
                        trace.span(DELIVER, since, || {
                            let error = (!is_taken).then(|| "the exporter could not take it".to_owned());
                            attempts.span(batch.signal, batch.items.unwrap_or(0), None, error)
                        });
                    }
                    self.waiting.trips.add(-1);
                    self.waiting.bytes.fetch_sub(bytes_of(&batches), Ordering::Relaxed);
                }
                Load::Barrier(done) => {
                    // The other end may have stopped waiting.
                    let _ = done.send(());
                }
            }
        }
    }

    /// Whether the exporter took it.
    fn consume(&self, exporter: &mut dyn Exporter, batch: &Batch, sent: &[Counter; 3], failed: &[Counter; 3]) -> bool {
        let of = |counters: &[Counter; 3], count: u64| {
            let index = Signal::ALL.iter().position(|signal| *signal == batch.signal);
            if let Some(counter) = index.and_then(|index| counters.get(index)) {
                counter.add(count);
            }
        };
        let consumed = exporter.consume(batch);
        let is_taken = consumed.is_ok();
        match consumed {
            Ok(consumed) => {
                of(sent, consumed.items);
                if consumed.dropped > 0 && !consumed.reason.is_empty() {
                    let (exporter, signal) = (self.id.to_string(), batch.signal.items());
                    let labels = [("exporter", exporter.as_str()), ("items", signal), ("reason", consumed.reason)];
                    let help = "Items an exporter dropped, by reason.";
                    self.registry.counter("otelier_exporter_dropped_items", help, &labels).add(consumed.dropped);
                }
            }
            Err(error) => {
                let count = || check(batch.signal, &batch.bytes, Strings::Bytes).unwrap_or(0);
                of(failed, batch.items.unwrap_or_else(count));
                tracing::error!(exporter = %self.id, %error, "batch lost by the exporter");
            }
        }
        is_taken
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
