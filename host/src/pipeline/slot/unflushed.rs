//! What an instance without state has absorbed since its last flush: it is nowhere else, and lost with the instance.

use std::collections::VecDeque;

/// Items, by the trip that brought them as long as that is not committed.
#[derive(Debug, Default)]
pub struct Unflushed {
    committed: u64,
    /// With their trips, ascending.
    pending: VecDeque<(u64, u64)>,
}

impl Unflushed {
    /// A call absorbed so many items of a trip. Trips up to `watermark` are committed.
    pub fn add(&mut self, trip: u64, items: u64, watermark: u64) {
        while let Some((_, arrived)) = self.pending.pop_front_if(|(trip, _)| *trip <= watermark) {
            self.committed += arrived;
        }
        self.pending.push_back((trip, items));
    }

    /// Whether a trip brought any that is not committed; trips up to `watermark` are.
    pub fn is_pending(&self, watermark: u64) -> bool {
        self.pending.back().is_some_and(|(trip, _)| *trip > watermark)
    }

    /// The flush has emitted what there was. Trips that are not committed are still known: a plugin may keep some of it for its next flush.
    pub fn clear(&mut self) {
        self.committed = 0;
        self.pending.iter_mut().for_each(|(_, items)| *items = 0);
    }

    /// The instance is gone: how many items of accepted requests are gone with it. What of a trip that is refused comes again with its
    /// sender.
    pub fn lose(&mut self, is_refused: impl Fn(u64) -> bool) -> u64 {
        let pending = self.pending.iter().filter(|(trip, _)| !is_refused(*trip)).map(|(_, items)| items);
        let lost = self.committed + pending.sum::<u64>();
        *self = Unflushed::default();
        lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_refused_trip_brought_is_not_lost() {
        let mut unflushed = Unflushed::default();
        unflushed.add(1, 10, 0);
        unflushed.add(2, 20, 1);
        unflushed.add(3, 30, 1);
        assert!(unflushed.is_pending(2) && !unflushed.is_pending(3));
        assert_eq!(unflushed.lose(|trip| trip == 3), 30);
        assert_eq!(unflushed.lose(|_| false), 0, "it is lost once");
    }

    #[test]
    fn a_trip_that_is_not_committed_stays_pending_over_a_flush() {
        let mut unflushed = Unflushed::default();
        unflushed.add(4, 10, 3);
        unflushed.clear();
        assert!(unflushed.is_pending(3) && !unflushed.is_pending(4));
        assert_eq!(unflushed.lose(|_| false), 0, "it was flushed");
    }

    #[test]
    fn what_was_flushed_is_not_lost() {
        let mut unflushed = Unflushed::default();
        unflushed.add(1, 10, 0);
        unflushed.clear();
        unflushed.add(2, 5, 1);
        assert_eq!(unflushed.lose(|_| false), 5);
    }
}
