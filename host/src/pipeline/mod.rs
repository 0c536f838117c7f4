//! From plan to running pipelines, and the trip of a batch through them.
//!
//! [`build()`] wires workers, `trip` is what happens to one request, [`committer`] decides that it counts, a [lane](crate::delivery::Lane) takes it to an
//! exporter.

mod build;
pub mod committer;
mod connected;
mod handle;
mod health;
mod of_signal;
mod poison;
mod room;
mod slot;
mod step;
pub mod swap;
mod trip;
mod worker;

pub use build::{BuildError, Built, PipelineContext, Place, build};
pub use handle::{Crowded, Entrance, Handle, flush_all};
pub use health::Health;
