//! When the host's own telemetry is pushed: metrics in an interval, log records and spans when a batch is full or its first has waited long
//! enough, and everything once more at the end.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::PushSettings;
use super::encode;
use super::layer::LogRecord;
use super::pusher::Pusher;
use super::queue::{Outlet, dropped};
use crate::contract::{Client, Signal, Span};
use crate::telemetry::{Counter, Registry};

/// How long the last pushes may take, all together.
const FINISH_MAX: Duration = Duration::from_secs(5);

/// Everything that pushes. Dropped, it stops at once.
pub struct Pushing {
    resource: Arc<[u8]>,
    registry: Registry,
    began: SystemTime,
    /// Until when what is left may be pushed, once the end has come.
    ending: watch::Sender<Option<Instant>>,
    tasks: Vec<JoinHandle<()>>,
}

impl Pushing {
    pub(super) fn new(resource: Arc<[u8]>, registry: Registry) -> Pushing {
        let ending = watch::Sender::new(None);
        Pushing { resource, registry, began: SystemTime::now(), ending, tasks: Vec::new() }
    }

    pub(super) fn metrics(&mut self, settings: &PushSettings, client: Arc<dyn Client>) {
        let reader = Reader {
            pusher: Pusher::new(client, Signal::Metrics, settings.timeout, &self.registry),
            resource: Arc::clone(&self.resource),
            registry: self.registry.clone(),
            began: self.began,
        };
        self.tasks.push(tokio::spawn(reader.run(settings.interval, self.ending.subscribe())));
    }

    pub(super) fn logs(&mut self, settings: PushSettings, outlet: Outlet<LogRecord>, client: Arc<dyn Client>) {
        self.batches(settings, outlet, client, Signal::Logs, encode::logs);
    }

    pub(super) fn spans(&mut self, settings: PushSettings, outlet: Outlet<Span>, client: Arc<dyn Client>) {
        self.batches(settings, outlet, client, Signal::Traces, encode::spans);
    }

    fn batches<T: Send + Sync + 'static>(
        &mut self,
        settings: PushSettings,
        outlet: Outlet<T>,
        client: Arc<dyn Client>,
        signal: Signal,
        encode: fn(&[u8], &[T]) -> Vec<u8>,
    ) {
        let batches = Batches {
            pusher: Pusher::new(client, signal, settings.timeout, &self.registry),
            resource: Arc::clone(&self.resource),
            lost: dropped(&self.registry, signal.name(), "not_sent"),
            batch: Vec::new(),
            outlet,
            settings,
            encode,
        };
        self.tasks.push(tokio::spawn(batches.run(self.ending.subscribe())));
    }

    /// Pushes what is left, and metrics as they are now, for a few seconds at the most.
    pub async fn finish(self) {
        self.finish_within(FINISH_MAX).await;
    }

    async fn finish_within(mut self, most: Duration) {
        let until = Instant::now() + most;
        self.ending.send_replace(Some(until));
        for task in std::mem::take(&mut self.tasks) {
            // What is still under way then ends with the process.
            let _ = tokio::time::timeout_at(until.into(), task).await;
        }
    }
}

/// Resolves when the end has come, to the moment until which there is time.
async fn end_of(ending: &mut watch::Receiver<Option<Instant>>) -> Instant {
    let until = ending.wait_for(Option::is_some).await;
    // An error means that everything is gone.
    until.ok().and_then(|until| *until).unwrap_or_else(Instant::now)
}

/// Pushes metrics.
struct Reader {
    pusher: Pusher,
    resource: Arc<[u8]>,
    registry: Registry,
    began: SystemTime,
}

impl Reader {
    async fn run(mut self, interval: Duration, mut ending: watch::Receiver<Option<Instant>>) {
        let mut turns = tokio::time::interval_at((Instant::now() + interval).into(), interval);
        turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let until = tokio::select! {
                _ = turns.tick() => None,
                until = end_of(&mut ending) => Some(until),
            };
            let mut late = ending.clone();
            tokio::select! {
                () = self.push(until) => {}
                // The one under way gives way to the last one.
                _ = end_of(&mut late), if until.is_none() => {}
            }
            if until.is_some() {
                return;
            }
        }
    }

    async fn push(&mut self, until: Option<Instant>) {
        let families = self.registry.show();
        let (bytes, points) = encode::metrics(&self.resource, &families, self.began, SystemTime::now());
        self.pusher.push(bytes.into(), points, until).await;
    }
}

/// Pushes log records or spans.
struct Batches<T> {
    pusher: Pusher,
    resource: Arc<[u8]>,
    outlet: Outlet<T>,
    settings: PushSettings,
    /// What is gathered of the next one.
    batch: Vec<T>,
    /// Those of pushes that were given up.
    lost: Counter,
    encode: fn(&[u8], &[T]) -> Vec<u8>,
}

impl<T: Send + Sync + 'static> Batches<T> {
    async fn run(mut self, mut ending: watch::Receiver<Option<Instant>>) {
        loop {
            let until = tokio::select! {
                biased;
                until = end_of(&mut ending) => Some(until),
                () = self.gather() => None,
            };
            if until.is_some() {
                self.outlet.fill(&mut self.batch, self.settings.batch_max);
            }
            let batch = std::mem::take(&mut self.batch);
            if batch.is_empty() {
                return;
            }
            self.push(&batch, until, &mut ending).await;
        }
    }

    /// Waits until a batch is full, or its first has waited long enough. It stays empty when no more will come.
    async fn gather(&mut self) {
        self.batch.extend(self.outlet.next().await);
        let due = Instant::now() + self.settings.interval;
        while !self.batch.is_empty() && self.batch.len() < self.settings.batch_max {
            match tokio::time::timeout_at(due.into(), self.outlet.next()).await {
                Ok(Some(item)) => self.batch.push(item),
                Ok(None) | Err(_) => return,
            }
        }
    }

    async fn push(&mut self, batch: &[T], until: Option<Instant>, ending: &mut watch::Receiver<Option<Instant>>) {
        let bytes = Bytes::from((self.encode)(&self.resource, batch));
        let items = batch.len() as u64;
        let is_taken = match until {
            Some(_) => self.pusher.push(bytes, items, until).await,
            None => tokio::select! {
                is_taken = self.pusher.push(bytes.clone(), items, None) => is_taken,
                // What is under way when the end comes is tried once more, in the time that is left.
                until = end_of(ending) => self.pusher.push(bytes, items, Some(until)).await,
            },
        };
        if !is_taken {
            self.lost.add(items);
        }
    }
}

#[cfg(test)]
mod tests;
