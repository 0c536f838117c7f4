//! The states of a gate.

use crate::contract::Decision;

/// What the gate is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// Attempts are made.
    Closed = 0,
    /// A few are.
    HalfOpen = 1,
    /// None is.
    Open = 2,
}

impl BreakerState {
    /// For labels and people.
    pub fn name(self) -> &'static str {
        match self {
            BreakerState::Closed => "closed",
            BreakerState::HalfOpen => "half_open",
            BreakerState::Open => "open",
        }
    }

    /// What an answer of the policy makes of it.
    pub fn of(decision: Decision) -> BreakerState {
        match decision {
            Decision::Allow => BreakerState::Closed,
            Decision::Probe(_) => BreakerState::HalfOpen,
            Decision::Reject(_) => BreakerState::Open,
        }
    }
}
