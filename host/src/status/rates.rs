//! What counters were some seconds ago: so many samples are kept, and the oldest is what rates begin at.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::counts::{Counts, Key};

/// Between two samples.
pub const INTERVAL: Duration = Duration::from_secs(2);

/// Samples that are kept: a rate is over up to ten seconds.
const SAMPLES_MAX: usize = 5;

/// Samples, oldest first.
#[derive(Debug, Default)]
pub struct Rates(VecDeque<(Instant, Counts)>);

impl Rates {
    /// Keeps a sample; the oldest goes.
    pub fn put(&mut self, at: Instant, counts: Counts) {
        self.0.push_back((at, counts));
        while self.0.len() > SAMPLES_MAX {
            self.0.pop_front();
        }
    }

    /// For how long rates at `now` are, in seconds; 0 without a sample.
    pub fn seconds(&self, now: Instant) -> f64 {
        self.0.front().map_or(0.0, |(at, _)| now.saturating_duration_since(*at).as_secs_f64())
    }

    /// How fast a counter that is at `count` now has grown. A counter that no sample has began at zero.
    pub fn per_second(&self, key: &Key, count: u64, now: Instant) -> f64 {
        let Some((_, counts)) = self.0.front() else { return 0.0 };
        let grown = count.saturating_sub(counts.get(key).copied().unwrap_or(0));
        let seconds = self.seconds(now);
        if seconds > 0.0 { grown as f64 / seconds } else { 0.0 }
    }
}
