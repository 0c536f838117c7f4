//! Records in chunks, and which of them a call has touched.
//!
//! A `Vec` that doubles would for a moment hold everything twice, and a component's memory never shrinks: what it had at its
//! largest, it keeps.

const CHUNK_BITS: u32 = 9;
const CHUNK: usize = 1 << CHUNK_BITS;
const WORD: u32 = u64::BITS;

/// Records by index.
#[derive(Debug)]
pub struct Chunks<R> {
    /// All full but the last.
    chunks: Vec<Vec<R>>,
    length: usize,
    /// One bit a record.
    marks: Vec<u64>,
}

impl<R: Clone + Default> Chunks<R> {
    /// No records.
    pub fn new() -> Chunks<R> {
        Chunks { chunks: Vec::new(), length: 0, marks: Vec::new() }
    }

    /// How many records.
    pub fn len(&self) -> usize {
        self.length
    }

    /// A record.
    #[inline]
    pub fn get(&self, index: u32) -> Option<&R> {
        self.chunks.get((index >> CHUNK_BITS) as usize)?.get(index as usize % CHUNK)
    }

    /// A record to change without a mark.
    #[inline]
    pub fn get_mut(&mut self, index: u32) -> Option<&mut R> {
        self.chunks.get_mut((index >> CHUNK_BITS) as usize)?.get_mut(index as usize % CHUNK)
    }

    /// The records in order.
    pub fn iter(&self) -> impl Iterator<Item = &R> {
        self.chunks.iter().flatten()
    }

    /// A record to change; it is marked, and `marked` gets its index, unless it was marked before.
    #[inline]
    pub fn mark(&mut self, index: u32, marked: &mut Vec<u32>) -> Option<&mut R> {
        let record = self.chunks.get_mut((index >> CHUNK_BITS) as usize)?.get_mut(index as usize % CHUNK)?;
        let (word, bit) = (self.marks.get_mut((index / WORD) as usize)?, 1 << (index % WORD));
        if *word & bit == 0 {
            *word |= bit;
            marked.push(index);
        }
        Some(record)
    }

    /// Takes the marks off these records.
    pub fn unmark(&mut self, marked: &[u32]) {
        for index in marked {
            if let Some(word) = self.marks.get_mut((*index / WORD) as usize) {
                *word &= !(1 << (*index % WORD));
            }
        }
    }

    /// Appends a record and tells its index.
    pub fn push(&mut self, record: R) -> u32 {
        let index = self.length;
        if index.is_multiple_of(CHUNK) {
            self.chunks.push(Vec::with_capacity(CHUNK));
            self.marks.resize((index + CHUNK) / WORD as usize, 0);
        }
        if let Some(chunk) = self.chunks.last_mut() {
            chunk.push(record);
            self.length += 1;
        }
        index as u32
    }

    /// Makes the records up to this one.
    pub fn grow(&mut self, index: u32) {
        while self.length <= index as usize {
            self.push(R::default());
        }
    }

    /// Sets a record; those between are made.
    pub fn put(&mut self, index: u32, record: R) {
        if index as usize == self.length {
            self.push(record);
            return;
        }
        self.grow(index);
        if let Some(place) = self.get_mut(index) {
            *place = record;
        }
    }
}
