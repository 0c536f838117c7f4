//! The gate: whether an attempt may be made now. Without a breaker it is always open.

use std::time::{Duration, Instant};

use crate::contract::Outcome;

/// The gate of one lane. Clones are the same gate.
#[derive(Debug, Clone, Default)]
pub struct Gate {}

/// Leave to make one attempt. One that is dropped without [`settle`](Permit::settle) counts for nothing.
#[derive(Debug)]
pub struct Permit {}

/// What a lane holds and how fast it drains, which a policy may go by.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Pressure {
    /// Batches held.
    pub depth: u64,
    /// Batches a second that have left lately.
    pub drain_per_s: f64,
}

impl Gate {
    /// Waits until an attempt may be made. `pressure` is asked each time the question is put.
    pub async fn admit(&self, _pressure: impl Fn() -> Pressure + Send) -> Permit {
        Permit {}
    }

    /// Until when no attempt will be made, if that is known.
    pub fn closed_until(&self) -> Option<Instant> {
        None
    }
}

impl Permit {
    /// Tells how the attempt ended.
    pub fn settle(self, _outcome: &Outcome, _latency: Duration) {}
}
