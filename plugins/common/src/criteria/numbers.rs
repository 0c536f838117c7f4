//! Criteria on a column of small numbers: a table says what each is worth.

use otelier_sdk::Column;

use crate::criteria::verdict::{Each, Verdict};

/// Numbers from here on are judged alike, more than any severity, kind or status; and so are all below zero.
const NUMBER_MAX: i64 = 31;
/// A place for each number, and the first for those below zero.
const TABLE: usize = NUMBER_MAX as usize + 2;

/// Whether a criterion holds for a number.
pub type Holds = Box<dyn Fn(i64) -> bool>;

/// A column and what its numbers mean.
#[derive(Debug)]
pub struct Numbers {
    pub column: Column,
    table: [Verdict; TABLE],
}

impl Numbers {
    /// What holds for numbers, in each block.
    pub fn new(column: Column, holds: &Each<Holds>) -> Numbers {
        let table = std::array::from_fn(|place| holds.verdict(|holds| holds(place as i64 - 1)));
        Numbers { column, table }
    }

    /// Combines the verdicts of rows with what their numbers say.
    pub fn judge(&self, words: &[u64], verdicts: &mut [Verdict]) {
        for (verdict, word) in verdicts.iter_mut().zip(words) {
            let place = (word.cast_signed().clamp(-1, NUMBER_MAX) + 1) as usize;
            *verdict &= self.table.get(place).copied().unwrap_or_default();
        }
    }
}

/// The numbers of a span's kind by their names.
pub const KINDS: [&str; 6] = [
    "SPAN_KIND_UNSPECIFIED",
    "SPAN_KIND_INTERNAL",
    "SPAN_KIND_SERVER",
    "SPAN_KIND_CLIENT",
    "SPAN_KIND_PRODUCER",
    "SPAN_KIND_CONSUMER",
];

/// The numbers of a status code.
pub const STATUSES: [&str; 3] = ["STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"];

/// The number of `WARN`, `warn2` or `13`; 1 to 24.
pub fn severity(name: &str) -> Option<i64> {
    if let Some(number) = (1..=24).find(|number: &i64| number.to_string() == name) {
        return Some(number);
    }
    let name = name.to_ascii_uppercase();
    let (name, nth) = match name.char_indices().last()? {
        (at, digit @ '2'..='4') => (name.get(..at)?, i64::from(digit.to_digit(10)?)),
        _ => (name.as_str(), 1),
    };
    let place = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"].iter().position(|known| *known == name)?;
    Some(place as i64 * 4 + nth)
}

#[cfg(test)]
mod tests {
    use super::severity;

    #[test]
    fn severities_by_name_and_number() {
        let cases = [
            ("TRACE", Some(1)),
            ("trace4", Some(4)),
            ("Info", Some(9)),
            ("WARN", Some(13)),
            ("WARN2", Some(14)),
            ("FATAL4", Some(24)),
            ("17", Some(17)),
            ("0", None),
            ("09", None),
            ("+9", None),
            ("25", None),
            ("WARN5", None),
            ("WARN1", None),
            ("WARNING", None),
            ("", None),
        ];
        for (name, number) in cases {
            assert_eq!(severity(name), number, "{name}");
        }
    }
}
