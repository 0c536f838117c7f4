//! Histogram series: one for each output metric and group key.
//!
//! A series is a record with its moments, and a list of words with its buckets: explicit ones as they are, so that a point is
//! added to them in place; exponential ones packed, with the histogram itself in memory, once a call that changed it ends.

use otelier_sdk::aggregate::{Exponential, Increment, Moments};
use otelier_sdk::table::Table;
use otelier_sdk::{Failure, Keying, NO_BOUNDS, NO_CODE, Output, Storage, key};

use super::bounds::Bounds;
use super::columns::Body;
use super::packed::{pack, unpack};
use super::record::Histogram;
use super::words::{CHUNK, Span, Words};
use crate::flush::Idle;
use crate::metrics::{Metric, Metrics};
use crate::reasons::Reason;
use crate::slots::NONE;
use crate::stored;

/// Bucket counts of all series together, in chunks: 64 MiB.
const CHUNKS_MAX: usize = (64 << 20) / (8 * CHUNK);

/// An exponential histogram in memory.
#[derive(Debug)]
struct Kept {
    histogram: Exponential,
    /// Whether storage has another one.
    is_changed: bool,
}

/// All series.
#[derive(Debug)]
pub struct Series {
    keying: Keying,
    table: Table<Histogram>,
    words: Words,
    free: Vec<u32>,
    /// Series in use, without those for what found no room.
    live: usize,
    /// Exponential histograms by slot.
    exponentials: Vec<Option<Box<Kept>>>,
    changed: Vec<u32>,
}

impl Series {
    pub fn new(keying: Keying) -> Series {
        Series {
            keying,
            table: Table::new(stored::HISTOGRAMS),
            words: Words::new(stored::HISTOGRAM_WORDS, CHUNKS_MAX),
            free: Vec::new(),
            live: 0,
            exponentials: Vec::new(),
            changed: Vec::new(),
        }
    }

    pub fn live(&self) -> usize {
        self.live
    }

    pub fn table(&mut self) -> &mut Table<Histogram> {
        &mut self.table
    }

    pub fn words(&mut self) -> &mut Words {
        &mut self.words
    }

    pub fn load(&mut self, storage: &mut Storage<'_>, metrics: &mut Metrics, bounds: &Bounds) -> Result<(), Failure> {
        self.table.load(storage)?;
        let spans = self.table.iter().filter(|(_, one)| !one.is_free()).map(|(_, one)| one.span);
        self.words.load(storage, spans.collect())?;
        for (slot, series) in self.table.iter() {
            if series.is_free() {
                self.free.push(slot);
                continue;
            }
            let damaged = |what: &str| Failure::damaged(format_args!("histogram {slot} {what}"));
            let metric = metrics.get_mut(series.metric).ok_or_else(|| damaged("has no metric"))?;
            metric.slots.set(series.key, slot);
            if series.is_overflow {
                metric.overflow = slot;
            } else {
                self.live += 1;
            }
            if series.bounds != NO_BOUNDS {
                let is_whole = bounds.knows(series.bounds) && bounds.list(series.bounds).len() < series.span.words();
                is_whole.then_some(()).ok_or_else(|| damaged("lacks buckets"))?;
                continue;
            }
            let packed = self.words.read(series.span, usize::MAX);
            let histogram = unpack(&packed).ok_or_else(|| damaged("is none"))?;
            put(&mut self.exponentials, slot, Kept { histogram, is_changed: false });
        }
        Ok(())
    }

