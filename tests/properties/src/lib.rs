//! What holds for any bytes that come from outside, however hostile: one property a file, each a function of bytes that
//! panics where it does not hold. The fuzzer (`tests/fuzz`) looks for such bytes; `tests/tests/found.rs` checks the
//! properties on seeds and on all that was ever found.
//!
//! The modules of the host are included by their path and not linked: the host brings RocksDB and wasmtime, which must
//! not be compiled again with the fuzzer's instruments. So their tree is mirrored here, as far as `crate::` needs it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

// The model of the oracle's tests says `otelier::` where it means the host.
extern crate self as otelier;

pub mod contract;
#[path = "../../../host/src/otlp/mod.rs"]
pub mod otlp;
pub mod receivers;
#[path = "../../../host/src/storage/record.rs"]
pub mod record;

#[allow(dead_code)]
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
mod records;
mod scan;
mod subject;
mod transcoding;

/// A property, under the name of its seeds.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Also the name of its folders in `tests/fuzz/seeds` and `tests/fuzz/found`.
    pub name: &'static str,
    /// Panics when the property does not hold for these bytes.
    pub check: fn(&[u8]),
}

/// Every property.
pub const TARGETS: &[Target] = &[
    Target { name: "scan", check: scan::check },
    Target { name: "projection", check: projection::check },
    Target { name: "keys", check: keys::check },
    Target { name: "dictionary", check: dictionary::check },
    Target { name: "edit", check: edit::check },
    Target { name: "emission", check: emission::check },
    Target { name: "json", check: json::check },
    Target { name: "transcoding", check: transcoding::check },
    Target { name: "decompression", check: decompression::check },
    Target { name: "records", check: records::check },
];
