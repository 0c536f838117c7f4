//! Repeated numbers, packed or not: a list of the slices they stand in.

use super::wire::{Fault, Field, Reader, Value};

/// The slices of a repeated number field, in order. A packed occurrence is one slice, and so is one that stands alone.
#[derive(Debug, Clone, Default)]
pub struct Packed<'a> {
    first: &'a [u8],
    more: Vec<&'a [u8]>,
}

impl<'a> Packed<'a> {
    #[inline(always)]
    fn push(&mut self, slice: &'a [u8]) {
        match (self.first.is_empty(), slice.is_empty()) {
            (_, true) => {}
            (true, false) => self.first = slice,
            (false, false) => self.more.push(slice),
        }
    }

    /// Takes a packed occurrence of a repeated `fixed64` or `double` field.
    #[inline(always)]
    pub fn push_packed(&mut self, packed: &'a [u8]) -> Result<(), Fault> {
        if !packed.len().is_multiple_of(8) {
            return Err(Fault::at(packed, "packed numbers are cut"));
        }
        self.push(packed);
        Ok(())
    }

    /// Takes an occurrence of a repeated `fixed64` or `double` field.
    pub fn push_fixed64s(&mut self, field: &Field<'a>) -> Result<(), Fault> {
        match field.value {
            Value::Len(packed) => return self.push_packed(packed),
            Value::Fixed64(_) => self.push(field.raw.last_chunk::<8>().map_or(&[], |word| &word[..])),
            _ => return Err(Fault::at(field.raw, "wire type does not fit the field")),
        }
        Ok(())
    }

    /// Takes an occurrence of a repeated `uint64` field.
    pub fn push_varints(&mut self, field: &Field<'a>) -> Result<(), Fault> {
        match field.value {
            Value::Len(packed) => {
                let mut reader = Reader::new(packed);
                while !reader.rest.is_empty() {
                    reader.varint()?;
                }
                self.push(packed);
            }
            Value::Varint(_) => {
                let mut reader = Reader::new(field.raw);
                reader.varint()?;
                self.push(reader.rest);
            }
            _ => return Err(Fault::at(field.raw, "wire type does not fit the field")),
        }
        Ok(())
    }

    /// The slices, none of them empty.
    pub fn slices(&self) -> impl Iterator<Item = &'a [u8]> + '_ {
        Some(self.first).into_iter().chain(self.more.iter().copied()).filter(|slice| !slice.is_empty())
    }

    /// The one slice, where there is not more than one.
    pub fn whole(&self) -> Option<&'a [u8]> {
        self.more.is_empty().then_some(self.first)
    }

    /// The numbers of a `fixed64` or `double` field, as bits.
    pub fn fixed64s(&self) -> impl Iterator<Item = u64> + '_ {
        self.slices().flat_map(|slice| slice.as_chunks::<8>().0).map(|word| u64::from_le_bytes(*word))
    }

    /// The numbers of a `uint64` field.
    pub fn varints(&self) -> impl Iterator<Item = u64> + '_ {
        self.slices().flat_map(|slice| {
            let mut reader = Reader::new(slice);
            // Checked when the slice was taken.
            std::iter::from_fn(move || (!reader.rest.is_empty()).then(|| reader.varint().unwrap_or(0)))
        })
    }
}
