//! Durable lists of 64-bit words of any length, in chunks of one durable table: what histograms of different sizes are kept in.
//!
//! Invariants:
//!
//! - A list is a [`Span`] of chunks that stand together, named by the one record that owns it. No two records name the same chunk;
//!   chunks that none names are free, so what is free need not be stored: it is found again at start.
//! - A call journals the chunks it changed and no others: a wide histogram of which few buckets move costs little.
//! - Chunks are bounded in number; those of lists that ended are used again. Free spans are split where a shorter one is needed,
//!   and put together again only at start: it is when all is nearly full that this could matter.

use std::collections::BTreeMap;

use otelier_sdk::table::{Fields, Record, Table};
use otelier_sdk::{Failure, Storage};

/// Words in a chunk: the default bounds of the SDKs make 16 buckets.
pub const CHUNK: usize = 16;

/// A piece of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chunk([u64; CHUNK]);

impl Record for Chunk {
    const SIZE: usize = 8 * CHUNK;

    fn write(&self, out: &mut Vec<u8>) {
        self.0.iter().for_each(|word| out.extend(word.to_le_bytes()));
    }

    fn read(fields: &mut Fields<'_>) -> Option<Chunk> {
        let mut chunk = Chunk::default();
        for word in &mut chunk.0 {
            *word = fields.u64()?;
        }
        Some(chunk)
    }
}

/// Where a list stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    pub first: u32,
    pub chunks: u32,
}

impl Span {
    /// How many words it has room for.
    pub fn words(&self) -> usize {
        self.chunks as usize * CHUNK
    }
}

/// All lists.
#[derive(Debug)]
pub struct Words {
    chunks_max: usize,
    table: Table<Chunk>,
    /// First chunks of free spans, by length.
    free: BTreeMap<u32, Vec<u32>>,
}

impl Words {
    pub fn new(id: u8, chunks_max: usize) -> Words {
        Words { chunks_max, table: Table::new(id), free: BTreeMap::new() }
    }

    pub fn table(&mut self) -> &mut Table<Chunk> {
        &mut self.table
    }

    /// Reads the chunks; `spans` are those that records name.
    pub fn load(&mut self, storage: &mut Storage<'_>, mut spans: Vec<Span>) -> Result<(), Failure> {
        self.table.load(storage)?;
        spans.sort_unstable();
        let mut end = 0;
        for Span { first, chunks } in spans.into_iter().filter(|span| span.chunks > 0) {
            let after = first.checked_add(chunks).filter(|after| *after as usize <= self.table.len());
            let (Some(after), true) = (after, first >= end) else {
                return Err(Failure::damaged(format_args!(
                    "bucket counts {first} are missing or belong to two series"
                )));
            };
            self.release(Span { first: end, chunks: first - end });
            end = after;
        }
        self.release(Span { first: end, chunks: (self.table.len() as u32).saturating_sub(end) });
        Ok(())
    }

    /// Room for so many words, all 0. `None`: the bound is reached.
    pub fn reserve(&mut self, words: usize) -> Option<Span> {
        let chunks = u32::try_from(words.div_ceil(CHUNK)).ok()?;
        let span = Span { first: self.take_free(chunks).or_else(|| self.append(chunks))?, chunks };
        Some(span)
    }

    /// Whether [`Words::reserve`] would find it.
    pub fn has_room(&self, words: usize) -> bool {
        let chunks = words.div_ceil(CHUNK);
        let is_free = u32::try_from(chunks).is_ok_and(|chunks| self.free.range(chunks..).next().is_some());
        is_free || self.table.len() + chunks <= self.chunks_max
    }

    fn take_free(&mut self, chunks: u32) -> Option<u32> {
        let (length, firsts) = self.free.range_mut(chunks..).next()?;
        let (length, first) = (*length, firsts.pop()?);
        if firsts.is_empty() {
            self.free.remove(&length);
        }
        self.release(Span { first: first + chunks, chunks: length - chunks });
        for index in first..first + chunks {
            if let Some(chunk) = self.table.touch(index) {
                *chunk = Chunk::default();
            }
        }
        Some(first)
    }

    fn append(&mut self, chunks: u32) -> Option<u32> {
        let first = self.table.len();
        if first + chunks as usize > self.chunks_max {
            return None;
        }
        for _ in 0..chunks {
            self.table.push(Chunk::default());
        }
        Some(first as u32)
    }

