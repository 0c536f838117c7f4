//! A policy plugin behind a guard: whatever it does, there is an answer.
//!
//! A call that traps, overruns or contradicts itself ends the instance, and the built-in policy decides. A new instance is made after
//! a while that doubles with each failure, and only when the built-in one has the gate closed: a new instance stands for a closed gate
//! and would open one that is shut for a good reason.

use std::sync::Arc;

use super::builtin::BuiltIn;
use super::metrics::Metrics;
use crate::contract::{ComponentId, Decision, Ended, Limits, Policy, PolicyError, PolicySource, Question};

const SECOND: u64 = 1_000_000_000;
/// How long after its first failure a plugin is tried again, and the longest.
const BACKOFF: u64 = SECOND;
const BACKOFF_MAX: u64 = 300 * SECOND;
/// An answer further away than this is none.
const REJECT_MAX: u64 = 86_400 * SECOND;

/// What makes instances of a policy.
#[derive(Clone)]
pub struct Maker {
    /// The compiled plugin; without one the built-in policy decides for ever.
    pub source: Option<Arc<dyn PolicySource>>,
    /// The extension.
    pub breaker: ComponentId,
    /// Its configuration, as JSON.
    pub config: String,
    /// The manifest's grants.
    pub limits: Limits,
}

/// The policy and its stand-in.
pub struct Guarded {
    maker: Maker,
    metrics: Metrics,
    plugin: Option<Box<dyn Policy>>,
    built_in: BuiltIn,
    /// When the plugin is tried again.
    retry_at: u64,
    backoff: u64,
    /// When the present instance was made.
    since: u64,
}

impl Guarded {
    /// With a fresh instance; one that cannot be made is tried again like one that failed.
    pub fn new(maker: Maker, metrics: Metrics, now: u64) -> Guarded {
        let mut guarded = Guarded {
            maker,
            metrics,
            plugin: None,
            built_in: BuiltIn::default(),
            retry_at: now,
            backoff: BACKOFF,
            since: now,
        };
        guarded.make(now);
        guarded
    }

    /// Another version decides from now on.
    pub fn replace(&mut self, source: Arc<dyn PolicySource>, policy: Box<dyn Policy>, now: u64) {
        self.maker.source = Some(source);
        self.plugin = Some(policy);
        (self.since, self.retry_at, self.backoff) = (now, now, BACKOFF);
        self.built_in = BuiltIn::default();
        self.metrics.fallback(false);
    }

    /// What makes its instances.
    pub fn maker(&self) -> &Maker {
        &self.maker
    }

    /// What is decided, and by the plugin if it can.
    pub fn admit(&mut self, question: &Question) -> Decision {
        if let Some(plugin) = &mut self.plugin {
            match plugin.admit(question).and_then(|decision| checked(decision, question.now)) {
                Ok(decision) => return decision,
                Err(error) => self.failed(&error, question.now),
            }
        }
        let decision = self.built_in.admit(question);
        if self.built_in == BuiltIn::Closed && question.now >= self.retry_at && self.maker.source.is_some() {
            self.make(question.now);
            if let Some(plugin) = &mut self.plugin {
                // It is asked at once: a policy that fails every time never decides.
                match plugin.admit(question).and_then(|decision| checked(decision, question.now)) {
                    Ok(decision) => return decision,
                    Err(error) => self.failed(&error, question.now),
                }
            }
        }
        decision
    }

    /// An attempt of the present state ended.
    pub fn on_outcome(&mut self, ended: Ended, latency: u64, now: u64) {
        if let Some(plugin) = &mut self.plugin
            && let Err(error) = plugin.on_outcome(ended, latency, now)
        {
            self.failed(&error, now);
        }
    }

    /// Whether the built-in policy decides in a plugin's place.
    pub fn is_fallback(&self) -> bool {
        self.plugin.is_none() && self.maker.source.is_some()
    }

    fn make(&mut self, now: u64) {
        let Maker { source, breaker, config, limits } = &self.maker;
        let Some(source) = source else { return };
        match source.configured(breaker, config, *limits) {
            Ok(plugin) => {
                if self.backoff > BACKOFF {
                    let (exporter, breaker) = (self.metrics.exporter(), self.metrics.breaker());
                    tracing::info!(exporter, breaker, "the breaker's policy is tried again");
                }
                self.plugin = Some(plugin);
                self.since = now;
                self.metrics.fallback(false);
            }
            Err(error) => self.failed(&error, now),
        }
    }

    fn failed(&mut self, error: &PolicyError, now: u64) {
        self.plugin = None;
        self.built_in = BuiltIn::default();
        // One that worked for longer than the last wait has earned a short one.
        if now.saturating_sub(self.since) > self.backoff {
            self.backoff = BACKOFF;
        }
        let wait_s = self.backoff / SECOND;
        self.retry_at = now.saturating_add(self.backoff);
        self.backoff = (self.backoff * 2).min(BACKOFF_MAX);
        self.metrics.policy_failure(error);
        self.metrics.fallback(true);
        let (exporter, breaker, reason) = (self.metrics.exporter(), self.metrics.breaker(), error.reason);
        tracing::error!(
            exporter,
            breaker,
            reason,
            wait_s,
            "the breaker's policy failed, the built-in one decides (it opens at more than 5 failures in a row): {error}"
        );
    }
}

/// Answers that cannot be are failures as well.
fn checked(decision: Decision, now: u64) -> Result<Decision, PolicyError> {
    let wrong = |detail: String| Err(PolicyError { reason: "answer", detail });
    match decision {
        Decision::Probe(0) => wrong("it is half-open and lets no probe through".to_owned()),
        Decision::Reject(until) if until <= now => {
            wrong(format!("it rejects until {} ns ago; a time that is still to come was expected", now - until))
        }
        Decision::Reject(until) if until - now > REJECT_MAX => {
            wrong(format!("it rejects for {} s; at most a day was expected", (until - now) / SECOND))
        }
        decision => Ok(decision),
    }
}
