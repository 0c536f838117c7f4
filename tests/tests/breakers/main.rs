//! Breakers whose policies are components: those that ship, those that break, and what a configuration of them can get wrong.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cases;
mod configuration;
mod guests;
mod host;
