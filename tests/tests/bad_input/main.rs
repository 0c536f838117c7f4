//! What should not have come: each gets a precise answer at the right place and a counted reason, and what was
//! acknowledged before is still there.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod disk;
mod guests;
mod plugin_files;
mod private;
mod requests_grpc;
mod requests_http;
mod signals;
mod start;
mod survivor;
mod told;
mod validate;
mod values;
