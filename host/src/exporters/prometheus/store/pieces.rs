//! The way a scrape reads the store: in the order of family names, some series at a time.
//!
//! Between two pieces everything may change. A scrape shows each series at most once all the same: series that are younger than
//! the scrape are left out, and places are never read twice.

use std::sync::Arc;
use std::time::Duration;

use super::super::family::{Family, FamilyKind, Meta};
use super::super::series::Point;
use super::{Store, is_expired};

/// How many series one piece of a scrape looks at.
const PLACES_PER_PIECE: u32 = 1024;

/// Where a scrape is.
#[derive(Debug)]
pub struct Cursor {
    started: u64,
    now: Duration,
    /// Place and birth of the family being read.
    family: Option<(u32, u64)>,
    /// The name of the family being read, or read last.
    name: Option<Arc<str>>,
    place: u32,
    header_written: bool,
    derived_name_taken: bool,
}

/// A part of one family, copied for rendering.
#[derive(Debug)]
pub struct Piece {
    /// The family.
    pub meta: Arc<Meta>,
    /// Whether these are its first samples.
    pub first: bool,
    /// Whether another family has the name that OpenMetrics would derive from this one: `x_created` of a counter `x`,
    /// `target` of `target_info`.
    pub derived_name_taken: bool,
    /// Label text and point of each series.
    pub samples: Vec<(Arc<str>, Point)>,
}

impl Store {
    /// Starts a scrape: it will show what is there now, in the order of family names.
    pub fn cursor(&self, now: Duration) -> Cursor {
        Cursor {
            started: self.made,
            now,
            family: None,
            name: None,
            place: 0,
            header_written: false,
            derived_name_taken: false,
        }
    }

    /// The next piece of a scrape, which may have no samples; `None` at the end.
    pub fn piece(&self, cursor: &mut Cursor) -> Option<Piece> {
        let family = match self.current_family(cursor) {
            Some(family) => family,
            None => self.next_family(cursor)?,
        };
        let stop = family.end().min(cursor.place.saturating_add(PLACES_PER_PIECE));
        let samples: Vec<_> = (cursor.place..stop)
            .filter_map(|place| family.get(place))
            .filter(|series| series.born <= cursor.started && !is_expired(series, cursor.now, self.expiration))
            .map(|series| (Arc::clone(&series.labels), series.point))
            .collect();
        cursor.place = stop;
        if stop >= family.end() {
            cursor.family = None;
        }
        let first = !cursor.header_written && !samples.is_empty();
        cursor.header_written |= first;
        let derived_name_taken = cursor.derived_name_taken;
        Some(Piece { meta: Arc::clone(&family.meta), first, derived_name_taken, samples })
    }

    fn current_family(&self, cursor: &Cursor) -> Option<&Family> {
        let (place, born) = cursor.family?;
        self.families.get(place).filter(|family| family.born == born)
    }

    fn next_family(&self, cursor: &mut Cursor) -> Option<&Family> {
        loop {
            let (name, place) = self.family_after(cursor.name.as_deref())?;
            cursor.name = Some(name);
            // A family made during the scrape has only series that are younger still.
            if let Some(family) = self.families.get(place).filter(|family| family.born <= cursor.started) {
                cursor.family = Some((place, family.born));
                cursor.place = 0;
                cursor.header_written = false;
                cursor.derived_name_taken = self.derived_name_taken(&family.meta);
                return Some(family);
            }
        }
    }

    fn derived_name_taken(&self, meta: &Meta) -> bool {
        match meta.kind {
            FamilyKind::Counter => self.names.contains_key(format!("{}_created", meta.base).as_str()),
            FamilyKind::Target => meta.base.strip_suffix("_info").is_some_and(|name| self.names.contains_key(name)),
            FamilyKind::Gauge => false,
        }
    }
}
