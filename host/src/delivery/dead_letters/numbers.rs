//! Numbers of letters. None is given out twice, also when all letters are gone and the host starts again: what a person wrote down
//! means one letter for good.
//!
//! A letter that is kept covers every number up to its own. A removal leaves a mark with the next number, which covers those that were given
//! out by then. Marks are keys of their own and never overwritten, so it does not matter in which order commits arrive;
//! those below the newest go with a later removal.

use std::collections::{BTreeMap, BTreeSet};

use crate::storage::{QueueStore, StoreError, Write};

#[derive(Debug, Default)]
pub(super) struct Numbers {
    next: u64,
    /// Those that are stored.
    marks: BTreeSet<u64>,
    /// Those that removals under way leave, by letter.
    coming: BTreeMap<u64, u64>,
}

impl Numbers {
    /// Goes on behind every mark of a store.
    pub fn open(store: &QueueStore) -> Result<Numbers, StoreError> {
        let mut numbers = Numbers::default();
        store.each_mark(|next| numbers.marks.extend([next]))?;
        numbers.next = numbers.marks.last().copied().unwrap_or(0);
        Ok(numbers)
    }

    /// This one is taken.
    pub fn skip(&mut self, number: u64) {
        self.next = self.next.max(number.saturating_add(1));
    }

    /// One that nothing had before.
    pub fn give(&mut self) -> u64 {
        let number = self.next;
        self.next += 1;
        number
    }

    /// What the removal of a letter writes beside it.
    pub fn mark(&mut self, letter: u64) -> Vec<Write> {
        self.coming.remove(&letter);
        if self.marks.last().is_some_and(|mark| *mark >= self.next) {
            return Vec::new();
        }
        self.coming.insert(letter, self.next);
        let older = self.marks.iter().map(|mark| QueueStore::mark_removal(*mark));
        older.chain([QueueStore::put_mark(self.next)]).collect()
    }

    /// That removal is stored.
    pub fn marked(&mut self, letter: u64) {
        if let Some(mark) = self.coming.remove(&letter) {
            self.marks.retain(|older| *older > mark);
            self.marks.insert(mark);
        }
    }
}
