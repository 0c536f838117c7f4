//! Up to 512 series of one family, side by side: what is looked at under the lock in one go.
//!
//! A series is 48 bytes here, eight for its start time where that is shown, its labels in `text`, and two entries in the
//! store's indexes. Histograms and summaries have a state of their own behind a pointer. A series never moves: its place is
//! good until it is removed.

use std::sync::Arc;

use super::super::compound::{Compound, Times, update};
use super::super::drops::Reason;
use super::super::exemplar::Exemplar;
use super::super::family::FamilyKind;
use super::super::series::{Joined, Point, Update};
use super::entry::{Entry, Sample, Shown};
use super::piece::Piece;
use super::text::{self, Places};
use crate::otlp::hash::Hasher;

/// How many series a chunk has at most. Places are counted in these.
pub const CHUNK_SERIES: u32 = 512;

/// Some series of one family.
#[derive(Debug)]
pub struct Chunk {
    /// The family's place.
    pub family: u32,
    /// Which of the family's chunks it is.
    pub ordinal: u64,
    /// No series was seen last before this tick, so none expires before its time.
    pub oldest: u32,
    /// How many series it has.
    pub live: u32,
    kind: FamilyKind,
    entries: Vec<Entry>,
    /// Of kinds that show them.
    starts: Vec<u64>,
    /// Of compound kinds.
    compounds: Vec<Option<Arc<Compound>>>,
    /// Exemplars of numbers, by place here, sorted.
    exemplars: Vec<(u16, Exemplar)>,
    /// All labels. Shared with the scrapes that are rendering this chunk.
    text: Arc<Vec<u8>>,
    /// How many series were written to `text`, removed ones included.
    written: u32,
}

impl Chunk {
    /// An empty chunk.
    pub fn new(family: u32, ordinal: u64, kind: FamilyKind, now: u32) -> Chunk {
        Chunk {
            family,
            ordinal,
            oldest: now,
            live: 0,
            kind,
            entries: Vec::new(),
            starts: Vec::new(),
            compounds: Vec::new(),
            exemplars: Vec::new(),
            text: Arc::default(),
            written: 0,
        }
    }

    /// The series in a place.
    #[inline]
    pub fn get(&self, slot: u32) -> Option<&Entry> {
        self.entries.get(slot as usize).filter(|entry| entry.is_live())
    }

    /// The series in a place, to change it.
    pub fn get_mut(&mut self, slot: u32) -> Option<&mut Entry> {
        self.entries.get_mut(slot as usize).filter(|entry| entry.is_live())
    }

