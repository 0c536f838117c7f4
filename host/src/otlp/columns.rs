//! What a projection hands to a plugin: one batch by column.

/// One bit a row, row 0 the lowest bit of the first word; missing words are zero.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bitmap {
    words: Vec<u64>,
}

impl Bitmap {
    /// A bitmap of those words.
    pub fn from_words(words: Vec<u64>) -> Bitmap {
        Bitmap { words }
    }

    /// The words.
    pub fn into_words(self) -> Vec<u64> {
        self.words
    }

    /// Sets one bit.
    #[inline]
    pub fn set(&mut self, row: usize) {
        let index = row / 64;
        if self.words.len() <= index {
            self.words.resize(index + 1, 0);
        }
        if let Some(word) = self.words.get_mut(index) {
            *word |= 1 << (row % 64);
        }
    }

    /// Reads one bit.
    pub fn get(&self, row: usize) -> bool {
        self.words.get(row / 64).is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    /// How many bits are set.
    pub fn count(&self) -> u64 {
        self.words.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    /// Whether a bit at or behind `rows` is set.
    pub fn reaches(&self, rows: usize) -> bool {
        let (whole, part) = (rows / 64, rows % 64);
        let tail = self.words.get(whole).is_some_and(|word| word >> part != 0);
        tail || self.words.iter().skip(whole + 1).any(|word| *word != 0)
    }

    /// Whether a bit is set in both.
    pub fn overlaps(&self, other: &Bitmap) -> bool {
        self.words.iter().zip(&other.words).any(|(a, b)| a & b != 0)
    }

    /// Sets every bit that is set in `other`.
    pub fn add(&mut self, other: &Bitmap) {
        if self.words.len() < other.words.len() {
            self.words.resize(other.words.len(), 0);
        }
        for (word, more) in self.words.iter_mut().zip(&other.words) {
            *word |= more;
        }
    }
}

/// A run of rows that belong to one metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// The row behind the last one.
    pub end: u32,
    /// The metric's descriptor, as numbered by [`Descriptors`](super::descriptors::Descriptors).
    pub descriptor: u32,
    /// Which metric of the request it is, counted in the order of a walk.
    pub ordinal: u32,
}

/// One batch by column; a column that was not asked for is empty.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Columns {
    /// How many items the request has, rows or not.
    pub items: u64,
    /// How many rows.
    pub rows: u32,
    /// Rows by metric.
    pub runs: Vec<Run>,
    /// Value words: a double's bits, or an integer where `integers` says so.
    pub values: Vec<u64>,
    /// Rows whose value is an integer.
    pub integers: Bitmap,
    /// Rows without a value.
    pub no_value: Bitmap,
    /// `time_unix_nano`.
    pub times: Vec<u64>,
    /// `start_time_unix_nano`.
    pub start_times: Vec<u64>,
    /// One code a row, for each keying.
    pub keys: Vec<Vec<u32>>,
}
