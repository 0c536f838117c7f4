//! What the gate counts while it is in one state, and, while it is closed, within a window of time.
//!
//! Without an interval nothing is forgotten before the state changes. With one, the counters start again each time it has passed; with
//! a bucket period as well, the interval rolls: it is rounded up to whole buckets, and the oldest bucket is forgotten as a new one
//! begins. An outcome is counted where its attempt began, and not at all where that has been forgotten.

use std::collections::VecDeque;

use crate::contract::Counters;

/// Buckets at the most.
pub const BUCKETS_MAX: u64 = 1000;

/// How far back counters reach, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Of one bucket. 0: for ever.
    pub bucket_ns: u64,
    /// At least 1.
    pub buckets: u64,
}

impl Span {
    /// Of an interval and a bucket period, each 0 where it is not set.
    pub fn new(interval_ns: u64, bucket_ns: u64) -> Span {
        match (interval_ns, bucket_ns) {
            (0, _) => Span { bucket_ns: 0, buckets: 1 },
            (interval_ns, 0) => Span { bucket_ns: interval_ns, buckets: 1 },
            (interval_ns, bucket_ns) => Span { bucket_ns, buckets: interval_ns.div_ceil(bucket_ns) },
        }
    }
}

/// The counters.
#[derive(Debug)]
pub struct Window {
    span: Span,
    /// Of all buckets.
    sum: Counters,
    /// The newest last; there is always one.
    buckets: VecDeque<Counters>,
    /// Number of the newest bucket since `start`.
    age: u64,
    start: u64,
}

impl Window {
    /// Nothing counted, from `now` on.
    pub fn new(span: Span, now: u64) -> Window {
        Window { span, sum: Counters::default(), buckets: VecDeque::from([Counters::default()]), age: 0, start: now }
    }

    /// Forgets everything.
    pub fn clear(&mut self, now: u64) {
        *self = Window::new(self.span, now);
    }

    /// What is counted.
    pub fn counters(&self) -> Counters {
        self.sum
    }

    /// Forgets what is too old.
    pub fn roll(&mut self, now: u64) {
        let Span { bucket_ns, buckets } = self.span;
        let elapsed = now.saturating_sub(self.start);
        if bucket_ns == 0 {
            return;
        }
        if buckets == 1 {
            // It begins again with the first question after its end, as a fixed window of gobreaker's does.
            if elapsed > bucket_ns {
                (self.age, self.start) = (self.age + 1, now);
                self.forget_all();
            }
            return;
        }
        let age = elapsed / bucket_ns;
        let steps = age.saturating_sub(self.age);
        self.age = self.age.max(age);
        if steps >= buckets {
            self.forget_all();
            return;
        }
        for _ in 0..steps {
            self.buckets.push_back(Counters::default());
            if self.buckets.len() as u64 > buckets {
                self.forget_oldest();
            }
        }
    }

    fn forget_all(&mut self) {
        self.sum = Counters::default();
        self.buckets.clear();
        self.buckets.push_back(Counters::default());
    }

    /// An attempt begins; returns where its outcome belongs.
    pub fn begin(&mut self) -> u64 {
        self.sum.requests += 1;
        if let Some(bucket) = self.buckets.back_mut() {
            bucket.requests += 1;
        }
        self.age
    }

    /// An attempt that began there ended.
    pub fn end(&mut self, age: u64, failed: bool) {
        if let Some(bucket) = self.bucket(age) {
            count(bucket, failed);
            count(&mut self.sum, failed);
        }
    }

    /// An attempt that began there was given up.
    pub fn cancel(&mut self, age: u64) {
        if let Some(bucket) = self.bucket(age) {
            bucket.requests = bucket.requests.saturating_sub(1);
            self.sum.requests = self.sum.requests.saturating_sub(1);
        }
    }

    fn bucket(&mut self, age: u64) -> Option<&mut Counters> {
        let back = usize::try_from(self.age.checked_sub(age)?).ok()?;
        let index = self.buckets.len().checked_sub(back + 1)?;
        self.buckets.get_mut(index)
    }

    /// A run that reaches back into the oldest bucket gets shorter by what it has there.
    fn forget_oldest(&mut self) {
        let Some(oldest) = self.buckets.pop_front() else { return };
        let failures: u64 = self.buckets.iter().map(|bucket| bucket.failures).sum();
        let successes: u64 = self.buckets.iter().map(|bucket| bucket.successes).sum();
        let sum = &mut self.sum;
        // A run cannot have more than what is left.
        sum.consecutive_failures = sum.consecutive_failures.min(failures);
        sum.consecutive_successes = sum.consecutive_successes.min(successes);
        sum.requests = sum.requests.saturating_sub(oldest.requests);
        sum.failures = failures;
        sum.successes = successes;
    }
}

fn count(counters: &mut Counters, failed: bool) {
    if failed {
        counters.failures += 1;
        counters.consecutive_failures += 1;
        counters.consecutive_successes = 0;
    } else {
        counters.successes += 1;
        counters.consecutive_successes += 1;
        counters.consecutive_failures = 0;
    }
}
