//! A breaker that opens when too large a share of calls failed or was slow: resilience4j's terms, defaults and transitions.
//!
//! It goes by outcomes, which it keeps in a window of its own, and not by the host's counters, which know no slow calls. A verdict
//! falls only when a call is recorded: time alone opens nothing, and ends only the open and, where that is bounded, the half-open
//! state.

#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

mod config;
mod window;

use otelier_sdk::Failure;
use otelier_sdk::policy::{Decision, Outcome, Policy, Question};

pub use config::Config;
use config::{Settings, WindowType};
use window::{Calls, Window};

/// The policy.
#[derive(Debug)]
pub struct FailureRate {
    settings: Settings,
    state: State,
}

#[derive(Debug)]
enum State {
    /// The window begins with the first call.
    Closed(Option<Window>),
    Open {
        until: u64,
    },
    HalfOpen {
        window: Window,
        /// When it is over, however few calls there were.
        until: Option<u64>,
    },
}

/// What a window says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// Not enough calls.
    Unknown,
    Healthy,
    Failing,
}

impl Policy for FailureRate {
    type Config = Config;

    fn configure(config: Config) -> Result<FailureRate, Failure> {
        Ok(FailureRate { settings: config.settings()?, state: State::Closed(None) })
    }

    fn admit(&mut self, question: &Question) -> Decision {
        self.pass_time(question.now);
        match &self.state {
            State::Closed(_) => Decision::Allow,
            State::Open { until } => Decision::Reject(*until),
            State::HalfOpen { .. } => Decision::Probe(self.settings.permitted),
        }
    }

    fn on_outcome(&mut self, outcome: Outcome, latency: u64, now: u64) {
        self.pass_time(now);
        let settings = self.settings;
        let call = Calls::one(outcome.is_failure(), latency > settings.slow_ns);
        let (calls, minimum) = match &mut self.state {
            State::Closed(window) => {
                let new = || Window::new(settings.window_type, settings.window_size, now);
                let calls = window.get_or_insert_with(new).add(call, now);
                let bound = if settings.window_type == WindowType::Count { settings.window_size } else { u32::MAX };
                (calls, settings.minimum.min(bound))
            }
            State::HalfOpen { window, .. } => (window.add(call, now), settings.minimum.min(settings.permitted)),
            // An attempt that the host makes on its own account says nothing: the wait goes on.
            State::Open { .. } => return,
        };
        match (self.verdict(calls, minimum), &self.state) {
            (Verdict::Failing, _) => self.open(now),
            (Verdict::Healthy, State::HalfOpen { .. }) => self.state = State::Closed(None),
            _ => {}
        }
    }
}

impl FailureRate {
    fn verdict(&self, calls: Calls, minimum: u32) -> Verdict {
        if calls.total < minimum {
            return Verdict::Unknown;
        }
        let failing = Calls::percent(calls.failed, calls.total) >= self.settings.failure_rate;
        let slow = Calls::percent(calls.slow, calls.total) >= self.settings.slow_rate;
        if failing || slow { Verdict::Failing } else { Verdict::Healthy }
    }

    fn open(&mut self, since: u64) {
        self.state = State::Open { until: since.saturating_add(self.settings.open_ns) };
    }

    /// What the clock alone changes.
    fn pass_time(&mut self, now: u64) {
        if let State::HalfOpen { until: Some(until), .. } = self.state
            && now >= until
        {
            self.open(until);
        }
        if let State::Open { until } = self.state
            && now >= until
        {
            let settings = self.settings;
            let window = Window::new(WindowType::Count, settings.permitted, now);
            let bounded = settings.half_open_ns > 0;
            self.state = State::HalfOpen { window, until: bounded.then(|| now.saturating_add(settings.half_open_ns)) };
        }
    }
}

otelier_sdk::export_policy!(FailureRate);

#[cfg(test)]
mod tests;