    /// Nothing is kept there any more.
    pub fn release(&mut self, span: Span) {
        if span.chunks > 0 {
            self.free.entry(span.chunks).or_default().push(span.first);
        }
    }

    /// The first words of a list.
    pub fn read(&self, span: Span, words: usize) -> Vec<u64> {
        let chunks = (span.first..span.first + span.chunks).filter_map(|index| self.table.get(index));
        let mut list: Vec<u64> = chunks.flat_map(|chunk| chunk.0).collect();
        list.truncate(words);
        list
    }

    /// What counts are more than the first words of a list; false where any is less.
    pub fn exceed(&self, span: Span, counts: &[u64], more: &mut Vec<u64>) -> bool {
        more.clear();
        let mut is_less = false;
        for (index, counts) in (span.first..span.first + span.chunks).zip(counts.chunks(CHUNK)) {
            let Some(Chunk(words)) = self.table.get(index) else { return false };
            more.extend(counts.iter().zip(words).map(|(count, word)| {
                is_less |= count < word;
                count.wrapping_sub(*word)
            }));
        }
        !is_less
    }

    /// Adds to the first words of a list.
    #[inline]
    pub fn add(&mut self, span: Span, counts: &[u64]) {
        for (index, counts) in (span.first..span.first + span.chunks).zip(counts.chunks(CHUNK)) {
            if counts.iter().all(|count| *count == 0) {
                continue;
            }
            let Some(chunk) = self.table.touch(index) else { return };
            // A total's count fits, so its buckets do.
            chunk.0.iter_mut().zip(counts).for_each(|(word, count)| *word = word.wrapping_add(*count));
        }
    }

    /// Sets the first words of a list; chunks that hold them already are left alone.
    pub fn set(&mut self, span: Span, words: &[u64]) {
        for (index, words) in (span.first..span.first + span.chunks).zip(words.chunks(CHUNK)) {
            let is_same = |chunk: &Chunk| chunk.0.iter().zip(words).all(|(place, word)| place == word);
            if self.table.get(index).is_some_and(is_same) {
                continue;
            }
            if let Some(Chunk(places)) = self.table.touch(index) {
                places.iter_mut().zip(words).for_each(|(place, word)| *place = *word);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{CHUNK, Words};

    #[test]
    fn lists_do_not_overlap_and_room_is_used_again() {
        let mut words = Words::new(b'x', 20);
        let mut state = 5_u64;
        let mut below = |bound: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % bound
        };
        let mut lists = Vec::new();
        let mut refused = 0;
        for _ in 0..5000 {
            if below(2) == 0 {
                let length = 1 + below(60) as usize;
                let has_room = words.has_room(length);
                let Some(span) = words.reserve(length) else {
                    assert!(!has_room);
                    refused += 1;
                    continue;
                };
                assert!(has_room && span.words() >= length && span.words() < length + CHUNK);
                assert!(words.read(span, usize::MAX).iter().all(|word| *word == 0), "room comes empty");
                let list: Vec<u64> = (0..length).map(|_| below(100)).collect();
                words.set(span, &list);
                lists.push((span, list));
            } else if !lists.is_empty() {
                let at = below(lists.len() as u64) as usize;
                if below(2) == 0 {
                    let (span, _) = lists.swap_remove(at);
                    words.release(span);
                } else {
                    let (span, list) = &mut lists[at];
                    words.add(*span, &list.clone());
                    list.iter_mut().for_each(|word| *word *= 2);
                    list.iter_mut().for_each(|word| *word %= 1 << 40);
                    words.set(*span, list);
                }
            }
            for (span, list) in &lists {
                assert_eq!(words.read(*span, list.len()), *list);
            }
        }
        assert!(refused > 10 && words.table().len() <= 20);
    }

    #[test]
    fn what_counts_exceed_others_by() {
        let mut words = Words::new(b'x', 20);
        let list: Vec<u64> = (0..40).collect();
        let span = words.reserve(40).unwrap();
        words.set(span, &list);
        let mut more = Vec::new();
        let greater: Vec<u64> = list.iter().map(|word| word * 2).collect();
        assert!(words.exceed(span, &greater, &mut more));
        assert_eq!(more, list);
        let mut less = greater;
        less[33] = 32;
        assert!(!words.exceed(span, &less, &mut more), "one fell");
    }
}
