//! How long something that fails waits: longer each time, until it works.

use std::time::Duration;

const MIN: Duration = Duration::from_secs(1);
const MAX: Duration = Duration::from_secs(60);

/// Zero while nothing fails.
#[derive(Debug, Default)]
pub struct Backoff(Duration);

impl Backoff {
    /// It failed: how long it waits now. 1 s at first, then twice as long each time, 60 s at the most.
    pub fn fail(&mut self) -> Duration {
        self.0 = self.after_this();
        self.0
    }

    /// How long it would wait if it failed now.
    pub fn after_this(&self) -> Duration {
        (self.0 * 2).clamp(MIN, MAX)
    }

    /// How long it waited the last time.
    pub fn wait(&self) -> Duration {
        self.0
    }

    /// It works.
    pub fn reset(&mut self) {
        self.0 = Duration::ZERO;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_from_a_second_to_a_minute_and_begin_anew() {
        let mut backoff = Backoff::default();
        assert_eq!(backoff.wait(), Duration::ZERO);
        let waits: Vec<u64> = (0..8).map(|_| backoff.fail().as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(backoff.wait(), MAX);
        backoff.reset();
        assert_eq!((backoff.wait(), backoff.after_this(), backoff.fail()), (Duration::ZERO, MIN, MIN));
    }
}
