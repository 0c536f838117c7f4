//! What holds for any bytes that come from outside, however hostile: one property a file, each a function of bytes that
//! panics where it does not hold. The fuzzer (`tests/fuzz`) looks for such bytes; `tests/tests/found.rs` checks the
//! properties on seeds and on all that was ever found.
//!
//! The modules of the host are included by their path and not linked: the host brings RocksDB and wasmtime, which must
//! not be compiled again with the fuzzer's instruments. So their tree is mirrored here, as far as `crate::` needs it. What
//! should come of bytes is the oracle's to say: its model and the requests it decodes are included likewise.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

// The oracle says `otelier::` where it means the host and `otelier_tests::` where it means the generator.
extern crate self as otelier;
extern crate self as otelier_tests;

pub mod contract;
#[allow(dead_code, unused_imports)]
pub mod exporters;
#[path = "../../src/generate/mod.rs"]
pub mod generate;
#[path = "../../../host/src/otlp/mod.rs"]
pub mod otlp;
pub mod receivers;
#[path = "../../../host/src/storage/record.rs"]
pub mod record;

#[allow(dead_code)]
#[path = "../../tests/oracle/model/mod.rs"]
mod model;

mod bytes;
mod decompression;
mod dictionary;
mod edit;
mod emission;
mod json;
mod keys;
mod memory;
mod oracle;
mod projection;
#[allow(dead_code)]
mod projections;
mod records;
mod scan;
mod scrape;
mod script;
mod transcoding;
mod values;

pub use edit::MARK;

/// A property, under the name of its seeds.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Also the name of its folders in `tests/fuzz/seeds` and `tests/fuzz/found`.
    pub name: &'static str,
    /// Panics when the property does not hold for these bytes.
    pub check: fn(&[u8]),
    /// Whether the requests of real clients in `tests/collections` are inputs of it too.
    pub takes_requests: bool,
}

/// Every property.
pub const TARGETS: &[Target] = &[
    Target { name: "scan", check: scan::check, takes_requests: true },
    Target { name: "projection", check: projection::check, takes_requests: true },
    Target { name: "keys", check: keys::check, takes_requests: false },
    Target { name: "values", check: values::check, takes_requests: false },
    Target { name: "dictionary", check: dictionary::check, takes_requests: false },
    Target { name: "edit", check: edit::check, takes_requests: true },
    Target { name: "emission", check: emission::check, takes_requests: false },
    Target { name: "json", check: json::check, takes_requests: true },
    Target { name: "transcoding", check: transcoding::check, takes_requests: true },
    Target { name: "decompression", check: decompression::check, takes_requests: false },
    Target { name: "records", check: records::check, takes_requests: false },
    Target { name: "scrape", check: scrape::check, takes_requests: true },
];
