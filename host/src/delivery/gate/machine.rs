//! The gate as a state machine: questions and outcomes with their times go in, leave to try or a time to wait comes out. It has no
//! clock and makes nobody wait, so that a test and a replay can give it any time they like.
//!
//! Invariants:
//!
//! - The state is what the policy answered last. A transition begins a new generation: counters start again, and what belongs to an
//!   older generation is dropped.
//! - While half-open, no more attempts are let through in that generation than the policy said; one that is cancelled gives its place
//!   back.
//! - Nothing is held back for longer than `max_hold`: then one attempt is made, whatever the policy says.

use std::sync::Arc;

use super::guarded::{Guarded, Maker};
use super::metrics::Metrics;
use super::settings::Settings;
use super::state::BreakerState;
use super::window::Window;
use crate::contract::{Counters, Decision, Ended, Policy, PolicySource, Question};

/// How often the policy is asked while every probe is under way: time may end that state, and no outcome may come.
const HALF_OPEN_NS: u64 = 1_000_000_000;

/// What a lane holds and how fast it drains, which a policy may go by.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Pressure {
    /// Batches held.
    pub depth: u64,
    /// Batches a second that have left lately.
    pub drain_per_s: f64,
}

/// Why an attempt is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The gate is closed.
    Ordinary,
    /// It is half-open.
    Probe,
    /// Work was held back for too long.
    Forced,
}

/// An attempt that is under way.
#[derive(Debug, Clone, Copy)]
pub struct Admission {
    /// Why it is made.
    pub kind: Kind,
    generation: u64,
    age: u64,
}

/// Whether an attempt may be made.
#[derive(Debug, Clone, Copy)]
pub enum Verdict {
    /// It may.
    Go(Admission),
    /// It may not; ask again at this time, or when an attempt has ended.
    Wait {
        /// In nanoseconds.
        until: u64,
    },
}

/// A transition, for whoever writes them down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// In nanoseconds.
    pub at: u64,
    /// The state before.
    pub from: BreakerState,
    /// The state after.
    pub to: BreakerState,
    /// Why, for a person.
    pub reason: String,
}

/// What may have moved the policy.
#[derive(Debug, Clone, Copy)]
enum Cause {
    Time,
    Swap,
    Ended(Ended),
}

/// The gate.
pub struct Machine {
    policy: Guarded,
    metrics: Metrics,
    window: Window,
    max_hold_ns: u64,
    decision: Decision,
    generation: u64,
    /// Since when work is held back with nothing let through in between.
    held_since: Option<u64>,
    pressure: Pressure,
    /// The latest time it was given: one that goes back stands still.
    now: u64,
    /// Transitions nobody has taken yet, where somebody wants them.
    transitions: Option<Vec<Transition>>,
}

impl Machine {
    /// A closed gate around a policy.
    pub fn new(settings: &Settings, policy: Guarded, metrics: Metrics, now: u64) -> Machine {
        Machine {
            policy,
            metrics,
            window: Window::new(settings.span, now),
            max_hold_ns: settings.max_hold_ns,
            decision: Decision::Allow,
            generation: 0,
            held_since: None,
            pressure: Pressure::default(),
            now,
            transitions: None,
        }
    }

    /// Keeps transitions for [`Machine::take_transitions`].
    pub fn record(&mut self) {
        self.transitions = Some(Vec::new());
    }

