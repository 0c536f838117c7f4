//! The mathematics of metrics: numbers that stay integers, accumulators, and increments of cumulative streams. Pure functions.

mod accumulator;
mod cumulative;
mod number;

pub use accumulator::{Accumulator, Function};
pub use cumulative::{CumulativePoint, CumulativeState, Ignored, InitialValue, Step};
pub use number::{Number, Sum};
