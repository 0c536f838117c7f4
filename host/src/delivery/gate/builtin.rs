//! The host's own policy, for when a plugin cannot be asked: opens at more than five failures in a row, for a minute, and lets one
//! probe decide. It goes by the gate's counters alone, so that it can take over at any moment.

use crate::contract::{Decision, Question};

const FAILURES_IN_A_ROW: u64 = 5;
const OPEN_NS: u64 = 60_000_000_000;

/// The policy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BuiltIn {
    /// Attempts may be made.
    #[default]
    Closed,
    /// None before this time.
    Open {
        /// In nanoseconds.
        until: u64,
    },
    /// One may be made.
    HalfOpen,
}

impl BuiltIn {
    /// Its answer.
    pub fn admit(&mut self, question: &Question) -> Decision {
        let counters = question.counters;
        let open = BuiltIn::Open { until: question.now.saturating_add(OPEN_NS) };
        *self = match *self {
            BuiltIn::Closed if counters.consecutive_failures > FAILURES_IN_A_ROW => open,
            BuiltIn::Open { until } if question.now >= until => BuiltIn::HalfOpen,
            BuiltIn::HalfOpen if counters.failures > 0 => open,
            BuiltIn::HalfOpen if counters.successes > 0 => BuiltIn::Closed,
            same => same,
        };
        match *self {
            BuiltIn::Closed => Decision::Allow,
            BuiltIn::Open { until } => Decision::Reject(until),
            BuiltIn::HalfOpen => Decision::Probe(1),
        }
    }
}
