//! Requests that are small where they are sent and large where they arrive.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Result, ensure};
use flate2::Compression;
use flate2::read::GzEncoder;
use otelier_tests::host::{Host, Setup};
use otelier_tests::{grpc, http};

use crate::watched::{attacked, configuration, watched};

/// As much as a request may be unpacked.
const LARGE_BYTES: usize = 60 << 20;

pub fn packed(body: &[u8]) -> Result<Vec<u8>> {
    let mut packed = Vec::new();
    GzEncoder::new(body, Compression::best()).read_to_end(&mut packed)?;
    Ok(packed)
}

fn post(host: &Host<'_>, packed: &[u8]) -> Result<()> {
    let headers = [("content-type", "application/x-protobuf"), ("content-encoding", "gzip")];
    http::post(host.endpoints().http, "/v1/metrics", &headers, packed).map(drop)
}

/// One field that nobody knows, of so many zeros.
pub fn unknown_field() -> Vec<u8> {
    // Field 15, delimited.
    let mut body = vec![0x7a];
    let mut length = LARGE_BYTES;
    while length >= 0x80 {
        body.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    body.push(length as u8);
    body.resize(body.len() + LARGE_BYTES, 0);
    body
}

#[test]
fn bombs_over_http_take_no_more_than_the_budget() -> Result<()> {
    let setup = Setup::without_plugins(&configuration())?;
    let host = setup.start()?;
    let bomb = packed(&unknown_field())?;
    attacked(&host, 20, || post(&host, &bomb))?;
    ensure!(host.refused("http", "memory")? > 0.0, "none was refused for want of memory");
    Ok(())
}

#[test]
fn bombs_of_one_grpc_connection_take_no_more_than_its_peers_share() -> Result<()> {
    let setup = Setup::without_plugins(&configuration())?;
    let host = setup.start()?;
    let bomb = grpc::framed(1, &packed(&unknown_field())?);
    let headers = [("content-type", "application/grpc"), ("grpc-encoding", "gzip")];
    attacked(&host, 1, || host.grpc()?.call_at_once(40, grpc::METRICS, &headers, bomb.clone()))?;
    ensure!(host.refused("grpc", "memory")? > 0.0, "none was refused for want of memory");
    Ok(())
}

#[test]
fn millions_of_empty_parts_hold_nobody_up() -> Result<()> {
    let setup = Setup::without_plugins(&configuration())?;
    let host = setup.start()?;
    let tiny = packed(&[0x0a, 0x00].repeat(LARGE_BYTES / 2))?;
    attacked(&host, 4, || post(&host, &tiny))?;
    let refused = host.refused("http", "malformed")? + host.refused("http", "memory")?;
    ensure!(refused > 0.0, "none was refused");
    Ok(())
}

#[test]
fn what_is_announced_and_does_not_come_takes_nothing() -> Result<()> {
    let setup = Setup::without_plugins(&configuration())?;
    let host = setup.start()?;
    let announce = |_: usize| -> Result<TcpStream> {
        let mut stream = TcpStream::connect(host.endpoints().http)?;
        let head = "POST /v1/metrics HTTP/1.1\r\nhost: h\r\ncontent-type: application/x-protobuf\r\ncontent-length: 67000000\r\n\r\n";
        stream.write_all(head.as_bytes())?;
        stream.write_all(b"\x0a")?;
        Ok(stream)
    };
    watched(&host, || {
        let announced: Vec<TcpStream> = (0..1000).map(announce).collect::<Result<_>>()?;
        std::thread::sleep(Duration::from_secs(2));
        drop(announced);
        Ok(())
    })
}
