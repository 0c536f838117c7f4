//! The part of the host's `contract` that its bytes need.

#[allow(dead_code)]
#[path = "../../../host/src/contract/batch.rs"]
mod batch;

#[allow(dead_code)]
#[path = "../../../host/src/contract/duration.rs"]
pub mod duration;

pub use batch::{InvalidUtf8, Signal};
