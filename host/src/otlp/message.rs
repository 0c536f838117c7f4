//! A message that may have arrived in pieces.
//!
//! Protobuf lets a sender write a singular message field several times; the pieces merge, and merging is the same as parsing
//! their concatenation. So a message here is a list of slices, nearly always of length one, and nothing is copied.

use super::wire::{Fault, Field, Reader};

/// The pieces of one message, in order. Absent is no pieces.
#[derive(Debug, Clone, Default)]
pub struct Message<'a> {
    first: Option<&'a [u8]>,
    more: Vec<&'a [u8]>,
}

impl<'a> Message<'a> {
    /// A message in one piece.
    pub fn whole(bytes: &'a [u8]) -> Message<'a> {
        Message { first: Some(bytes), more: Vec::new() }
    }

    /// Merges one more piece.
    #[inline]
    pub fn push(&mut self, piece: &'a [u8]) {
        match self.first {
            None => self.first = Some(piece),
            Some(_) => self.more.push(piece),
        }
    }

    /// Forgets all pieces, as the switch to another variant of a oneof does.
    pub fn clear(&mut self) {
        self.first = None;
        self.more.clear();
    }

    /// Whether the field was there at all.
    pub fn is_present(&self) -> bool {
        self.first.is_some()
    }

    /// Its bytes, where it is in one piece.
    pub fn one_piece(&self) -> Option<&'a [u8]> {
        self.first.filter(|_| self.more.is_empty())
    }

    /// The pieces.
    pub fn pieces(&self) -> impl Iterator<Item = &'a [u8]> + '_ {
        self.first.into_iter().chain(self.more.iter().copied())
    }

    /// Calls `each` for every field of every piece.
    #[inline]
    pub fn each_field(&self, mut each: impl FnMut(Field<'a>) -> Result<(), Fault>) -> Result<(), Fault> {
        for piece in self.pieces() {
            let mut reader = Reader::new(piece);
            while let Some(field) = reader.field()? {
                each(field)?;
            }
        }
        Ok(())
    }
}