    /// The series of a group that takes a point with this body, made where there is none. Whether it is the one for what
    /// found no room comes with it.
    pub fn find(
        &mut self,
        metric: &mut Metric,
        new: Histogram,
        words: usize,
        has_room: bool,
        output: &mut Output<'_>,
    ) -> Result<(u32, bool), Reason> {
        let slot = metric.slots.get(new.key);
        if slot != NONE {
            return Ok((slot, slot == metric.overflow));
        }
        if new.key != NO_CODE && has_room {
            let key = new.key;
            let slot = self.make(new, words)?;
            metric.slots.set(key, slot);
            self.live += 1;
            return Ok((slot, false));
        }
        if metric.overflow == NONE {
            let key = output.intern(self.keying, key::overflow()).ok_or(Reason::NoRoom)?;
            // A sender that marks its own points so may have made it.
            let slot = match metric.slots.get(key) {
                NONE => self.make(Histogram { key, ..new }, words)?,
                slot => {
                    self.live -= 1;
                    slot
                }
            };
            if let Some(series) = self.table.touch(slot) {
                series.is_overflow = true;
            }
            metric.slots.set(key, slot);
            metric.overflow = slot;
        }
        Ok((metric.overflow, true))
    }

    fn make(&mut self, mut series: Histogram, words: usize) -> Result<u32, Reason> {
        series.span = self.words.reserve(words).ok_or(Reason::BucketsRoom)?;
        let is_exponential = series.bounds == NO_BOUNDS;
        let slot = match self.free.pop() {
            None => self.table.push(series),
            Some(slot) => {
                if let Some(place) = self.table.touch(slot) {
                    *place = series;
                }
                slot
            }
        };
        if is_exponential {
            put(&mut self.exponentials, slot, Kept { histogram: Exponential::default(), is_changed: true });
            self.changed.push(slot);
        }
        Ok(slot)
    }

    /// Takes a point into a series; tells how many observations lost resolution.
    #[inline]
    pub fn merge(
        &mut self,
        slot: u32,
        increment: &Increment,
        body: &Body<'_>,
        bounds: &mut Bounds,
        buckets_max: usize,
    ) -> Result<u64, Reason> {
        let Some(series) = self.table.touch(slot) else { return Err(Reason::NoRoom) };
        let moments = series.moments.plus(increment)?;
        if increment.moments.count == 0 {
            return Ok(0);
        }
        match body {
            Body::Explicit { bounds: own, counts } if *own == series.bounds => {
                series.moments = moments;
                self.words.add(series.span, counts);
                Ok(0)
            }
            Body::Explicit { bounds: own, counts } => self.merge_coarser(slot, moments, *own, counts, bounds),
            Body::Exponential(point) => {
                series.moments = moments;
                let Some(Some(kept)) = self.exponentials.get_mut(slot as usize) else { return Err(Reason::NoRoom) };
                kept.histogram.merge(point, buckets_max);
                if !std::mem::replace(&mut kept.is_changed, true) {
                    self.changed.push(slot);
                }
                Ok(0)
            }
        }
    }

    /// The series goes on with the bounds that both have.
    fn merge_coarser(
        &mut self,
        slot: u32,
        moments: Moments,
        own: u32,
        counts: &[u64],
        bounds: &mut Bounds,
    ) -> Result<u64, Reason> {
        let Some(series) = self.table.touch(slot) else { return Err(Reason::NoRoom) };
        let common = bounds.common(series.bounds, own)?;
        let mut lost = 0;
        if common != series.bounds {
            let before = self.words.read(series.span, bounds.list(series.bounds).len() + 1);
            let (wider, count) = bounds.coarsen(series.bounds, common, &before);
            lost += count;
            self.words.set(series.span, &wider);
            let needed = wider.len().div_ceil(CHUNK) as u32;
            let Span { first, chunks } = series.span;
            self.words.release(Span { first: first + needed, chunks: chunks - needed });
            series.span = Span { first, chunks: needed };
            series.bounds = common;
        }
        series.moments = moments;
        if common == own {
            self.words.add(series.span, counts);
            return Ok(lost);
        }
        let (wider, count) = bounds.coarsen(own, common, counts);
        self.words.add(series.span, &wider);
        Ok(lost + count)
    }

    /// An exponential series' buckets.
    pub fn exponential(&self, slot: u32) -> Option<&Exponential> {
        self.exponentials.get(slot as usize)?.as_ref().map(|kept| &kept.histogram)
    }

