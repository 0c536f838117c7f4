//! The keys of a dictionary, one behind the other in chunks: no allocation and no pointer for each.
//!
//! A key's place is four bytes wherever it is. What is taken out leaves a gap; the dictionary moves what is left together when
//! gaps are more than half, so memory is bounded by twice the living keys.

use super::super::wire::put_varint;

/// More than the longest key with its length in front.
const CHUNK: usize = 256 << 10;
/// Gaps below this are not worth moving anything.
const GAPS_MIN: usize = 1 << 20;
/// Every place is four bytes.
pub const BYTES_MAX: usize = u32::MAX as usize - CHUNK;

/// Keys by place. Place 0 is none.
#[derive(Debug, Default)]
pub struct Keys {
    chunks: Vec<Vec<u8>>,
    /// Bytes that belong to no key any more.
    gaps: usize,
}

impl Keys {
    /// Bytes in use, gaps included.
    pub fn bytes(&self) -> usize {
        self.chunks.len().saturating_sub(1) * CHUNK + self.chunks.last().map_or(0, Vec::len)
    }

    /// Puts a key of at most [`KEY_MAX`](super::super::key::KEY_MAX) bytes in and tells its place.
    pub fn add(&mut self, key: &[u8]) -> u32 {
        let mut length = Vec::with_capacity(4);
        put_varint(&mut length, key.len() as u64);
        let bytes = length.len() + key.len();
        if self.chunks.last().is_none_or(|chunk| chunk.len() + bytes > CHUNK) {
            // The first grows as it needs to; place 0 stays empty.
            let chunk = if self.chunks.is_empty() { vec![0] } else { Vec::with_capacity(CHUNK) };
            self.chunks.push(chunk);
        }
        let before = self.chunks.len().saturating_sub(1) * CHUNK;
        let Some(chunk) = self.chunks.last_mut() else { return 0 };
        let place = before + chunk.len();
        chunk.extend_from_slice(&length);
        chunk.extend_from_slice(key);
        place as u32
    }

    /// The key at a place.
    pub fn get(&self, place: u32) -> Option<&[u8]> {
        if place == 0 {
            return None;
        }
        let mut rest = self.chunks.get(place as usize / CHUNK)?.get(place as usize % CHUNK..)?;
        let (mut length, mut shift) = (0, 0);
        loop {
            let (byte, after) = rest.split_first()?;
            rest = after;
            length |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return rest.get(..length);
            }
            shift += 7;
        }
    }

    /// Takes a key of that length out.
    pub fn remove(&mut self, bytes: usize) {
        self.gaps += bytes + 1;
    }

    /// Whether gaps are worth closing.
    pub fn is_sparse(&self) -> bool {
        self.gaps > GAPS_MIN && self.gaps > self.bytes() / 2
    }
}