    /// Those since this was last called.
    pub fn take_transitions(&mut self) -> Vec<Transition> {
        self.transitions.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// The present state.
    pub fn state(&self) -> BreakerState {
        BreakerState::of(self.decision)
    }

    /// Whether the built-in policy stands in for the plugin.
    pub fn is_fallback(&self) -> bool {
        self.policy.is_fallback()
    }

    /// Another version of the policy decides from now on. What was counted stays.
    pub fn replace(&mut self, source: Arc<dyn PolicySource>, policy: Box<dyn Policy>, now: u64) {
        self.now = self.now.max(now);
        self.policy.replace(source, policy, self.now);
        self.evaluate(now, Cause::Swap);
    }

    /// What makes instances of the policy.
    pub fn maker(&self) -> &Maker {
        self.policy.maker()
    }

    /// Until when no attempt is made, while the gate is open.
    pub fn closed_until(&self) -> Option<u64> {
        match self.decision {
            Decision::Reject(until) => Some(until.min(self.hold_ends())),
            _ => None,
        }
    }

    /// Whether an attempt may be made now. `first` is false when the same attempt has been made to wait before.
    pub fn ask(&mut self, now: u64, pressure: Pressure, first: bool) -> Verdict {
        self.pressure = pressure;
        self.evaluate(now, Cause::Time);
        let now = self.now;
        let kind = match self.decision {
            Decision::Allow => Some(Kind::Ordinary),
            Decision::Probe(limit) => (self.window.counters().requests < u64::from(limit)).then_some(Kind::Probe),
            Decision::Reject(_) => None,
        };
        match kind {
            Some(kind) => self.go(kind),
            None if self.held_since.is_some_and(|_| now >= self.hold_ends()) => self.force(),
            None => {
                self.held_since.get_or_insert(now);
                if first {
                    self.metrics.rejected.add(1);
                }
                let soon = || self.hold_ends().min(now.saturating_add(HALF_OPEN_NS));
                Verdict::Wait { until: self.closed_until().unwrap_or_else(soon) }
            }
        }
    }

    /// An attempt ended after `latency` nanoseconds.
    pub fn report(&mut self, admission: Admission, ended: Ended, latency: u64, now: u64) {
        // Where time ends the state, the attempt is of the one before. Only half-open ends so while attempts of it are under way.
        if self.state() == BreakerState::HalfOpen {
            self.evaluate(now, Cause::Time);
        }
        if admission.generation != self.generation {
            self.metrics.stale.add(1);
            return;
        }
        self.now = self.now.max(now);
        self.roll();
        self.window.end(admission.age, ended.is_failure());
        self.policy.on_outcome(ended, latency, self.now);
        self.evaluate(now, Cause::Ended(ended));
    }

    /// An attempt was given up before it ended.
    pub fn cancel(&mut self, admission: Admission) {
        if admission.generation == self.generation {
            self.window.cancel(admission.age);
        }
    }

    fn go(&mut self, kind: Kind) -> Verdict {
        self.held_since = None;
        if kind == Kind::Probe {
            self.metrics.probes.add(1);
        }
        Verdict::Go(Admission { kind, generation: self.generation, age: self.window.begin() })
    }

    fn force(&mut self) -> Verdict {
        // The next one in so long again.
        self.held_since = Some(self.now);
        self.metrics.forced.add(1);
        let (exporter, breaker) = (self.metrics.exporter(), self.metrics.breaker());
        let (state, held_s) = (self.state().name(), self.max_hold_ns / 1_000_000_000);
        tracing::warn!(
            exporter,
            breaker,
            state,
            held_s,
            "the breaker has held work back for `max_hold`: one attempt is made"
        );
        Verdict::Go(Admission { kind: Kind::Forced, generation: self.generation, age: self.window.begin() })
    }

    fn hold_ends(&self) -> u64 {
        self.held_since.unwrap_or(self.now).saturating_add(self.max_hold_ns)
    }

    /// Windows are of the closed state.
    fn roll(&mut self) {
        if self.state() == BreakerState::Closed {
            self.window.roll(self.now);
        }
    }

    /// Asks the policy; its answer is the state.
    fn evaluate(&mut self, now: u64, cause: Cause) {
        self.now = self.now.max(now);
        self.roll();
        let Pressure { depth, drain_per_s } = self.pressure;
        let counters = self.window.counters();
        let question = Question { now: self.now, counters, queue_depth: depth, drain_rate: drain_per_s };
        let (from, decision) = (self.state(), self.policy.admit(&question));
        self.decision = decision;
        if self.state() != from {
            self.transition(from, counters, cause);
        }
    }

    fn transition(&mut self, from: BreakerState, counters: Counters, cause: Cause) {
        self.generation += 1;
        self.window.clear(self.now);
        let to = self.state();
        let reason = self.reason(to, counters, cause);
        let (exporter, breaker) = (self.metrics.exporter(), self.metrics.breaker());
        let (from_name, to_name) = (from.name(), to.name());
        match to {
            BreakerState::Open => {
                tracing::warn!(exporter, breaker, from = from_name, to = to_name, "breaker: {reason}");
            }
            _ => tracing::info!(exporter, breaker, from = from_name, to = to_name, "breaker: {reason}"),
        }
        self.metrics.transition(from, to);
        if let Some(transitions) = &mut self.transitions {
            transitions.push(Transition { at: self.now, from, to, reason });
        }
    }

    fn reason(&self, to: BreakerState, counters: Counters, cause: Cause) -> String {
        let mut reason = match cause {
            Cause::Ended(ended) => format!("after `{}`", ended.name()),
            Cause::Time => "the policy was asked again".to_owned(),
            Cause::Swap => "another version of the policy took over".to_owned(),
        };
        if counters.requests > 0 {
            let Counters { requests, successes, failures, consecutive_failures, .. } = counters;
            reason += &format!(
                "; of {requests} attempts {successes} succeeded and {failures} failed, {consecutive_failures} in a row"
            );
        }
        if let (BreakerState::Open, Decision::Reject(until)) = (to, self.decision) {
            let wait = std::time::Duration::from_nanos(until.saturating_sub(self.now));
            reason += &format!("; no attempt for {wait:?}");
        }
        if self.policy.is_fallback() {
            reason += "; the built-in policy decides";
        }
        reason
    }
}
