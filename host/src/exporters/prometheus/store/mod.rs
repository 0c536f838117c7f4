//! All series, by family name: what ingest changes and a scrape reads.
//!
//! The store is behind one mutex. A scrape takes it for one [`Piece`] at a time, copies the numbers of at most 512 series, and
//! renders them after it has let go; ingest lets go every few hundred points when a scrape waits. So neither delays the other by
//! more than some hundred microseconds, however many series there are. A point finds its series where the last one's neighbour
//! is, if senders keep their order, or else in an index that grows in small parts.
//!
//! Expired series are hidden from scrapes at once and removed a few chunks at a time by [`Store::sweep`], so that no batch pays
//! for all of them.

mod chunk;
mod clashes;
mod entry;
mod families;
pub(super) mod filling;
mod index;
mod piece;
mod pieces;
mod room;
mod sweep;
#[cfg(test)]
mod tests;
mod text;

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use super::bounds::SERIES_BYTES_MAX;
use super::drops::Reason;
use super::family::Family;
use super::note::Note;
use super::series::{Joined, Update};
use super::slab::Slab;
use crate::otlp::hash::Hasher;
use chunk::{CHUNK_SERIES, Chunk};
use clashes::Clashes;
use entry::Entry;
pub use entry::{Sample, Stream};
use index::Index;
pub use piece::{Cursor, Piece};
pub use text::{write as write_labels, write_inner as write_labels_inner};

/// How finely the age of a series is measured: one part in so many of the time it may have.
const TICKS: u32 = 1024;
const TICK_MIN: Duration = Duration::from_millis(1);

/// What says which series a point belongs to, and what to do with it.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'p> {
    /// The hash of everything the series is identified by, as it stood in the request, its family included.
    pub stream: Stream,
    /// How it joins what is there.
    pub update: Update,
    /// The point.
    pub sample: Sample<'p>,
    /// When, by [`Store::tick`].
    pub now: u32,
}

/// The family that a metric belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// There is none yet, and it can be made.
    Nothing,
    /// The one in this place, which says something else about itself where there is a note.
    Own(u32, Option<Note>),
    /// The names are those of the family in this place, which has another type.
    Taken(u32),
}

/// What became of a point whose stream was not known.
#[derive(Debug)]
pub struct Added {
    /// Whether its series had another stream until now.
    pub conflict: bool,
    /// What became of the total, or why there is no place for the point.
    pub joined: Result<Joined, Reason>,
}

/// What became of the series of a stream that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It was the stream's alone and is removed.
    Removed,
    /// Other streams have part in it: it stays.
    Shared,
    /// There is none that the stream gave the last point of.
    Unknown,
}

/// The series of one exporter.
#[derive(Debug)]
pub struct Store {
    families: Slab<Family>,
    /// The name of a family's samples in the text format → place in `families`.
    names: BTreeMap<Arc<str>, u32>,
    clashes: Clashes,
    chunks: Slab<Box<Chunk>>,
    streams: Index,
    labels: Index,
    hasher: Hasher,
    /// Samples that all series are together.
    samples: usize,
    series_max: usize,
    tick: Duration,
    /// After so many ticks a series is gone.
    expiration: u32,
    /// How many families were made.
    made: u64,
    /// How many scrapes have begun, so that each can tell what is younger than itself.
    scrapes: u32,
    sweep: sweep::Place,
    /// To compare labels in.
    scratch: Vec<u8>,
}

impl Store {
    /// An empty store that holds at most `series_max` samples, each until `expiration` after its last point.
    pub fn new(series_max: usize, expiration: Duration) -> Store {
        let tick = (expiration / TICKS).max(TICK_MIN);
        let ticks = expiration.as_nanos().div_ceil(tick.as_nanos());
        Store {
            families: Slab::default(),
            names: BTreeMap::new(),
            clashes: Clashes::default(),
            chunks: Slab::default(),
            streams: Index::new(series_max),
            labels: Index::new(series_max),
            hasher: Hasher::random(),
            samples: 0,
            series_max,
            tick,
            expiration: u32::try_from(ticks).unwrap_or(u32::MAX / 2),
            made: 0,
            scrapes: 0,
            sweep: sweep::Place::default(),
            scratch: Vec::new(),
        }
    }

