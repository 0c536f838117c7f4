//! How many scrapes there may be at a time, and how long one may take.
//!
//! A body is made as fast as it is read: one that nobody asks for more of has a scraper that does not read. hyper does not ask
//! while its buffer is full, so the connection's own task looks at the clock.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;

/// What is allowed.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Scrapes at a time; further ones are told to come again.
    pub scrapes: usize,
    /// How long a scraper may read nothing.
    pub stall: Duration,
    /// How long a scrape may take.
    pub whole: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { scrapes: 16, stall: Duration::from_secs(10), whole: Duration::from_secs(120) }
    }
}

/// A scrape's permission, held by its body.
#[derive(Debug)]
pub struct Turn {
    pace: Arc<Pace>,
    _permit: OwnedSemaphorePermit,
}

impl Turn {
    /// A turn on this connection, if one is free.
    pub fn take(turns: &Arc<Semaphore>, pace: &Arc<Pace>) -> Option<Turn> {
        let permit = Arc::clone(turns).try_acquire_owned().ok()?;
        let now = Instant::now();
        pace.set(Some(Running { since: now, moved: now }));
        Some(Turn { pace: Arc::clone(pace), _permit: permit })
    }

    /// The scraper wants more.
    pub fn moved(&self) {
        let mut running = self.pace.0.lock().unwrap_or_else(PoisonError::into_inner);
        running.iter_mut().for_each(|running| running.moved = Instant::now());
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.pace.set(None);
    }
}

/// The scrape of one connection, if there is one.
#[derive(Debug, Default)]
pub struct Pace(Mutex<Option<Running>>);

#[derive(Debug, Clone, Copy)]
struct Running {
    since: Instant,
    moved: Instant,
}

impl Pace {
    fn set(&self, running: Option<Running>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = running;
    }

    fn is_overdue(&self, now: Instant, limits: &Limits) -> bool {
        let running = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        running.is_some_and(|running| {
            now.saturating_duration_since(running.since) > limits.whole
                || now.saturating_duration_since(running.moved) > limits.stall
        })
    }

    /// Resolves when the connection's scrape has taken too long.
    pub async fn overdue(&self, limits: &Limits) {
        while !self.is_overdue(Instant::now(), limits) {
            sleep(limits.stall / 4).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scrape_may_neither_stall_nor_last() {
        let (turns, pace) = (Arc::new(Semaphore::new(1)), Arc::new(Pace::default()));
        let limits = Limits::default();
        let turn = Turn::take(&turns, &pace);
        assert!(turn.is_some() && Turn::take(&turns, &Arc::default()).is_none());
        let now = Instant::now();
        assert!(!pace.is_overdue(now, &limits) && pace.is_overdue(now + limits.stall * 2, &limits));
        pace.set(Some(Running { since: now, moved: now + limits.whole }));
        assert!(pace.is_overdue(now + limits.whole * 2, &limits));
        drop(turn);
        assert!(!pace.is_overdue(now + limits.whole * 2, &limits) && Turn::take(&turns, &pace).is_some());
    }
}
