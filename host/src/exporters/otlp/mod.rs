//! The `otlp` exporter: OTLP over gRPC.
//!
//! A unary call is one HTTP/2 request: a path that names the method, a body of five bytes and the message, and an answer whose
//! trailers say how it went. So gRPC is spoken on hyper here as it is in the receiver, and a batch that nobody touched leaves as the
//! very bytes that came in. What an answer means is in `status`; connections and addresses are `net`'s.

mod client;
mod config;
mod status;

pub use client::OtlpClient;
pub use config::Config;
