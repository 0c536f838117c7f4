//! Addresses of the demo's own host: free ports, so that it runs beside anything.

use std::net::{SocketAddr, TcpListener};
use std::process::Command;

use anyhow::Result;

/// Where the demo's host listens, always on loopback.
pub struct Endpoints {
    pub grpc: SocketAddr,
    pub http: SocketAddr,
    pub prometheus: SocketAddr,
    pub health: SocketAddr,
    pub telemetry: SocketAddr,
}

impl Endpoints {
    /// Asks the system for ports that are free now.
    pub fn free() -> Result<Self> {
        // All are held until all are known, so that none is given twice.
        let held: Vec<TcpListener> =
            (0..5).map(|_| TcpListener::bind(("127.0.0.1", 0))).collect::<std::io::Result<_>>()?;
        let mut addresses = held.iter().map(TcpListener::local_addr);
        let mut next = || addresses.next().unwrap_or_else(|| Err(std::io::ErrorKind::AddrNotAvailable.into()));
        Ok(Self { grpc: next()?, http: next()?, prometheus: next()?, health: next()?, telemetry: next()? })
    }

    /// Tells the host, through the variables of the quick-start configuration.
    pub fn apply(&self, host: &mut Command) {
        host.env("OTELIER_GRPC_ENDPOINT", self.grpc.to_string());
        host.env("OTELIER_HTTP_ENDPOINT", self.http.to_string());
        host.env("OTELIER_PROMETHEUS_ENDPOINT", self.prometheus.to_string());
        host.env("OTELIER_HEALTH_ENDPOINT", self.health.to_string());
        host.env("OTELIER_TELEMETRY_ADDRESS", self.telemetry.to_string());
    }
}
