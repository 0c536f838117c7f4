//! A breaker that opens after so many failures in a row: the semantics of sony/gobreaker v2 with its defaults.
//!
//! Everything it needs is in the host's counters, which are those of that library: they start again when the state changes and, while
//! the gate is closed, follow `interval` and `bucket_period`. So the policy is three states and two numbers.

#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

use std::time::Duration;

use otelier_sdk::Failure;
use otelier_sdk::config::duration;
use otelier_sdk::policy::{Decision, Policy, Question};
use serde::Deserialize;

/// The open state's length where the configuration has none, or zero.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Attempts that the half-open state lets through, and successes that close it. 0 means 1.
    max_requests: u32,
    /// After so long the counters start again while the gate is closed. 0: never. The host does it.
    #[serde(deserialize_with = "duration::deserialize")]
    interval: Duration,
    /// In pieces of this length, so that the window rolls. 0: all at once. The host does it.
    #[serde(deserialize_with = "duration::deserialize")]
    bucket_period: Duration,
    /// How long the gate stays open before it is half-open. 0 means 60 s.
    #[serde(deserialize_with = "duration::deserialize")]
    timeout: Duration,
    /// It opens at more failures in a row than these.
    consecutive_failures: u64,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            max_requests: 1,
            interval: Duration::ZERO,
            bucket_period: Duration::ZERO,
            timeout: TIMEOUT,
            consecutive_failures: 5,
        }
    }
}

/// The policy.
#[derive(Debug)]
pub struct ConsecutiveFailures {
    max_requests: u32,
    timeout_ns: u64,
    consecutive_failures: u64,
    state: State,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Closed,
    Open { until: u64 },
    HalfOpen,
}

impl Policy for ConsecutiveFailures {
    type Config = Config;

    fn configure(config: Config) -> Result<ConsecutiveFailures, Failure> {
        if config.interval.is_zero() && !config.bucket_period.is_zero() {
            return Err(Failure::refused("`bucket_period` divides `interval`, which is not set: set both, or neither"));
        }
        let timeout = if config.timeout.is_zero() { TIMEOUT } else { config.timeout };
        Ok(ConsecutiveFailures {
            max_requests: config.max_requests.max(1),
            timeout_ns: u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX),
            consecutive_failures: config.consecutive_failures,
            state: State::Closed,
        })
    }

    fn admit(&mut self, question: &Question) -> Decision {
        self.state = self.next(question);
        match self.state {
            State::Closed => Decision::Allow,
            State::HalfOpen => Decision::Probe(self.max_requests),
            State::Open { until } => Decision::Reject(until),
        }
    }
}

impl ConsecutiveFailures {
    fn next(&self, question: &Question) -> State {
        let Question { now, counters, .. } = *question;
        let open = State::Open { until: now.saturating_add(self.timeout_ns) };
        match self.state {
            State::Closed if counters.consecutive_failures > self.consecutive_failures => open,
            State::Open { until } if now >= until => State::HalfOpen,
            State::HalfOpen if counters.failures > 0 => open,
            State::HalfOpen if counters.consecutive_successes >= u64::from(self.max_requests) => State::Closed,
            same => same,
        }
    }
}

otelier_sdk::export_policy!(ConsecutiveFailures);

#[cfg(test)]
mod tests;
