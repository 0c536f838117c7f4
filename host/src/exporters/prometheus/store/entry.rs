//! One series in 48 bytes, and what goes in and out of it.

use super::super::compound::{Compound, Times};
use super::super::exemplar::Exemplar;
use super::super::series::{Point, Value};

/// 96 bits of the hash that a point is found by. By chance, two of a million series share them once in 10^17 stores.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stream([u32; 3]);

impl Stream {
    /// Cuts a hash.
    pub fn new(hash: u128) -> Stream {
        Stream([hash as u32, (hash >> 32) as u32, (hash >> 64) as u32])
    }

    /// What the index is built on.
    pub fn index_hash(self) -> u64 {
        let [low, high, _] = self.0;
        u64::from(high) << 32 | u64::from(low)
    }
}

const LIVE: u32 = 1;
const DOUBLE: u32 = 2;
const SHARED: u32 = 4;

/// One series.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// What its last point was identified by.
    pub stream: Stream,
    /// The hash of its labels; for `target_info`, of the resource they were made of.
    pub labels_hash: u32,
    /// When the last point arrived, in the store's ticks.
    pub seen: u32,
    /// How many scrapes had begun when it was made.
    pub born: u32,
    /// Where its labels are.
    pub text: u32,
    flags: u32,
    value: u64,
    /// `time_unix_nano`.
    pub time: u64,
}

impl Entry {
    /// A place without a series.
    pub const EMPTY: Entry =
        Entry { stream: Stream([0; 3]), labels_hash: 0, seen: 0, born: 0, text: 0, flags: 0, value: 0, time: 0 };

    /// A series without its number and labels, which come when it is put into its place.
    pub fn new(stream: Stream, labels_hash: u32, seen: u32, born: u32) -> Entry {
        Entry { stream, labels_hash, seen, born, ..Entry::EMPTY }
    }

    /// Whether there is a series.
    #[inline]
    pub fn is_live(&self) -> bool {
        self.flags & LIVE != 0
    }

    /// Fills the place.
    pub fn make_live(&mut self) {
        self.flags |= LIVE;
    }

    /// Whether more than one stream has part in it.
    #[inline]
    pub fn is_shared(&self) -> bool {
        self.flags & SHARED != 0
    }

    /// Another stream has part in it from now on, and is the one that its last point is identified by.
    pub fn share(&mut self, stream: Stream) {
        self.stream = stream;
        self.flags |= SHARED;
    }

    /// Its number.
    #[inline]
    pub fn value(&self) -> Value {
        if self.flags & DOUBLE == 0 {
            Value::Integer(self.value.cast_signed())
        } else {
            Value::Double(f64::from_bits(self.value))
        }
    }

    /// Changes its number.
    #[inline]
    pub fn set_value(&mut self, value: Value) {
        let (bits, double) = match value {
            Value::Integer(number) => (number.cast_unsigned(), 0),
            Value::Double(number) => (number.to_bits(), DOUBLE),
        };
        self.value = bits;
        self.flags = self.flags & SHARED | LIVE | double;
    }
}

/// What a point brings.
#[derive(Debug, Clone, Copy)]
pub enum Sample<'p> {
    /// A number, and an exemplar of it.
    Number(Point, Option<&'p Exemplar>),
    /// A histogram or summary.
    Compound(&'p Compound, Times),
}

impl Sample<'_> {
    /// How many samples of an exposition it is.
    pub fn samples(&self) -> usize {
        match self {
            Sample::Number(..) => 1,
            Sample::Compound(compound, _) => compound.samples(),
        }
    }
}

/// One series as a scrape sees it.
#[derive(Debug, Clone, Copy)]
pub struct Shown {
    /// Where in the piece's text its labels are.
    pub text: u32,
    /// Its number and times; of a compound, only the times count.
    pub point: Point,
}
