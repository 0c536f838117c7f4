//! resilience4j's documented behaviour as a table, and the windows against a model.

use otelier_sdk::policy::{Decision, Outcome};
use otelier_sdk::testing::Gate;

use crate::FailureRate;
use crate::config::WindowType;
use crate::window::{Calls, Window};

const SECOND: u64 = 1_000_000_000;

fn gate(config: &str) -> Gate<FailureRate> {
    Gate::new(config).unwrap_or_else(|failure| panic!("{config}: {}", failure.message))
}

fn state(decision: Decision) -> char {
    match decision {
        Decision::Allow => 'c',
        Decision::Probe(_) => 'h',
        Decision::Reject(_) => 'o',
    }
}

/// A second, and what is called in it: how often, with which answer, and the state afterwards.
type Second<'a> = (u64, &'a [(usize, char, char)]);

/// `F` and `S` are attempts that end at once, `f` and `s` the same after a minute and a bit, `x` one that is turned away; each stands
/// with how often it comes, and with the state after the last. Before the last the state is that of the entry before.
fn play(config: &str, seconds: &[Second<'_>]) {
    let mut gate = gate(config);
    let mut before = 'c';
    for (second, actions) in seconds {
        let now = second * SECOND;
        for (count, action, after) in *actions {
            for number in 1..=*count {
                let got = act(&mut gate, *action, now);
                let expected = if number == *count { *after } else { before };
                assert_eq!(got, expected, "{config} at {second}: {number}. {action}");
            }
            before = *after;
        }
    }
}

fn act(gate: &mut Gate<FailureRate>, action: char, now: u64) -> char {
    let outcome = if action.eq_ignore_ascii_case(&'f') { Outcome::Unreachable } else { Outcome::Delivered };
    let latency = if action.is_lowercase() { 61 * SECOND } else { SECOND / 100 };
    match action {
        'x' => {
            assert!(gate.admit(now).is_none(), "an attempt is made at {now}");
            state(gate.ask(now))
        }
        '.' => state(gate.ask(now)),
        _ => {
            let pass = gate.admit(now).unwrap_or_else(|| panic!("no attempt is made at {now}"));
            state(gate.report(pass, outcome, latency, now))
        }
    }
}

#[test]
fn defaults() {
    // Nothing is said before 100 calls; half of the last hundred are enough.
    play("{}", &[(0, &[(99, 'F', 'c'), (1, 'F', 'o')])]);
    play("{}", &[(0, &[(50, 'S', 'c'), (49, 'F', 'c'), (1, 'F', 'o')])]);
    play("{}", &[(0, &[(51, 'S', 'c'), (49, 'F', 'c')]), (1, &[(1, 'F', 'o')])]);
    // Open for a minute; ten calls decide, half of them failed is too many.
    let opened: (u64, &[_]) = (0, &[(99, 'F', 'c'), (1, 'F', 'o'), (1, 'x', 'o')]);
    play("{}", &[opened, (59, &[(1, 'x', 'o')]), (60, &[(1, '.', 'h'), (9, 'S', 'h'), (1, 'S', 'c')])]);
    play("{}", &[opened, (60, &[(1, '.', 'h'), (5, 'S', 'h'), (4, 'F', 'h'), (1, 'F', 'o')]), (119, &[(1, 'x', 'o')])]);
    play("{}", &[opened, (60, &[(1, '.', 'h'), (6, 'S', 'h'), (3, 'F', 'h'), (1, 'F', 'c')])]);
    // A closed gate begins afresh.
    play("{}", &[opened, (60, &[(1, '.', 'h'), (9, 'S', 'h'), (1, 'S', 'c'), (99, 'F', 'c'), (1, 'F', 'o')])]);
}

#[test]
fn slow_calls() {
    // All of 100 calls must be slow by default; longer than 60 s is slow.
    play("{}", &[(0, &[(99, 's', 'c'), (1, 's', 'o')])]);
    play("{}", &[(0, &[(1, 'S', 'c'), (99, 's', 'c'), (1, 's', 'o')])]);
    let config = r#"{"slow_call_rate_threshold": 50, "minimum_number_of_calls": 4, "sliding_window_size": 4}"#;
    play(config, &[(0, &[(2, 'S', 'c'), (1, 's', 'c'), (1, 's', 'o')])]);
    // Half-open goes by slow calls as well.
    play(config, &[(0, &[(3, 's', 'c'), (1, 's', 'o')]), (60, &[(1, '.', 'h'), (3, 's', 'h'), (1, 's', 'o')])]);
}

#[test]
fn a_window_of_calls_bounds_the_minimum() {
    let config = r#"{"sliding_window_size": 3, "minimum_number_of_calls": 100}"#;
    play(config, &[(0, &[(2, 'F', 'c'), (1, 'F', 'o')])]);
    // Half-open, too: fewer calls than the minimum are enough when no more are permitted.
    let config = r#"{"sliding_window_size": 3, "max_requests": 2, "timeout": "5s"}"#;
    play(config, &[(0, &[(2, 'F', 'c'), (1, 'F', 'o')]), (5, &[(1, '.', 'h'), (1, 'S', 'h'), (1, 'S', 'c')])]);
}

#[test]
fn a_window_of_time_forgets() {
    let config = r#"{"sliding_window_type": "TIME_BASED", "sliding_window_size": 3, "minimum_number_of_calls": 4}"#;
    play(config, &[(0, &[(1, 'F', 'c')]), (1, &[(1, 'F', 'c')]), (2, &[(1, 'F', 'c'), (1, 'F', 'o')])]);
    // The call of second 0 has left the window in second 3.
    play(config, &[(0, &[(1, 'F', 'c')]), (1, &[(2, 'F', 'c')]), (3, &[(1, 'F', 'c'), (1, 'F', 'o')])]);
    play(
        r#"{"interval": "3s", "minimum_number_of_calls": 2}"#,
        &[(0, &[(1, 'F', 'c')]), (3, &[(1, 'F', 'c'), (1, 'F', 'o')])],
    );
}

#[test]
fn half_open_can_be_bounded_in_time() {
    let config = r#"{"sliding_window_size": 1, "minimum_number_of_calls": 1, "wait_duration_in_open_state": "10s",
                     "permitted_number_of_calls_in_half_open_state": 2, "max_wait_duration_in_half_open_state": "5s"}"#;
    // With a minimum of 1 the first call decides.
    play(config, &[(0, &[(1, 'F', 'o')]), (10, &[(1, '.', 'h')]), (14, &[(1, '.', 'h'), (1, 'S', 'c')])]);
    play(config, &[(0, &[(1, 'F', 'o')]), (10, &[(1, '.', 'h')]), (15, &[(1, 'x', 'o')]), (25, &[(1, '.', 'h')])]);
    // An outcome that comes too late is one of an earlier state.
    let mut gate = gate(config);
    act(&mut gate, 'F', 0);
    let probe = gate.admit(10 * SECOND).unwrap();
    assert_eq!(state(gate.report(probe, Outcome::Delivered, 0, 16 * SECOND)), 'o');
}

