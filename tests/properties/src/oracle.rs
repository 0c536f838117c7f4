//! The generated parsers: what a request is, according to prost.

use crate::contract::Signal;
use crate::generate::{NoRequest, Request};
use crate::model::items;
use crate::otlp::projection::Projection;

/// How many items a request has, or why it is none.
pub fn items(signal: Signal, bytes: &[u8]) -> Result<u64, NoRequest> {
    let request = Request::decode(signal, bytes)?;
    Ok(items::batch(&request, &Projection::default()).items)
}

/// Whether it was refused for its depth alone. The host counts levels otherwise and takes up to 100 more, never fewer:
/// `oracle/acceptance.rs` in the tests has the figures.
pub fn is_too_deep(error: &NoRequest) -> bool {
    error.to_string().contains("recursion limit")
}
