//! Addresses that no other test uses.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};

use anyhow::Result;

/// Where one host listens.
#[derive(Debug, Clone)]
pub struct Endpoints {
    /// OTLP/gRPC.
    pub grpc: SocketAddr,
    /// OTLP/HTTP.
    pub http: SocketAddr,
    /// The Prometheus exporter.
    pub prometheus: SocketAddr,
    /// The health endpoint.
    pub health: SocketAddr,
    /// The host's own metrics.
    pub telemetry: SocketAddr,
    /// For whatever else a test needs to listen: no host knows of it.
    pub spare: SocketAddr,
}

impl Endpoints {
    /// Endpoints on which nothing listens.
    pub fn free() -> Result<Endpoints> {
        let all = free(6)?;
        let (grpc, http, prometheus, health) = (all[0], all[1], all[2], all[3]);
        Ok(Endpoints { grpc, http, prometheus, health, telemetry: all[4], spare: all[5] })
    }

    /// The endpoints under the variables that `configs/quickstart.yaml` reads.
    pub fn named(&self) -> [(&'static str, SocketAddr); 5] {
        [
            ("OTELIER_GRPC_ENDPOINT", self.grpc),
            ("OTELIER_HTTP_ENDPOINT", self.http),
            ("OTELIER_PROMETHEUS_ENDPOINT", self.prometheus),
            ("OTELIER_HEALTH_ENDPOINT", self.health),
            ("OTELIER_TELEMETRY_ADDRESS", self.telemetry),
        ]
    }
}

/// As many addresses on which nothing listens, all of one host. The ports are below those that systems give to clients: a client that tries the
/// port of a host that is down must neither take it nor connect to itself.
pub fn free(count: u16) -> Result<Vec<SocketAddr>> {
    loop {
        let (ip, port) = (loopback(), fastrand::u16(10_000..30_000));
        let all: Vec<_> = (port..port + count).map(|port| SocketAddr::new(ip, port)).collect();
        let sockets: std::io::Result<Vec<_>> = all.iter().map(TcpListener::bind).collect();
        match sockets {
            Ok(_) => return Ok(all),
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Linux answers on all of 127.0.0.0/8, so there every host can have an address of its own.
fn loopback() -> IpAddr {
    match cfg!(target_os = "linux") {
        true => Ipv4Addr::new(127, fastrand::u8(1..255), fastrand::u8(1..255), fastrand::u8(1..255)).into(),
        false => Ipv4Addr::LOCALHOST.into(),
    }
}
