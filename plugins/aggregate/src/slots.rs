//! From a dictionary's codes to the slots of a table.

/// No slot.
pub const NONE: u32 = u32::MAX;

/// A slot for each code that has one.
#[derive(Debug, Default)]
pub struct Slots {
    by_code: Vec<u32>,
}

impl Slots {
    /// The slot of a code, or [`NONE`].
    #[inline]
    pub fn get(&self, code: u32) -> u32 {
        self.by_code.get(code as usize).copied().unwrap_or(NONE)
    }

    /// All of them; the index is the code.
    #[inline]
    pub fn by_code(&self) -> &[u32] {
        &self.by_code
    }

    pub fn set(&mut self, code: u32, slot: u32) {
        let index = code as usize;
        if self.by_code.len() <= index {
            self.by_code.resize(index + 1, NONE);
        }
        if let Some(place) = self.by_code.get_mut(index) {
            *place = slot;
        }
    }

    pub fn clear(&mut self, code: u32) {
        if let Some(place) = self.by_code.get_mut(code as usize) {
            *place = NONE;
        }
    }
}
