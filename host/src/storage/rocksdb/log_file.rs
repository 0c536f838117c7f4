//! RocksDB's log format, which its manifest has too, read so far as to tell the torn end of a file from damage.
//!
//! ```text
//! file   = blocks of 32 KiB, the last one shorter; fewer than 7 bytes at the end of a block are filling
//! record = masked crc32c(type, payload):u32 little endian  length of payload:u16 little endian  type:u8  payload
//! ```
//!
//! A record does not cross a block. A write that fits is one record, `FULL`; others are `FIRST`, `MIDDLE`… and `LAST`.
//!
//! RocksDB reads a last record that reaches beyond the end of the file as a write that was never finished. It does so also
//! where a length is damaged and writes follow, and it takes every other record that does not read for damage, also where a
//! power cut has torn it. Here these are told apart: a write begins only after the one before has been synced, so what does
//! not read is torn only if no write begins behind it.

const BLOCK: usize = 32 << 10;
const HEADER: usize = 7;
const FULL: u8 = 1;
const FIRST: u8 = 2;
const MIDDLE: u8 = 3;
/// Kinds in logs that are written over, which ours are not. At one of these in another log RocksDB tries the same record for ever.
const RECYCLED: [u8; 6] = [5, 6, 7, 8, 11, 131];
/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

/// How a file ends. `at` is where the first record stands that does not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// With a whole record, or one that stops short, which RocksDB passes over.
    Whole,
    /// Its last write ends in zeros: file systems leave them when they record a file's length before its bytes.
    Zeros { at: usize },
    /// Its last write does not read. A disk has torn it, or it is damaged.
    Unreadable { at: usize },
    /// Writes follow on one that does not read.
    Damaged { at: usize },
}

enum Record {
    Whole {
        kind: u8,
        next: usize,
    },
    /// It reaches beyond the end of the file.
    Short {
        kind: u8,
    },
    Unreadable {
        kind: u8,
    },
    /// There is none.
    None,
}

/// Reads a file to its end.
pub fn ending(file: &[u8]) -> Ending {
    let (mut at, mut unfinished) = (0, false);
    loop {
        match record(file, at) {
            Record::Whole { kind, next } => (at, unfinished) = (next, kind == FIRST || kind == MIDDLE),
            Record::None => return Ending::Whole,
            Record::Short { .. } | Record::Unreadable { .. } if a_write_begins_behind(file, at) => {
                return Ending::Damaged { at };
            }
            // The length is damaged if without it the record is whole.
            Record::Short { .. } if is_whole(file.get(at..).unwrap_or_default()) => return Ending::Damaged { at },
            Record::Short { kind } | Record::Unreadable { kind } if RECYCLED.contains(&kind) => {
                return Ending::Unreadable { at };
            }
            Record::Short { .. } => return Ending::Whole,
            Record::Unreadable { .. } => return torn(file, at, unfinished),
        }
    }
}

fn torn(file: &[u8], at: usize, unfinished: bool) -> Ending {
    let is_zero_from = |start: usize| file.get(start..).unwrap_or_default().iter().all(|byte| *byte == 0);
    if is_zero_from(at) && !unfinished {
        return Ending::Whole;
    }
    let last_sector = file.len().saturating_sub(1) / SECTOR * SECTOR;
    if is_zero_from(last_sector.max(at)) { Ending::Zeros { at } } else { Ending::Unreadable { at } }
}

/// Where the block ends in which `at` lies.
fn block_end(file: &[u8], at: usize) -> usize {
    ((at / BLOCK + 1) * BLOCK).min(file.len())
}

/// The record at a place, or the one after the filling that stands there.
fn record(file: &[u8], at: usize) -> Record {
    let end = block_end(file, at);
    let block = file.get(at..end).unwrap_or_default();
    let [_, _, _, _, low, high, kind, payload @ ..] = block else {
        return if end < file.len() { record(file, end) } else { Record::None };
    };
    let length = usize::from(u16::from_le_bytes([*low, *high]));
    if length > payload.len() {
        let kind = *kind;
        return if end.is_multiple_of(BLOCK) { Record::Unreadable { kind } } else { Record::Short { kind } };
    }
    match block.get(..HEADER + length).is_some_and(is_whole) {
        true => Record::Whole { kind: *kind, next: at + HEADER + length },
        false => Record::Unreadable { kind: *kind },
    }
}

