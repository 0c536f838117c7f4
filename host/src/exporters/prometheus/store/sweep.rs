//! How expired series and empty families leave the store.

use std::ops::Range;
use std::time::Duration;

use super::super::family::Family;
use super::{Store, is_expired};

/// How many places a sweep looks at, besides one for each point of the batch.
const SWEEP_PLACES_MIN: u64 = 1024;

impl Store {
    /// Removes expired series and empty families, looking at a bounded number of places: one for each point that arrived, so
    /// that a lap takes about as long as it takes all series to report once.
    pub fn sweep(&mut self, now: Duration, points: u64) {
        let mut budget = u32::try_from(SWEEP_PLACES_MIN.saturating_add(points)).unwrap_or(u32::MAX);
        while budget > 0 {
            let Some((name, family)) = self.family_after(self.swept.as_deref()) else {
                self.swept = None;
                return;
            };
            let end = self.families.get(family).map_or(0, Family::end);
            let stop = end.min(self.sweep_place.saturating_add(budget));
            self.sweep_places(family, self.sweep_place..stop, now);
            // A family counts as one place more, so that empty ones do not make a sweep long.
            budget = budget.saturating_sub(stop.saturating_sub(self.sweep_place)).saturating_sub(1);
            self.sweep_place = stop;
            if stop >= end {
                self.sweep_place = 0;
                self.remove_if_empty(&name, family);
                self.swept = Some(name);
            }
        }
    }

    fn sweep_places(&mut self, family: u32, places: Range<u32>, now: Duration) {
        let Some(family) = self.families.get_mut(family) else {
            return;
        };
        for place in places {
            if family.get(place).is_some_and(|series| is_expired(series, now, self.expiration)) {
                self.series -= usize::from(family.remove(place));
            }
        }
    }

    fn remove_if_empty(&mut self, name: &str, family: u32) {
        if self.families.get(family).is_some_and(Family::is_empty) {
            self.families.remove(family);
            self.names.remove(name);
        }
    }
}
