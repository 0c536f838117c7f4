//! Explicit bounds that an instance has met, numbered: thousands of points share a few lists, and a plugin merges points of one
//! number without comparing bounds.

use std::collections::HashMap;

use super::packed::Packed;

/// Other kinds, and bounds beyond what is remembered.
pub const NO_BOUNDS: u32 = u32::MAX;
/// Bound on different lists.
const LISTS_MAX: usize = 65_536;
/// Bound on the bytes of all lists.
const BYTES_MAX: usize = 16 << 20;

/// Numbers for lists of bounds.
#[derive(Debug, Default)]
pub struct BoundsNumbers {
    /// Doubles as they stand on the wire → number.
    numbers: HashMap<Box<[u8]>, u32>,
    lists: Vec<Box<[u8]>>,
    bytes: usize,
    /// The list of the row before.
    last: u32,
    sent: usize,
}

impl BoundsNumbers {
    /// The number of a list.
    pub fn number(&mut self, bounds: &Packed<'_>) -> u32 {
        match bounds.whole() {
            Some(bytes) => self.number_of(bytes),
            None => self.number_of(&bounds.slices().collect::<Vec<_>>().concat()),
        }
    }

    fn number_of(&mut self, bytes: &[u8]) -> u32 {
        if self.lists.get(self.last as usize).is_some_and(|last| **last == *bytes) {
            return self.last;
        }
        let next = self.lists.len() as u32;
        let number = match self.numbers.get(bytes) {
            Some(number) => *number,
            None if self.lists.len() >= LISTS_MAX || self.bytes + bytes.len() > BYTES_MAX => return NO_BOUNDS,
            None => {
                self.numbers.insert(bytes.into(), next);
                self.lists.push(bytes.into());
                self.bytes += bytes.len();
                next
            }
        };
        self.last = number;
        number
    }

    /// Lists added since the last call of this function.
    pub fn take_unsent(&mut self) -> Vec<Vec<f64>> {
        let unsent = self.lists.get(self.sent..).unwrap_or_default();
        let doubles = |list: &[u8]| list.as_chunks::<8>().0.iter().map(|word| f64::from_le_bytes(*word)).collect();
        let unsent = unsent.iter().map(|list| doubles(list)).collect();
        self.sent = self.lists.len();
        unsent
    }

    /// Every list counts as unsent again: the instance was rebuilt.
    pub fn forget_sent(&mut self) {
        self.sent = 0;
    }

    /// How many lists there are; a mark for [`forget_since`](Self::forget_since).
    pub fn mark(&self) -> usize {
        self.lists.len()
    }

    /// Forgets the lists from `mark` on: the request they came with was refused.
    pub fn forget_since(&mut self, mark: usize) {
        for list in self.lists.drain(mark.min(self.lists.len())..) {
            self.bytes -= list.len();
            self.numbers.remove(&list);
        }
    }
}
