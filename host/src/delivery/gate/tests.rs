//! The mechanism, with a policy that says what a script says and a clock that the test sets.

#![allow(clippy::unwrap_used, clippy::panic)]

mod line;
mod replay;
mod windows;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use serde_json::json;

use super::machine::{Admission, Kind, Machine, Verdict};
use super::{Breaker, BreakerState, Pressure, Settings};
use crate::contract::{
    ComponentId, Decision, Ended, FailureClass, Limits, Policy, PolicyError, PolicySource, Question,
};
use crate::telemetry::Registry;

const SECOND: u64 = 1_000_000_000;
const START: u64 = 1_000 * SECOND;
const FAILED: Ended = Ended::Failed(FailureClass::Unavailable);

/// What a scripted policy says next, what it was asked and what it was told.
#[derive(Default)]
struct Script {
    /// Answers in order; the last is repeated.
    answers: Mutex<VecDeque<Result<Decision, &'static str>>>,
    questions: Mutex<Vec<Question>>,
    outcomes: Mutex<Vec<Ended>>,
    instances: Mutex<u64>,
}

impl Script {
    fn say(&self, answers: impl IntoIterator<Item = Decision>) {
        *self.answers.lock().unwrap() = answers.into_iter().map(Ok).collect();
    }

    fn fail(&self, reason: &'static str) {
        *self.answers.lock().unwrap() = VecDeque::from([Err(reason)]);
    }
}

struct Scripted(Arc<Script>);

impl Policy for Scripted {
    fn admit(&mut self, question: &Question) -> Result<Decision, PolicyError> {
        self.0.questions.lock().unwrap().push(*question);
        let mut answers = self.0.answers.lock().unwrap();
        let answer = if answers.len() > 1 { answers.pop_front() } else { answers.front().copied() };
        answer.unwrap_or(Ok(Decision::Allow)).map_err(|reason| PolicyError { reason, detail: "scripted".to_owned() })
    }

    fn on_outcome(&mut self, ended: Ended, _: u64, _: u64) -> Result<(), PolicyError> {
        self.0.outcomes.lock().unwrap().push(ended);
        Ok(())
    }
}

struct ScriptSource(Arc<Script>);

impl PolicySource for ScriptSource {
    fn configured(&self, _: &ComponentId, _: &str, _: Limits) -> Result<Box<dyn Policy>, PolicyError> {
        *self.0.instances.lock().unwrap() += 1;
        Ok(Box::new(Scripted(Arc::clone(&self.0))))
    }
}

fn breaker(script: &Arc<Script>, config: serde_json::Value) -> Breaker {
    let limits = Limits {
        memory_bytes: 1 << 20,
        call_ms: 1000,
        emitted_rows: 1,
        dictionary_entries: 1,
        storage_bytes: 1 << 30,
        log_bytes: 1 << 16,
        host_calls: 1_000_000,
    };
    let settings = Settings::read(config).unwrap();
    Breaker {
        id: "scripted".parse().unwrap(),
        source: Some(Arc::new(ScriptSource(Arc::clone(script)))),
        limits,
        settings,
    }
}

struct Bench {
    script: Arc<Script>,
    machine: Machine,
    registry: Registry,
}

impl Bench {
    fn new(config: serde_json::Value) -> Bench {
        let (script, registry) = (Arc::new(Script::default()), Registry::default());
        let machine = breaker(&script, config).machine(&"otlp".parse().unwrap(), &registry, START);
        Bench { script, machine, registry }
    }

    fn ask(&mut self, at: u64) -> Verdict {
        self.machine.ask(START + at, Pressure::default(), true)
    }

    fn go(&mut self, at: u64) -> Admission {
        match self.ask(at) {
            Verdict::Go(admission) => admission,
            Verdict::Wait { until } => panic!("nothing goes before {until}"),
        }
    }

    /// Until when it waits, since the start.
    fn wait(&mut self, at: u64) -> u64 {
        match self.ask(at) {
            Verdict::Go(admission) => panic!("{admission:?} goes"),
            Verdict::Wait { until } => until - START,
        }
    }

    fn report(&mut self, admission: Admission, ended: Ended, at: u64) {
        self.machine.report(admission, ended, 0, START + at);
    }

    fn total(&self, name: &str) -> i64 {
        self.registry.total(name, &[])
    }

    fn last_question(&self) -> Question {
        *self.script.questions.lock().unwrap().last().unwrap()
    }
}

