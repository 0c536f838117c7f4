//! A release as people get it: the Debian package on a machine that boots and has no compiler, and the image as a container engine would
//! run it. Both take root, and what `cargo xtask test --tier packages` prepares.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod debian;
mod image;
mod machine;
mod release;
mod work;
