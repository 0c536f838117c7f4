//! tests
pub mod generate;
