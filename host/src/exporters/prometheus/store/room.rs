//! Where new series go, and what becomes of the room that others leave.
//!
//! A family fills one chunk at a time: first a chunk that has become a quarter free, else a new one. A chunk is freed with its
//! last series, and its text is written anew when more than half of it belongs to series that are gone.

use super::super::family::Family;
use super::Store;
use super::chunk::{CHUNK_SERIES, Chunk, Fill};
use super::entry::{Entry, Sample};
use super::filling::Filling;

/// With so many series left, a chunk is filled again.
const ROOMY_SERIES: u32 = CHUNK_SERIES / 4 * 3;

impl Store {
    /// Finds a place for a new series and puts it there; `None` when there is none.
    pub(super) fn put(&mut self, family: u32, entry: Entry, labels: &str, sample: &Sample<'_>) -> Option<u32> {
        if self.families.get(family)?.filling.is_none() {
            let next = self.next_chunk(family, entry.seen)?;
            self.families.get_mut(family)?.filling = Some(next);
        }
        let filling = self.families.get_mut(family)?.filling.as_mut()?;
        let chunk = self.chunks.get_mut(filling.chunk)?;
        let slot = chunk.free_from(filling.slot)?;
        let places = filling.labels.get_or_insert_with(|| chunk.encode_anew(&self.hasher));
        if !chunk.put(slot, entry, labels, sample, Fill { places, hasher: &self.hasher }) {
            return None;
        }
        filling.used = true;
        filling.slot = slot + 1;
        let place = filling.chunk * CHUNK_SERIES + slot;
        if chunk.free_from(slot + 1).is_none() {
            chunk.shrink();
            let (id, roomy) = (filling.chunk, chunk.live <= ROOMY_SERIES);
            let family = self.families.get_mut(family)?;
            family.filling = None;
            family.roomy.extend(roomy.then_some(id));
        }
        Some(place)
    }

    /// A chunk of this family with room.
    fn next_chunk(&mut self, place: u32, now: u32) -> Option<Filling> {
        let family = self.families.get_mut(place)?;
        while let Some(chunk) = family.roomy.pop() {
            let still = |found: &Chunk| found.family == place && found.live <= ROOMY_SERIES;
            if self.chunks.get(chunk).is_some_and(|found| still(found)) {
                return Some(Filling { chunk, slot: 0, labels: None, used: true });
            }
        }
        let ordinal = family.next_ordinal;
        let chunk = self.chunks.insert(Box::new(Chunk::new(place, ordinal, family.meta.kind, now)))?;
        if chunk > u32::MAX / CHUNK_SERIES - 1 {
            self.chunks.remove(chunk);
            return None;
        }
        family.next_ordinal += 1;
        family.chunks.push((ordinal, chunk));
        Some(Filling { chunk, slot: 0, labels: None, used: true })
    }

    /// Frees the place of a series that is in no index any more.
    pub(super) fn free(&mut self, place: u32) {
        let id = place / CHUNK_SERIES;
        let Some(chunk) = self.chunks.get_mut(id) else { return };
        chunk.remove(place % CHUNK_SERIES);
        let Some(family) = self.families.get_mut(chunk.family) else { return };
        if chunk.live == 0 {
            drop_chunk(family, chunk.ordinal, id);
            self.chunks.remove(id);
            return;
        }
        let filling = family.filling.as_mut().filter(|filling| filling.chunk == id);
        if filling.is_none() && chunk.live == ROOMY_SERIES {
            family.roomy.push(id);
        }
        if chunk.is_wasteful() {
            let places = chunk.encode_anew(&self.hasher);
            if let Some(filling) = family.filling.as_mut().filter(|filling| filling.chunk == id) {
                filling.labels = filling.labels.is_some().then_some(places);
            }
        }
    }
}

fn drop_chunk(family: &mut Family, ordinal: u64, id: u32) {
    if let Ok(index) = family.chunks.binary_search_by_key(&ordinal, |(other, _)| *other) {
        family.chunks.remove(index);
    }
    family.filling.take_if(|filling| filling.chunk == id);
    family.roomy.retain(|other| *other != id);
}
