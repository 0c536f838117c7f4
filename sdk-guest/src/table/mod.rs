//! A durable dense table: fixed-size records by index, in memory as a plain `Vec`, in storage as pages and a journal.
//!
//! Invariants:
//!
//! - A record changed through [`Table::touch`] or [`Table::push`] is in storage once [`Table::save`] or [`Table::fold`] of the same
//!   call has returned: call one of them at the end of every call that changes records.
//! - `save` appends the touched records to the journal, as absolute values: to replay it in order over pages of any age between
//!   the last fold and now gives the present. So a fold may be spread over several calls with others between them.
//! - A fold writes the pages that changed before it began, then deletes the journal up to where it began.
//!
//! In storage, under the table's one-byte id:
//!
//! ```text
//! id 'p' page:u32 big endian      → size:u16 record*             page i holds records 64 i .. 64 (i + 1)
//! id 'j' sequence:u64 big endian  → size:u16 (index:u32 record)*
//! ```
//!
//! `size` is the record's length in bytes; numbers are little endian unless stated.

mod record;

pub use record::{Fields, Record, put_text};

use crate::{Blob, Failure, Progress, Storage};

/// Records in a page.
const PAGE: usize = 64;
/// A journal that is longer is folded without waiting for a flush.
const JOURNAL_BYTES_MAX: usize = 4 << 20;
/// The same, in entries: each is a key to be read at start.
const JOURNAL_ENTRIES_MAX: u64 = 100_000;
/// What one call writes of a fold.
const FOLD_BYTES_MAX: usize = 16 << 20;
/// What is handed to the host at once; bounds a journal's values too.
const WRITE_BYTES_MAX: usize = 2 << 20;

/// One record and whether this call has touched it.
#[derive(Debug, Clone)]
struct Entry<R> {
    record: R,
    touched_in: u32,
}

/// Records of type `R` by index.
#[derive(Debug)]
pub struct Table<R> {
    id: u8,
    entries: Vec<Entry<R>>,
    /// The number of the current call; entries with another were not touched in it.
    generation: u32,
    /// What the current call touched, each once.
    touched: Vec<u32>,
    /// Pages that differ from storage.
    dirty: Dirty,
    journal: Journal,
    fold: Option<Fold>,
    bounds: Bounds,
}

/// Pages by number, each once.
#[derive(Debug, Default)]
struct Dirty {
    is_dirty: Vec<bool>,
    pages: Vec<u32>,
}

impl Dirty {
    fn add(&mut self, page: usize) {
        if self.is_dirty.len() <= page {
            self.is_dirty.resize(page + 1, false);
        }
        if let Some(is_dirty @ false) = self.is_dirty.get_mut(page) {
            *is_dirty = true;
            self.pages.push(page as u32);
        }
    }

    fn take(&mut self) -> Vec<u32> {
        let pages = std::mem::take(&mut self.pages);
        for page in &pages {
            if let Some(is_dirty) = self.is_dirty.get_mut(*page as usize) {
                *is_dirty = false;
            }
        }
        pages
    }
}

#[derive(Debug, Default)]
struct Journal {
    /// The number of the next entry.
    next: u64,
    /// The number of the first entry that is stored.
    first: u64,
    bytes: usize,
}

/// A fold in progress.
#[derive(Debug)]
struct Fold {
    /// Pages still to write.
    pages: Vec<u32>,
    /// Journal entries before this one are in the pages once all are written.
    journal_end: u64,
    journal_bytes: usize,
}

#[derive(Debug, Clone, Copy)]
struct Bounds {
    journal_bytes: usize,
    fold_bytes: usize,
    write_bytes: usize,
}

impl<R: Record> Table<R> {
    /// An empty table. No two tables of a processor, and nothing else it stores, have the same first byte of their keys.
    pub fn new(id: u8) -> Table<R> {
        Table {
            id,
            entries: Vec::new(),
            generation: 1,
            touched: Vec::new(),
            dirty: Dirty::default(),
            journal: Journal::default(),
            fold: None,
            bounds: Bounds {
                journal_bytes: JOURNAL_BYTES_MAX,
                fold_bytes: FOLD_BYTES_MAX,
                write_bytes: WRITE_BYTES_MAX,
            },
        }
    }

