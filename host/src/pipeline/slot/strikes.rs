//! When a plugin that breaks again and again is left alone.

use std::time::{Duration, Instant};

/// So many batches of which nothing passed, one after the other.
const STRIKES: u32 = 3;

/// Further apart, they have nothing to do with each other.
const WINDOW: Duration = Duration::from_secs(60);

/// Batches of which nothing passed since the last of which something did.
#[derive(Debug, Default)]
pub struct Strikes {
    count: u32,
    /// Strikes older than this are forgotten.
    window: Option<Instant>,
}

impl Strikes {
    /// One more. True when it is one too many: the plugin is left alone for `pause`.
    pub fn add(&mut self, now: Instant, pause: Duration) -> bool {
        if self.window.is_some_and(|end| end < now) {
            self.count = 0;
        }
        self.count += 1;
        let out = self.count >= STRIKES;
        // One that breaks again after its pause is out at once.
        self.window = Some(now + WINDOW + if out { pause } else { Duration::ZERO });
        out
    }

    /// Whether there is one.
    pub fn any(&self) -> bool {
        self.count > 0
    }

    /// Something passed.
    pub fn clear(&mut self) {
        self.count = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_secs(30);

    #[test]
    fn three_in_a_row_are_too_many_and_then_each() {
        let (mut strikes, start) = (Strikes::default(), Instant::now());
        assert!(!strikes.add(start, PAUSE) && !strikes.add(start + WINDOW, PAUSE));
        let third = start + WINDOW + WINDOW;
        assert!(strikes.add(third, PAUSE));
        assert!(strikes.add(third + WINDOW + PAUSE, PAUSE), "its pause does not count");
    }

    #[test]
    fn one_that_passes_or_a_long_time_forgets_them() {
        let (mut strikes, start) = (Strikes::default(), Instant::now());
        let later = start + WINDOW + Duration::from_nanos(1);
        assert!(!strikes.add(start, PAUSE) && !strikes.add(start, PAUSE));
        assert!(!strikes.add(later, PAUSE) && !strikes.add(later, PAUSE), "the first two are forgotten");
        strikes.clear();
        assert!(!strikes.any() && !strikes.add(later, PAUSE) && !strikes.add(later, PAUSE));
    }
}
