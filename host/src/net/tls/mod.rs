//! TLS for clients and servers, by rustls: the Collector's `tls` keys, and certificates that are read again when they change.

mod client;
mod config;
mod material;
mod reload;
mod server;

pub use client::TlsClient;
pub use config::{ClientTls, ServerTls, TlsVersion};
pub use material::TlsError;
pub use server::TlsServer;
