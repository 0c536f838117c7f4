//! The way a scrape reads the store: in the order of family names, a chunk at a time.
//!
//! Between two pieces everything may change. A scrape shows each series at most once all the same: series that are younger than
//! the scrape are left out, and places are never read twice.

use std::sync::Arc;
use std::time::Duration;

use super::super::compound::Compound;
use super::super::exemplar::Exemplar;
use super::super::family::{Family, FamilyKind, Meta};
use super::Store;
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
}

/// A part of one family, copied for rendering. Filled again and again, so that it is allocated once.
#[derive(Debug, Default)]
pub struct Piece {
    /// The family; absent before the first piece.
    pub meta: Option<Arc<Meta>>,
    /// Whether these are its first samples.
    pub first: bool,
    /// Whether another family has a name that OpenMetrics would derive from this one: `x_created` of a counter `x`, `target` of
    /// `target_info`.
    pub derived_name_taken: bool,
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
    /// Starts a scrape: it will show what is there now, in the order of family names.
    pub fn cursor(&mut self, now: Duration) -> Cursor {
        self.scrapes += 1;
        let now = self.tick(now);
        Cursor { scrape: self.scrapes, now, family: None, name: None, ordinal: 0, header_written: false }
    }

    /// Fills `piece` with what comes next, perhaps no samples; `false` at the end.
    pub fn piece(&self, cursor: &mut Cursor, piece: &mut Piece) -> bool {
        piece.samples.clear();
        piece.compounds.clear();
        piece.exemplars.clear();
        piece.first = false;
        let current = cursor.family.and_then(|(place, id)| self.families.get(place).filter(|family| family.id == id));
        let (family, found) = match current.map(|family| (family, family.chunk_from(cursor.ordinal))) {
            Some((family, Some(found))) => (family, Some(found)),
            _ => match self.next_family(cursor, piece) {
                Some(family) => (family, family.chunk_from(0)),
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
        if piece.first {
            piece.derived_name_taken = self.derived_name_taken(&family.meta);
        }
        true
    }

    fn next_family(&self, cursor: &mut Cursor, piece: &mut Piece) -> Option<&Family> {
        loop {
            let (name, place) = self.family_after(cursor.name.as_deref())?;
            cursor.name = Some(name);
            if let Some(family) = self.families.get(place) {
                cursor.family = Some((place, family.id));
                cursor.ordinal = 0;
                cursor.header_written = false;
                piece.meta = Some(Arc::clone(&family.meta));
                return Some(family);
            }
        }
    }

    fn derived_name_taken(&self, meta: &Meta) -> bool {
        match meta.kind {
            FamilyKind::Target => meta.base.strip_suffix("_info").is_some_and(|name| self.names.contains_key(name)),
            FamilyKind::Gauge => false,
            _ => self.names.contains_key(format!("{}_created", meta.base).as_str()),
        }
    }
}
