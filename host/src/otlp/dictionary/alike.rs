//! Keys whose values are written alike: integer 200 and text `200` are one key, where a keying asks for it.
//!
//! The key that came first is the one that is kept, with its types. Formats that have nothing but text show both under the same labels, so
//! whoever adds up by key wants them in one.

use std::borrow::Cow;

use super::{Codes, Dictionary, NO_HASH};
use crate::otlp::key::{self, Element, Level};

/// Two keys that are written alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alike {
    /// The key that is kept.
    pub kept: Box<[u8]>,
    /// One that came later and counts as the same.
    pub met: Box<[u8]>,
}

impl Alike {
    /// The first attribute that differs, with the words for its types: `code`, `an integer`, `text`.
    pub fn difference(&self) -> Option<(String, &'static str, &'static str)> {
        let (kept, met) = (key::elements_or_none(&self.kept).ok()?, key::elements_or_none(&self.met).ok()?);
        let (one, other) = kept.into_iter().zip(met).find(|(one, other)| one.value != other.value)?;
        Some((String::from_utf8_lossy(one.name).into_owned(), type_of(&one), type_of(&other)))
    }
}

fn type_of(element: &Element<'_>) -> &'static str {
    match element.value.first() {
        Some(1) => "text",
        Some(2) => "a bool",
        Some(3) => "an integer",
        Some(4) => "a double",
        _ => "another value",
    }
}

/// Doubles that are written without an exponent; others are like no text.
const PLAIN: std::ops::Range<f64> = 1e-6..1e21;

/// A key with its bools, integers and doubles as the texts that they are written as. Nothing else is written like a text.
pub(super) fn written(key: &[u8]) -> Cow<'_, [u8]> {
    let Ok(elements) = key::elements_or_none(key) else { return Cow::Borrowed(key) };
    let is_scalar = |element: &Element<'_>| matches!(element.value.first(), Some(2..=4));
    if !elements.iter().any(is_scalar) {
        return Cow::Borrowed(key);
    }
    let text = |element: &Element<'_>| -> Vec<u8> {
        let text = match element.value.split_first() {
            Some((2, [truth])) => (*truth != 0).to_string(),
            Some((3, number)) => {
                number.first_chunk().map(|bytes| i64::from_le_bytes(*bytes).to_string()).unwrap_or_default()
            }
            Some((4, bits)) => match bits.first_chunk().map(|bytes| f64::from_le_bytes(*bytes)) {
                Some(number) if number == 0.0 || PLAIN.contains(&number.abs()) => number.to_string(),
                _ => return element.value.to_vec(),
            },
            _ => return element.value.to_vec(),
        };
        let mut value = Vec::new();
        key::put_text_value(&mut value, text.as_bytes());
        value
    };
    let texts: Vec<(Level, &[u8], Vec<u8>)> =
        elements.iter().map(|element| (element.level, element.name, text(element))).collect();
    Cow::Owned(key::of_elements(texts))
}

impl Dictionary {
    /// Whether keys whose values are written alike are one key from here on.
    pub fn set_alike(&mut self, alike: bool) {
        if self.alike == alike {
            return;
        }
        self.alike = alike;
        // What was found by either table was found by the other rule.
        (self.by_hash, self.by_key) = (Codes::default(), Codes::default());
        self.hashes.fill(NO_HASH);
        self.more_hashes.clear();
        for code in 0..self.places.len() as u32 {
            let Some(key_hash) = self.key(code).map(|key| self.key_hash(key)) else { continue };
            self.by_key.insert(key_hash, code);
        }
    }

    pub(super) fn meet_alike(&mut self, code: u32, key: &[u8]) {
        let Some(kept) = self.key(code).filter(|kept| self.alike && *kept != key) else { return };
        self.met_alike = Some(Alike { kept: kept.into(), met: key.into() });
    }

    /// The last key that came in other types than the one it is, since somebody asked.
    pub fn take_met_alike(&mut self) -> Option<Alike> {
        self.met_alike.take()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::Dictionary;
    use crate::otlp::hash::Hasher;
    use crate::otlp::key::{KeyBuilder, Level};

    fn text(value: &str) -> Vec<u8> {
        let mut key = KeyBuilder::default();
        key.text(Level::Item, b"code", value.as_bytes());
        key.text(Level::Item, b"method", b"GET");
        key.finish().0
    }

    fn integer(value: i64) -> Vec<u8> {
        let mut key = KeyBuilder::default();
        key.integer(Level::Item, b"code", value);
        key.text(Level::Item, b"method", b"GET");
        key.finish().0
    }

    #[test]
    fn values_that_are_written_alike_are_one_key_of_the_first_type() {
        let mut dictionary = Dictionary::new(Hasher::random(), 100);
        dictionary.set_alike(true);
        let code = dictionary.learn(Some(1), &integer(200));
        assert_eq!(dictionary.take_met_alike(), None);
        assert_eq!(dictionary.learn(Some(2), &text("200")), code);
        assert_eq!(dictionary.key(code), Some(&*integer(200)));
        let difference = dictionary.take_met_alike().unwrap().difference().unwrap();
        assert_eq!(difference, ("code".to_owned(), "an integer", "text"));
        assert_eq!((dictionary.find(1), dictionary.find(2)), (Some(code), Some(code)));
        for other in [text("0200"), text("200.0"), integer(2000), text("")] {
            assert_ne!(dictionary.learn(None, &other), code);
        }
        dictionary.release(&[code]);
        let again = dictionary.learn(Some(2), &text("200"));
        assert_eq!(dictionary.key(again), Some(&*text("200")), "the first one since");
        assert_eq!(dictionary.learn(None, &integer(200)), again);
    }

    #[test]
    fn a_dictionary_can_begin_and_cease_to_ask() {
        let mut dictionary = Dictionary::new(Hasher::random(), 100);
        let (one, other) = (dictionary.learn(Some(1), &integer(200)), dictionary.learn(Some(2), &text("200")));
        assert_ne!(one, other);
        dictionary.set_alike(true);
        assert_eq!(dictionary.learn(None, &integer(200)), dictionary.learn(None, &text("200")));
        assert_eq!(dictionary.len(), 2, "nothing is forgotten");
        dictionary.set_alike(false);
        assert_eq!((dictionary.learn(None, &integer(200)), dictionary.learn(None, &text("200"))), (one, other));
    }

    #[test]
    fn a_stored_dictionary_with_both_is_restored() {
        let mut dictionary = Dictionary::new(Hasher::random(), 100);
        dictionary.set_alike(true);
        assert!(dictionary.restore(1, &integer(200)) && dictionary.restore(2, &text("200")));
        assert!(!dictionary.restore(3, &text("200")), "the very key twice is damage");
        dictionary.restored();
        assert_eq!((dictionary.key(1), dictionary.key(2)), (Some(&*integer(200)), Some(&*text("200"))));
    }
}
