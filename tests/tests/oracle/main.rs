//! The host's in-place OTLP against an oracle: the structs that the generated parsers decode from the same bytes.
//!
//! Every property runs over seeded random requests. A failure names its seed; `OTELIER_SEED=<seed>` runs that one
//! case again, and `OTELIER_SEED=random` draws new ones. The first property, in [`wire_forms`], is about the tests
//! themselves.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod acceptance;
mod dictionaries;
mod divisions;
mod edits;
mod emissions;
mod hostile;
mod json;
mod keys;
#[cfg(target_os = "linux")]
mod memory;
mod model;
mod patterns;
mod projections;
mod seeds;
mod splits;
mod wire_forms;