    /// The series with their places.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &Entry)> {
        (0..).zip(&self.entries).filter(|(_, entry)| entry.is_live())
    }

    /// The first free place from `slot` on.
    pub fn free_from(&self, slot: u32) -> Option<u32> {
        let end = self.entries.len() as u32;
        let hole = (slot..end).find(|slot| self.get(*slot).is_none());
        hole.or((end.max(slot) < CHUNK_SERIES).then_some(end))
    }

    /// Whether the series in a place has this label text.
    pub fn has_labels(&self, slot: u32, labels: &str, scratch: &mut Vec<u8>) -> bool {
        self.get(slot).is_some_and(|entry| text::is(&self.text, entry.text, labels, scratch))
    }

    /// How long the label text of the series in a place is, in bytes.
    pub fn labels_length(&self, slot: u32) -> usize {
        let mut labels = Vec::new();
        self.get(slot).iter().for_each(|entry| text::write(&self.text, entry.text, &mut labels));
        labels.len()
    }

    /// How many samples of an exposition the series is.
    pub fn samples(&self, slot: u32) -> usize {
        if self.kind.is_compound() { self.compound(slot).map_or(0, |compound| compound.samples()) } else { 1 }
    }

    fn compound(&self, slot: u32) -> Option<&Arc<Compound>> {
        self.compounds.get(slot as usize)?.as_ref()
    }

    /// Puts a new series into a free place; `false` when its labels have no room. `entry.text` and its number are set here.
    pub fn put(&mut self, slot: u32, mut entry: Entry, labels: &str, sample: &Sample<'_>, fill: Fill<'_>) -> bool {
        let text = Arc::make_mut(&mut self.text);
        let Some(at) = text::append(text, fill.places, fill.hasher, labels) else { return false };
        entry.text = at;
        entry.make_live();
        let index = slot as usize;
        place_at(&mut self.entries, index, entry, Entry::EMPTY);
        if self.kind.has_start() {
            place_at(&mut self.starts, index, 0, 0);
        }
        if let Sample::Compound(compound, times) = sample {
            place_at(&mut self.compounds, index, Some(Arc::new((*compound).clone())), None);
            self.set_times(slot, *times);
        }
        if let Sample::Number(point, exemplar) = sample {
            self.set(slot, *point);
            self.set_exemplar(slot, *exemplar);
        }
        self.oldest = self.oldest.min(entry.seen);
        self.live += 1;
        self.written += 1;
        true
    }

    /// Takes one more point of a series.
    #[inline]
    pub fn update(&mut self, slot: u32, how: Update, sample: &Sample<'_>, now: u32) -> Result<Joined, Reason> {
        let Some(entry) = self.get_mut(slot) else { return Ok(Joined::Onward) };
        entry.seen = now;
        match sample {
            Sample::Number(new, exemplar) => {
                let mut point = self.point(slot);
                let joined = point.update(how, *new)?;
                self.set(slot, point);
                self.set_exemplar(slot, *exemplar);
                Ok(joined)
            }
            Sample::Compound(new, new_times) => {
                let mut times = self.times(slot);
                let Some(Some(kept)) = self.compounds.get_mut(slot as usize) else { return Ok(Joined::Onward) };
                let joined = update(kept, &mut times, how, new, *new_times)?;
                self.set_times(slot, times);
                Ok(joined)
            }
        }
    }

    fn times(&self, slot: u32) -> Times {
        let start = self.starts.get(slot as usize).copied().unwrap_or(0);
        Times { start, end: self.get(slot).map_or(0, |entry| entry.time) }
    }

    fn set_times(&mut self, slot: u32, times: Times) {
        if let Some(entry) = self.get_mut(slot) {
            entry.time = times.end;
        }
        if let Some(start) = self.starts.get_mut(slot as usize) {
            *start = times.start;
        }
    }

    #[inline]
    fn point(&self, slot: u32) -> Point {
        let entry = self.get(slot).unwrap_or(&Entry::EMPTY);
        let start_time = self.starts.get(slot as usize).copied().unwrap_or(0);
        Point { value: entry.value(), start_time, time: entry.time }
    }

    #[inline]
    fn set(&mut self, slot: u32, point: Point) {
        if let Some(entry) = self.entries.get_mut(slot as usize) {
            entry.set_value(point.value);
            entry.time = point.time;
        }
        if let Some(start) = self.starts.get_mut(slot as usize) {
            *start = point.start_time;
        }
    }

    #[inline]
    fn set_exemplar(&mut self, slot: u32, exemplar: Option<&Exemplar>) {
        let Some(exemplar) = exemplar else { return };
        let slot = slot as u16;
        match self.exemplars.binary_search_by_key(&slot, |(other, _)| *other) {
            Ok(index) => self.exemplars.get_mut(index).into_iter().for_each(|(_, kept)| kept.clone_from(exemplar)),
            Err(index) => self.exemplars.insert(index, (slot, exemplar.clone())),
        }
    }

    /// Removes a series.
    pub fn remove(&mut self, slot: u32) {
        let Some(entry) = self.get_mut(slot) else { return };
        *entry = Entry::EMPTY;
        if let Some(compound) = self.compounds.get_mut(slot as usize) {
            *compound = None;
        }
        self.exemplars.retain(|(other, _)| u32::from(*other) != slot);
        self.live -= 1;
    }

    /// Whether more than half of the text belongs to series that are gone.
    pub fn is_wasteful(&self) -> bool {
        self.live < self.written / 2
    }

    /// Writes the text anew, without what removed series left behind; returns where its labels are.
    pub fn encode_anew(&mut self, hasher: &Hasher) -> Places {
        let (mut places, mut anew, mut labels) = (Places::default(), Vec::new(), Vec::new());
        for entry in self.entries.iter_mut().filter(|entry| entry.is_live()) {
            labels.clear();
            text::write(&self.text, entry.text, &mut labels);
            // It was text before, and is shorter now.
            let labels = std::str::from_utf8(&labels).unwrap_or_default();
            entry.text = text::append(&mut anew, &mut places, hasher, labels).unwrap_or(0);
        }
        anew.shrink_to_fit();
        self.text = Arc::new(anew);
        self.written = self.live;
        places
    }

    /// Gives back memory that was kept for more series. A scrape that holds the text keeps its own copy.
    pub fn shrink(&mut self) {
        Arc::make_mut(&mut self.text).shrink_to_fit();
        self.exemplars.shrink_to_fit();
    }

    /// Copies what a scrape shows of the series that it may show.
    pub fn show(&self, shows: impl Fn(&Entry) -> bool, piece: &mut Piece) {
        piece.text = Arc::clone(&self.text);
        for (slot, entry) in self.iter().filter(|(_, entry)| shows(entry)) {
            if self.kind.is_compound() {
                let Some(compound) = self.compound(slot) else { continue };
                piece.compounds.push(Arc::clone(compound));
            }
            if let Ok(index) = self.exemplars.binary_search_by_key(&slot, |(other, _)| u32::from(*other)) {
                let index = (piece.samples.len(), self.exemplars.get(index));
                piece.exemplars.extend(index.1.map(|(_, exemplar)| (index.0, exemplar.clone())));
            }
            piece.samples.push(Shown { text: entry.text, point: self.point(slot) });
        }
    }
}

/// What is needed to add labels to a chunk's text.
pub struct Fill<'f> {
    /// Where labels already are.
    pub places: &'f mut Places,
    /// By which they are found.
    pub hasher: &'f Hasher,
}

fn place_at<T: Clone>(items: &mut Vec<T>, index: usize, item: T, empty: T) {
    if items.len() <= index {
        items.resize(index + 1, empty);
    }
    if let Some(place) = items.get_mut(index) {
        *place = item;
    }
}
