//! gobreaker's documented behaviour as a table: what is done in each second, and what the gate is afterwards.

use otelier_sdk::policy::{Decision, Outcome};
use otelier_sdk::testing::Gate;

use crate::ConsecutiveFailures;

const SECOND: u64 = 1_000_000_000;

fn gate(config: &str) -> Gate<ConsecutiveFailures> {
    Gate::new(config).unwrap_or_else(|failure| panic!("{config}: {}", failure.message))
}

fn state(decision: Decision) -> char {
    match decision {
        Decision::Allow => 'c',
        Decision::Probe(_) => 'h',
        Decision::Reject(_) => 'o',
    }
}

/// `F` and `S` are attempts that end at once, `x` one that is turned away, `.` no attempt. Each has the state afterwards beside it.
fn play(config: &str, seconds: &[(u64, &str)]) {
    let mut gate = gate(config);
    for (second, script) in seconds {
        let now = second * SECOND;
        let script: Vec<char> = script.chars().collect();
        for pair in script.chunks(2) {
            let [action, expected] = pair else { panic!("{script:?}") };
            let got = match action {
                'F' => gate.attempt(Outcome::Unavailable, now).map(state),
                'S' => gate.attempt(Outcome::Delivered, now).map(state),
                '.' => Some(state(gate.ask(now))),
                'x' => {
                    assert!(gate.admit(now).is_none(), "{config} at {second}: an attempt is made");
                    Some(state(gate.ask(now)))
                }
                other => panic!("{other}"),
            };
            assert_eq!(got, Some(*expected), "{config} at {second}: {action}");
        }
    }
}

#[test]
fn defaults() {
    // More than five failures in a row: the sixth. A success in between starts again.
    play("{}", &[(0, "FcFcFcFcFcFo")]);
    play("{}", &[(0, "FcFcFcFcFcScFcFcFcFcFcFoxo")]);
    // Open for 60 s, then one probe decides.
    play("null", &[(0, "FcFcFcFcFcFo"), (1, "xo"), (59, "xo"), (60, ".hSc"), (61, "FcFcFcFcFcFo")]);
    play("{}", &[(0, "FcFcFcFcFcFo"), (60, ".hFoxo"), (119, "xo"), (120, ".hSc")]);
    // No interval: failures of long ago count.
    play("{}", &[(0, "FcFcFcFcFc"), (1_000_000, "Fo")]);
}

#[test]
fn what_is_zero_has_a_meaning() {
    let zeros = r#"{"max_requests": 0, "timeout": 0, "interval": "0s"}"#;
    play(zeros, &[(0, "FcFcFcFcFcFo"), (59, "xo"), (60, ".hSc")]);
}

#[test]
fn half_open_needs_as_many_successes_as_it_lets_through() {
    let config = r#"{"max_requests": 3, "timeout": "30s", "consecutive_failures": 1}"#;
    play(config, &[(0, "FcFo"), (29, "xo"), (30, ".hShShSc")]);
    play(config, &[(0, "FcFo"), (30, ".hShShFo"), (59, "xo"), (60, "ShShSc")]);
}

#[test]
fn half_open_lets_no_more_through_than_max_requests() {
    let mut gate = gate(r#"{"max_requests": 3, "timeout": "1s", "consecutive_failures": 0}"#);
    gate.attempt(Outcome::Timeout, 0).unwrap();
    let now = SECOND;
    let mut passes: Vec<_> = std::iter::repeat_with(|| gate.admit(now)).take(3).flatten().collect();
    assert_eq!(passes.len(), 3);
    assert!(gate.admit(now).is_none());
    // One that has succeeded makes no room; one that was cancelled does.
    assert_eq!(state(gate.report(passes.pop().unwrap(), Outcome::Delivered, 0, now)), 'h');
    assert!(gate.admit(now).is_none());
    gate.cancel(passes.pop().unwrap());
    passes.push(gate.admit(now).unwrap());
    assert!(gate.admit(now).is_none());
    for pass in passes {
        gate.report(pass, Outcome::Delivered, 0, now);
    }
    assert_eq!(state(gate.ask(now)), 'c');
}

#[test]
fn outcomes_of_an_earlier_state_are_dropped() {
    let mut gate = gate(r#"{"timeout": "1s", "consecutive_failures": 0}"#);
    let (early, late) = (gate.admit(0).unwrap(), gate.admit(0).unwrap());
    gate.attempt(Outcome::Unreachable, 0).unwrap();
    assert_eq!(state(gate.report(early, Outcome::Delivered, 0, 0)), 'o');
    let probe = gate.admit(SECOND).unwrap();
    assert_eq!(state(gate.report(late, Outcome::Unreachable, 0, SECOND)), 'h', "it is no probe");
    assert_eq!(state(gate.report(probe, Outcome::Delivered, 0, SECOND)), 'c');
}

#[test]
fn what_the_destination_answers_is_no_failure() {
    let mut gate = gate(r#"{"consecutive_failures": 0}"#);
    for outcome in [Outcome::Delivered, Outcome::Partial, Outcome::Permanent] {
        assert_eq!(gate.attempt(outcome, 0).map(state), Some('c'));
    }
    for outcome in [Outcome::Unreachable, Outcome::Timeout, Outcome::Unavailable, Outcome::Throttled] {
        let mut gate = self::gate(r#"{"consecutive_failures": 0}"#);
        assert_eq!(gate.attempt(outcome, 0).map(state), Some('o'), "{outcome:?}");
    }
}

#[test]
fn a_wrong_configuration_says_which_key() {
    for (config, says) in [
        (r#"{"max_request": 1}"#, "unknown key `max_request`"),
        (r#"{"timeout": 5}"#, "`timeout`: `5`: a duration needs a unit"),
        (r#"{"bucket_period": "1s"}"#, "`interval`, which is not set"),
    ] {
        let failure = Gate::<ConsecutiveFailures>::new(config).map(drop).unwrap_err();
        assert!(failure.message.contains(says), "{}", failure.message);
    }
}
