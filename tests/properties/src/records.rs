//! A stored record opens to what was sealed under its key, and not at all when a bit of either differs.

use crate::bytes::Choices;
use crate::record::{open, seal};

pub fn check(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let key = choices.short().to_vec();
    let found = choices.rest();
    if let Ok(payload) = open(&key, found) {
        assert_eq!(seal(&key, payload), found, "a record that opens is the one that would be written");
    }
    let record = seal(&key, found);
    assert_eq!(open(&key, &record), Ok(found));
    // All bits of a short record, and some of a long one.
    let step = 1 + record.len() * 8 / 200;
    for bit in (0..record.len() * 8).step_by(step) {
        assert!(open(&key, &flipped(&record, bit)).is_err(), "bit {bit} of the record differs");
    }
    for bit in (0..key.len() * 8).step_by(step) {
        assert!(open(&flipped(&key, bit), &record).is_err(), "bit {bit} of the key differs");
    }
}

fn flipped(bytes: &[u8], bit: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[bit / 8] ^= 1 << (bit % 8);
    bytes
}
