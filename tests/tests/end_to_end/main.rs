//! The whole host, from real senders to what is read at the other end.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod aggregate;
mod authors;
mod cases;
mod clock;
mod closed_pipe;
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
mod kubernetes;
mod making_metrics;
mod odd_metrics;
mod own_telemetry;
mod pages;
mod passthrough;
mod prometheus;
mod readme;
mod restart;
mod sdk;
mod service_manager;
mod status;
