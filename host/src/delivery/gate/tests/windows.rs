//! Windows of counters, beside what gobreaker documents of `Interval` and `BucketPeriod`.

use super::super::window::{Span, Window};
use super::SECOND;

fn window(interval_s: u64, bucket_s: u64) -> Window {
    Window::new(Span::new(interval_s * SECOND, bucket_s * SECOND), 0)
}

fn attempt(window: &mut Window, second: u64, failed: bool) {
    window.roll(second * SECOND);
    let age = window.begin();
    window.end(age, failed);
}

/// Requests, failures, failures in a row.
fn seen(window: &mut Window, second: u64) -> (u64, u64, u64) {
    window.roll(second * SECOND);
    let counters = window.counters();
    (counters.requests, counters.failures, counters.consecutive_failures)
}

#[test]
fn without_an_interval_nothing_is_forgotten() {
    let mut window = window(0, 0);
    attempt(&mut window, 0, true);
    assert_eq!(seen(&mut window, 1_000_000), (1, 1, 1));
}

#[test]
fn a_fixed_window_forgets_all_at_once() {
    let mut window = window(30, 0);
    attempt(&mut window, 0, true);
    attempt(&mut window, 29, true);
    assert_eq!(seen(&mut window, 30), (2, 2, 2));
    assert_eq!(seen(&mut window, 31), (0, 0, 0));
    // It begins again when it is next looked at.
    attempt(&mut window, 60, true);
    assert_eq!(seen(&mut window, 61), (1, 1, 1));
    assert_eq!(seen(&mut window, 62), (0, 0, 0));
}

#[test]
fn an_outcome_of_a_window_that_is_over_is_not_counted() {
    let mut window = window(30, 0);
    let age = window.begin();
    window.roll(31 * SECOND);
    window.end(age, true);
    assert_eq!(seen(&mut window, 31), (0, 0, 0));
    window.cancel(age);
    assert_eq!(seen(&mut window, 31), (0, 0, 0));
}

#[test]
fn a_rolling_window_forgets_bucket_by_bucket() {
    // Rounded up to three buckets of ten seconds.
    let mut window = window(25, 10);
    for (second, failed) in [(0, true), (1, true), (12, true), (25, true)] {
        attempt(&mut window, second, failed);
    }
    assert_eq!(seen(&mut window, 29), (4, 4, 4));
    assert_eq!(seen(&mut window, 30), (2, 2, 2), "the run is as long as what is left of it");
    attempt(&mut window, 31, false);
    attempt(&mut window, 32, true);
    assert_eq!(seen(&mut window, 39), (4, 3, 1));
    assert_eq!(seen(&mut window, 40), (3, 2, 1), "a run that does not reach back keeps its length");
    assert_eq!(seen(&mut window, 60), (0, 0, 0));
    attempt(&mut window, 1000, true);
    assert_eq!(seen(&mut window, 1009), (1, 1, 1));
}

#[test]
fn an_outcome_is_counted_where_its_attempt_began() {
    let mut window = window(20, 10);
    let early = window.begin();
    window.roll(15 * SECOND);
    window.end(early, true);
    assert_eq!(seen(&mut window, 19), (1, 1, 1));
    assert_eq!(seen(&mut window, 20), (0, 0, 0));
}
