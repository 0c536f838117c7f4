//! A request in JSON becomes one that the scan and prost read, within the limit, or is refused.

use crate::contract::Signal;
use crate::memory::bounded;
use crate::oracle;
use crate::otlp::{self, Strings};
use crate::receivers::otlp::protobuf;

const LIMIT: usize = 1 << 20;
/// A digit and a comma become a number of eight bytes, in a buffer that doubles.
const FACTOR: usize = 20;
const BASE: usize = 8 << 10;

pub fn check(bytes: &[u8]) {
    for signal in Signal::ALL {
        let transcoded = bounded(bytes.len(), FACTOR, BASE, || protobuf(signal, bytes, LIMIT));
        let Some(request) = transcoded else { continue };
        assert!(request.len() <= LIMIT);
        let items = otlp::check(signal, &request, Strings::Utf8).expect("the scan reads what JSON became");
        assert_eq!(oracle::items(signal, &request).ok(), Some(items), "{signal}: prost reads what JSON became");
        assert_eq!(protobuf(signal, bytes, request.len()).as_ref(), Some(&request), "{signal}: the limit is met");
        if let Some(less) = request.len().checked_sub(1) {
            assert_eq!(protobuf(signal, bytes, less), None, "{signal}: the limit was passed");
        }
    }
}
