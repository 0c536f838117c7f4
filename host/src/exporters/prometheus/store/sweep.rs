//! How expired series and empty families leave the store.

use std::sync::Arc;
use std::time::Duration;

use super::Store;
use super::chunk::CHUNK_SERIES;
use super::filling::Filling;

/// How many series a sweep looks at, besides one for each point of the batch.
const SWEEP_SERIES_MIN: u64 = 1024;
/// What a chunk costs in which nothing can have expired, in series looked at.
const SKIP_COST: u64 = 8;

/// Where the sweep is.
#[derive(Debug, Default)]
pub struct Place {
    /// The family that was finished last.
    finished: Option<Arc<str>>,
    /// The ordinal of the next chunk of the family behind it.
    ordinal: u64,
}

impl Store {
    /// Removes expired series and empty families, looking at a bounded number of series: one for each point that arrived, so
    /// that a lap takes no longer than it takes all series to report once.
    pub fn sweep(&mut self, now: Duration, points: u64) {
        let now = self.tick(now);
        let mut budget = SWEEP_SERIES_MIN.saturating_add(points);
        while budget > 0 {
            let Some((name, family)) = self.family_after(self.sweep.finished.as_deref()) else {
                self.sweep = Place::default();
                return;
            };
            let next = self.families.get(family).and_then(|family| family.chunk_from(self.sweep.ordinal));
            let cost = match next {
                Some((ordinal, chunk)) => {
                    self.sweep.ordinal = ordinal + 1;
                    self.sweep_chunk(chunk, now)
                }
                None => {
                    self.finish(family);
                    self.sweep = Place { finished: Some(name), ordinal: 0 };
                    1
                }
            };
            budget = budget.saturating_sub(cost);
        }
    }

    /// Returns what it cost.
    fn sweep_chunk(&mut self, id: u32, now: u32) -> u64 {
        let Some(chunk) = self.chunks.get(id).filter(|chunk| self.is_expired(chunk.oldest, now)) else {
            return SKIP_COST;
        };
        let mut oldest = now;
        let mut expired = Vec::new();
        for (slot, entry) in chunk.iter() {
            if self.is_expired(entry.seen, now) {
                expired.push(id * CHUNK_SERIES + slot);
            } else if oldest.wrapping_sub(entry.seen).cast_signed() > 0 {
                oldest = entry.seen;
            }
        }
        if let Some(chunk) = self.chunks.get_mut(id) {
            chunk.oldest = oldest;
        }
        expired.into_iter().for_each(|place| self.remove(place));
        u64::from(CHUNK_SERIES)
    }

    /// At the end of a family's chunks.
    fn finish(&mut self, place: u32) {
        let Some(family) = self.families.get_mut(place) else { return };
        if family.chunks.is_empty() {
            self.remove_family(place);
        } else {
            family.filling.iter_mut().for_each(Filling::rest);
        }
    }
}
