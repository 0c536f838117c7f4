//! The mathematics of metrics: numbers that stay integers, accumulators, histograms, and increments of cumulative streams. Pure
//! functions.

mod accumulator;
mod cumulative;
pub mod exponential;
pub mod histogram;
mod moments;
mod number;

pub use accumulator::{Accumulator, Function};
pub use cumulative::{CumulativePoint, CumulativeState, Ignored, InitialValue, Sequence, Step};
pub use exponential::{Exponential, ExponentialRef};
pub use histogram::Malformed;
pub use moments::{Increment, Moments, TooLarge};
pub use number::{Number, Sum};
