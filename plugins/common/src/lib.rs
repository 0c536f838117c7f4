//! What plugins that ship share.
//!
//! - [`criteria`]: which rows match lists of names, texts, numbers and attributes (`filter`, `attributes`).
//! - [`editing`]: actions on attributes (`attributes`, `resource`).
//! - [`pattern`], [`matcher`], [`text`]: regular expressions and texts of values as the Collector has them.

#![forbid(unsafe_code)]
// For the plugins beside it alone: what a name does not say has words.
#![allow(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

pub mod criteria;
pub mod editing;
pub mod matcher;
pub mod pattern;
pub mod text;
