//! How many scrapes there may be at a time, and how long one may take. Where that many are under way, one that nobody reads gives way.
//!
//! A body is made as fast as it is read: one that nobody asks for more of has a scraper that does not read. hyper does not ask
//! while its buffer is full, so the connection's own task looks at the clock.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::time::sleep;

use crate::net::Working;

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

/// A scrape whose scraper has read nothing for so long gives way to another.
const GIVES_WAY_AFTER: Duration = Duration::from_secs(1);

/// The scrapes under way, of all connections.
#[derive(Debug)]
pub struct Turns {
    max: usize,
    running: Mutex<Vec<Weak<Pace>>>,
}

impl Turns {
    /// So many at a time.
    pub fn new(max: usize) -> Turns {
        Turns { max, running: Mutex::default() }
    }

    /// A turn on this connection, if one is free, or somebody does not use theirs.
    pub fn take(&self, pace: &Arc<Pace>, working: Working) -> Option<Turn> {
        let now = Instant::now();
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.retain(|pace| pace.upgrade().is_some_and(|pace| pace.running().is_some()));
        if running.len() >= self.max {
            let moved = |pace: &Weak<Pace>| pace.upgrade()?.running().map(|running| running.moved);
            let stalled = running.iter().enumerate().filter_map(|(place, pace)| Some((place, moved(pace)?)));
            let (place, moved) = stalled.min_by_key(|(_, moved)| *moved)?;
            if now.saturating_duration_since(moved) < GIVES_WAY_AFTER {
                return None;
            }
            if let Some(pace) = running.swap_remove(place).upgrade() {
                pace.given_away.notify_one();
            }
        }
        running.push(Arc::downgrade(pace));
        *pace.running() = Some(Running { since: now, moved: now });
        Some(Turn { pace: Arc::clone(pace), _working: working })
    }
}

/// A scrape's permission, held by its body.
#[derive(Debug)]
pub struct Turn {
    pace: Arc<Pace>,
    /// Meanwhile its connection does not give way.
    _working: Working,
}

impl Turn {
    /// The scraper wants more.
    pub fn moved(&self) {
        self.pace.running().iter_mut().for_each(|running| running.moved = Instant::now());
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *self.pace.running() = None;
    }
}

/// The scrape of one connection, if there is one.
#[derive(Debug, Default)]
pub struct Pace {
    running: Mutex<Option<Running>>,
    /// Its turn is somebody else's.
    given_away: Notify,
}

#[derive(Debug, Clone, Copy)]
struct Running {
    since: Instant,
    moved: Instant,
}

impl Pace {
    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_overdue(&self, now: Instant, limits: &Limits) -> bool {
        self.running().is_some_and(|running| {
            now.saturating_duration_since(running.since) > limits.whole
                || now.saturating_duration_since(running.moved) > limits.stall
        })
    }

    /// Resolves when the connection's scrape has taken too long.
    pub async fn overdue(&self, limits: &Limits) {
        while !self.is_overdue(Instant::now(), limits) {
            tokio::select! {
                () = sleep(limits.stall / 4) => {}
                () = self.given_away.notified() => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::net::Connections;

    fn working() -> Working {
        Connections::new(1).enter(None).unwrap().place.work()
    }

    #[test]
    fn a_scrape_may_neither_stall_nor_last() {
        let (turns, pace) = (Turns::new(1), Arc::new(Pace::default()));
        let limits = Limits::default();
        let turn = turns.take(&pace, working());
        assert!(turn.is_some() && turns.take(&Arc::default(), working()).is_none());
        let now = Instant::now();
        assert!(!pace.is_overdue(now, &limits) && pace.is_overdue(now + limits.stall * 2, &limits));
        *pace.running() = Some(Running { since: now, moved: now + limits.whole });
        assert!(pace.is_overdue(now + limits.whole * 2, &limits));
        drop(turn);
        assert!(!pace.is_overdue(now + limits.whole * 2, &limits) && turns.take(&pace, working()).is_some());
    }

    #[tokio::test]
    async fn a_scrape_that_nobody_reads_gives_way() {
        let (turns, slow, limits) = (Turns::new(2), Arc::new(Pace::default()), Limits::default());
        let (_slow, reading) = (turns.take(&slow, working()), Arc::new(Pace::default()));
        let _reading = turns.take(&reading, working());
        let long_ago = Instant::now().checked_sub(GIVES_WAY_AFTER * 2);
        slow.running().iter_mut().for_each(|running| running.moved = long_ago.unwrap_or(running.moved));
        let (third, fourth) = (Arc::new(Pace::default()), Arc::new(Pace::default()));
        let _third = turns.take(&third, working());
        slow.overdue(&limits).await;
        assert!(third.running().is_some() && reading.running().is_some());
        assert!(turns.take(&fourth, working()).is_none(), "the others are read");
    }
}
