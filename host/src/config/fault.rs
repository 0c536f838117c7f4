//! serde's complaints, put into a configuration's words and carried up to where a place is known.
//!
//! serde names Rust types; a person who wrote YAML knows lists, mappings, text and numbers.

use std::fmt;

use serde::de::{self, Expected, Unexpected};

use super::error::Error;
use super::position::Position;
use super::problem::{Hint, Problem};

/// What a key without a value has.
pub(super) const NOTHING: &str = "nothing";

/// A problem on its way up through serde, with the place of the innermost node that knew one.
#[derive(Debug, thiserror::Error)]
#[error("{problem}")]
pub(super) struct Fault {
    problem: Problem,
    position: Option<Position>,
}

impl Fault {
    /// A problem without a place yet.
    pub fn new(problem: Problem) -> Self {
        Fault { problem, position: None }
    }

    /// Gives it the place, unless a node further in already did.
    pub fn at(mut self, position: &Position) -> Self {
        self.position.get_or_insert_with(|| position.clone());
        self
    }

    /// The same of a value that is not to be shown.
    pub fn without_value(mut self) -> Self {
        match &mut self.problem {
            Problem::WrongValue { found, .. } if found.contains('`') => *found = "something else".to_owned(),
            Problem::UnknownValue { value, hint } => (*value, *hint) = ("[hidden]".to_owned(), Hint::None),
            _ => {}
        }
        self
    }

    /// The same of a key that has no default, so nothing cannot stand for one.
    pub fn without_default(mut self) -> Self {
        if let Problem::WrongValue { found, .. } = &mut self.problem
            && found == NOTHING
        {
            found.push_str("; give it a value, or take it out");
        }
        self
    }

    /// The finished error, at `fallback` when no node knew a place.
    pub fn into_error(self, fallback: &Position) -> Error {
        Error { position: self.position.unwrap_or_else(|| fallback.clone()), problem: self.problem }
    }
}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Fault::new(Problem::Invalid { reason: message.to_string() })
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        wrong_value(unexpected, expected)
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        wrong_value(unexpected, expected)
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        let expected = expectation(&expected.to_string());
        Fault::new(Problem::WrongValue { expected, found: format!("{length} items") })
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        // A word in capitals is the same word.
        let is_other = |word: &&&str| !expected.iter().any(|other| other != *word && **other == word.to_lowercase());
        let hint = Hint::new(variant, expected.iter().filter(is_other).copied());
        Fault::new(Problem::UnknownValue { value: variant.to_owned(), hint })
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Fault::new(Problem::UnknownKey { key: field.to_owned(), hint: Hint::new(field, expected.iter().copied()) })
    }

    fn missing_field(field: &'static str) -> Self {
        Fault::new(Problem::MissingKey { key: field })
    }
}

fn wrong_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Fault {
    Fault::new(Problem::WrongValue { expected: expectation(&expected.to_string()), found: finding(unexpected) })
}

/// serde's name of an expectation in YAML's words.
pub(super) fn expectation(text: &str) -> String {
    if let Some(length) = text.strip_prefix("a tuple of size ") {
        return format!("a list of {length} items");
    }
    let words = match text {
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" | "u64" | "usize" => "a whole number, 0 or more",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "a nonzero u8" | "a nonzero u16" | "a nonzero u32" | "a nonzero u64" | "a nonzero usize" => {
            "a whole number, 1 or more"
        }
        "f32" | "f64" => "a number",
        "a boolean" => "`true` or `false`",
        "a string" | "string" => "text",
        "a sequence" => "a list",
        "a map" | "map" => "a mapping",
        "unit" => "nothing",
        _ if text.starts_with("struct ") => "a mapping",
        _ if text.starts_with("enum ") || text.starts_with("variant ") => "one of a fixed set of words",
        _ if text.starts_with("tuple ") => "a list",
        _ => text,
    };
    words.to_owned()
}

fn finding(unexpected: Unexpected<'_>) -> String {
    match unexpected {
        Unexpected::Bool(value) => format!("`{value}`"),
        Unexpected::Unsigned(value) => format!("`{value}`"),
        Unexpected::Signed(value) => format!("`{value}`"),
        Unexpected::Float(value) => format!("`{value}`"),
        Unexpected::Str(text) => format!("the text `{text}`"),
        Unexpected::Unit | Unexpected::Option => NOTHING.to_owned(),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "a mapping".to_owned(),
        other => other.to_string(),
    }
}
