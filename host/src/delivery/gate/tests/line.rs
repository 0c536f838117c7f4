//! Those who wait, on a clock that stands still until everybody waits and then jumps to the next timer.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::super::time::Time;
use super::super::{Gate, Permit, Pressure};
use super::{SECOND, START, Script, breaker};
use crate::contract::{Decision, Failure, FailureClass, Outcome};
use crate::telemetry::Registry;
use serde_json::json;
use tokio::sync::watch;

/// The clock.
#[derive(Clone)]
struct Virtual(Arc<watch::Sender<u64>>);

impl Time for Virtual {
    fn now(&self) -> u64 {
        *self.0.borrow()
    }

    fn until(&self, ns: u64) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let mut clock = self.0.subscribe();
        Box::pin(async move { drop(clock.wait_for(|now| *now >= ns).await) })
    }
}

impl Virtual {
    /// Seconds since the start.
    fn seconds(&self) -> u64 {
        (self.now() - START) / SECOND
    }

    async fn sleep(&self, seconds: u64) {
        self.until(self.now() + seconds * SECOND).await;
    }

    /// Lets everybody go as far as they can now.
    async fn run_others() {
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
    }

    /// So many seconds pass, one by one.
    async fn pass(&self, seconds: u64) {
        for _ in 0..seconds {
            Virtual::run_others().await;
            self.0.send_modify(|now| *now += SECOND);
        }
        Virtual::run_others().await;
    }
}

struct Bench {
    script: Arc<Script>,
    gate: Gate,
    registry: Registry,
    time: Virtual,
}

impl Bench {
    fn new(config: serde_json::Value) -> Bench {
        let (script, registry) = (Arc::new(Script::default()), Registry::default());
        let time = Virtual(Arc::new(watch::Sender::new(START)));
        let (exporter, breaker) = ("otlp".parse().unwrap(), breaker(&script, config));
        let gate = Gate::with_time(&exporter, breaker, &registry, Box::new(time.clone()));
        Bench { script, gate, registry, time }
    }

    async fn admit(&self) -> Permit {
        self.gate.admit(Pressure::default).await
    }

    /// Whether somebody who comes now may go at once.
    fn is_open_to_all(&self) -> bool {
        let asking = pin!(self.admit());
        matches!(asking.poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(_))
    }
}

fn failed() -> Outcome {
    Outcome::Failed(Failure {
        class: FailureClass::Timeout,
        reason: "scripted".to_owned(),
        retry_after: None,
        answered: None,
    })
}

#[tokio::test]
async fn without_a_breaker_everybody_goes() {
    let gate = Gate::default();
    let _permit = gate.admit(Pressure::default).await;
    gate.admit(Pressure::default).await.report(&failed(), Duration::ZERO);
    assert_eq!(gate.closed_until(), None);
}

/// Ten wait while the gate is open. At its time one probe goes, and the others only when that has ended, in their order.
#[tokio::test]
async fn those_who_wait_go_in_their_order_one_probe_at_a_time() {
    let bench = Arc::new(Bench::new(json!({})));
    bench.script.say([Decision::Reject(START + 5 * SECOND)]);
    let log = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = Vec::new();
    for number in 0..10 {
        let (bench, log) = (Arc::clone(&bench), Arc::clone(&log));
        tasks.push(tokio::spawn(async move {
            let permit = bench.admit().await;
            log.lock().unwrap().push((number, bench.time.seconds()));
            bench.time.sleep(1).await;
            bench.script.say([if number < 2 { Decision::Probe(number + 2) } else { Decision::Allow }]);
            permit.report(&Outcome::Delivered, Duration::from_secs(1));
        }));
    }
    bench.time.pass(4).await;
    assert_eq!(bench.script.questions.lock().unwrap().len(), 1, "only the head has asked, and once");
    // One, and with each success one more, until the gate is closed.
    bench.script.say([Decision::Probe(1)]);
    bench.time.pass(10).await;
    for task in tasks {
        task.await.unwrap();
    }
    let log = log.lock().unwrap();
    assert_eq!(log.iter().map(|(number, _)| *number).collect::<Vec<_>>(), (0..10).collect::<Vec<_>>());
    assert_eq!(log.iter().map(|(_, second)| *second).collect::<Vec<_>>(), [5, 6, 7, 8, 8, 8, 8, 8, 8, 8]);
}

#[tokio::test]
async fn the_limit_of_probes_holds_for_many_at_once() {
    let bench = Arc::new(Bench::new(json!({})));
    bench.script.say([Decision::Probe(3)]);
    let under_way = Arc::new(Mutex::new((0, 0)));
    let tasks: Vec<_> = (0..50)
        .map(|_| {
            let (bench, under_way) = (Arc::clone(&bench), Arc::clone(&under_way));
            tokio::spawn(async move {
                let permit = bench.admit().await;
                {
                    let mut under_way = under_way.lock().unwrap();
                    under_way.0 += 1;
                    under_way.1 = under_way.1.max(under_way.0);
                }
                bench.time.sleep(1).await;
                under_way.lock().unwrap().0 -= 1;
                // Given up: each place is free again.
                drop(permit);
            })
        })
        .collect();
    bench.time.pass(17).await;
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(under_way.lock().unwrap().1, 3);
    assert_eq!(bench.registry.total("otelier_breaker_probes", &[]), 50);
}

#[tokio::test]
async fn a_permit_that_is_dropped_gives_its_place_back() {
    let bench = Arc::new(Bench::new(json!({})));
    bench.script.say([Decision::Probe(1)]);
    // An attempt that is cancelled, and one whose task panics.
    let cancelled = bench.admit().await;
    assert!(!bench.is_open_to_all());
    drop(cancelled);
    let panicking = {
        let bench = Arc::clone(&bench);
        tokio::spawn(async move {
            let _permit = bench.admit().await;
            panic!("as told");
        })
    };
    assert!(panicking.await.is_err());
    assert!(bench.is_open_to_all());
}

#[tokio::test]
async fn who_gives_up_waiting_holds_up_nobody() {
    let bench = Arc::new(Bench::new(json!({})));
    bench.script.say([Decision::Reject(START + 5 * SECOND)]);
    let waiting = |bench: &Arc<Bench>| {
        let bench = Arc::clone(bench);
        tokio::spawn(async move { drop(bench.admit().await) })
    };
    let (first, next) = (waiting(&bench), waiting(&bench));
    bench.time.pass(1).await;
    first.abort();
    bench.script.say([Decision::Allow]);
    Virtual::run_others().await;
    next.await.unwrap();
}

#[tokio::test]
async fn nobody_waits_for_longer_than_max_hold() {
    let bench = Arc::new(Bench::new(json!({"max_hold": "20s"})));
    bench.script.say([Decision::Reject(START + 3600 * SECOND)]);
    let waiting = {
        let bench = Arc::clone(&bench);
        tokio::spawn(async move {
            for expected in [20, 40] {
                let permit = bench.admit().await;
                assert_eq!(bench.time.seconds(), expected);
                permit.report(&failed(), Duration::ZERO);
            }
        })
    };
    bench.time.pass(19).await;
    let until = bench.gate.closed_until().map(|until| until.saturating_duration_since(Instant::now()).as_millis());
    assert!(until.is_some_and(|ms| ms <= 1000), "a second is left: {until:?} ms");
    bench.time.pass(21).await;
    waiting.await.unwrap();
}
