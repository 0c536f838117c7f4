//! The consuming ends of the pipelines, one folder per kind, and the little they share. `tests` has what the pushing ones owe alike.
//!
//! [`value`] is the text of an attribute value, which every exporter to a text format needs; [`Clock`] is time, handed in so
//! that a test can set it.

mod escape;
mod pushing;
mod telemetry;
#[cfg(test)]
mod tests;
pub mod value;

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::families::family;

pub use telemetry::telemetry_client;

family! { ExporterEntry:
    debug,
    fallback,
    file,
    nop,
    otlp,
    otlphttp,
    prometheus,
}

/// Time since some fixed moment; never goes back.
pub type Clock = Arc<dyn Fn() -> Duration + Send + Sync>;

/// The operating system's monotonic clock, counted from this call.
pub fn monotonic_clock() -> Clock {
    let origin = Instant::now();
    Arc::new(move || origin.elapsed())
}
