//! Which batches are written: in every second the first few, then every so-manieth, as the Collector's logger does.

use std::time::Duration;

const TICK: Duration = Duration::from_secs(1);

/// Counts the batches of one signal.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sampler {
    /// When counting starts again.
    tick_end: Duration,
    seen: u64,
}

impl Sampler {
    /// Counts one batch that arrived at `now` and says whether it is written.
    pub fn admit(&mut self, now: Duration, initial: u64, thereafter: u64) -> bool {
        if now >= self.tick_end {
            self.tick_end = now.saturating_add(TICK);
            self.seen = 0;
        }
        self.seen += 1;
        let behind = self.seen.saturating_sub(initial);
        // Nothing is a multiple of zero but zero itself.
        behind.is_multiple_of(thereafter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(initial: u64, thereafter: u64) -> Vec<u64> {
        let mut sampler = Sampler::default();
        (1..=8).filter(|_| sampler.admit(Duration::from_millis(500), initial, thereafter)).collect()
    }

    #[test]
    fn the_first_ones_then_every_so_manieth() {
        assert_eq!(admitted(2, 3), [1, 2, 5, 8]);
        assert_eq!(admitted(2, 1), [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(admitted(2, 0), [1, 2]);
        assert_eq!(admitted(0, 4), [4, 8]);
    }

    #[test]
    fn every_second_begins_anew() {
        let mut sampler = Sampler::default();
        let mut admit = |milliseconds| sampler.admit(Duration::from_millis(milliseconds), 1, 0);
        assert_eq!([0, 1, 999, 1000, 1001, 5000].map(&mut admit), [true, false, false, true, false, true]);
    }
}
