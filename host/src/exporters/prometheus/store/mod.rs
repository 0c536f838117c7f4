//! All series, by family name: what ingest changes and a scrape reads.
//!
//! The store is behind one mutex. A scrape takes it for one [`Piece`] at a time, copies at most a thousand reference counts and
//! values, and renders them after it has let go; ingest lets go every few hundred points when a scrape waits. So neither delays
//! the other by more than some hundred microseconds, however many series there are. Only when an index of a large family grows
//! does a batch take longer.
//!
//! Expired series are hidden from scrapes at once and removed a few at a time by [`Store::sweep`], so that no batch pays for
//! all of them.

mod pieces;
mod sweep;

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use super::drops::Reason;
use super::family::{Family, FamilyKind, Meta};
use super::series::{Point, Series, Update};
use super::slab::Slab;
pub use pieces::{Cursor, Piece};

/// What says which series a point belongs to, and what to do with it.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    /// The hash of everything the series is identified by, as it stood in the request.
    pub stream: u128,
    /// How it joins what is there.
    pub update: Update,
    /// The point.
    pub point: Point,
    /// When, by the exporter's clock.
    pub now: Duration,
}

/// The series of one exporter.
#[derive(Debug)]
pub struct Store {
    families: Slab<Family>,
    /// Family base name → place in `families`.
    names: BTreeMap<Arc<str>, u32>,
    series: usize,
    series_max: usize,
    expiration: Duration,
    /// Counts what is made, so that a scrape can tell what is younger than itself.
    made: u64,
    /// The family that the sweep finished last.
    swept: Option<Arc<str>>,
    /// The next place of the family after `swept`.
    sweep_place: u32,
}

impl Store {
    /// An empty store that holds at most `series_max` series, each until `expiration` after its last point.
    pub fn new(series_max: usize, expiration: Duration) -> Store {
        Store {
            families: Slab::default(),
            names: BTreeMap::new(),
            series: 0,
            series_max,
            expiration,
            made: 0,
            swept: None,
            sweep_place: 0,
        }
    }

    /// Whether there are `series_max` series, expired ones that were not swept yet included.
    pub fn is_full(&self) -> bool {
        self.series >= self.series_max
    }

    /// The family of this name and type; `None` when there is none yet and it can be made.
    pub fn family(&mut self, meta: &Meta) -> Result<Option<u32>, Reason> {
        if let Some(&place) = self.names.get(&meta.base) {
            return self.checked_family(place, meta).map(Some);
        }
        let counter_at = |name: &str| self.kind_of(name) == Some(FamilyKind::Counter);
        let is_anothers_total = meta.base.strip_suffix("_total").is_some_and(counter_at);
        let total_is_anothers = || self.names.contains_key(format!("{}_total", meta.base).as_str());
        if is_anothers_total || meta.kind == FamilyKind::Counter && total_is_anothers() {
            return Err(Reason::TypeConflict);
        }
        Ok(None)
    }

    fn checked_family(&mut self, place: u32, meta: &Meta) -> Result<u32, Reason> {
        let Some(family) = self.families.get_mut(place) else {
            return Err(Reason::TypeConflict);
        };
        let same_kind = family.meta.kind == meta.kind;
        if (!same_kind || family.meta.help != meta.help) && !family.conflict_logged {
            family.conflict_logged = true;
            let (name, kept, other) = (&*meta.base, family.meta.kind, meta.kind);
            tracing::warn!(name, ?kept, ?other, "two metrics share a name: the first one's type and description stand");
        }
        if same_kind { Ok(place) } else { Err(Reason::TypeConflict) }
    }

    fn kind_of(&self, name: &str) -> Option<FamilyKind> {
        let place = *self.names.get(name)?;
        self.families.get(place).map(|family| family.meta.kind)
    }

    /// Makes the family that [`Store::family`] found missing.
    pub fn add_family(&mut self, meta: Meta) -> Option<u32> {
        let name = Arc::clone(&meta.base);
        self.made += 1;
        let place = self.families.insert(Family::new(meta, self.made))?;
        self.names.insert(name, place);
        Some(place)
    }

    /// Updates the series that last came with the same hash; `None` when there is none, or it expired.
    pub fn update(&mut self, family: u32, arrival: &Arrival) -> Option<Result<(), Reason>> {
        let family = self.families.get_mut(family)?;
        let place = family.find_stream(arrival.stream)?;
        let series = family.get_mut(place)?;
        if is_expired(series, arrival.now, self.expiration) {
            return None;
        }
        Some(series.update(arrival.update, arrival.point, arrival.now))
    }

    /// Updates the series with these labels, or makes it.
    pub fn add(&mut self, family: u32, labels: &str, labels_hash: u64, arrival: &Arrival) -> Result<(), Reason> {
        let Some(family) = self.families.get_mut(family) else {
            return Err(Reason::SeriesLimit);
        };
        if let Some(place) = family.claim(labels, labels_hash, arrival.stream)
            && let Some(series) = family.get_mut(place)
        {
            if !is_expired(series, arrival.now, self.expiration) {
                return series.update(arrival.update, arrival.point, arrival.now);
            }
            self.series -= usize::from(family.remove(place));
        }
        if self.series >= self.series_max {
            return Err(Reason::SeriesLimit);
        }
        self.made += 1;
        let series = Series {
            labels: Arc::from(labels),
            stream: arrival.stream,
            labels_hash,
            born: self.made,
            seen: arrival.now,
            point: arrival.point,
        };
        if !family.insert(series) {
            return Err(Reason::SeriesLimit);
        }
        self.series += 1;
        Ok(())
    }

    /// What the series of this stream was made of, to see whether that has changed.
    pub fn labels_hash(&self, family: u32, stream: u128) -> Option<u64> {
        let family = self.families.get(family)?;
        family.get(family.find_stream(stream)?).map(|series| series.labels_hash)
    }

    /// Removes the series of this stream; `false` when there is none.
    pub fn remove_stream(&mut self, family: u32, stream: u128) -> bool {
        let Some(family) = self.families.get_mut(family) else {
            return false;
        };
        let removed = family.find_stream(stream).is_some_and(|place| family.remove(place));
        self.series -= usize::from(removed);
        removed
    }

    /// Removes the series with these labels, however it was identified; `false` when there is none.
    pub fn remove_labels(&mut self, family: u32, labels: &str, labels_hash: u64, stream: u128) -> bool {
        let claimed = self.families.get_mut(family).and_then(|family| family.claim(labels, labels_hash, stream));
        claimed.is_some() && self.remove_stream(family, stream)
    }

    fn family_after(&self, name: Option<&str>) -> Option<(Arc<str>, u32)> {
        let start = name.map_or(Bound::Unbounded, Bound::Excluded);
        let (name, place) = self.names.range::<str, _>((start, Bound::Unbounded)).next()?;
        Some((Arc::clone(name), *place))
    }
}

fn is_expired(series: &Series, now: Duration, expiration: Duration) -> bool {
    now.saturating_sub(series.seen) > expiration
}
