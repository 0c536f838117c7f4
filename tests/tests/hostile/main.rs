//! Senders that mean harm, beside one that does not: health goes on answering, the innocent sender is served, and memory stays within its
//! bounds.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod connections;
mod memory;
mod requests;
mod watched;
