//! What a projection hands to a plugin: one batch by column.

use super::bounds::NO_BOUNDS;
use crate::contract::Signal;

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

    /// Whether the same bits are set, however many words say so.
    pub fn is_like(&self, other: &Bitmap) -> bool {
        let word = |of: &Bitmap, at: usize| of.words.get(at).copied().unwrap_or(0);
        (0..self.words.len().max(other.words.len())).all(|at| word(self, at) == word(other, at))
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

    /// Whether a bit of [first, end) is set.
    pub fn has_any(&self, first: usize, end: usize) -> bool {
        self.masked(first, end).any(|(word, mask)| word & mask != 0)
    }

    /// Whether every bit of [first, end) is set.
    pub fn has_all(&self, first: usize, end: usize) -> bool {
        self.masked(first, end).all(|(word, mask)| word & mask == mask)
    }

    /// The words that [first, end) touches, each with its bits of that range.
    fn masked(&self, first: usize, end: usize) -> impl Iterator<Item = (u64, u64)> + '_ {
        (first / 64..end.div_ceil(64)).map(move |index| {
            let from = first.saturating_sub(index * 64);
            let to = (end - index * 64).min(64);
            let mask = if from < to { (u64::MAX >> (64 - (to - from))) << from } else { 0 };
            (self.words.get(index).copied().unwrap_or(0), mask)
        })
    }

    /// The rows whose bit is set, ascending.
    pub fn rows(&self) -> impl Iterator<Item = usize> + '_ {
        self.words.iter().enumerate().flat_map(|(index, word)| {
            let mut rest = *word;
            std::iter::from_fn(move || {
                let bit = rest.trailing_zeros();
                rest &= rest.wrapping_sub(1);
                (bit < 64).then_some(index * 64 + bit as usize)
            })
        })
    }

    /// How many bits are set that are not set in `other`.
    pub fn count_without(&self, other: &Bitmap) -> u64 {
        let others = other.words.iter().copied().chain(std::iter::repeat(0));
        self.words.iter().zip(others).map(|(word, other)| u64::from((word & !other).count_ones())).sum()
    }

    /// How many bits are set before each word.
    pub fn counts_before(&self) -> Vec<u32> {
        let mut before = 0;
        let count = |word: &u64| {
            before += word.count_ones();
            before - word.count_ones()
        };
        self.words.iter().map(count).collect()
    }

    /// How many bits are set in the word of a row, before that row.
    #[inline]
    pub fn count_in_word(&self, row: usize) -> usize {
        let word = self.words.get(row / 64).copied().unwrap_or(0);
        (word & !(u64::MAX << (row % 64))).count_ones() as usize
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

/// A column of 64-bit words that is declared and pulled by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs)] // Each is said in the contract, `rows.column`.
pub enum Word {
    Flags,
    Count,
    Min,
    Max,
    Scale,
    ZeroCount,
    ZeroThreshold,
    Kind,
    StatusCode,
    Duration,
    SeverityNumber,
    ObservedTime,
    TraceId,
    SpanId,
    ParentSpanId,
}

impl Word {
    const ALL: [(Word, &'static str); 15] = [
        (Word::Flags, "flags"),
        (Word::Count, "count"),
        (Word::Min, "min"),
        (Word::Max, "max"),
        (Word::Scale, "scale"),
        (Word::ZeroCount, "zero_count"),
        (Word::ZeroThreshold, "zero_threshold"),
        (Word::Kind, "kind"),
        (Word::StatusCode, "status.code"),
        (Word::Duration, "duration"),
        (Word::SeverityNumber, "severity_number"),
        (Word::ObservedTime, "observed_time"),
        (Word::TraceId, "trace_id"),
        (Word::SpanId, "span_id"),
        (Word::ParentSpanId, "parent_span_id"),
    ];

    /// The column of that name.
    pub fn of(name: &str) -> Option<Word> {
        Word::ALL.iter().find(|(_, known)| *known == name).map(|(word, _)| *word)
    }

    /// Whether a signal has it.
    pub fn belongs_to(self, signal: Signal) -> bool {
        use Word::{Count, Duration, Flags, Kind, Max, Min, ObservedTime, ParentSpanId, Scale};
        use Word::{SeverityNumber, SpanId, StatusCode, TraceId, ZeroCount, ZeroThreshold};
        match self {
            Flags => true,
            Count | Min | Max | Scale | ZeroCount | ZeroThreshold => signal == Signal::Metrics,
            Kind | StatusCode | Duration | ParentSpanId => signal == Signal::Traces,
            SeverityNumber | ObservedTime => signal == Signal::Logs,
            TraceId | SpanId => signal != Signal::Metrics,
        }
    }

    /// Words a row.
    pub fn width(self) -> usize {
        if self == Word::TraceId { 2 } else { 1 }
    }
}

/// Which columns of words are wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WordSet(u16);

impl WordSet {
    /// Adds one.
    pub fn insert(&mut self, word: Word) {
        self.0 |= 1 << word as u8;
    }

    /// Whether it is wanted.
    #[inline]
    pub fn has(self, word: Word) -> bool {
        self.0 >> word as u8 & 1 == 1
    }

    /// Whether none is wanted.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The names of those that are wanted.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Word::ALL.into_iter().filter(move |(word, _)| self.has(*word)).map(|(_, name)| name)
    }
}

/// The columns of words that were wanted.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Words {
    wanted: WordSet,
    columns: [Vec<u64>; Word::ALL.len()],
}

