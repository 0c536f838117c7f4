//! Criteria on a column of small numbers: a table says what each is worth.

use otelier_sdk::Column;

use crate::verdict::{Both, Verdict, verdict};

/// Numbers from here on are judged alike; more than any severity, kind or status.
const TABLE: usize = 32;

/// A column and what its numbers mean.
#[derive(Debug)]
pub struct Numbers {
    pub column: Column,
    table: [Verdict; TABLE],
}

impl Numbers {
    /// What holds for numbers, in each block.
    pub fn new(column: Column, holds: &Both<Box<dyn Fn(usize) -> bool>>) -> Numbers {
        let table = std::array::from_fn(|number| verdict((holds.include)(number), (holds.exclude)(number)));
        Numbers { column, table }
    }

    /// Combines the verdicts of rows with what their numbers say.
    pub fn judge(&self, words: &[u64], verdicts: &mut [Verdict]) {
        for (verdict, word) in verdicts.iter_mut().zip(words) {
            let place = (*word).min(TABLE as u64 - 1) as usize;
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
pub fn severity(name: &str) -> Option<usize> {
    if let Ok(number) = name.parse() {
        return (1..=24).contains(&number).then_some(number);
    }
    let name = name.to_ascii_uppercase();
    let (name, nth) = match name.char_indices().last()? {
        (at, digit @ '2'..='4') => (name.get(..at)?, digit.to_digit(10)? as usize),
        _ => (name.as_str(), 1),
    };
    let place = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"].iter().position(|known| *known == name)?;
    Some(place * 4 + nth)
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
