//! Time, injected: the wall clock, which tests set and which jumps when somebody sets it, and a steady clock, which never does.
//!
//! The steady clock counts the nanoseconds in which the host ran. It goes on from what is stored with the plugins' state, so it is
//! monotone across restarts and stands still while the host is down. Where it began means nothing: only differences count.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// One moment on both clocks. A call of a plugin has one, and whoever makes the call once more hands over the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moment {
    /// The wall clock: nanoseconds since the Unix epoch. It may be set back or forth.
    pub now: u64,
    /// The steady clock, in nanoseconds. It never goes back.
    pub steady: u64,
}

/// Tells the time. Clones share both clocks.
#[derive(Clone)]
pub struct Clock {
    wall: Arc<dyn Fn() -> u64 + Send + Sync>,
    steady: Arc<SteadyClock>,
}

struct SteadyClock {
    began: Instant,
    /// What it had counted before.
    before: AtomicU64,
}

impl Clock {
    /// The operating system's clocks.
    pub fn system() -> Clock {
        Clock::from_fn(|| {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
        })
    }

    /// A wall clock of the caller's.
    pub fn from_fn(now: impl Fn() -> u64 + Send + Sync + 'static) -> Clock {
        let steady = SteadyClock { began: Instant::now(), before: AtomicU64::new(0) };
        Clock { wall: Arc::new(now), steady: Arc::new(steady) }
    }

    /// The steady clock goes on from there. Call it before anything has asked for the time.
    pub fn go_on_from(&self, steady: u64) {
        self.steady.before.fetch_max(steady, Ordering::Relaxed);
    }

    /// Nanoseconds since the Unix epoch.
    pub fn now(&self) -> u64 {
        (self.wall)()
    }

    /// The present moment.
    pub fn moment(&self) -> Moment {
        let SteadyClock { began, before } = &*self.steady;
        let since = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        Moment { now: self.now(), steady: before.load(Ordering::Relaxed).saturating_add(since) }
    }
}

/// A time in nanoseconds since the Unix epoch as log lines have it, to the second: `2026-02-11T20:26:13Z` (RFC 3339).
pub fn date(nanoseconds: u64) -> String {
    let seconds = i64::try_from(nanoseconds / 1_000_000_000).unwrap_or_default();
    let date = OffsetDateTime::from_unix_timestamp(seconds).ok().and_then(|date| date.format(&Rfc3339).ok());
    date.unwrap_or_default()
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::{Clock, date};

    #[test]
    fn the_steady_clock_goes_on_and_ignores_the_wall_clock() {
        let wall = Arc::new(AtomicU64::new(5));
        let clock = Clock::from_fn({
            let wall = Arc::clone(&wall);
            move || wall.load(Ordering::Relaxed)
        });
        clock.go_on_from(1 << 50);
        let mut before = clock.moment();
        for set in [u64::MAX, 0, 7] {
            wall.store(set, Ordering::Relaxed);
            let moment = clock.clone().moment();
            assert_eq!(moment.now, set);
            assert!(moment.steady >= before.steady && moment.steady < (1 << 50) + 3_600_000_000_000, "{moment:?}");
            before = moment;
        }
    }

    #[test]
    fn dates() {
        assert_eq!(date(0), "1970-01-01T00:00:00Z");
        assert_eq!(date(1_581_452_773_999_999_999), "2020-02-11T20:26:13Z");
        assert_eq!(date(u64::MAX), "2554-07-21T23:34:33Z");
    }
}
