//! The series of one metric name, found by what their points carry and by what they show.
//!
//! A point is found by a hash of its raw attributes: no text is made. Only when that fails is its label text rendered and
//! looked up, because two encodings of the same labels are one series: an exposition with the same line twice is refused by
//! Prometheus. The series then belongs to the encoding that came last.

use std::sync::Arc;

use hashbrown::HashTable;

use super::series::Series;
use super::slab::Slab;

/// The type a family has in an exposition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FamilyKind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// `target_info`.
    Target,
}

/// What an exposition says about a family before its samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meta {
    /// The name without `_total`, by which families are kept apart and sorted.
    pub base: Arc<str>,
    /// The name of its samples in the Prometheus text format.
    pub text_name: String,
    /// Its type.
    pub kind: FamilyKind,
    /// The description of the first metric of this name.
    pub help: String,
    /// The unit's words, when `base` ends with them; else empty.
    pub unit: String,
}

/// A family and its series.
#[derive(Debug)]
pub struct Family {
    /// What is said about it; shared with scrapes that are under way.
    pub meta: Arc<Meta>,
    /// When it was made, in the store's own count.
    pub born: u64,
    /// Whether its conflict with another metric was logged.
    pub conflict_logged: bool,
    series: Slab<Series>,
    by_stream: HashTable<u32>,
    by_labels: HashTable<u32>,
}

impl Family {
    /// An empty family.
    pub fn new(meta: Meta, born: u64) -> Family {
        Family {
            meta: Arc::new(meta),
            born,
            conflict_logged: false,
            series: Slab::default(),
            by_stream: HashTable::new(),
            by_labels: HashTable::new(),
        }
    }

    /// Whether it has no series.
    pub fn is_empty(&self) -> bool {
        self.by_stream.is_empty()
    }

    /// One more than the highest place a series has.
    pub fn end(&self) -> u32 {
        self.series.end()
    }

    /// The series in a place.
    pub fn get(&self, place: u32) -> Option<&Series> {
        self.series.get(place)
    }

    /// The series in a place, to change it. Its `stream` and `labels_hash` must stay.
    pub fn get_mut(&mut self, place: u32) -> Option<&mut Series> {
        self.series.get_mut(place)
    }

    /// The place of the series whose last point was identified by `stream`.
    pub fn find_stream(&self, stream: u128) -> Option<u32> {
        let is_it = |place: &u32| self.series.get(*place).is_some_and(|series| series.stream == stream);
        self.by_stream.find(table_hash(stream), is_it).copied()
    }

    /// The place of the series with this label text; from now on it is found by `stream`.
    pub fn claim(&mut self, labels: &str, labels_hash: u64, stream: u128) -> Option<u32> {
        let is_it = |place: &u32| self.series.get(*place).is_some_and(|series| &*series.labels == labels);
        let place = *self.by_labels.find(labels_hash, is_it)?;
        self.unlink_stream(place);
        if let Some(series) = self.series.get_mut(place) {
            series.stream = stream;
        }
        self.link_stream(place, stream);
        Some(place)
    }

    /// Adds a series that is not there yet; `false` when there is no place for it.
    pub fn insert(&mut self, series: Series) -> bool {
        let (stream, labels_hash) = (series.stream, series.labels_hash);
        let Some(place) = self.series.insert(series) else {
            return false;
        };
        self.link_stream(place, stream);
        let slab = &self.series;
        let rehash = |place: &u32| slab.get(*place).map_or(0, |series| series.labels_hash);
        self.by_labels.insert_unique(labels_hash, place, rehash);
        true
    }

    /// Removes the series in a place; `false` when there was none.
    pub fn remove(&mut self, place: u32) -> bool {
        let Some(labels_hash) = self.series.get(place).map(|series| series.labels_hash) else {
            return false;
        };
        self.unlink_stream(place);
        if let Ok(entry) = self.by_labels.find_entry(labels_hash, |other| *other == place) {
            entry.remove();
        }
        self.series.remove(place).is_some()
    }

    fn link_stream(&mut self, place: u32, stream: u128) {
        let slab = &self.series;
        let rehash = |place: &u32| slab.get(*place).map_or(0, |series| table_hash(series.stream));
        self.by_stream.insert_unique(table_hash(stream), place, rehash);
    }

    fn unlink_stream(&mut self, place: u32) {
        let Some(stream) = self.series.get(place).map(|series| series.stream) else {
            return;
        };
        if let Ok(entry) = self.by_stream.find_entry(table_hash(stream), |other| *other == place) {
            entry.remove();
        }
    }
}

/// The half of an identity that the index is built on.
fn table_hash(stream: u128) -> u64 {
    stream as u64
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use super::super::series::{Point, Value};
    use super::*;

    fn family() -> Family {
        let (text_name, help, unit) = (String::new(), String::new(), String::new());
        Family::new(Meta { base: Arc::from("a"), text_name, kind: FamilyKind::Gauge, help, unit }, 0)
    }

    fn series(labels: &str, labels_hash: u64, stream: u128) -> Series {
        let point = Point { value: Value::Integer(0), start_time: 0, time: 0 };
        Series { labels: Arc::from(labels), stream, labels_hash, born: 0, seen: Duration::ZERO, point }
    }

    #[test]
    fn a_series_is_found_by_the_stream_that_claimed_it_last() {
        let mut family = family();
        assert!(family.insert(series("{a=\"1\"}", 1, 10)) && family.insert(series("{a=\"2\"}", 1, 20)));
        let place = family.find_stream(20).unwrap();
        assert_eq!(family.claim("{a=\"2\"}", 1, 30), Some(place));
        assert_eq!((family.find_stream(20), family.find_stream(30)), (None, Some(place)));
        assert_eq!(family.claim("{a=\"3\"}", 1, 40), None);
    }

    #[test]
    fn a_removed_series_is_found_no_more() {
        let mut family = family();
        for number in 0..1000_u32 {
            assert!(family.insert(series(&number.to_string(), u64::from(number), u128::from(number))));
        }
        for number in 0..1000_u32 {
            let place = family.find_stream(u128::from(number)).unwrap();
            assert!(family.remove(place) && !family.remove(place));
            assert_eq!(family.find_stream(u128::from(number)), None);
            assert_eq!(family.claim(&number.to_string(), u64::from(number), 5000), None);
        }
        assert!(family.is_empty());
    }
}
