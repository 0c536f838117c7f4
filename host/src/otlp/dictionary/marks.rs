//! A bit for each code.

/// Which codes are marked.
#[derive(Debug, Default, Clone)]
pub struct Marks {
    words: Vec<u64>,
    /// No word before this one has a bit.
    first: usize,
}

impl Marks {
    /// Whether a code is marked.
    pub fn has(&self, code: u32) -> bool {
        self.words.get(code as usize / 64).is_some_and(|word| word >> (code % 64) & 1 == 1)
    }

    /// Marks a code.
    pub fn set(&mut self, code: u32) {
        let index = code as usize / 64;
        if self.words.len() <= index {
            self.words.resize(index + 1, 0);
        }
        if let Some(word) = self.words.get_mut(index) {
            *word |= 1 << (code % 64);
        }
        self.first = self.first.min(index);
    }

    /// Takes a code's mark off.
    pub fn clear(&mut self, code: u32) {
        if let Some(word) = self.words.get_mut(code as usize / 64) {
            *word &= !(1 << (code % 64));
        }
    }

    /// The marked codes, ascending; none is marked afterwards.
    pub fn take(&mut self) -> Vec<u32> {
        let mut codes = Vec::new();
        for (index, word) in self.words.iter_mut().enumerate().skip(self.first) {
            let mut bits = std::mem::take(word);
            while bits != 0 {
                codes.push(index as u32 * 64 + bits.trailing_zeros());
                bits &= bits - 1;
            }
        }
        self.first = self.words.len();
        codes
    }
}
