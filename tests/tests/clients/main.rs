//! Requests of real clients, compared item by item behind the host: the SDKs of OpenTelemetry for Python and JavaScript and
//! the Collector's own generator, every signal and kind of metric, over gRPC, HTTP/protobuf and HTTP/JSON.
//!
//! `live` runs the clients against the host; `replay` sends what they once sent (`tests/collections`), over every
//! transport; `collection` checks that they still send the same, and writes it anew on request.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod aggregate;
mod collection;
mod health;
mod live;
mod programs;
mod replay;
mod steady;
