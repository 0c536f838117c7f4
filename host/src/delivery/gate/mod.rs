//! The gate: whether an attempt may be made now. Without a breaker it is always open.
//!
//! A policy decides, the gate does: it counts, keeps the time, bounds what a policy may do, and lets what is turned away wait where it
//! is, which is at the head of its lane's queue. Those who wait stand in a line, and only its head asks: when the policy says that it
//! may be tried again, one attempt is made, then the next, in the order in which they came.
//!
//! - `machine` is the gate without time and threads, `window` what it counts;
//! - `guarded` is the policy behind a guard, `builtin` what stands in when it fails;
//! - `settings` is what the gate reads of a breaker's configuration; `replay` runs the machine on what was recorded.

mod builtin;
mod guarded;
mod machine;
mod metrics;
mod replay;
mod settings;
mod state;
#[cfg(test)]
mod tests;
mod time;
mod window;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::contract::{ComponentId, Counters, Ended, Limits, Outcome, Policy, PolicyError, PolicySource, Question};
use crate::telemetry::Registry;

use guarded::{Guarded, Maker};
use machine::{Admission, Machine, Verdict};
pub use machine::{Pressure, Transition};
use metrics::Metrics;
pub use replay::{Record, RecordError, Replay, Summary, read_trace};
pub use settings::{Settings, SettingsError};
pub use state::BreakerState;
use time::{Steady, Time};

/// The gate of one lane. Clones are the same gate.
#[derive(Clone, Default)]
pub struct Gate(Option<Arc<GateCell>>);

/// What a gate is made from.
#[derive(Clone)]
pub struct Breaker {
    /// The extension.
    pub id: ComponentId,
    /// The policy; `None` is the built-in one.
    pub source: Option<Arc<dyn PolicySource>>,
    /// What its instances may use.
    pub limits: Limits,
    /// Its configuration.
    pub settings: Settings,
}

struct GateCell {
    machine: Mutex<Machine>,
    /// Who holds it is the head of the line: it is handed on in the order in which it was asked for.
    line: tokio::sync::Mutex<()>,
    /// An attempt has ended, or was given up.
    moved: Notify,
    time: Box<dyn Time>,
}

/// Leave to make one attempt. One that is dropped without [`report`](Permit::report) counts for nothing and gives its place back.
pub struct Permit(Option<(Arc<GateCell>, Admission)>);

/// An instance of a policy that is to decide.
pub struct NextPolicy {
    source: Arc<dyn PolicySource>,
    policy: Box<dyn Policy>,
}

impl Gate {
    /// An exporter's own gate, with an instance of the breaker's policy of its own. `now` is in nanoseconds since the Unix epoch.
    pub fn new(exporter: &ComponentId, breaker: Breaker, registry: &Registry, now: u64) -> Gate {
        Gate::with_time(exporter, breaker, registry, Box::new(Steady::new(now)))
    }

    fn with_time(exporter: &ComponentId, breaker: Breaker, registry: &Registry, time: Box<dyn Time>) -> Gate {
        let machine = Mutex::new(breaker.machine(exporter, registry, time.now()));
        let (line, moved) = (tokio::sync::Mutex::default(), Notify::new());
        Gate(Some(Arc::new(GateCell { machine, line, moved, time })))
    }

    /// Waits until an attempt may be made. `pressure` is asked each time the question is put.
    pub async fn admit(&self, pressure: impl Fn() -> Pressure + Send) -> Permit {
        let Some(shared) = &self.0 else { return Permit(None) };
        let _head = shared.line.lock().await;
        let mut first = true;
        loop {
            // Before the question, so that nothing that moves after it is missed.
            let moved = shared.moved.notified();
            let pressure = pressure();
            let verdict = shared.lock().ask(shared.time.now(), pressure, first);
            match verdict {
                Verdict::Go(admission) => return Permit(Some((Arc::clone(shared), admission))),
                Verdict::Wait { until } => {
                    tokio::select! {
                        () = shared.time.until(until) => {}
                        () = moved => {}
                    }
                }
            }
            first = false;
        }
    }

    /// An instance of another version of the policy, on the configuration that the gate has. It decides nothing yet. `None` without a
    /// breaker.
    pub fn prepare(&self, source: &Arc<dyn PolicySource>) -> Result<Option<NextPolicy>, PolicyError> {
        let Some(shared) = &self.0 else { return Ok(None) };
        let Maker { breaker, config, limits, .. } = shared.lock().maker().clone();
        let mut policy = source.configured(&breaker, &config, limits)?;
        // A first question on nothing: what is broken from the beginning is found before anybody waits for an answer.
        let now = shared.time.now();
        policy.admit(&Question { now, counters: Counters::default(), queue_depth: 0, drain_rate: 0.0 })?;
        Ok(Some(NextPolicy { source: Arc::clone(source), policy }))
    }

    /// A new version decides from now on. It stands for a closed gate, and finds out with the first attempts; what was counted stays.
    pub fn replace(&self, next: NextPolicy) {
        let Some(shared) = &self.0 else { return };
        shared.lock().replace(next.source, next.policy, shared.time.now());
        // Those who wait ask again.
        shared.moved.notify_one();
    }

    /// Until when no attempt will be made, if that is known.
    pub fn closed_until(&self) -> Option<Instant> {
        let shared = self.0.as_ref()?;
        let until = shared.lock().closed_until()?;
        Instant::now().checked_add(Duration::from_nanos(until.saturating_sub(shared.time.now())))
    }
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Some(shared) => write!(f, "Gate({})", shared.lock().state().name()),
            None => f.write_str("Gate(none)"),
        }
    }
}

impl Breaker {
    /// The gate without time and threads.
    pub(super) fn machine(self, exporter: &ComponentId, registry: &Registry, now: u64) -> Machine {
        let Breaker { id: breaker, source, limits, settings } = self;
        let metrics = Metrics::new(exporter, &breaker, registry);
        let maker = Maker { source, breaker, config: settings.policy.clone(), limits };
        Machine::new(&settings, Guarded::new(maker, metrics.clone(), now), metrics, now)
    }
}

impl Permit {
    /// Tells how the attempt ended.
    pub fn report(mut self, outcome: &Outcome, latency: Duration) {
        if let Some((shared, admission)) = self.0.take() {
            let latency = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
            shared.lock().report(admission, Ended::from(outcome), latency, shared.time.now());
            shared.moved.notify_one();
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some((shared, admission)) = self.0.take() {
            shared.lock().cancel(admission);
            shared.moved.notify_one();
        }
    }
}

impl GateCell {
    fn lock(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