    /// A time in the store's own measure, which begins anew after years.
    pub fn tick(&self, now: Duration) -> u32 {
        (now.as_nanos() / self.tick.as_nanos()) as u32
    }

    /// Whether something last seen then is gone. A scrape's `now` may be the earlier one.
    fn is_expired(&self, seen: u32, now: u32) -> bool {
        now.wrapping_sub(seen).cast_signed() > self.expiration.cast_signed()
    }

    /// Whether there are `series_max` samples, expired ones that were not swept yet included.
    pub fn is_full(&self) -> bool {
        self.samples >= self.series_max
    }

    /// Updates the series that last came with the same hash; `None` when there is none, or it expired.
    #[inline]
    pub fn update(&mut self, family: u32, arrival: &Arrival<'_>) -> Option<Result<Joined, Reason>> {
        let expected = self.families.get(family)?.expected;
        let is_it = |place: &u32| entry(&self.chunks, *place).is_some_and(|entry| entry.stream == arrival.stream);
        let place = Some(expected).filter(is_it).or_else(|| self.find(arrival.stream))?;
        self.families.get_mut(family)?.expected = place.wrapping_add(1);
        self.update_place(place, arrival)
    }

    fn update_place(&mut self, place: u32, arrival: &Arrival<'_>) -> Option<Result<Joined, Reason>> {
        let (expiration, series_max) = (self.expiration, self.series_max);
        let chunk = self.chunks.get_mut(place / CHUNK_SERIES)?;
        let slot = place % CHUNK_SERIES;
        let entry = chunk.get(slot)?;
        if arrival.now.wrapping_sub(entry.seen).cast_signed() > expiration.cast_signed() {
            return None;
        }
        // Deltas of two streams need not fit together.
        let is_added = entry.is_shared() && arrival.update == Update::Accumulate;
        let update = if is_added { Update::Add } else { arrival.update };
        if let Sample::Number(..) = arrival.sample {
            return Some(chunk.update(slot, update, &arrival.sample, arrival.now));
        }
        // Histograms can grow.
        let before = chunk.samples(slot);
        let arriving = arrival.sample.samples();
        if arriving > before {
            if self.samples - before + arriving > series_max {
                return Some(Err(Reason::SeriesLimit));
            }
            if is_too_large(chunk.labels_length(slot), arriving) {
                return Some(Err(Reason::BucketLimit));
            }
        }
        let updated = chunk.update(slot, update, &arrival.sample, arrival.now);
        self.samples = self.samples - before + chunk.samples(slot);
        Some(updated)
    }

    fn find(&self, stream: Stream) -> Option<u32> {
        let is_it = |place: u32| entry(&self.chunks, place).is_some_and(|entry| entry.stream == stream);
        self.streams.find(stream.index_hash(), is_it)
    }

    /// The series with this label text.
    fn find_labels(&mut self, family: u32, labels: &str, labels_hash: u32) -> Option<u32> {
        let (chunks, scratch) = (&self.chunks, &mut self.scratch);
        self.labels.find(labels_index_hash(family, labels_hash), |place| {
            let chunk = chunks.get(place / CHUNK_SERIES).filter(|chunk| chunk.family == family);
            chunk.is_some_and(|chunk| chunk.has_labels(place % CHUNK_SERIES, labels, scratch))
        })
    }

    /// Updates the series with these labels, which is found by its new hash from now on, or makes it.
    pub fn add(&mut self, family: u32, labels: &str, labels_hash: u32, arrival: &Arrival<'_>) -> Added {
        if let Some(place) = self.find_labels(family, labels, labels_hash) {
            self.share(place, arrival.stream);
            if let Some(joined) = self.update_place(place, arrival) {
                return Added { conflict: true, joined };
            }
            self.remove(place);
        }
        Added { conflict: false, joined: self.make(family, labels, labels_hash, arrival) }
    }

    fn make(&mut self, family: u32, labels: &str, labels_hash: u32, arrival: &Arrival<'_>) -> Result<Joined, Reason> {
        let samples = arrival.sample.samples();
        if self.samples + samples > self.series_max {
            return Err(Reason::SeriesLimit);
        }
        if is_too_large(labels.len(), samples) {
            return Err(Reason::BucketLimit);
        }
        let entry = Entry::new(arrival.stream, labels_hash, arrival.now, self.scrapes);
        let place = self.put(family, entry, labels, &arrival.sample).ok_or(Reason::SeriesLimit)?;
        let chunks = &self.chunks;
        self.streams.insert(arrival.stream.index_hash(), place, |place| stream_hash(chunks, place));
        self.labels.insert(labels_index_hash(family, labels_hash), place, |place| labels_hash_of(chunks, place));
        self.samples += samples;
        if let Some(family) = self.families.get_mut(family) {
            family.expected = place.wrapping_add(1);
        }
        Ok(Joined::Onward)
    }

