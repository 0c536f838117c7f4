//! Records packed: of each, the bytes that differ from the record before it.
//!
//! Neighbours share most of their bytes (times, flags, the upper bytes of counts and codes), so a packed record takes a
//! fifth or less of its length. The first one is measured against zeros: what is packed reads without anything else.
//!
//! ```text
//! packed = layout:u8 size:u16 little endian  record*
//! record = (marks:u8 word*)*     for each eight words of eight bytes: which of them differ
//! word   = places:u8 byte*       which of its bytes differ, and each as its XOR with the one before
//! ```
//!
//! `size` is the length of a record that is not packed, in bytes; zeros fill its last word.

/// Another layout is not misread.
const LAYOUT: u8 = 2;
/// Bytes before the first record.
pub const HEADER: usize = 3;
const WORD: usize = 8;
/// Of a packed word.
const WORD_BYTES_MAX: usize = 1 + WORD;

/// Packs records one after the other.
#[derive(Debug)]
pub struct Packer {
    size: usize,
    before: Vec<u8>,
    record: Vec<u8>,
    packed: Vec<u8>,
}

impl Packer {
    /// Packs records of `size` bytes each.
    pub fn new(size: usize) -> Packer {
        let before = vec![0; size.next_multiple_of(WORD)];
        let record = Vec::with_capacity(before.len());
        Packer { size, before, record, packed: header(size).to_vec() }
    }

    /// The most that a record takes.
    pub fn bytes_max(size: usize) -> usize {
        let words = size.div_ceil(WORD);
        words.div_ceil(8) + words * WORD_BYTES_MAX
    }

    /// Appends the record that `write` appends to what it is given.
    #[inline]
    pub fn push(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.record.clear();
        write(&mut self.record);
        self.record.resize(self.before.len(), 0);
        let packed = &mut self.packed;
        packed.reserve(Self::bytes_max(self.size));
        let (words, _) = self.record.as_chunks::<WORD>();
        let (before, _) = self.before.as_chunks::<WORD>();
        for (words, before) in words.chunks(8).zip(before.chunks(8)) {
            let marks_at = packed.len();
            packed.push(0);
            let mut marks = 0;
            for (number, (word, before)) in words.iter().zip(before).enumerate() {
                let difference = u64::from_le_bytes(*word) ^ u64::from_le_bytes(*before);
                if difference != 0 {
                    marks |= 1 << number;
                    put_word(packed, difference);
                }
            }
            if let Some(place) = packed.get_mut(marks_at) {
                *place = marks;
            }
        }
        std::mem::swap(&mut self.record, &mut self.before);
    }

    /// What was packed; the next record begins anew.
    pub fn take(&mut self) -> Vec<u8> {
        self.before.fill(0);
        std::mem::replace(&mut self.packed, header(self.size).to_vec())
    }
}

fn header(size: usize) -> [u8; HEADER] {
    let [low, high] = (size as u16).to_le_bytes();
    [LAYOUT, low, high]
}

#[inline]
fn put_word(packed: &mut Vec<u8>, difference: u64) {
    let (mut rest, mut places, mut bytes, mut count) = (difference, 0_u8, 0_u64, 0);
    while rest != 0 {
        let shift = rest.trailing_zeros() & !7;
        places |= 1 << (shift / 8);
        bytes |= (rest >> shift & 0xff) << (8 * count);
        count += 1;
        rest &= !(0xff << shift);
    }
    packed.push(places);
    // Eight bytes at once, and those that say nothing taken off again: no loop, and no call for a few bytes.
    let end = packed.len() + count;
    packed.extend_from_slice(&bytes.to_le_bytes());
    packed.truncate(end);
}

/// Calls `each` with every record of `packed`, in order. `None` where these are no packed records of that size, or `each` says
/// so.
pub fn unpack(packed: &[u8], size: usize, mut each: impl FnMut(&[u8]) -> Option<()>) -> Option<()> {
    let mut rest = packed.strip_prefix(&header(size))?;
    let mut record = vec![0; size.next_multiple_of(WORD)];
    while !rest.is_empty() {
        for words in record.as_chunks_mut::<WORD>().0.chunks_mut(8) {
            let marks = take_byte(&mut rest)?;
            if marks >> (words.len() - 1) >> 1 != 0 {
                return None;
            }
            for (number, word) in words.iter_mut().enumerate() {
                if marks >> number & 1 == 1 {
                    *word = (u64::from_le_bytes(*word) ^ take_word(&mut rest)?).to_le_bytes();
                }
            }
        }
        let (bytes, padding) = record.split_at_checked(size)?;
        if padding.iter().any(|byte| *byte != 0) {
            return None;
        }
        each(bytes)?;
    }
    Some(())
}

fn take_byte(rest: &mut &[u8]) -> Option<u8> {
    let (byte, after) = rest.split_first()?;
    *rest = after;
    Some(*byte)
}

fn take_word(rest: &mut &[u8]) -> Option<u64> {
    let mut places = take_byte(rest)?;
    let mut word = 0;
    while places != 0 {
        word |= u64::from(take_byte(rest)?) << (8 * places.trailing_zeros());
        places &= places - 1;
    }
    Some(word)
}

#[cfg(test)]
mod tests {
    use super::{Packer, unpack};

    fn records(packed: &[u8], size: usize) -> Option<Vec<Vec<u8>>> {
        let mut records = Vec::new();
        unpack(packed, size, |record| {
            records.push(record.to_vec());
            Some(())
        })?;
        Some(records)
    }

    /// Of every length around a word and around the words that one byte marks, with few and with many bytes that differ.
    #[test]
    fn what_was_packed_comes_back() {
        let mut random = 1_u64;
        let mut next = || {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            random >> 33
        };
        for size in [1, 7, 8, 9, 41, 63, 64, 65, 200] {
            let mut packer = Packer::new(size);
            for _ in 0..3 {
                let mut record = vec![0; size];
                let mut written = Vec::new();
                for _ in 0..100 {
                    for _ in 0..next() % 20 {
                        let at = next() as usize % size;
                        record[at] = next() as u8;
                    }
                    let before = packer.packed.len();
                    packer.push(|out| out.extend(&record));
                    assert!(packer.packed.len() - before <= Packer::bytes_max(size));
                    written.push(record.clone());
                }
                let packed = packer.take();
                assert_eq!(records(&packed, size), Some(written), "size {size}");
                assert_eq!(records(&packed, size + 1), None, "another size is another layout");
            }
        }
    }

    #[test]
    fn records_that_go_on_are_short() {
        let mut packer = Packer::new(41);
        for index in 0..1000_u32 {
            packer.push(|out| {
                out.extend(index.to_le_bytes());
                out.extend([7; 37]);
            });
        }
        assert!(packer.packed.len() < 4 * 1000, "{}", packer.packed.len());
    }

    /// Whatever is cut or changed: no panic, and nothing that is longer or shorter than a record.
    #[test]
    fn damage_is_none_or_other_records() {
        let mut packer = Packer::new(13);
        for index in 0..20_u8 {
            packer.push(|out| out.extend([index.wrapping_mul(37); 13]));
        }
        let packed = packer.take();
        for end in 0..packed.len() {
            let _ = records(&packed[..end], 13);
        }
        for at in 0..packed.len() {
            let mut damaged = packed.clone();
            damaged[at] ^= 0x15;
            if let Some(found) = records(&damaged, 13) {
                assert!(found.iter().all(|record| record.len() == 13));
            }
        }
        assert_eq!(records(&packed[..packed.len() - 1], 13), None, "cut within a record");
        assert_eq!(records(&[], 13), None);
    }
}
