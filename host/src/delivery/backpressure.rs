//! What a full lane can say: how fast it drains, how much memory all lanes may take, and when to come back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Bytes that all lanes together may hold in memory (`queue_bytes_max`). Clones share it.
#[derive(Debug, Clone)]
pub struct Budget(Arc<BudgetCell>);

#[derive(Debug)]
struct BudgetCell {
    max: u64,
    used: AtomicU64,
}

impl Budget {
    /// A budget of `max` bytes.
    pub fn new(max: u64) -> Budget {
        Budget(Arc::new(BudgetCell { max, used: AtomicU64::new(0) }))
    }

    /// The bound, in bytes.
    pub fn max(&self) -> u64 {
        self.0.max
    }

    /// Bytes in use.
    pub fn used(&self) -> u64 {
        self.0.used.load(Ordering::Relaxed)
    }

    /// Takes bytes; false, and nothing is taken, where they do not fit.
    pub fn take(&self, bytes: u64) -> bool {
        let taken = |used: u64| self.fits(used, bytes).then(|| used + bytes);
        self.0.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken).is_ok()
    }

    /// Whether bytes fit at the moment. Something always fits where nothing is in use.
    pub fn has_room(&self, bytes: u64) -> bool {
        self.fits(self.used(), bytes)
    }

    fn fits(&self, used: u64, bytes: u64) -> bool {
        used == 0 || used.saturating_add(bytes) <= self.0.max
    }

    /// Takes bytes that must be taken, whatever the bound: a trip that is committed has a place.
    pub fn force(&self, bytes: u64) {
        self.0.used.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Gives bytes back.
    pub fn give(&self, bytes: u64) {
        self.0.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// How fast a lane drains: an exponentially weighted mean over some five seconds, in units a second.
#[derive(Debug, Clone, Copy)]
pub struct DrainRate {
    per_s: f64,
    since: Instant,
    units: u64,
}

/// Shorter spans say more about the scheduler than about the destination.
const SPAN_MIN: Duration = Duration::from_millis(100);
/// In which the past loses all but a third of its weight.
const MEMORY: Duration = Duration::from_secs(5);

impl DrainRate {
    /// Nothing has drained before `now`.
    pub fn new(now: Instant) -> DrainRate {
        DrainRate { per_s: 0.0, since: now, units: 0 }
    }

    /// So much has left.
    pub fn note(&mut self, units: u64, now: Instant) {
        self.units += units;
        if now.saturating_duration_since(self.since) >= SPAN_MIN {
            *self = DrainRate { per_s: self.per_second(now), since: now, units: 0 };
        }
    }

    /// Units a second, as of `now`.
    pub fn per_second(&self, now: Instant) -> f64 {
        let span = now.saturating_duration_since(self.since);
        if span < SPAN_MIN {
            return self.per_s;
        }
        let lately = self.units as f64 / span.as_secs_f64();
        let weight = 1.0 - (-span.as_secs_f64() / MEMORY.as_secs_f64()).exp();
        self.per_s + weight * (lately - self.per_s)
    }
}

/// No shorter: a sender that comes back at once costs more than it brings.
const RETRY_AFTER_MIN: Duration = Duration::from_millis(100);
/// No longer: by then something has changed.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(30);
/// Where nothing drains and nobody knows when it will again.
const RETRY_AFTER_STALLED: Duration = Duration::from_secs(5);
/// The share of a full lane that is to be free before a sender should come back: enough for it not to find it full again.
const ROOM: f64 = 0.1;

/// When there will be room in a lane of `capacity` that holds `held` and drains at `per_s`, all in the same unit.
pub fn retry_after(held: u64, capacity: u64, per_s: f64) -> Duration {
    let surplus = held as f64 - capacity as f64 * (1.0 - ROOM);
    if per_s <= f64::EPSILON {
        return RETRY_AFTER_STALLED;
    }
    let wait = Duration::try_from_secs_f64((surplus / per_s).max(0.0)).unwrap_or(RETRY_AFTER_MAX);
    wait.clamp(RETRY_AFTER_MIN, RETRY_AFTER_MAX)
}

/// How much a lane takes when it is bounded both by its own size and by memory: follows the mean size of what comes, and leaves
/// changes of less than a fifth alone.
#[derive(Debug, Clone, Copy)]
pub struct Capacity {
    most: u64,
    now: u64,
    mean_bytes: f64,
}

/// How much each batch weighs in the mean size.
const WEIGHT: f64 = 1.0 / 64.0;

impl Capacity {
    /// As configured, in units.
    pub fn new(most: u64) -> Capacity {
        Capacity { most, now: most, mean_bytes: 0.0 }
    }

    /// In units.
    pub fn units(&self) -> u64 {
        self.now
    }

    /// Something of `units` and `bytes` came, and `bytes_max` is what there may be in memory.
    pub fn follow(&mut self, units: u64, bytes: u64, bytes_max: u64) {
        if units == 0 || bytes == 0 {
            return;
        }
        let mean = bytes as f64 / units as f64;
        let is_first = self.mean_bytes == 0.0;
        self.mean_bytes = if is_first { mean } else { self.mean_bytes + WEIGHT * (mean - self.mean_bytes) };
        let wanted = ((bytes_max as f64 / self.mean_bytes) as u64).clamp(1, self.most);
        if wanted.abs_diff(self.now) * 5 >= self.now {
            self.now = wanted;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_lets_in_what_fits_and_something_always() {
        let budget = Budget::new(100);
        assert!(budget.take(500), "alone, whatever its size");
        assert!(!budget.take(1));
        budget.give(500);
        assert!(budget.take(60) && budget.take(40) && !budget.take(1));
        budget.force(10);
        assert_eq!(budget.used(), 110);
    }

    #[test]
    fn the_rate_follows_what_leaves() {
        let start = Instant::now();
        let mut rate = DrainRate::new(start);
        for tenth in 1..=300 {
            rate.note(10, start + Duration::from_millis(100 * tenth));
        }
        let end = start + Duration::from_secs(30);
        assert!((rate.per_second(end) - 100.0).abs() < 1.0, "{rate:?}");
        assert!(rate.per_second(end + Duration::from_secs(15)) < 10.0, "what stands still drains no more");
    }

    #[test]
    fn a_sender_is_told_to_come_back_when_there_will_be_room() {
        assert_eq!(retry_after(1000, 1000, 50.0), Duration::from_secs(2));
        assert_eq!(retry_after(1000, 1000, 1e9), RETRY_AFTER_MIN);
        assert_eq!(retry_after(1000, 1000, 1e-9), RETRY_AFTER_MAX);
        assert_eq!(retry_after(1000, 1000, 0.0), RETRY_AFTER_STALLED);
    }

    #[test]
    fn capacity_follows_the_size_of_what_comes() {
        let mut capacity = Capacity::new(1000);
        capacity.follow(1, 100, 1 << 20);
        assert_eq!(capacity.units(), 1000, "there is more memory than the configuration wants");
        capacity.follow(1, 1_000_000, 1 << 20);
        let lower = capacity.units();
        assert!(lower < 100, "{lower}");
        capacity.follow(1, 1_000_000, 1 << 20);
        capacity.follow(1, 900_000, 1 << 20);
        assert!(capacity.units() <= lower);
    }
}