    fn share(&mut self, place: u32, stream: Stream) {
        let Some(old) = entry(&self.chunks, place).map(|entry| entry.stream) else { return };
        let chunks = &self.chunks;
        self.streams.remove(old.index_hash(), place, |place| stream_hash(chunks, place));
        let chunk = self.chunks.get_mut(place / CHUNK_SERIES);
        if let Some(entry) = chunk.and_then(|chunk| chunk.get_mut(place % CHUNK_SERIES)) {
            entry.share(stream);
        }
        let chunks = &self.chunks;
        self.streams.insert(stream.index_hash(), place, |place| stream_hash(chunks, place));
    }

    /// What the series of this stream was made of, to see whether that has changed.
    pub fn labels_hash(&self, stream: Stream) -> Option<u32> {
        entry(&self.chunks, self.find(stream)?).map(|entry| entry.labels_hash)
    }

    /// Removes the series of this stream; `false` when there is none.
    pub fn remove_stream(&mut self, stream: Stream) -> bool {
        let place = self.find(stream);
        place.into_iter().for_each(|place| self.remove(place));
        place.is_some()
    }

    /// Removes the series of a stream that has ended, unless other streams have part in it.
    pub fn end(&mut self, stream: Stream) -> Ended {
        let Some(place) = self.find(stream) else { return Ended::Unknown };
        if entry(&self.chunks, place).is_some_and(Entry::is_shared) {
            return Ended::Shared;
        }
        self.remove(place);
        Ended::Removed
    }

    /// Whether there is a series with these labels, however it is identified.
    pub fn has_series(&mut self, family: u32, labels: &str, labels_hash: u32) -> bool {
        self.find_labels(family, labels, labels_hash).is_some()
    }

    fn remove(&mut self, place: u32) {
        let chunks = &self.chunks;
        let Some(chunk) = chunks.get(place / CHUNK_SERIES) else { return };
        let Some(entry) = chunk.get(place % CHUNK_SERIES) else { return };
        self.samples -= chunk.samples(place % CHUNK_SERIES);
        self.streams.remove(entry.stream.index_hash(), place, |place| stream_hash(chunks, place));
        let hash = labels_index_hash(chunk.family, entry.labels_hash);
        self.labels.remove(hash, place, |place| labels_hash_of(chunks, place));
        self.free(place);
    }

    fn family_after(&self, name: Option<&str>) -> Option<(Arc<str>, u32)> {
        let start = name.map_or(Bound::Unbounded, Bound::Excluded);
        let (name, place) = self.names.range::<str, _>((start, Bound::Unbounded)).next()?;
        Some((Arc::clone(name), *place))
    }
}

/// Whether a series of several samples would repeat its labels too often. A single sample never does.
fn is_too_large(labels_bytes: usize, samples: usize) -> bool {
    labels_bytes.saturating_mul(samples) > SERIES_BYTES_MAX
}

#[inline]
fn entry(chunks: &Slab<Box<Chunk>>, place: u32) -> Option<&Entry> {
    chunks.get(place / CHUNK_SERIES)?.get(place % CHUNK_SERIES)
}

fn stream_hash(chunks: &Slab<Box<Chunk>>, place: u32) -> u64 {
    entry(chunks, place).map_or(0, |entry| entry.stream.index_hash())
}

fn labels_hash_of(chunks: &Slab<Box<Chunk>>, place: u32) -> u64 {
    let chunk = chunks.get(place / CHUNK_SERIES);
    let hash = |chunk: &Chunk| Some(labels_index_hash(chunk.family, chunk.get(place % CHUNK_SERIES)?.labels_hash));
    chunk.and_then(|chunk| hash(chunk)).unwrap_or(0)
}

/// Spreads family and labels over all bits.
fn labels_index_hash(family: u32, labels_hash: u32) -> u64 {
    (u64::from(family) << 32 ^ u64::from(labels_hash)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32)
}