impl Words {
    /// Empty columns.
    pub fn new(wanted: WordSet) -> Words {
        Words { wanted, ..Words::default() }
    }

    /// Appends one row's word, if the column is wanted.
    #[inline]
    pub fn push(&mut self, word: Word, bits: u64) {
        if self.wanted.has(word)
            && let Some(column) = self.columns.get_mut(word as usize)
        {
            column.push(bits);
        }
    }

    /// Appends what points without that word have, to `rows` rows.
    fn pad(&mut self, rows: usize) {
        for (word, _) in Word::ALL {
            if let Some(column) = self.columns.get_mut(word as usize).filter(|_| self.wanted.has(word)) {
                let none = matches!(word, Word::Min | Word::Max);
                column.resize(rows, if none { f64::NAN.to_bits() } else { 0 });
            }
        }
    }

    /// A column, which is empty afterwards.
    pub fn take(&mut self, word: Word) -> Vec<u64> {
        self.columns.get_mut(word as usize).map(std::mem::take).unwrap_or_default()
    }

    /// A column.
    pub fn get(&self, word: Word) -> &[u64] {
        self.columns.get(word as usize).map(Vec::as_slice).unwrap_or_default()
    }
}

/// Byte strings, one behind the other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Blob {
    /// Where each ends.
    pub ends: Vec<u32>,
    /// All of them.
    pub bytes: Vec<u8>,
}

impl Blob {
    /// Ends the string whose bytes were appended to `bytes`.
    pub fn end(&mut self) {
        self.ends.push(self.bytes.len() as u32);
    }
}

/// One side of exponential histograms.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExponentialBuckets {
    /// Index of each row's first bucket.
    pub offsets: Vec<i32>,
    /// Where each row's counts end.
    pub ends: Vec<u32>,
    /// All counts.
    pub counts: Vec<u64>,
}

/// What only points that are more than a number have.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Histograms {
    /// Numbers of explicit bounds.
    pub bounds: Vec<u32>,
    /// Where each row's bucket counts end.
    pub bucket_ends: Vec<u32>,
    /// All bucket counts.
    pub bucket_counts: Vec<u64>,
    /// Buckets for positive observations.
    pub positive: ExponentialBuckets,
    /// Buckets for negative observations.
    pub negative: ExponentialBuckets,
    /// Where each row's quantiles end.
    pub quantile_ends: Vec<u32>,
    /// (quantile, value).
    pub quantiles: Vec<(f64, f64)>,
    /// How many exemplars there are up to and with each row.
    pub exemplar_ends: Vec<u32>,
    /// Exemplars as they stand in the request.
    pub exemplars: Blob,
}

