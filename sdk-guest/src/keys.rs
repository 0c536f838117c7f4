//! The keys of a batch's rows: a code, none, or one that found no room.

use crate::{Bitmap, NO_CODE, NO_KEY};

/// What a row has for a keying.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RowKey {
    /// None of the keying's attributes.
    Absent,
    /// A key with this code.
    Code(u32),
    /// A key that has no code: the dictionary is full, or the key is longer than 64 KiB. Who decides by code decides here as well: a plugin
    /// that removes what it knows lets such a row pass with everything.
    NoCode,
}

/// What each row has for a keying.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keys(pub(crate) Vec<u32>);

impl Keys {
    /// How many rows.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One row's key; `None` behind the last row.
    pub fn get(&self, row: usize) -> Option<RowKey> {
        self.0.get(row).copied().map(RowKey::of)
    }

    /// Each row's, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = RowKey> + '_ {
        self.0.iter().copied().map(RowKey::of)
    }

    /// Rows with a key that has no code.
    pub fn without_code(&self) -> Bitmap {
        Bitmap::choose(&self.0, |code| *code == NO_CODE)
    }

    /// As the contract has them, for loops in which a question for each row costs too much: [`NO_KEY`] where a row has none of the
    /// attributes, [`NO_CODE`] where its key has no code. Check for the latter before anything is looked up.
    pub fn into_codes_and_marks(self) -> Vec<u32> {
        self.0
    }
}

impl RowKey {
    fn of(code: u32) -> RowKey {
        match code {
            NO_KEY => RowKey::Absent,
            NO_CODE => RowKey::NoCode,
            code => RowKey::Code(code),
        }
    }

    /// The code, of a key that has one.
    pub fn code(self) -> Option<u32> {
        match self {
            RowKey::Code(code) => Some(code),
            RowKey::Absent | RowKey::NoCode => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Keys, RowKey};
    use crate::{NO_CODE, NO_KEY};

    #[test]
    fn a_row_without_a_code_is_none_of_the_others() {
        let keys = Keys(vec![7, NO_KEY, NO_CODE]);
        assert_eq!(keys.iter().collect::<Vec<_>>(), [RowKey::Code(7), RowKey::Absent, RowKey::NoCode]);
        assert_eq!(keys.iter().filter_map(RowKey::code).collect::<Vec<_>>(), [7]);
        assert_eq!((keys.get(2), keys.get(3)), (Some(RowKey::NoCode), None));
        let without = keys.without_code();
        assert_eq!((0..3).filter(|row| without.get(*row)).collect::<Vec<_>>(), [2]);
    }
}
