//! A value that a guest hands in is accepted exactly when it is the one encoding of a value that OTLP can carry, and is
//! written as that value. Wherever it ends up, the request can be read.

use crate::contract::Signal;
use crate::generate::Request;
use crate::keys::{BASE, FACTOR, GUEST_DEPTH, means};
use crate::memory::bounded;
use crate::model::key::{encoded, read_value};
use crate::otlp::Strings;
use crate::otlp::key;
use crate::otlp::wire::put_bytes;

/// From a request to the value of a point's attribute: no value of a guest stands deeper.
const POINT_VALUE: [u32; 7] = [1, 2, 2, 7, 1, 7, 2];

pub fn check(bytes: &[u8]) {
    let value = read_value(bytes).filter(|value| value.is_utf8() && value.depth() <= GUEST_DEPTH);
    let value = value.filter(|value| encoded(value) == bytes);
    match (bounded(bytes.len(), FACTOR, BASE, || key::check_value(bytes, Strings::Utf8)), value) {
        (Ok(()), Some(value)) => {
            means(bytes, &value);
            is_readable_in_a_point(bytes);
        }
        (Ok(()), None) => panic!("no value, and accepted"),
        (Err(malformed), value) => {
            assert!(malformed.offset <= bytes.len());
            assert_eq!(value, None, "refused: {malformed}");
        }
    }
}

fn is_readable_in_a_point(value: &[u8]) {
    let mut message = Vec::new();
    key::put_any_value(&mut message, value).expect("it was written before");
    let request = within(message, &POINT_VALUE);
    Request::decode(Signal::Metrics, &request).expect("prost reads it at the deepest place");
}

/// A message behind a path of field numbers.
pub fn within(message: Vec<u8>, path: &[u32]) -> Vec<u8> {
    path.iter().rev().fold(message, |inner, number| {
        let mut outer = Vec::new();
        put_bytes(&mut outer, *number, &inner);
        outer
    })
}