    /// With another bound on what one call writes of a fold: for a processor with many tables.
    pub fn with_fold_bytes(mut self, bytes: usize) -> Table<R> {
        self.bounds.fold_bytes = bytes;
        self
    }

    /// How many records, touched or not.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// A record.
    #[inline]
    pub fn get(&self, index: u32) -> Option<&R> {
        self.entries.get(index as usize).map(|entry| &entry.record)
    }

    /// The records in order.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &R)> {
        self.entries.iter().enumerate().map(|(index, entry)| (index as u32, &entry.record))
    }

    /// A record to change.
    #[inline]
    pub fn touch(&mut self, index: u32) -> Option<&mut R> {
        let entry = self.entries.get_mut(index as usize)?;
        if entry.touched_in != self.generation {
            entry.touched_in = self.generation;
            self.touched.push(index);
        }
        Some(&mut entry.record)
    }

    /// Appends a record and tells its index.
    pub fn push(&mut self, record: R) -> u32 {
        let index = self.entries.len() as u32;
        self.entries.push(Entry { record, touched_in: self.generation });
        self.touched.push(index);
        index
    }

    /// Changes every record that this call has touched.
    pub fn update_touched(&mut self, mut update: impl FnMut(&mut R)) {
        for index in &self.touched {
            if let Some(entry) = self.entries.get_mut(*index as usize) {
                update(&mut entry.record);
            }
        }
    }

    /// Reads the table; once, in `start`.
    pub fn load(&mut self, storage: &mut Storage<'_>) -> Result<(), Failure> {
        let id = self.id;
        storage.each(&[id, b'p'], &[id, b'p' + 1], |key, page| {
            let number = key.get(2..).and_then(|number| number.try_into().ok()).map(u32::from_be_bytes);
            number.and_then(|number| self.read_page(number, page)).ok_or_else(|| damaged("page", key))
        })?;
        storage.each(&[id, b'j'], &[id, b'j' + 1], |key, value| {
            let number = key.get(2..).and_then(|number| number.try_into().ok()).map(u64::from_be_bytes);
            number.and_then(|number| self.read_journal(number, value)).ok_or_else(|| damaged("journal entry", key))
        })
    }

    fn read_page(&mut self, number: u32, page: &[u8]) -> Option<()> {
        let first = (number as usize).checked_mul(PAGE)?;
        let records = checked_records(page, R::SIZE)?;
        if records.len() / R::SIZE > PAGE {
            return None;
        }
        for (offset, bytes) in records.chunks_exact(R::SIZE).enumerate() {
            self.put(first + offset, R::read(&mut Fields::new(bytes))?);
        }
        Some(())
    }

    fn read_journal(&mut self, number: u64, value: &[u8]) -> Option<()> {
        let entries = checked_records(value, 4 + R::SIZE)?;
        for bytes in entries.chunks_exact(4 + R::SIZE) {
            let mut fields = Fields::new(bytes);
            let index = fields.u32()? as usize;
            self.put(index, R::read(&mut fields)?);
            self.dirty.add(index / PAGE);
        }
        if self.journal.bytes == 0 {
            self.journal.first = number;
        }
        self.journal.next = number.checked_add(1)?;
        self.journal.bytes += value.len();
        Some(())
    }

    fn put(&mut self, index: usize, record: R) {
        if self.entries.len() <= index {
            self.entries.resize(index + 1, Entry { record: R::default(), touched_in: 0 });
        }
        if let Some(entry) = self.entries.get_mut(index) {
            entry.record = record;
        }
    }

    /// Stores what this call has touched, in the journal. A journal that grew long is folded on the way.
    pub fn save(&mut self, storage: &mut Storage<'_>) -> Result<(), Failure> {
        if !self.touched.is_empty() {
            self.append_touched(storage)?;
        }
        let long = self.journal.bytes > self.bounds.journal_bytes
            || self.journal.next - self.journal.first > JOURNAL_ENTRIES_MAX;
        if long {
            self.fold_step(storage)?;
        }
        Ok(())
    }

    /// Stores what this call has touched and brings the pages up to date. `More`: call again in the next call.
    pub fn fold(&mut self, storage: &mut Storage<'_>) -> Result<Progress, Failure> {
        self.mark_touched();
        let page_bytes = 2 + PAGE * R::SIZE;
        let in_one_call = self.fold.is_none() && self.dirty.pages.len() * page_bytes <= self.bounds.fold_bytes;
        if in_one_call {
            // The pages say it all.
            self.end_call();
        } else if !self.touched.is_empty() {
            self.append_touched(storage)?;
        }
        self.fold_step(storage)
    }

    fn mark_touched(&mut self) {
        for index in &self.touched {
            self.dirty.add(*index as usize / PAGE);
        }
    }

    fn end_call(&mut self) {
        self.touched.clear();
        self.generation = self.generation.wrapping_add(1);
        if self.generation == 0 {
            self.generation = 1;
            self.entries.iter_mut().for_each(|entry| entry.touched_in = 0);
        }
    }

    fn append_touched(&mut self, storage: &mut Storage<'_>) -> Result<(), Failure> {
        self.mark_touched();
        let records_max = (self.bounds.write_bytes / (4 + R::SIZE)).max(1);
        for indexes in self.touched.chunks(records_max) {
            let mut value = Vec::with_capacity(2 + indexes.len() * (4 + R::SIZE));
            value.extend(size_mark(4 + R::SIZE));
            for index in indexes {
                let Some(entry) = self.entries.get(*index as usize) else { continue };
                value.extend(index.to_le_bytes());
                entry.record.write(&mut value);
            }
            self.journal.bytes += value.len();
            storage.set(&journal_key(self.id, self.journal.next), value)?;
            self.journal.next += 1;
        }
        self.end_call();
        Ok(())
    }

    fn fold_step(&mut self, storage: &mut Storage<'_>) -> Result<Progress, Failure> {
        let mut fold = match self.fold.take() {
            Some(fold) => fold,
            None => {
                Fold { pages: self.dirty.take(), journal_end: self.journal.next, journal_bytes: self.journal.bytes }
            }
        };
        let mut room = self.bounds.fold_bytes;
        while room > 0 && !fold.pages.is_empty() {
            let written = self.write_pages(storage, &mut fold.pages, room.min(self.bounds.write_bytes))?;
            room = room.saturating_sub(written);
        }
        if !fold.pages.is_empty() {
            self.fold = Some(fold);
            return Ok(Progress::More);
        }
        if self.journal.first < fold.journal_end && fold.journal_bytes > 0 {
            storage.delete_range(&journal_key(self.id, 0), &journal_key(self.id, fold.journal_end))?;
        }
        self.journal.first = fold.journal_end;
        self.journal.bytes -= fold.journal_bytes;
        Ok(Progress::Done)
    }

    /// Writes pages off the end of the list, about `room` bytes of them and at least one.
    fn write_pages(&self, storage: &mut Storage<'_>, pages: &mut Vec<u32>, room: usize) -> Result<usize, Failure> {
        let (mut keys, mut values) = (Blob::default(), Blob::default());
        while values.bytes.len() < room {
            let Some(page) = pages.pop() else { break };
            keys.push(&[&[self.id, b'p'][..], &page.to_be_bytes()].concat());
            values.bytes.extend(size_mark(R::SIZE));
            let first = (page as usize * PAGE).min(self.entries.len());
            let last = (first + PAGE).min(self.entries.len());
            for entry in self.entries.get(first..last).unwrap_or_default() {
                entry.record.write(&mut values.bytes);
            }
            values.ends.push(values.bytes.len() as u32);
        }
        let written = values.bytes.len();
        storage.set_all(keys, values)?;
        Ok(written)
    }
}

fn journal_key(id: u8, number: u64) -> Vec<u8> {
    [&[id, b'j'][..], &number.to_be_bytes()].concat()
}

/// Two bytes in front of records: another layout is not misread.
fn size_mark(size: usize) -> [u8; 2] {
    (size as u16).to_le_bytes()
}

fn checked_records(value: &[u8], size: usize) -> Option<&[u8]> {
    let (mark, records) = value.split_first_chunk::<2>()?;
    (*mark == size_mark(size) && records.len().is_multiple_of(size)).then_some(records)
}

fn damaged(what: &str, key: &[u8]) -> Failure {
    Failure::damaged(format_args!("{what} {key:02x?} does not hold the records that this version of the plugin writes"))
}

#[cfg(test)]
mod tests;
