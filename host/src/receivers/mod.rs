//! Components that accept telemetry from senders, one folder per protocol.

pub mod otlp;
