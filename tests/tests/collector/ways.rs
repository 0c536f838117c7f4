//! How one side sends to the other. Both have the same keys for it.

use std::net::SocketAddr;

use otelier_tests::certificates::Security;
use serde_json::{Value, json};

/// OTLP's protocols.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    Grpc,
    Http,
}

/// Protocol, encoding and compression, in the words of an exporter's configuration.
#[derive(Debug, Clone, Copy)]
pub struct Way {
    pub protocol: Protocol,
    pub encoding: &'static str,
    pub compression: &'static str,
}

const fn grpc(compression: &'static str) -> Way {
    Way { protocol: Protocol::Grpc, encoding: "proto", compression }
}

const fn http(encoding: &'static str, compression: &'static str) -> Way {
    Way { protocol: Protocol::Http, encoding, compression }
}

/// Every one that both sides speak.
pub const ALL: [Way; 18] = [
    grpc("none"),
    grpc("gzip"),
    grpc("zstd"),
    grpc("snappy"),
    http("proto", "none"),
    http("proto", "gzip"),
    http("proto", "zstd"),
    http("proto", "snappy"),
    http("proto", "x-snappy-framed"),
    http("proto", "zlib"),
    http("proto", "deflate"),
    http("json", "none"),
    http("json", "gzip"),
    http("json", "zstd"),
    http("json", "snappy"),
    http("json", "x-snappy-framed"),
    http("json", "zlib"),
    http("json", "deflate"),
];

/// The plainest.
pub const PLAIN: Way = grpc("none");

/// One of each protocol and encoding.
pub const USUAL: [Way; 3] = [grpc("gzip"), http("proto", "gzip"), http("json", "gzip")];

impl Way {
    /// No two of [`ALL`] have the same.
    pub fn name(self) -> String {
        format!("{:?}-{}-{}", self.protocol, self.encoding, self.compression).to_lowercase()
    }

    /// Which of the two it uses.
    pub fn of<T>(self, grpc: T, http: T) -> T {
        match self.protocol {
            Protocol::Grpc => grpc,
            Protocol::Http => http,
        }
    }

    /// What an exporter that sends to `to` is to have.
    pub fn exporter(self, to: SocketAddr, security: Security<'_>) -> Value {
        match self.protocol {
            Protocol::Grpc => json!({"endpoint": to, "tls": security.client(), "compression": self.compression}),
            Protocol::Http => json!({
                "endpoint": format!("{}://{to}", security.scheme()),
                "tls": security.client(),
                "encoding": self.encoding,
                "compression": self.compression,
            }),
        }
    }

    /// The `protocols` of a receiver that listens on `on`.
    pub fn receiver(self, on: SocketAddr, security: Security<'_>) -> Value {
        let mut protocol = json!({"endpoint": on});
        if let Some(tls) = security.server() {
            protocol["tls"] = tls;
        }
        json!({self.of("grpc", "http"): protocol})
    }
}
