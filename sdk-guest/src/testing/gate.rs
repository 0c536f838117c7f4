//! A gate around a breaker policy, as the real host has one: it counts, drops outcomes of an earlier state, and lets no more probes
//! through than the policy said. It has no window (`interval`) and never makes anybody wait: who is turned away is told so.

use crate::policy::{Counters, Decision, Outcome, Policy, Question};
use crate::{Failure, config};

/// A policy in its gate.
#[derive(Debug)]
pub struct Gate<P> {
    policy: P,
    counters: Counters,
    /// The last answer.
    decision: Decision,
    generation: u64,
}

/// Leave to make one attempt. One that is dropped counts as under way for ever; see [`Gate::cancel`].
#[derive(Debug)]
pub struct Pass {
    generation: u64,
}

const NONE: Counters =
    Counters { requests: 0, successes: 0, failures: 0, consecutive_successes: 0, consecutive_failures: 0 };

impl<P: Policy> Gate<P> {
    /// A closed gate around a policy with that configuration, as JSON.
    pub fn new(json: &str) -> Result<Gate<P>, Failure> {
        let policy = P::configure(config::parse(json)?)?;
        Ok(Gate { policy, counters: NONE, decision: Decision::Allow, generation: 0 })
    }

    /// What the policy says at `now`; the counters start again where that is another state.
    pub fn ask(&mut self, now: u64) -> Decision {
        let question = Question { now, counters: self.counters, queue_depth: 0, drain_rate: 0.0 };
        let decision = self.policy.admit(&question);
        match decision {
            Decision::Reject(until) => assert!(until > now, "an attempt is rejected until {until}, and it is {now}"),
            Decision::Probe(limit) => assert!(limit > 0, "half-open, and no probe is allowed"),
            Decision::Allow => {}
        }
        if std::mem::discriminant(&decision) != std::mem::discriminant(&self.decision) {
            self.generation += 1;
            self.counters = NONE;
        }
        self.decision = decision;
        decision
    }

    /// An attempt, if it may be made at `now`.
    pub fn admit(&mut self, now: u64) -> Option<Pass> {
        let admitted = match self.ask(now) {
            Decision::Allow => true,
            Decision::Probe(limit) => self.counters.requests < u64::from(limit),
            Decision::Reject(_) => false,
        };
        admitted.then(|| {
            self.counters.requests += 1;
            Pass { generation: self.generation }
        })
    }

    /// The attempt ended; returns the policy's next answer.
    pub fn report(&mut self, pass: Pass, outcome: Outcome, latency: u64, now: u64) -> Decision {
        self.ask(now);
        if pass.generation == self.generation {
            self.count(outcome.is_failure());
            self.policy.on_outcome(outcome, latency, now);
        }
        self.ask(now)
    }

    /// The attempt was never finished, and counts for nothing.
    pub fn cancel(&mut self, pass: Pass) {
        if pass.generation == self.generation {
            self.counters.requests -= 1;
        }
    }

    /// An attempt that takes no time. `None` when it may not be made.
    pub fn attempt(&mut self, outcome: Outcome, now: u64) -> Option<Decision> {
        let pass = self.admit(now)?;
        Some(self.report(pass, outcome, 0, now))
    }

    /// The counters.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    fn count(&mut self, failed: bool) {
        let counters = &mut self.counters;
        if failed {
            counters.failures += 1;
            counters.consecutive_failures += 1;
            counters.consecutive_successes = 0;
        } else {
            counters.successes += 1;
            counters.consecutive_successes += 1;
            counters.consecutive_failures = 0;
        }
    }
}
