//! A sliding window of calls: the last so many, or those of the last so many seconds. Sums are kept, so that adding a call takes the
//! same time whatever the size.

use crate::config::WindowType;

const SECOND: u64 = 1_000_000_000;

/// Calls by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Calls {
    /// All.
    pub total: u32,
    /// Of those, failed.
    pub failed: u32,
    /// Of those, slow, whether or not they failed.
    pub slow: u32,
}

impl Calls {
    /// One call.
    pub fn one(failed: bool, slow: bool) -> Calls {
        Calls { total: 1, failed: u32::from(failed), slow: u32::from(slow) }
    }

    fn add(&mut self, other: Calls) {
        self.total = self.total.saturating_add(other.total);
        self.failed = self.failed.saturating_add(other.failed);
        self.slow = self.slow.saturating_add(other.slow);
    }

    fn remove(&mut self, other: Calls) {
        self.total = self.total.saturating_sub(other.total);
        self.failed = self.failed.saturating_sub(other.failed);
        self.slow = self.slow.saturating_sub(other.slow);
    }

    /// Percent of the calls.
    pub fn percent(part: u32, total: u32) -> f64 {
        if total == 0 { 0.0 } else { f64::from(part) * 100.0 / f64::from(total) }
    }
}

/// The window. Each place is one call, or one second.
#[derive(Debug)]
pub struct Window {
    window_type: WindowType,
    places: Vec<Calls>,
    sum: Calls,
    /// Where the next call goes, or the place of `second`.
    at: usize,
    /// The newest second, since the clock's zero.
    second: u64,
}

impl Window {
    /// An empty window of so many calls or seconds, at least 1.
    pub fn new(window_type: WindowType, size: u32, now: u64) -> Window {
        let places = vec![Calls::default(); size.max(1) as usize];
        Window { window_type, places, sum: Calls::default(), at: 0, second: now / SECOND }
    }

    /// Adds a call that ended at `now`; returns the sum of the window with it.
    pub fn add(&mut self, call: Calls, now: u64) -> Calls {
        match self.window_type {
            WindowType::Count => {
                self.evict();
                self.put(call);
                self.step();
            }
            WindowType::Time => {
                // More steps than places evict nothing more.
                let seconds = (now / SECOND).saturating_sub(self.second).min(self.places.len() as u64);
                for _ in 0..seconds {
                    self.step();
                    self.evict();
                }
                self.second = self.second.max(now / SECOND);
                self.put(call);
            }
        }
        self.sum
    }

    fn put(&mut self, call: Calls) {
        if let Some(place) = self.places.get_mut(self.at) {
            place.add(call);
            self.sum.add(call);
        }
    }

    fn evict(&mut self) {
        if let Some(place) = self.places.get_mut(self.at) {
            self.sum.remove(std::mem::take(place));
        }
    }

    fn step(&mut self) {
        self.at = (self.at + 1) % self.places.len();
    }
}
