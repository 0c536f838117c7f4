//! The whole host, from real senders to what is read at the other end.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod aggregate;
mod clock;
mod commands;
mod connectors;
mod dictionary;
mod edits;
mod fail_closed;
mod fields;
mod files;
mod forward;
mod identity;
mod instances;
mod making_metrics;
mod odd_metrics;
mod own_telemetry;
mod passthrough;
mod prometheus;
mod readme;
mod restart;
mod sdk;
