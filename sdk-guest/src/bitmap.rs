//! One bit a row.

use std::ops::Range;

/// A set of rows. Words that are missing at the end count as zero.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bitmap {
    words: Vec<u64>,
}

/// The bits of word `index` that lie in `rows`.
fn mask(index: usize, rows: &Range<usize>) -> u64 {
    let first = index * 64;
    let from = rows.start.clamp(first, first + 64) - first;
    let to = rows.end.clamp(first, first + 64) - first;
    let below = |bit: usize| if bit == 64 { u64::MAX } else { (1 << bit) - 1 };
    below(to) & !below(from)
}

impl Bitmap {
    /// No rows.
    pub fn new() -> Bitmap {
        Bitmap::default()
    }

    /// The first `count` rows.
    pub fn all(count: usize) -> Bitmap {
        let mut words = vec![u64::MAX; count / 64];
        if !count.is_multiple_of(64) {
            words.push((1 << (count % 64)) - 1);
        }
        Bitmap { words }
    }

    /// The rows that are chosen by what they hold.
    pub fn choose<T>(rows: &[T], is_chosen: impl Fn(&T) -> bool) -> Bitmap {
        let word = |rows: &[T]| {
            let bits = rows.iter().zip(0..).map(|(row, bit): (&T, u32)| u64::from(is_chosen(row)) << bit);
            bits.fold(0, |word, bit| word | bit)
        };
        Bitmap { words: rows.chunks(64).map(word).collect() }
    }

    /// A bitmap of those words.
    pub fn from_words(words: Vec<u64>) -> Bitmap {
        Bitmap { words }
    }

    /// The words.
    pub fn into_words(self) -> Vec<u64> {
        self.words
    }

    /// Adds a row.
    pub fn set(&mut self, row: usize) {
        self.set_range(row..row + 1);
    }

    /// Adds rows.
    pub fn set_range(&mut self, rows: Range<usize>) {
        if rows.is_empty() {
            return;
        }
        let words = rows.end.div_ceil(64);
        if self.words.len() < words {
            self.words.resize(words, 0);
        }
        for (index, word) in self.words.iter_mut().enumerate().take(words).skip(rows.start / 64) {
            *word |= mask(index, &rows);
        }
    }

    /// Whether it has a row.
    pub fn get(&self, row: usize) -> bool {
        self.words.get(row / 64).is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    /// Whether it has all of these rows.
    pub fn has_all(&self, rows: Range<usize>) -> bool {
        let mut indexes = rows.start / 64..rows.end.div_ceil(64);
        rows.is_empty()
            || indexes.all(|index| {
                let wanted = mask(index, &rows);
                self.words.get(index).copied().unwrap_or(0) & wanted == wanted
            })
    }

    /// Whether it has any of these rows.
    pub fn has_any(&self, rows: Range<usize>) -> bool {
        let words = self.words.iter().enumerate().take(rows.end.div_ceil(64)).skip(rows.start / 64);
        !rows.is_empty() && words.into_iter().any(|(index, word)| word & mask(index, &rows) != 0)
    }

    /// Takes away every row of `other`.
    pub fn remove(&mut self, other: &Bitmap) {
        for (word, gone) in self.words.iter_mut().zip(&other.words) {
            *word &= !gone;
        }
    }

    /// How many rows.
    pub fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::Bitmap;

    #[test]
    fn chosen_rows() {
        for count in [0_usize, 1, 63, 64, 65, 200] {
            let rows: Vec<usize> = (0..count).collect();
            let bitmap = Bitmap::choose(&rows, |row| row % 3 == 0);
            for row in 0..260 {
                assert_eq!(bitmap.get(row), row < count && row % 3 == 0, "{row} of {count}");
            }
        }
    }

    #[test]
    fn ranges_agree_with_single_rows() {
        for (start, end) in [(0, 0), (0, 1), (3, 64), (0, 64), (63, 65), (10, 200), (64, 128), (130, 130)] {
            let mut ranged = Bitmap::new();
            ranged.set_range(start..end);
            assert_eq!(ranged.count(), end - start);
            for row in 0..260 {
                assert_eq!(ranged.get(row), (start..end).contains(&row), "{row} of {start}..{end}");
            }
            assert!(ranged.has_all(start..end));
            assert!(!ranged.has_all(start..end + 1));
            assert_eq!(ranged.has_any(start..end), start < end);
            assert!(!ranged.has_any(end..end + 70));
            assert!(!ranged.has_any(0..start));
        }
    }

    #[test]
    fn all_is_cut_at_the_last_row() {
        for count in [0, 1, 63, 64, 65, 128, 8192] {
            let all = Bitmap::all(count);
            assert_eq!(all.count(), count);
            assert!(!all.get(count));
        }
        let mut rest = Bitmap::all(100);
        rest.remove(&Bitmap::all(40));
        assert_eq!(rest.count(), 60);
    }
}