#[test]
fn what_the_policy_answers_is_the_state() {
    let mut bench = Bench::new(json!({}));
    let admission = bench.go(0);
    assert_eq!((admission.kind, bench.machine.state()), (Kind::Ordinary, BreakerState::Closed));
    bench.script.say([Decision::Reject(START + 5 * SECOND)]);
    bench.report(admission, FAILED, 1);
    assert_eq!(bench.machine.state(), BreakerState::Open, "it is asked as soon as an attempt has ended");
    assert_eq!(bench.wait(2), 5 * SECOND);
    bench.script.say([Decision::Probe(1)]);
    assert_eq!(bench.go(5 * SECOND).kind, Kind::Probe);
    assert_eq!(bench.machine.state(), BreakerState::HalfOpen);
    let transition = |from, to| bench.registry.total("otelier_breaker_transitions", &[("from", from), ("to", to)]);
    assert_eq!((transition("closed", "open"), transition("open", "half_open")), (1, 1));
    assert_eq!(bench.total("otelier_breaker_state"), 1);
    assert_eq!((bench.total("otelier_breaker_rejected"), bench.total("otelier_breaker_probes")), (1, 1));
}

#[test]
fn counters_are_of_one_state() {
    let mut bench = Bench::new(json!({}));
    for ended in [FAILED, Ended::Delivered, FAILED, FAILED] {
        let admission = bench.go(0);
        bench.report(admission, ended, 0);
    }
    let counters = bench.last_question().counters;
    assert_eq!((counters.requests, counters.successes, counters.failures), (4, 1, 3));
    assert_eq!((counters.consecutive_failures, counters.consecutive_successes), (2, 0));
    bench.script.say([Decision::Probe(5)]);
    bench.go(0);
    bench.ask(0);
    assert_eq!(bench.last_question().counters.requests, 1, "the probe alone");
    assert_eq!(bench.last_question().counters.failures, 0);
}

#[test]
fn an_outcome_of_an_earlier_state_is_dropped() {
    let mut bench = Bench::new(json!({}));
    let (early, first) = (bench.go(0), bench.go(0));
    bench.script.say([Decision::Reject(START + SECOND)]);
    bench.report(first, FAILED, 0);
    bench.script.say([Decision::Probe(2)]);
    let probe = bench.go(SECOND);
    bench.report(early, Ended::Delivered, SECOND);
    assert_eq!(bench.script.outcomes.lock().unwrap().len(), 1, "the policy is not told");
    assert_eq!(bench.total("otelier_breaker_stale_outcomes"), 1);
    bench.report(probe, Ended::Delivered, SECOND);
    assert_eq!(bench.last_question().counters.successes, 1, "nor is it counted");
}

/// The same generation by state, but not by number: closed again, it is not the closed state from before.
#[test]
fn a_state_that_comes_again_is_another_one() {
    let mut bench = Bench::new(json!({}));
    let early = bench.go(0);
    bench.script.say([Decision::Reject(START + SECOND)]);
    bench.wait(0);
    bench.script.say([Decision::Allow]);
    bench.go(SECOND);
    bench.report(early, FAILED, SECOND);
    assert_eq!(bench.script.outcomes.lock().unwrap().len(), 0);
    assert_eq!(bench.total("otelier_breaker_stale_outcomes"), 1);
}

#[test]
fn no_more_probes_go_than_the_policy_said() {
    let mut bench = Bench::new(json!({"max_hold": "10s"}));
    bench.script.say([Decision::Probe(2)]);
    let (one, two) = (bench.go(0), bench.go(0));
    assert_eq!(bench.wait(0), SECOND, "it is asked again, in case that time ends the state");
    assert_eq!(bench.wait(9 * SECOND + 1), 10 * SECOND, "at the latest when it has held back for too long");
    let at = 9 * SECOND + 2;
    bench.report(one, Ended::Delivered, at);
    bench.wait(at);
    bench.machine.cancel(two);
    let three = bench.go(at);
    bench.wait(at);
    bench.report(three, Ended::Delivered, at);
    bench.script.say([Decision::Allow]);
    assert_eq!(bench.go(at).kind, Kind::Ordinary);
}

#[test]
fn a_cancelled_attempt_counts_for_nothing() {
    let mut bench = Bench::new(json!({}));
    let admission = bench.go(0);
    bench.machine.cancel(admission);
    bench.go(0);
    bench.ask(0);
    let counters = bench.last_question().counters;
    assert_eq!((counters.requests, counters.successes, counters.failures), (1, 0, 0));
}

