//! Keys: what is accepted is canonical, what is canonical is accepted, and it means what the encoding's description in
//! `host/src/otlp/key.rs` says, which the oracle reads on its own. Of a guest OTLP has to be able to carry it, too.

use opentelemetry_proto::tonic::common::v1::AnyValue;
use prost::Message;

use crate::memory::bounded;
use crate::model::key::read;
use crate::model::{Key, Typed, canonical};
use crate::otlp::key::{self, Element};

/// An element of four bytes becomes a record of 56 in a list that doubles.
pub const FACTOR: usize = 60;
pub const BASE: usize = 16 << 10;
/// Keys of requests may be refused when they nest deeper than any request can have it.
const REQUEST_DEPTH: usize = 50;
/// Keys of guests nest so deep and no deeper.
pub const GUEST_DEPTH: usize = 30;

pub fn check(bytes: &[u8]) {
    let key = read(bytes);
    let is_canonical = key.as_ref().is_some_and(|key| canonical(key) == bytes);
    match (bounded(bytes.len(), FACTOR, BASE, || key::elements(bytes)), &key) {
        (Ok(elements), Some(key)) => {
            assert!(is_canonical, "a key that is accepted is canonical: {key:?}");
            compare(&elements, key);
        }
        (Ok(elements), None) => panic!("no key, and accepted as {elements:?}"),
        (Err(malformed), key) => {
            assert!(malformed.offset <= bytes.len());
            let is_deep = key.as_ref().is_some_and(|key| key.values().any(|value| value.depth() > REQUEST_DEPTH));
            assert!(!is_canonical || is_deep, "a canonical key is refused: {malformed}");
        }
    }
    let checked = bounded(bytes.len(), FACTOR, BASE, || key::check(bytes));
    let fits = is_canonical && key.is_some_and(|key| key.iter().all(fits_otlp));
    assert_eq!(checked.is_ok(), fits, "of a guest: {checked:?}");
}

/// Whether OTLP of any signal can carry it.
fn fits_otlp(((_, name), value): (&(key::Level, Vec<u8>), &Typed)) -> bool {
    std::str::from_utf8(name).is_ok() && value.is_utf8() && value.depth() <= GUEST_DEPTH
}

fn compare(elements: &[Element<'_>], key: &Key) {
    assert_eq!(elements.len(), key.len());
    for (element, ((level, name), value)) in elements.iter().zip(key) {
        assert_eq!((element.level, element.name), (*level, name.as_slice()));
        means(element.value, value);
    }
}

/// An encoded value, written as OTLP, is the value.
pub fn means(encoded: &[u8], value: &Typed) {
    let mut message = Vec::new();
    bounded(encoded.len(), FACTOR, BASE, || key::put_any_value(&mut message, encoded))
        .expect("a value that was accepted can be written");
    match AnyValue::decode(message.as_slice()) {
        Ok(decoded) => assert_eq!(Typed::of(Some(&decoded)), *value),
        // Texts of a request's key may be any bytes, and nest deeper than prost goes.
        Err(error) => assert!(!value.is_utf8() || value.depth() > GUEST_DEPTH, "{error}"),
    }
}
