//! Writing nested messages front to back: a length is reserved, the message written behind it, the length filled in.
//!
//! As many bytes are reserved as the length had before the edit, which is nearly always right; where it is not, the message is
//! moved by the difference.

use super::error::Stop;
use crate::otlp::wire::put_varint;

/// The bytes of a request on their way out.
#[derive(Debug)]
pub struct Writer<'a> {
    /// What most bytes are copied from. Neighbours there are copied together.
    source: &'a [u8],
    /// What is still to be copied of `source`.
    from: usize,
    to: usize,
    out: Vec<u8>,
    limit: usize,
    /// What may still be done beside writing.
    work: usize,
}

/// A message that was opened.
#[derive(Debug, Clone, Copy)]
pub struct Mark {
    /// Where its tag begins.
    start: usize,
    /// Where its length begins.
    length: usize,
    /// Where its fields begin.
    body: usize,
}

impl<'a> Writer<'a> {
    /// Nothing yet; at most `limit` bytes.
    pub fn new(source: &'a [u8], limit: usize) -> Writer<'a> {
        Writer { source, from: 0, to: 0, out: Vec::with_capacity(source.len() + 64), limit, work: limit }
    }

    /// The same without a limit, and with room for so many.
    pub fn with_room(source: &'a [u8], room: usize) -> Writer<'a> {
        Writer { source, from: 0, to: 0, out: Vec::with_capacity(room), limit: usize::MAX, work: 0 }
    }

    /// Appends bytes as they are.
    #[inline]
    pub fn copy(&mut self, bytes: &[u8]) {
        let offset = bytes.as_ptr().addr().wrapping_sub(self.source.as_ptr().addr());
        let end = offset.wrapping_add(bytes.len());
        if bytes.is_empty() {
            return;
        }
        if offset >= self.source.len() || end > self.source.len() {
            self.copy_pending();
            return self.out.extend_from_slice(bytes);
        }
        if offset != self.to {
            self.copy_pending();
            self.from = offset;
        }
        self.to = end;
    }

    /// Counts work that shows in no byte that is written, in bytes as well: what is read for it, looked at or kept meanwhile. The bound is the
    /// same.
    pub fn work(&mut self, bytes: usize) -> Result<(), Stop> {
        self.work = self.work.checked_sub(bytes).ok_or(Stop::TooLarge(self.limit))?;
        Ok(())
    }

    /// Copies what was left to be copied together.
    #[inline]
    fn copy_pending(&mut self) {
        self.out.extend_from_slice(self.source.get(self.from..self.to).unwrap_or_default());
        self.from = self.to;
    }

    /// The end of everything written so far, for appending to.
    pub fn out(&mut self) -> &mut Vec<u8> {
        self.copy_pending();
        &mut self.out
    }

    /// All of it.
    pub fn finish(mut self) -> Vec<u8> {
        self.copy_pending();
        self.out
    }

    /// Opens a message that had `length` bytes before.
    #[inline]
    pub fn open(&mut self, number: u32, length: usize) -> Mark {
        self.copy_pending();
        let start = self.out.len();
        put_varint(&mut self.out, u64::from(number) << 3 | 2);
        let at = self.out.len();
        self.out.resize(at + width(length), 0);
        Mark { start, length: at, body: self.out.len() }
    }

    /// Fills in the length.
    #[inline]
    pub fn close(&mut self, mark: Mark) -> Result<(), Stop> {
        self.copy_pending();
        let Mark { length: at, body, .. } = mark;
        let length = self.out.len() - body;
        if self.out.len() > self.limit {
            return Err(Stop::TooLarge(self.limit));
        }
        let (reserved, needed) = (body - at, width(length));
        if needed != reserved {
            self.shift(body, at + needed, length);
        }
        let mut rest = length;
        if let Some(place) = self.out.get_mut(at..at + needed) {
            for byte in place {
                *byte = (rest & 0x7f) as u8 | if rest >= 0x80 { 0x80 } else { 0 };
                rest >>= 7;
            }
        }
        Ok(())
    }

    /// Moves the last `length` bytes.
    #[cold]
    fn shift(&mut self, from: usize, to: usize, length: usize) {
        if to > from {
            self.out.resize(to + length, 0);
        }
        self.out.copy_within(from..from + length, to);
        self.out.truncate(to + length);
    }

    /// Takes back a message that was opened.
    pub fn cancel(&mut self, mark: Mark) {
        self.copy_pending();
        self.out.truncate(mark.start);
    }
}

/// Bytes of a varint.
fn width(length: usize) -> usize {
    (usize::BITS - (length | 1).leading_zeros()).div_ceil(7) as usize
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{Writer, width};
    use crate::otlp::wire::{Reader, put_varint};

    #[test]
    fn a_width_is_that_of_the_varint() {
        for shift in 0..50 {
            for length in [(1_usize << shift) - 1, 1 << shift] {
                let mut out = Vec::new();
                put_varint(&mut out, length as u64);
                assert_eq!(width(length), out.len(), "{length}");
            }
        }
    }

    #[test]
    fn neighbours_and_strangers_are_copied_in_order() {
        let source: Vec<u8> = (0..100).collect();
        let mut writer = Writer::new(&source, usize::MAX);
        writer.copy(&source[10..20]);
        writer.copy(&source[20..30]);
        writer.copy(&[200]);
        writer.copy(&source[30..40]);
        writer.copy(&[]);
        writer.copy(&source[0..5]);
        let cancelled = writer.open(1, 10);
        writer.copy(&source[5..10]);
        writer.cancel(cancelled);
        writer.copy(&source[90..100]);
        let expected = [&source[10..30], &[200], &source[30..40], &source[0..5], &source[90..100]].concat();
        assert_eq!(writer.finish(), expected);
    }

    #[test]
    fn lengths_fit_whatever_was_reserved() {
        for before in [0, 1, 127, 128, 20_000, 3_000_000] {
            for after in [0_usize, 1, 127, 128, 16_383, 16_384] {
                let mut writer = Writer::new(&[], usize::MAX);
                writer.copy(b"\x08\x01");
                let outer = writer.open(2, before);
                let inner = writer.open(1, before);
                writer.copy(&vec![7; after]);
                writer.close(inner).unwrap();
                writer.close(outer).unwrap();
                let out = writer.finish();
                let mut reader = Reader::new(&out);
                reader.field().unwrap();
                let outer = reader.field().unwrap().unwrap();
                let mut reader_inner = Reader::new(outer.value.bytes(&[]).unwrap());
                let inner = reader_inner.field().unwrap().unwrap();
                assert_eq!(inner.value.bytes(&[]).unwrap(), vec![7; after]);
                assert!(reader.rest.is_empty() && reader_inner.rest.is_empty(), "{before} {after}");
                assert_eq!(outer.raw.len(), 1 + width(inner.raw.len()) + inner.raw.len());
            }
        }
    }
}
