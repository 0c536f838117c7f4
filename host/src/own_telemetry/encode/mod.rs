//! The host's own telemetry as OTLP requests in protobuf.
//!
//! Each is of one resource and one scope, with the host's name and version.

mod logs;
mod message;
mod metrics;
mod spans;

use crate::contract::Resource;

pub use logs::logs;
use message::put_attribute;
pub use metrics::metrics;
pub use spans::spans;

/// `Resource { repeated KeyValue attributes = 1; }`
pub fn resource(resource: &Resource) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in &resource.attributes {
        put_attribute(&mut out, 1, name, value);
    }
    out
}

#[cfg(test)]
mod tests;