#[test]
fn a_wrong_configuration_says_which_key() {
    for (config, says) in [
        (r#"{"failure_rate_threshold": 0}"#, "`failure_rate_threshold` is a percentage"),
        (r#"{"slow_call_rate_threshold": 101}"#, "`slow_call_rate_threshold` is a percentage"),
        (r#"{"sliding_window_size": 0}"#, "`sliding_window_size` must be from 1"),
        (r#"{"sliding_window_type": "CALLS"}"#, "unknown value `CALLS`"),
        (r#"{"max_requests": 0}"#, "must be at least 1"),
        (r#"{"timeout": "0s"}"#, "`wait_duration_in_open_state` must be longer than zero"),
        (r#"{"interval": "1500ms"}"#, "`interval` must be whole seconds"),
        (r#"{"interval": "5s", "sliding_window_size": 5}"#, "`interval` is a window of time"),
        (r#"{"bucket_period": "1s"}"#, "unknown key `bucket_period`"),
    ] {
        let failure = Gate::<FailureRate>::new(config).map(drop).unwrap_err();
        assert!(failure.message.contains(says), "{config}: {}", failure.message);
    }
}

/// The window beside a list of all calls.
#[test]
fn windows_are_what_a_list_of_calls_is() {
    for (window_type, size) in
        [(WindowType::Count, 1), (WindowType::Count, 7), (WindowType::Time, 1), (WindowType::Time, 5)]
    {
        let mut window = Window::new(window_type, size, 0);
        let mut calls: Vec<(u64, Calls)> = Vec::new();
        let (mut now, mut seed) = (0_u64, 1_u64);
        for _ in 0..2000 {
            // xorshift: the same calls each time.
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            now += [0, SECOND / 3, SECOND, 4 * SECOND, 40 * SECOND][seed as usize % 5];
            let call = Calls::one(seed & 64 != 0, seed & 128 != 0);
            calls.push((now / SECOND, call));
            let kept = calls.iter().rev().enumerate().filter(|(back, (second, _))| match window_type {
                WindowType::Count => *back < size as usize,
                WindowType::Time => second + u64::from(size) > now / SECOND,
            });
            let expected = kept.fold(Calls::default(), |sum, (_, (_, call))| Calls {
                total: sum.total + call.total,
                failed: sum.failed + call.failed,
                slow: sum.slow + call.slow,
            });
            assert_eq!(window.add(call, now), expected, "{window_type:?} {size}");
        }
    }
}
