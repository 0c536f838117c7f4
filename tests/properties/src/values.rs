//! A value that a guest hands in is accepted exactly when it is the one encoding of a value that OTLP can carry, and is
//! written as that value.

use crate::keys::{BASE, FACTOR, GUEST_DEPTH, means};
use crate::memory::bounded;
use crate::model::key::{encoded, read_value};
use crate::otlp::Strings;
use crate::otlp::key;

pub fn check(bytes: &[u8]) {
    let value = read_value(bytes).filter(|value| value.is_utf8() && value.depth() <= GUEST_DEPTH);
    let value = value.filter(|value| encoded(value) == bytes);
    match (bounded(bytes.len(), FACTOR, BASE, || key::check_value(bytes, Strings::Utf8)), value) {
        (Ok(()), Some(value)) => means(bytes, &value),
        (Ok(()), None) => panic!("no value, and accepted"),
        (Err(malformed), value) => {
            assert!(malformed.offset <= bytes.len());
            assert_eq!(value, None, "refused: {malformed}");
        }
    }
}
