//! How long a sender's texts may be, in bytes of UTF-8. A longer description or unit is cut. A longer name or label is not: that could
//! make two series one, so the point is dropped. Both are counted.
//!
//! So the head of a family and the labels of a series have a largest size, and with `series_max` an answer has one.

/// A metric's name as it was sent. A point of a longer one is dropped.
pub const NAME_BYTES_MAX: usize = 1 << 10;
/// A metric's unit; OpenTelemetry allows 63 characters. A longer one is cut.
pub const UNIT_BYTES_MAX: usize = 256;
/// A metric's description; OpenTelemetry asks for 1023 characters. A longer one is cut.
pub const DESCRIPTION_BYTES_MAX: usize = 4 << 10;
/// A label's name. A point of a series with a longer one is dropped; `target_info` goes without the label.
pub const LABEL_NAME_BYTES_MAX: usize = 1 << 10;
/// A label's value, with the same consequences.
pub const LABEL_VALUE_BYTES_MAX: usize = 8 << 10;
/// All labels of a series before they are escaped, with the same consequences.
pub const LABELS_BYTES_MAX: usize = 64 << 10;
/// The labels of a histogram or summary times its samples, each of which repeats them. A point beyond is dropped: all samples of a series
/// are rendered in one go.
pub const SERIES_BYTES_MAX: usize = 4 << 20;
/// What the log and a remark say of a conflict.
pub const TOLD_BYTES_MAX: usize = 2 << 10;
/// A metric's name where it says what a conflict is about.
pub const TOLD_NAME_BYTES_MAX: usize = 256;
/// A resource, and a scope's name, where they say who sent a metric.
pub const SENDER_BYTES_MAX: usize = 160;

/// Cuts a text to so many bytes or a few less, between two characters. Returns whether it was longer.
pub fn cut(text: &mut String, bytes_max: usize) -> bool {
    let end = text.floor_char_boundary(bytes_max);
    let is_longer = end < text.len();
    if is_longer {
        text.truncate(end);
        text.shrink_to_fit();
    }
    is_longer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters() {
        for (text, expected) in [("abcd", ("abcd", false)), ("abcde", ("abcd", true)), ("abcé", ("abc", true))] {
            let mut cut_text = text.to_owned();
            let was_longer = cut(&mut cut_text, 4);
            assert_eq!((cut_text.as_str(), was_longer), expected);
        }
    }
}
