//! How long to wait after a failure: exponential, with jitter, bounded, as the Collector's `retry_on_failure`.

use std::time::Duration;

use crate::contract::RetryOnFailure;

/// The waits of one dispatch.
#[derive(Debug)]
pub struct Backoff<'c> {
    config: &'c RetryOnFailure,
    interval: Duration,
    attempts: u32,
}

impl<'c> Backoff<'c> {
    /// Before the first failure.
    pub fn new(config: &'c RetryOnFailure) -> Backoff<'c> {
        Backoff { config, interval: config.initial_interval, attempts: 0 }
    }

    /// The wait after one more failure. `chance` is between 0 and 1; `asked` is what the destination asked for, which is never
    /// undercut. `None` when there is no more time, or attempt: `elapsed` is since the first attempt.
    pub fn next(&mut self, elapsed: Duration, asked: Option<Duration>, chance: f64) -> Option<Duration> {
        self.attempts = self.attempts.saturating_add(1);
        let attempts_max = self.config.max_attempts;
        if !self.config.enabled || (attempts_max > 0 && self.attempts >= attempts_max) {
            return None;
        }
        let spread = self.config.randomization_factor;
        let factor = 1.0 - spread + 2.0 * spread * chance;
        let wait = self.interval.mul_f64(factor).max(asked.unwrap_or_default());
        let next = Duration::try_from_secs_f64(self.interval.as_secs_f64() * self.config.multiplier);
        self.interval = next.map_or(self.config.max_interval, |next| next.min(self.config.max_interval));
        let limit = self.config.max_elapsed_time;
        if !limit.is_zero() && elapsed + wait > limit { None } else { Some(wait) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_longest_and_end_with_the_time() {
        let config = RetryOnFailure::default();
        let mut backoff = Backoff::new(&config);
        let mut waits = Vec::new();
        let mut elapsed = Duration::ZERO;
        while let Some(wait) = backoff.next(elapsed, None, 0.5) {
            waits.push(wait.as_secs_f64());
            elapsed += wait;
        }
        assert_eq!(waits[..6], [5.0, 7.5, 11.25, 16.875, 25.3125, 30.0]);
        assert!(elapsed <= config.max_elapsed_time && elapsed > config.max_elapsed_time - config.max_interval);
    }

    #[test]
    fn jitter_stays_within_its_share_and_a_request_to_wait_is_kept() {
        let config = RetryOnFailure { max_elapsed_time: Duration::ZERO, ..RetryOnFailure::default() };
        let first = |chance| Backoff::new(&config).next(Duration::from_secs(1 << 40), None, chance);
        assert_eq!(first(0.0), Some(Duration::from_millis(2500)));
        assert_eq!(first(1.0), Some(Duration::from_millis(7500)));
        let asked = Some(Duration::from_secs(60));
        assert_eq!(Backoff::new(&config).next(Duration::ZERO, asked, 0.5), asked);
        assert_eq!(Backoff::new(&config).next(Duration::ZERO, Some(Duration::ZERO), 0.5), Some(Duration::from_secs(5)));
    }

    #[test]
    fn a_wait_beyond_all_times_is_the_longest() {
        for multiplier in [1e20, f64::MAX] {
            let config = RetryOnFailure { multiplier, max_elapsed_time: Duration::ZERO, ..RetryOnFailure::default() };
            let mut backoff = Backoff::new(&config);
            backoff.next(Duration::ZERO, None, 0.5);
            assert_eq!(backoff.next(Duration::ZERO, None, 0.5), Some(config.max_interval));
        }
    }

    #[test]
    fn attempts_are_counted() {
        for (attempts, waits) in [(1, 0), (3, 2)] {
            let config = RetryOnFailure { max_attempts: attempts, ..RetryOnFailure::default() };
            let mut backoff = Backoff::new(&config);
            assert_eq!(std::iter::from_fn(|| backoff.next(Duration::ZERO, None, 0.5)).count(), waits);
        }
    }

    #[test]
    fn switched_off_it_never_waits() {
        let config = RetryOnFailure { enabled: false, ..RetryOnFailure::default() };
        assert_eq!(Backoff::new(&config).next(Duration::ZERO, Some(Duration::from_secs(1)), 0.5), None);
    }
}
