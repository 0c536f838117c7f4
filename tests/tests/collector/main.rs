//! The real OpenTelemetry Collector on the other side, as sender and as receiver, compared item by item: over gRPC,
//! HTTP/protobuf and HTTP/JSON, in every compression that both speak, with TLS and mTLS.
//!
//! Two kinds of requests go each way: those of real clients (`tests/collections`), which the Collector leaves as they are but
//! for absent scopes, and random ones. Of these it changes what its own model does not have, so what arrives is compared with what it
//! sends to a server that only records.
//!
//! It is also what the host's own metrics, logs and traces are pushed to, and what its own page is compared with.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod batch;
mod configuration;
mod edits;
mod exposition;
mod file;
mod own_metrics;
mod own_telemetry;
mod receiver;
mod refusals;
mod requests;
mod sender;
mod ways;
