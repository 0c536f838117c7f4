//! Histograms of durations, with bounds that are the same for all of them.
//!
//! The bounds are in steps of 2 to 2.5, from 100 µs, which is about a call of a small plugin, to 10 s, which is longer than senders wait;
//! beyond that a minute and ten minutes, for what waits in a queue. They have 10, 50 and 100 ms among them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the buckets, inclusive, ascending, in nanoseconds. There is one bucket more, without a bound.
const BOUNDS_NS: [u64; 18] = [
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    10_000_000_000,
    60_000_000_000,
    600_000_000_000,
];

const BUCKETS: usize = BOUNDS_NS.len() + 1;

/// How long something took, by bucket. Recording is two additions, without a lock.
#[derive(Debug, Clone, Default)]
pub struct Histogram(Arc<Cells>);

#[derive(Debug, Default)]
struct Cells {
    buckets: [AtomicU64; BUCKETS],
    /// It begins anew after 584 years of durations together, which Prometheus takes for a restart.
    sum_ns: AtomicU64,
}

/// What a histogram has recorded so far.
#[derive(Debug, Clone, PartialEq)]
pub struct Observations {
    /// Upper bounds of all buckets but the last one, which has none; inclusive, ascending, in seconds.
    pub bounds_s: Vec<f64>,
    /// Observations in each bucket, one more than there are bounds. Their sum is the count, so the two never disagree.
    pub counts: Vec<u64>,
    /// Of all durations, in seconds. An observation that is being recorded may be in one of the two only.
    pub sum_s: f64,
}

impl Histogram {
    /// Adds one observation.
    pub fn record(&self, duration: Duration) {
        let ns = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let place = BOUNDS_NS.partition_point(|bound| *bound < ns);
        if let Some(bucket) = self.0.buckets.get(place) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.0.sum_ns.fetch_add(ns, Ordering::Relaxed);
    }

    /// What was recorded so far.
    pub fn get(&self) -> Observations {
        Observations {
            bounds_s: BOUNDS_NS.iter().map(|bound| seconds(*bound)).collect(),
            counts: self.0.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).collect(),
            sum_s: seconds(self.0.sum_ns.load(Ordering::Relaxed)),
        }
    }
}

impl Observations {
    /// All observations.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// The nearest number: bounds are written as they are meant, such as 0.0001.
fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_counts_where_its_bound_is_the_next_one_or_itself() {
        let histogram = Histogram::default();
        let bounds_s = histogram.get().bounds_s;
        assert!([0.0001, 0.01, 0.05, 0.1, 10.0].iter().all(|bound| bounds_s.contains(bound)), "{bounds_s:?}");
        assert!(bounds_s.is_sorted_by(|one, next| one < next));
        let at = |duration: Duration| {
            let histogram = Histogram::default();
            histogram.record(duration);
            let place = histogram.get().counts.iter().position(|count| *count == 1);
            place.map(|place| bounds_s.get(place).copied())
        };
        assert_eq!(at(Duration::ZERO), Some(Some(0.0001)));
        assert_eq!(at(Duration::from_millis(10)), Some(Some(0.01)));
        assert_eq!(at(Duration::from_nanos(10_000_001)), Some(Some(0.025)));
        assert_eq!(at(Duration::from_secs(3600)), Some(None));
        assert_eq!(at(Duration::MAX), Some(None));
    }

    #[test]
    fn what_threads_record_at_the_same_time_is_all_there() {
        let histogram = Histogram::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1000).for_each(|_| histogram.record(Duration::from_millis(2))));
            }
        });
        let observations = histogram.get();
        assert_eq!(observations.count(), 4000);
        assert!((observations.sum_s - 8.0).abs() < 1e-9, "{}", observations.sum_s);
    }
}
