//! The scan accepts what prost accepts, and counts the same items.

use crate::contract::Signal;
use crate::memory::bounded;
use crate::oracle;
use crate::otlp::{self, Strings};

/// A list of pieces of two bytes each, in slices of 16 that double: 24 times, and room to spare.
const FACTOR: usize = 40;
const BASE: usize = 4 << 10;

pub fn check(bytes: &[u8]) {
    Signal::ALL.into_iter().for_each(|signal| agree(signal, bytes));
}

fn agree(signal: Signal, bytes: &[u8]) {
    let scan = |strings| bounded(bytes.len(), FACTOR, BASE, || otlp::check(signal, bytes, strings));
    let (strict, lenient) = (scan(Strings::Utf8), scan(Strings::Bytes));
    match (&strict, oracle::items(signal, bytes)) {
        (Ok(items), Ok(expected)) => assert_eq!(*items, expected, "{signal}"),
        (Err(_), Err(_)) => {}
        (Ok(_), Err(error)) if oracle::is_too_deep(&error) => {}
        (Ok(_), Err(error)) => panic!("{signal}: the scan accepts what prost refuses: {error}"),
        (Err(malformed), Ok(_)) => panic!("{signal}: the scan refuses what prost accepts: {malformed}"),
    }
    match &strict {
        Ok(items) => assert_eq!(lenient, Ok(*items), "{signal}: more is accepted with any bytes in strings"),
        Err(malformed) => assert!(malformed.offset <= bytes.len(), "{signal}: {malformed} is beyond the request"),
    }
}
