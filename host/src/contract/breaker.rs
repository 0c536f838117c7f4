//! What a gate and a breaker policy say to each other, whatever runs the policy. The contract itself, `wit/0.1/breaker.wit`, says what
//! each word means.

use super::{ComponentId, FailureClass, Limits, Outcome};

/// Attempts of the gate's present state, within its window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Attempts that began, those under way included.
    pub requests: u64,
    /// Of those, ended well.
    pub successes: u64,
    /// Of those, failed.
    pub failures: u64,
    /// Since the last failure.
    pub consecutive_successes: u64,
    /// Since the last success.
    pub consecutive_failures: u64,
}

/// What a policy is asked with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Question {
    /// In nanoseconds, on a clock that never goes back.
    pub now: u64,
    /// What the gate has counted.
    pub counters: Counters,
    /// Batches held.
    pub queue_depth: u64,
    /// Batches a second that have left lately.
    pub drain_rate: f64,
}

/// What it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Closed: attempts may be made.
    Allow,
    /// Half-open: so many attempts may be made in this state.
    Probe(u32),
    /// Open: none before this time, in nanoseconds.
    Reject(u64),
}

/// How an attempt ended, as a policy sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The destination has taken the batch.
    Delivered,
    /// Apart from some items.
    Partial,
    /// It has not, or nobody knows.
    Failed(FailureClass),
}

impl Ended {
    /// All of them.
    pub const ALL: [Ended; 8] = [
        Ended::Delivered,
        Ended::Partial,
        Ended::Failed(FailureClass::Unreachable),
        Ended::Failed(FailureClass::Broken),
        Ended::Failed(FailureClass::Timeout),
        Ended::Failed(FailureClass::Unavailable),
        Ended::Failed(FailureClass::Throttled),
        Ended::Failed(FailureClass::Permanent),
    ];

    /// Whether the destination failed. One that refuses a batch for good works.
    pub fn is_failure(self) -> bool {
        matches!(self, Ended::Failed(class) if class.is_retryable())
    }

    /// For a log line.
    pub fn name(self) -> &'static str {
        match self {
            Ended::Delivered => "delivered",
            Ended::Partial => "partial",
            Ended::Failed(class) => class.name(),
        }
    }
}

impl From<&Outcome> for Ended {
    fn from(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Delivered => Ended::Delivered,
            Outcome::Partial { .. } => Ended::Partial,
            Outcome::Failed(failure) => Ended::Failed(failure.class),
        }
    }
}

/// A policy that cannot be used any more, or could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct PolicyError {
    /// For a metric's label: `refused`, `trap`, `deadline`, `memory`, `stack`, `contract`, `answer`.
    pub reason: &'static str,
    /// For a person.
    pub detail: String,
}

/// One instance of a policy.
pub trait Policy: Send {
    /// `breaker.admit` of the contract.
    fn admit(&mut self, question: &Question) -> Result<Decision, PolicyError>;
    /// `breaker.on-outcome`, `latency` in nanoseconds.
    fn on_outcome(&mut self, ended: Ended, latency: u64, now: u64) -> Result<(), PolicyError>;
}

/// Makes instances of one policy.
pub trait PolicySource: Send + Sync {
    /// An instance that stands for a closed gate. `config` is JSON, `breaker` the extension's id, for logs.
    fn configured(&self, breaker: &ComponentId, config: &str, limits: Limits) -> Result<Box<dyn Policy>, PolicyError>;
}
