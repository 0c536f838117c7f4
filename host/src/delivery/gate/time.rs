//! The gate's clock and timer, injected: a test sets both.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tokio::time::Instant;

/// A clock that never goes back, in nanoseconds, and a timer on it.
pub trait Time: Send + Sync {
    /// What it is.
    fn now(&self) -> u64;
    /// Waits until then. At most a little longer, and never shorter.
    fn until(&self, ns: u64) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// The time of day when it was made, and from then on what has passed, whatever happens to the time of day.
pub struct Steady {
    instant: Instant,
    ns: u64,
}

impl Steady {
    /// It is `now`, in nanoseconds since the Unix epoch.
    pub fn new(now: u64) -> Steady {
        Steady { instant: Instant::now(), ns: now }
    }
}

impl Time for Steady {
    fn now(&self) -> u64 {
        let passed = u64::try_from(self.instant.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.ns.saturating_add(passed)
    }

    fn until(&self, ns: u64) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let after = Duration::from_nanos(ns.saturating_sub(self.ns));
        // What does not fit is as good as never.
        let instant = self.instant.checked_add(after).unwrap_or_else(|| Instant::now() + Duration::from_secs(86_400));
        Box::pin(tokio::time::sleep_until(instant))
    }
}