#[test]
fn nothing_is_held_back_for_longer_than_max_hold() {
    let mut bench = Bench::new(json!({"max_hold": "10s"}));
    let mut forced = Vec::new();
    for second in 0..35 {
        bench.script.say([Decision::Reject(START + (second + 1) * SECOND)]);
        match bench.ask(second * SECOND) {
            Verdict::Go(admission) => forced.push((second, admission.kind)),
            Verdict::Wait { until } => assert_eq!(until, START + (second + 1) * SECOND),
        }
    }
    assert_eq!(forced, [(10, Kind::Forced), (20, Kind::Forced), (30, Kind::Forced)]);
    assert_eq!(bench.registry.total("otelier_breaker_probes", &[("kind", "max_hold")]), 3);
    // Whoever waits is woken then, also where the policy would have it wait longer.
    bench.script.say([Decision::Reject(START + 100 * SECOND)]);
    assert_eq!(bench.wait(35 * SECOND), 40 * SECOND);
    assert_eq!(bench.machine.closed_until(), Some(START + 40 * SECOND));
}

#[test]
fn a_policy_that_fails_is_stood_in_for_and_tried_again() {
    let mut bench = Bench::new(json!({}));
    bench.go(0);
    bench.script.fail("trap");
    bench.go(SECOND);
    assert!(bench.machine.is_fallback());
    assert_eq!(bench.registry.total("otelier_breaker_policy_failures", &[("reason", "trap")]), 1);
    assert_eq!(bench.total("otelier_breaker_fallback"), 1);
    // Not before a second has passed, then after two, four, and so on.
    for (at, failures) in [(1, 1), (2, 2), (3, 2), (4, 3), (7, 3), (8, 4)] {
        bench.go(at * SECOND);
        assert_eq!(bench.total("otelier_breaker_policy_failures"), failures, "at {at}");
    }
    bench.script.say([Decision::Allow]);
    bench.go(16 * SECOND);
    assert!(!bench.machine.is_fallback());
    assert_eq!(bench.total("otelier_breaker_fallback"), 0);
    assert_eq!(*bench.script.instances.lock().unwrap(), 5);
}

#[test]
fn the_built_in_policy_is_a_breaker_too() {
    let mut bench = Bench::new(json!({}));
    bench.script.fail("deadline");
    for _ in 0..6 {
        let admission = bench.go(0);
        bench.report(admission, FAILED, 0);
    }
    assert_eq!(bench.wait(0), 60 * SECOND);
    // A new instance would have the gate closed: it is not asked while there is reason to keep it shut.
    bench.script.say([Decision::Allow]);
    bench.wait(59 * SECOND);
    let probe = bench.go(60 * SECOND);
    assert_eq!(probe.kind, Kind::Probe);
    bench.wait(60 * SECOND);
    bench.report(probe, Ended::Delivered, 61 * SECOND);
    assert_eq!(bench.machine.state(), BreakerState::Closed);
    assert!(!bench.machine.is_fallback(), "now it is");
}

#[test]
fn answers_that_cannot_be_are_failures() {
    for answer in [
        Decision::Reject(u64::MAX),
        Decision::Reject(START + 2 * 86_400 * SECOND),
        Decision::Reject(START),
        Decision::Reject(START - SECOND),
        Decision::Reject(0),
        Decision::Probe(0),
    ] {
        let mut bench = Bench::new(json!({}));
        bench.script.say([answer]);
        assert_eq!(bench.go(0).kind, Kind::Ordinary, "{answer:?}");
        let failures = bench.registry.total("otelier_breaker_policy_failures", &[("reason", "answer")]);
        assert!(bench.machine.is_fallback() && failures > 0, "{answer:?}");
    }
}

#[test]
fn a_clock_that_goes_back_stands_still() {
    let mut bench = Bench::new(json!({}));
    bench.go(10 * SECOND);
    bench.go(SECOND);
    assert_eq!(bench.last_question().now, START + 10 * SECOND);
}

#[test]
fn the_gates_own_keys_are_read_and_the_rest_is_the_policys() {
    let config = json!({"max_hold": "10s", "interval": "1m", "bucket_period": "7s", "timeout": 5});
    let settings = Settings::read(config).unwrap();
    assert_eq!(settings.policy(), r#"{"bucket_period":"7s","interval":"1m","timeout":5}"#);
    assert_eq!((settings.max_hold_ns, settings.span.buckets), (10 * SECOND, 9));
    assert_eq!(Settings::read(json!(null)).unwrap().max_hold_ns, 300 * SECOND);
    for (config, says) in [
        (json!({"max_hold": 0}), "`max_hold`: must be longer than zero"),
        (json!({"interval": 5}), "`interval`: `5`: a duration needs a unit"),
        (json!({"interval": "1h", "bucket_period": "1ms"}), "choose a longer period"),
    ] {
        let error = Settings::read(config).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}
