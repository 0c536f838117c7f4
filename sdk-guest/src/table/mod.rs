//! A durable dense table: fixed-size records by index, in memory in chunks, in storage as pages and a journal.
//!
//! Invariants:
//!
//! - A record changed through [`Table::touch`] or [`Table::push`] is in storage once [`Table::save`] or [`Table::fold`] of the same
//!   call has returned: call one of them at the end of every call that changes records.
//! - `save` appends the touched records to the journal, as absolute values: to replay it in order over pages of any age between
//!   the last fold and now gives the present. So a fold may be spread over several calls with others between them.
//! - A fold writes the pages that changed before it began, then deletes the journal up to where it began.
//!
//! In storage, under the table's one-byte id, both values in the format of `packed`:
//!
//! ```text
//! id 'p' page:u32 big endian      → record*             page i holds records 64 i .. 64 (i + 1)
//! id 'j' sequence:u64 big endian  → (index:u32 record)*
//! ```
//!
//! Numbers are little endian unless stated.

mod chunks;
mod packed;
mod record;

pub use record::{Fields, Record, put_text};

use chunks::Chunks;
use packed::{HEADER, Packer, unpack};

use crate::{Blob, Failure, Progress, Storage};

/// Records in a page.
const PAGE: usize = 64;
/// A journal that is longer is folded without waiting for a flush, so that it dies young: what is stored long is what costs.
const JOURNAL_BYTES_MAX: usize = 8 << 20;
/// The same for a large table, by record: a fold writes all records of a page of which one changed.
const JOURNAL_RECORD_BYTES_MAX: usize = 32;
/// The same, in entries: each is a key to be read at start.
const JOURNAL_ENTRIES_MAX: u64 = 100_000;
/// What one call writes of a fold: batches wait for it, and are processed between two.
const FOLD_BYTES_MAX: usize = 1 << 20;
/// What is handed to the host at once; bounds a journal's values too.
const WRITE_BYTES_MAX: usize = 1 << 20;
/// Bytes of a record's index.
const INDEX: usize = 4;

/// Records of type `R` by index.
#[derive(Debug)]
pub struct Table<R> {
    id: u8,
    records: Chunks<R>,
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
            records: Chunks::new(),
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

    /// How many records, touched or not.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.records.len() == 0
    }

    /// A record.
    #[inline]
    pub fn get(&self, index: u32) -> Option<&R> {
        self.records.get(index)
    }

    /// The records in order.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &R)> {
        (0_u32..).zip(self.records.iter())
    }

    /// A record to change.
    #[inline]
    pub fn touch(&mut self, index: u32) -> Option<&mut R> {
        self.records.mark(index, &mut self.touched)
    }

    /// A record to change; it and all before it are made where they are missing.
    pub fn touch_or_make(&mut self, index: u32) -> Option<&mut R> {
        self.records.grow(index);
        self.touch(index)
    }

    /// Appends a record and tells its index.
    pub fn push(&mut self, record: R) -> u32 {
        let index = self.records.push(record);
        self.records.mark(index, &mut self.touched);
        index
    }

    /// Changes every record that this call has touched.
    pub fn update_touched(&mut self, mut update: impl FnMut(&mut R)) {
        for index in &self.touched {
            if let Some(record) = self.records.get_mut(*index) {
                update(record);
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
        let mut next = first;
        unpack(page, R::SIZE, |bytes| {
            let record = R::read(&mut Fields::new(bytes)).filter(|_| next < first + PAGE)?;
            self.records.put(u32::try_from(next).ok()?, record);
            next += 1;
            Some(())
        })
    }

    fn read_journal(&mut self, number: u64, value: &[u8]) -> Option<()> {
        unpack(value, INDEX + R::SIZE, |bytes| {
            let mut fields = Fields::new(bytes);
            let index = fields.u32()?;
            self.records.put(index, R::read(&mut fields)?);
            self.dirty.add(index as usize / PAGE);
            Some(())
        })?;
        if self.journal.bytes == 0 {
            self.journal.first = number;
        }
        self.journal.next = number.checked_add(1)?;
        self.journal.bytes += value.len();
        Some(())
    }

    /// Stores what this call has touched, in the journal. A journal that grew long is folded on the way.
    pub fn save(&mut self, storage: &mut Storage<'_>) -> Result<(), Failure> {
        if !self.touched.is_empty() {
            self.append_touched(storage)?;
        }
        let long = self.journal.bytes > self.bounds.journal_bytes.max(self.len() * JOURNAL_RECORD_BYTES_MAX)
            || self.journal.next - self.journal.first > JOURNAL_ENTRIES_MAX;
        if long {
            self.fold_step(storage)?;
        }
        Ok(())
    }

    /// Stores what this call has touched and brings the pages up to date. `More`: call again in the next call.
    pub fn fold(&mut self, storage: &mut Storage<'_>) -> Result<Progress, Failure> {
        self.mark_touched();
        let page_bytes = HEADER + PAGE * Packer::bytes_max(R::SIZE);
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
        self.records.unmark(&self.touched);
        self.touched.clear();
    }

    fn append_touched(&mut self, storage: &mut Storage<'_>) -> Result<(), Failure> {
        self.mark_touched();
        let size = INDEX + R::SIZE;
        let records_max = (self.bounds.write_bytes / Packer::bytes_max(size)).max(1);
        let mut packer = Packer::new(size);
        for indexes in self.touched.chunks(records_max) {
            for index in indexes {
                let Some(record) = self.records.get(*index) else { continue };
                packer.push(|out| {
                    out.extend(index.to_le_bytes());
                    record.write(out);
                });
            }
            let value = packer.take();
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
        let mut packer = Packer::new(R::SIZE);
        while values.bytes.len() < room {
            let Some(page) = pages.pop() else { break };
            keys.push(&[&[self.id, b'p'][..], &page.to_be_bytes()].concat());
            let first = page * PAGE as u32;
            for record in (first..first + PAGE as u32).map_while(|index| self.records.get(index)) {
                packer.push(|out| record.write(out));
            }
            values.push(&packer.take());
        }
        let written = values.bytes.len();
        storage.set_all(keys, values)?;
        Ok(written)
    }
}

fn journal_key(id: u8, number: u64) -> Vec<u8> {
    [&[id, b'j'][..], &number.to_be_bytes()].concat()
}

fn damaged(what: &str, key: &[u8]) -> Failure {
    Failure::damaged(format_args!("{what} {key:02x?} does not hold the records that this version of the plugin writes"))
}

#[cfg(test)]
mod tests;
