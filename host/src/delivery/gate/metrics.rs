//! What a gate counts for a person to look at.

use crate::contract::{ComponentId, PolicyError};
use crate::telemetry::{Counter, Gauge, Registry};

use super::state::BreakerState;

/// The metrics of one gate.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Registry,
    exporter: String,
    breaker: String,
    state: Gauge,
    fallback: Gauge,
    /// Attempts that were made to wait.
    pub rejected: Counter,
    /// Attempts in the half-open state.
    pub probes: Counter,
    /// Attempts made because work was held back for too long.
    pub forced: Counter,
    /// Outcomes of an earlier state.
    pub stale: Counter,
}

impl Metrics {
    /// Registers them.
    pub fn new(exporter: &ComponentId, breaker: &ComponentId, registry: &Registry) -> Metrics {
        let (exporter, breaker) = (exporter.to_string(), breaker.to_string());
        let labels = [("exporter", exporter.as_str()), ("breaker", breaker.as_str())];
        let probes = |kind| {
            let labels = [labels[0], labels[1], ("kind", kind)];
            registry.counter(
                "otelier_breaker_probes",
                "Attempts made while the gate was half-open, or because it held work back for `max_hold`.",
                &labels,
            )
        };
        Metrics {
            state: registry.gauge("otelier_breaker_state", "The gate: 0 closed, 1 half-open, 2 open.", &labels),
            fallback: registry.gauge(
                "otelier_breaker_fallback",
                "1 while the built-in policy stands in for the plugin.",
                &labels,
            ),
            rejected: registry.counter("otelier_breaker_rejected", "Attempts that the gate made wait.", &labels),
            probes: probes("half_open"),
            forced: probes("max_hold"),
            stale: registry.counter(
                "otelier_breaker_stale_outcomes",
                "Outcomes of attempts that began before the gate's last transition.",
                &labels,
            ),
            registry: registry.clone(),
            exporter,
            breaker,
        }
    }

    /// The gate has changed its state.
    pub fn transition(&self, from: BreakerState, to: BreakerState) {
        let labels = [
            ("exporter", self.exporter.as_str()),
            ("breaker", self.breaker.as_str()),
            ("from", from.name()),
            ("to", to.name()),
        ];
        self.registry.counter("otelier_breaker_transitions", "Transitions of the gate.", &labels).add(1);
        self.state.set(to as i64);
    }

    /// The plugin failed.
    pub fn policy_failure(&self, error: &PolicyError) {
        let labels =
            [("exporter", self.exporter.as_str()), ("breaker", self.breaker.as_str()), ("reason", error.reason)];
        let help = "Calls of a policy that trapped, overran or gave an answer that cannot be.";
        self.registry.counter("otelier_breaker_policy_failures", help, &labels).add(1);
    }

    /// Who decides.
    pub fn fallback(&self, built_in: bool) {
        self.fallback.set(i64::from(built_in));
    }

    /// For log lines.
    pub fn exporter(&self) -> &str {
        &self.exporter
    }

    /// For log lines.
    pub fn breaker(&self) -> &str {
        &self.breaker
    }
}
