//! `output`: rows that go no further, and keys that come and go.

use super::maxima::{DESCRIBED_BYTES_MAX, DESCRIPTOR_BYTES_MAX, DESCRIPTORS_MAX, OUTPUT_BYTES_MAX};
use super::violation::Violation;
use super::{Context, Phase};
use crate::otlp::columns::Bitmap;
use crate::otlp::descriptors::Descriptor;
use crate::otlp::key;
use crate::processor::output::Output;

/// A bitmap of so many rows, without the zeros behind them.
pub fn whole(mut words: Vec<u64>, rows: usize) -> Result<Bitmap, Violation> {
    if words.iter().skip(rows.div_ceil(64)).any(|word| *word != 0) {
        return Err(Violation::Rows);
    }
    words.truncate(rows.div_ceil(64));
    words.shrink_to_fit();
    let bitmap = Bitmap::from_words(words);
    if bitmap.reaches(rows) { Err(Violation::Rows) } else { Ok(bitmap) }
}

impl Context {
    pub(super) fn results(&mut self) -> Result<&mut Output, Violation> {
        match self.phase {
            Phase::Process | Phase::Flush => Ok(&mut self.output),
            Phase::Describe | Phase::Start => Err(Violation::Phase("output")),
        }
    }

    /// Books host memory for results.
    pub(super) fn charge(&mut self, bytes: usize) -> Result<(), Violation> {
        let output = self.results()?;
        output.bytes = output.bytes.saturating_add(bytes);
        if output.bytes > OUTPUT_BYTES_MAX { Err(Violation::Bytes) } else { Ok(()) }
    }

    /// A bitmap that a guest made, of rows of this batch; what it takes is booked.
    pub(super) fn bitmap(&mut self, words: Vec<u64>) -> Result<Bitmap, Violation> {
        let rows = self.rows()?.layout.rows as usize;
        let bitmap = whole(words, rows)?;
        self.charge(rows / 8)?;
        Ok(bitmap)
    }

    fn remove(&mut self, words: Vec<u64>, absorbed: bool) -> Result<(), Violation> {
        let bitmap = self.bitmap(words)?;
        let (into, other) = match absorbed {
            true => (&mut self.output.absorbed, &self.output.dropped),
            false => (&mut self.output.dropped, &self.output.absorbed),
        };
        if bitmap.overlaps(other) {
            return Err(Violation::Removed);
        }
        into.add(&bitmap);
        Ok(())
    }

    /// `output.drop`.
    pub fn drop_rows(&mut self, words: Vec<u64>) -> Result<(), Violation> {
        self.remove(words, false)
    }

    /// `output.absorb`.
    pub fn absorb(&mut self, words: Vec<u64>) -> Result<(), Violation> {
        self.remove(words, true)
    }

    /// `output.describe`.
    pub fn describe(&mut self, descriptor: Descriptor) -> Result<u32, Violation> {
        self.results()?;
        if let Some(number) = self.described.find(&descriptor) {
            return Ok(number);
        }
        let text = descriptor.name.len() + descriptor.unit.len() + descriptor.description.len();
        let all = self.described_bytes + text;
        if self.described.len() >= DESCRIPTORS_MAX || text > DESCRIPTOR_BYTES_MAX || all > DESCRIBED_BYTES_MAX {
            return Err(Violation::Descriptors);
        }
        self.described_bytes = all;
        Ok(self.described.add(descriptor))
    }

    /// `output.intern`.
    pub fn intern<'k>(
        &mut self,
        keying: u32,
        keys: impl Iterator<Item = &'k [u8]> + Clone,
    ) -> Result<Vec<u32>, Violation> {
        self.results()?;
        for key in keys.clone() {
            if key.len() > key::KEY_MAX {
                return Err(Violation::KeyLength);
            }
            key::check(key)?;
        }
        let dictionary = self.dictionary(keying)?;
        Ok(keys.map(|key| dictionary.intern(key)).collect())
    }

    /// `output.release`.
    pub fn release(&mut self, keying: u32, codes: Vec<u32>) -> Result<(), Violation> {
        self.dictionary(keying)?;
        self.charge(codes.len() * size_of::<u32>())?;
        self.results()?.released.entry(keying as usize).or_default().extend(codes);
        Ok(())
    }
}
