//! What is pushed when, to destinations in memory.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::*;
use crate::contract::{AttributeValue, Batch, Outcome, Resource};
use crate::own_telemetry::queue::queue;

/// Takes everything, and keeps how many items came together.
#[derive(Default)]
struct Backend(Mutex<Vec<(Signal, u64)>>);

impl Backend {
    fn taken(&self) -> MutexGuard<'_, Vec<(Signal, u64)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Client for Backend {
    fn send<'c>(&'c self, batch: &'c Batch) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'c>> {
        self.taken().push((batch.signal, batch.items.unwrap_or(0)));
        Box::pin(std::future::ready(Outcome::Delivered))
    }

    fn destination(&self) -> String {
        "grpc://backend:4317".to_owned()
    }
}

/// Answers nothing.
struct Silent;

impl Client for Silent {
    fn send<'c>(&'c self, _: &'c Batch) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'c>> {
        Box::pin(std::future::pending())
    }

    fn destination(&self) -> String {
        "grpc://silent:4317".to_owned()
    }
}

/// Batches of three.
fn settings(interval: Duration) -> PushSettings {
    PushSettings { interval, timeout: Duration::from_secs(30), queue_max: 100, batch_max: 3 }
}

const NEVER: Duration = Duration::from_secs(3600);
const SOON: Duration = Duration::from_millis(5);

fn record(body: &str) -> LogRecord {
    let attributes = vec![("exporter", AttributeValue::from("otlp"))];
    LogRecord { time: SystemTime::UNIX_EPOCH, severity: tracing::Level::WARN, body: body.to_owned(), attributes }
}

fn pushing(registry: &Registry) -> Pushing {
    Pushing::new(encode::resource(&Resource::new(&[])).into(), registry.clone())
}

/// Looks until it is so, for ten seconds at the most.
async fn until(mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !is_so() {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn a_batch_is_sent_when_it_is_full_or_its_first_is_old() {
    let (registry, backend) = (Registry::default(), Arc::new(Backend::default()));
    let mut pushing = pushing(&registry);
    let (inlet, outlet) = queue(100, "logs", &registry);
    pushing.logs(settings(SOON), outlet, backend.clone());
    ["a", "b", "c", "d"].iter().for_each(|body| inlet.put(record(body)));
    until(|| *backend.taken() == [(Signal::Logs, 3), (Signal::Logs, 1)]).await;
    pushing.finish().await;
}

#[tokio::test]
async fn what_is_gathered_and_what_waits_is_sent_at_the_end() {
    let (registry, backend) = (Registry::default(), Arc::new(Backend::default()));
    let mut pushing = pushing(&registry);
    let (inlet, outlet) = queue(100, "logs", &registry);
    pushing.logs(settings(NEVER), outlet, backend.clone());
    ["a", "b", "c", "d"].iter().for_each(|body| inlet.put(record(body)));
    until(|| *backend.taken() == [(Signal::Logs, 3)]).await;
    ["e", "f", "g", "h"].iter().for_each(|body| inlet.put(record(body)));
    pushing.finish().await;
    let sent: u64 = backend.taken().iter().map(|(_, items)| items).sum();
    assert_eq!(sent, 8);
}

#[tokio::test]
async fn metrics_are_pushed_in_an_interval_and_once_more_at_the_end() {
    let (registry, backend) = (Registry::default(), Arc::new(Backend::default()));
    let mut often = pushing(&registry);
    often.metrics(&settings(SOON), backend.clone());
    until(|| backend.taken().len() >= 2).await;
    drop(often);
    let last = Arc::new(Backend::default());
    let mut seldom = pushing(&registry);
    seldom.metrics(&settings(NEVER), last.clone());
    seldom.finish().await;
    assert_eq!(last.taken().len(), 1);
    assert!(registry.total("otelier_telemetry_pushes", &[("data_type", "metrics")]) >= 3);
}

#[tokio::test]
async fn a_destination_that_says_nothing_delays_the_end_for_a_while_only() {
    let registry = Registry::default();
    let mut pushing = pushing(&registry);
    let (inlet, outlet) = queue(100, "logs", &registry);
    pushing.logs(settings(SOON), outlet, Arc::new(Silent));
    pushing.metrics(&settings(SOON), Arc::new(Silent));
    inlet.put(record("a"));
    let ended = tokio::time::timeout(Duration::from_secs(10), pushing.finish_within(Duration::from_millis(20))).await;
    assert!(ended.is_ok());
}
