//! Where one of the two refuses what the other one takes, each with the words it refuses it with.

use serde_json::Value;

const WANTED: &[&str] = &[
    // The Collector reads the first document of a file, and leaves out what follows without a word.
    "a second YAML document starts here",
    // Tags that no configuration has; bytes are no text.
    "tag `!!binary` is not supported",
    "tag `!custom` is not supported",
    // Nothing is zero, false or an empty text there, also where a variable is not set; and of 5.5 the whole part counts.
    "found nothing",
    "expected a whole number, found `5.5`",
    "expected a whole number, found `1.5`",
];

/// A tab behind the spaces of an indentation, which the parser here takes.
const LENIENT: &str = "found character that cannot start any token";

/// Whether one of the two may refuse what the other one takes.
pub fn is_wanted(theirs: &Result<Value, String>, ours: &Result<Value, String>) -> bool {
    match (theirs, ours) {
        (Ok(_), Err(error)) => WANTED.iter().any(|words| error.contains(words)),
        (Err(error), Ok(_)) => error.contains(LENIENT),
        _ => false,
    }
}
