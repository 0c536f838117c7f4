//! The `otlphttp` exporter: OTLP over HTTP, protobuf or JSON.
//!
//! One POST a batch, to a path of its signal, over HTTP/1.1 or, where TLS finds that the destination speaks it, HTTP/2. In protobuf and
//! without compression a batch leaves as the very bytes that came in. What an answer means is in `status`; connections and addresses
//! are `net`'s.

mod client;
mod config;
mod status;

pub use client::OtlpHttpClient;
pub use config::{Config, Encoding};
