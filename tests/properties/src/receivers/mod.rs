//! The receiver's modules that turn hostile bytes into OTLP, without its servers.

pub mod otlp;