/// Whether a checksum is that of the record's type and of all that follows it.
fn is_whole(record: &[u8]) -> bool {
    let [a, b, c, d, _, _, checked @ ..] = record else {
        return false;
    };
    u32::from_le_bytes([*a, *b, *c, *d]) == crc32c(checked).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// Whether any write begins behind `at`: in the same block anywhere, because a length may be wrong, and in the blocks after it
/// where records lead.
fn a_write_begins_behind(file: &[u8], at: usize) -> bool {
    let begins = |kind: u8| kind == FULL || kind == FIRST;
    let begins_at = |place: usize| {
        file.get(place + HEADER - 1).is_some_and(|kind| begins(*kind))
            && matches!(record(file, place), Record::Whole { .. })
    };
    let end = block_end(file, at);
    (at + 1..end).any(begins_at)
        || (end..file.len()).step_by(BLOCK).any(|block| {
            let mut place = block;
            while let Record::Whole { kind, next } = record(file, place) {
                if begins(kind) {
                    return true;
                }
                place = next;
            }
            false
        })
}

/// The polynomial of RocksDB's checksums, reflected.
const CASTAGNOLI: u32 = 0x82f6_3b78;

const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let (mut value, mut bit) = (index as u32, 0);
        while bit < 8 {
            value = if value & 1 == 1 { value >> 1 ^ CASTAGNOLI } else { value >> 1 };
            bit += 1;
        }
        table[index] = value;
        index += 1;
    }
    table
};

fn crc32c(bytes: &[u8]) -> u32 {
    // A byte is always within a table of 256.
    !bytes.iter().fold(!0, |crc: u32, byte| TABLE[usize::from(crc as u8 ^ byte)] ^ crc >> 8)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// As RocksDB writes.
    fn append(file: &mut Vec<u8>, mut write: &[u8]) {
        let mut first = true;
        loop {
            if BLOCK - file.len() % BLOCK < HEADER {
                file.resize(file.len().next_multiple_of(BLOCK), 0);
            }
            let (fragment, rest) = write.split_at(write.len().min(BLOCK - file.len() % BLOCK - HEADER));
            let kind = match (first, rest.is_empty()) {
                (true, true) => FULL,
                (true, false) => FIRST,
                (false, false) => MIDDLE,
                (false, true) => 4,
            };
            let checked = [&[kind], fragment].concat();
            file.extend(crc32c(&checked).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes());
            file.extend((fragment.len() as u16).to_le_bytes());
            file.extend(checked);
            (write, first) = (rest, false);
            if write.is_empty() {
                return;
            }
        }
    }

    fn bytes(length: usize, random: &mut fastrand::Rng) -> Vec<u8> {
        (0..length).map(|_| random.u8(1..)).collect()
    }

    /// Some writes of any length, and where the last one begins.
    fn log(random: &mut fastrand::Rng) -> (Vec<u8>, usize) {
        let (mut file, mut last) = (Vec::new(), 0);
        for _ in 0..random.usize(1..6) {
            last = file.len();
            let longest = *random.choice(&[20, 2000, 80_000]).unwrap_or(&20);
            append(&mut file, &bytes(random.usize(1..longest), random));
        }
        (file, last)
    }

    #[test]
    fn a_checksum_is_rocksdbs() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn a_log_that_stops_anywhere_is_whole() {
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..100 {
            let (file, _) = log(&mut random);
            let length = random.usize(..=file.len());
            assert_eq!(ending(&file[..length]), Ending::Whole, "{length} of {}", file.len());
        }
    }

    #[test]
    fn a_turned_bit_is_seen_wherever_it_is() {
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..200 {
            let (mut file, last) = log(&mut random);
            let at = random.usize(..file.len());
            let is_filling = BLOCK - at % BLOCK < HEADER && file[at] == 0;
            file[at] ^= 1 << random.u32(..8);
            match ending(&file) {
                Ending::Whole => assert!(is_filling, "a bit at {at} of {} is not seen", file.len()),
                Ending::Damaged { at: seen } => assert!(seen <= at),
                Ending::Unreadable { at: seen } | Ending::Zeros { at: seen } => assert!(last <= seen && seen <= at),
            }
        }
    }

    #[test]
    fn zeros_and_garbage_at_the_end_are_told_apart() {
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..200 {
            let (file, last) = log(&mut random);
            // The last write whole in length, and not in content.
            let sector = random.usize(last / SECTOR..file.len().div_ceil(SECTOR)) * SECTOR;
            let mut zeros = file.clone();
            zeros[sector.max(last)..].fill(0);
            assert!(matches!(ending(&zeros), Ending::Zeros { at } if at >= last) || ending(&zeros) == Ending::Whole);
            let mut strange = file[..last].to_vec();
            strange.extend([1, 2, 3, 4, 200, 1, *random.choice(&RECYCLED).unwrap(), 8, 9]);
            if BLOCK - last % BLOCK > HEADER + 500 {
                assert_eq!(
                    ending(&strange),
                    Ending::Unreadable { at: last },
                    "a kind that RocksDB does not write here"
                );
            }
            let mut garbage = file;
            garbage[sector.max(last)..].fill_with(|| random.u8(1..));
            assert!(!matches!(ending(&garbage), Ending::Zeros { .. } | Ending::Damaged { .. }));
        }
    }
}
