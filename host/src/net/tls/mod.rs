//! TLS for clients and servers, by rustls: the Collector's `tls` keys, and certificates that are read again when they change.

mod client;
mod config;
mod expiry;
mod material;
mod reload;
mod server;

pub use client::TlsClient;
pub use config::{ClientTls, ServerTls, TlsVersion};
pub use expiry::Expiry;
pub use material::TlsError;
pub use server::TlsServer;
