//! The way a scrape reads the store: in the order of family names, a chunk at a time.
//!
//! Between two pieces everything may change. A scrape shows each series at most once all the same: series that are younger than
//! the scrape are left out, and places are never read twice.

use std::sync::Arc;
use std::time::Duration;

use super::super::family::Family;
use super::Store;
use super::piece::{Cursor, LeftOut, Piece};

impl Store {
    /// Starts a scrape: it will show what is there now, in the order of family names. In OpenMetrics names must not clash.
    pub fn cursor(&mut self, now: Duration, open_metrics: bool) -> Cursor {
        self.scrapes += 1;
        let now = self.tick(now);
        let hidden = if open_metrics { self.clashes.hidden() } else { Arc::default() };
        Cursor { scrape: self.scrapes, now, family: None, name: None, ordinal: 0, header_written: false, hidden }
    }

    /// Fills `piece` with what comes next, perhaps no samples; `false` at the end.
    pub fn piece(&self, cursor: &mut Cursor, piece: &mut Piece) -> bool {
        piece.samples.clear();
        piece.compounds.clear();
        piece.exemplars.clear();
        piece.left_out.clear();
        piece.first = false;
        piece.plain_target = cursor.hidden.plain_target;
        let current = cursor.family.and_then(|(place, id)| self.families.get(place).filter(|family| family.id == id));
        let found = match current.and_then(|family| family.chunk_from(cursor.ordinal)) {
            Some(found) => Some(found),
            None => match self.next_family(cursor, piece) {
                Some(family) => family.chunk_from(0),
                None => return false,
            },
        };
        let Some((ordinal, place)) = found else { return true };
        cursor.ordinal = ordinal + 1;
        if let Some(chunk) = self.chunks.get(place) {
            let shows = |seen: u32, born: u32| born < cursor.scrape && !self.is_expired(seen, cursor.now);
            chunk.show(|entry| shows(entry.seen, entry.born), piece);
        }
        piece.first = !cursor.header_written && !piece.samples.is_empty();
        cursor.header_written |= piece.first;
        true
    }

    fn next_family(&self, cursor: &mut Cursor, piece: &mut Piece) -> Option<&Family> {
        loop {
            let (name, place) = self.family_after(cursor.name.as_deref())?;
            cursor.name = Some(name);
            if let Some(family) = self.families.get(place) {
                if let Some(other) = cursor.hidden.families.get(&family.id) {
                    piece.left_out.push(self.left_out(family, other));
                    continue;
                }
                cursor.family = Some((place, family.id));
                cursor.ordinal = 0;
                cursor.header_written = false;
                piece.meta = Some(Arc::clone(&family.meta));
                return Some(family);
            }
        }
    }

    fn left_out(&self, family: &Family, other: &Arc<str>) -> LeftOut {
        let chunks = family.chunks.iter().filter_map(|(_, chunk)| self.chunks.get(*chunk));
        let series = chunks.map(|chunk| u64::from(chunk.live)).sum();
        LeftOut { meta: Arc::clone(&family.meta), other: Arc::clone(other), series }
    }
}
