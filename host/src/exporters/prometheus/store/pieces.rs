//! The way a scrape reads the store: in the order of family names, a chunk at a time.
//!
//! Between two pieces everything may change. A scrape shows each series at most once all the same: series that are younger than
//! the scrape are left out, and places are never read twice.

use std::sync::Arc;
use std::time::Duration;

use super::super::compound::Compound;
use super::super::exemplar::Exemplar;
use super::super::family::{Family, Meta};
use super::Store;
use super::clashes::Hidden;
use super::entry::Shown;

/// Where a scrape is.
#[derive(Debug)]
pub struct Cursor {
    /// How many scrapes had begun when this one did, itself included.
    scrape: u32,
    now: u32,
    /// Place and id of the family being read.
    family: Option<(u32, u64)>,
    /// The name of the family being read, or read last.
    name: Option<Arc<str>>,
    /// The ordinal of the next chunk.
    ordinal: u64,
    header_written: bool,
    /// What this scrape leaves out.
    hidden: Arc<Hidden>,
}

/// A family that an OpenMetrics answer leaves out.
#[derive(Debug)]
pub struct LeftOut {
    /// The family.
    pub meta: Arc<Meta>,
    /// The name of the one that stays.
    pub other: Arc<str>,
    /// How many series it has.
    pub series: u64,
}

/// A part of one family, copied for rendering. Filled again and again, so that it is allocated once.
#[derive(Debug, Default)]
pub struct Piece {
    /// The family; absent before the first piece.
    pub meta: Option<Arc<Meta>>,
    /// Whether these are its first samples.
    pub first: bool,
    /// Whether `target_info` has to be a gauge.
    pub plain_target: bool,
    /// The families that were passed over on the way here.
    pub left_out: Vec<LeftOut>,
    /// All labels of the samples.
    pub text: Arc<Vec<u8>>,
    /// Labels and numbers of each series.
    pub samples: Vec<Shown>,
    /// Of a compound kind, the states of the same series.
    pub compounds: Vec<Arc<Compound>>,
    /// Exemplars of numbers, with the index of the series, ascending.
    pub exemplars: Vec<(usize, Exemplar)>,
}

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