/// A resource or scope of the request, by its rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extent {
    /// The row behind its last one.
    pub end: u32,
    /// What is behind the last of its scopes, or of its metrics, counted over the request.
    pub children_end: u32,
    /// Whether it has items that are no rows.
    pub has_others: bool,
}

/// How rows lie in the request: what an edit needs to know of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Layout {
    /// How many items the request has, rows or not.
    pub items: u64,
    /// How many rows.
    pub rows: u32,
    /// Rows that stand for a metric without points, and are no items.
    pub bare: Bitmap,
    /// Items that should have been rows and are none, because of a bound on metrics.
    pub unread: u64,
    /// Rows by metric.
    pub runs: Vec<Run>,
    /// Resources in the order of a walk.
    pub resources: Vec<Extent>,
    /// Scopes in the order of a walk, over all resources.
    pub scopes: Vec<Extent>,
}

/// One batch by column; a column that was not asked for is empty.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Columns {
    /// Rows and where they are.
    pub layout: Layout,
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
    /// Whether `words` and `histograms` of metrics are filled: not before the first row that has anything in them.
    pub is_wide: bool,
    /// Columns by name.
    pub words: Words,
    /// Columns of histograms, exponential histograms and summaries.
    pub histograms: Histograms,
    /// Columns of values.
    pub values_of: Vec<Blob>,
    /// All attributes of the resource, the scope and the item.
    pub attributes: [AttributeSets; 3],
    /// One code a row, for each keying.
    pub keys: Vec<Vec<u32>>,
}

/// Attributes of one level, each resource's, scope's or item's once.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AttributeSets {
    /// By row: which of `sets`.
    pub numbers: Vec<u32>,
    /// Maps, as keys have them for values.
    pub sets: Blob,
}

/// Which columns of histograms and summaries are filled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HistogramColumns {
    /// `bounds`, `bucket_ends` and `bucket_counts`.
    pub buckets: bool,
    /// `positive` and `negative`.
    pub exponential_buckets: bool,
    /// `quantile_ends` and `quantiles`.
    pub quantiles: bool,
    /// `exemplar_ends` and `exemplars`.
    pub exemplars: bool,
}

impl Columns {
    /// Bytes of all columns together.
    pub fn bytes(&self) -> usize {
        let words = self.values.len() + self.times.len() + self.start_times.len();
        let words = words + self.words.columns.iter().map(Vec::len).sum::<usize>();
        let codes: usize = self.keys.iter().map(Vec::len).sum();
        let blob = |blob: &Blob| blob.bytes.len() + 4 * blob.ends.len();
        let Histograms { bounds, bucket_ends, bucket_counts, positive, negative, quantiles, exemplars, .. } =
            &self.histograms;
        let counts = bucket_counts.len() + positive.counts.len() + negative.counts.len() + 2 * quantiles.len();
        let ends = bounds.len() + bucket_ends.len() + 2 * (positive.ends.len() + negative.ends.len());
        let sets = |sets: &AttributeSets| 4 * sets.numbers.len() + blob(&sets.sets);
        let blobs = self.values_of.iter().map(blob).sum::<usize>() + self.attributes.iter().map(sets).sum::<usize>();
        8 * (words + counts) + 4 * (codes + ends) + blob(exemplars) + blobs
    }

    /// Gives the rows so far what number points have in `words` and `histograms`, which is nothing.
    pub fn widen(&mut self, wanted: HistogramColumns) {
        if std::mem::replace(&mut self.is_wide, true) {
            return;
        }
        let rows = self.layout.rows as usize;
        self.words.pad(rows);
        let histograms = &mut self.histograms;
        if wanted.buckets {
            histograms.bounds.resize(rows, NO_BOUNDS);
            histograms.bucket_ends.resize(rows, 0);
        }
        if wanted.exponential_buckets {
            for side in [&mut histograms.positive, &mut histograms.negative] {
                side.offsets.resize(rows, 0);
                side.ends.resize(rows, 0);
            }
        }
        if wanted.quantiles {
            histograms.quantile_ends.resize(rows, 0);
        }
        if wanted.exemplars {
            histograms.exemplar_ends.resize(rows, 0);
        }
    }
}