    /// The end of a call: series that changed say when, and exponential ones are packed.
    pub fn finish_batch(&mut self, steady: u64) {
        self.table.update_touched(|series| series.updated = steady);
        for slot in std::mem::take(&mut self.changed) {
            let kept = self.exponentials.get_mut(slot as usize).and_then(Option::as_mut);
            let (Some(kept), Some(series)) = (kept, self.table.touch(slot)) else { continue };
            kept.is_changed = false;
            series.span = self.words.replace(series.span, &mut kept.histogram);
        }
    }

    /// Removes series that have taken nothing for too long: those in the first slots from `from` on, at most so many.
    /// Tells their slots, and key codes that may be in use no more.
    pub fn expire(&mut self, metrics: &mut Metrics, idle: Idle, from: u32, most: usize) -> (Vec<u32>, Vec<u32>) {
        let is_idle = |series: &Histogram| !series.is_free() && idle.is(series.updated);
        let slots = from..self.table.len() as u32;
        let idle = slots.filter(|slot| self.table.get(*slot).is_some_and(is_idle));
        let idle: Vec<u32> = idle.take(most).collect();
        let mut codes = Vec::new();
        for slot in &idle {
            let Some(series) = self.table.touch(*slot).map(std::mem::take) else { continue };
            self.free.push(*slot);
            self.words.release(series.span);
            if let Some(place) = self.exponentials.get_mut(*slot as usize) {
                *place = None;
            }
            if !series.is_overflow {
                self.live -= 1;
            }
            let Some(metric) = metrics.get_mut(series.metric) else { continue };
            metric.slots.clear(series.key);
            if metric.overflow == *slot {
                metric.overflow = NONE;
            }
            codes.push(series.key);
        }
        codes.retain(|code| !metrics.use_key(*code));
        (idle, codes)
    }
}

fn put(all: &mut Vec<Option<Box<Kept>>>, slot: u32, kept: Kept) {
    let index = slot as usize;
    if all.len() <= index {
        all.resize_with(index + 1, || None);
    }
    if let Some(place) = all.get_mut(index) {
        *place = Some(Box::new(kept));
    }
}

impl Words {
    /// Keeps an exponential histogram in a list that may have to grow for it, or in as much as there is room for: a lower
    /// scale needs less.
    fn replace(&mut self, span: Span, histogram: &mut Exponential) -> Span {
        let mut packed = pack(histogram);
        let mut place = span;
        let mut buckets_max = histogram.positive.counts.len().max(histogram.negative.counts.len());
        while packed.len() > place.words() {
            if let Some(larger) = self.reserve(packed.len()) {
                self.release(place);
                place = larger;
            } else {
                buckets_max /= 2;
                *histogram = Exponential::of(&histogram.as_point(), buckets_max);
                packed = pack(histogram);
            }
        }
        self.set(place, &packed);
        place
    }
}

#[cfg(test)]
mod tests {
    use otelier_sdk::aggregate::Exponential;
    use otelier_sdk::aggregate::exponential::Side;

    use super::Words;
    use crate::histograms::packed::{HEAD, unpack};

    #[test]
    fn an_exponential_histogram_without_room_to_grow_becomes_coarser() {
        let mut words = Words::new(b'x', 3);
        let mut histogram = Exponential { scale: 3, ..Exponential::default() };
        let small = words.reserve(HEAD).unwrap();
        histogram.positive = Side { offset: 0, counts: vec![1; 40] };
        // It needs 45 words; there are 32 besides those it has.
        let place = words.replace(small, &mut histogram);
        assert_eq!(histogram.positive.counts.iter().sum::<u64>(), 40);
        assert!(histogram.scale < 3 && histogram.scale > 0, "no coarser than it must be: {}", histogram.scale);
        assert_eq!(unpack(&words.read(place, usize::MAX)), Some(histogram));
        words.reserve(16).unwrap();
        assert_eq!(words.reserve(1), None, "all is in use");
    }
}
