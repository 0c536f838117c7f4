//! Memory while the disk stands still and two hundred senders do what they can to take it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use bytes::Bytes;
use otelier_tests::faulty_disk::FaultyDisk;
use otelier_tests::host::{Configuration, Host, Setup};
use otelier_tests::payload::{self, Temporality};
use otelier_tests::{grpc, http, length, wait};
use serde_json::json;

use crate::requests::{packed, unknown_field};
use crate::watched::{again_and_again, asked, comes_back, resident};

const SENDERS: usize = 200;

/// How long they go on, in seconds, beside other tests and alone.
const FLOOD_S: (u32, u32) = (6, 60);

/// What a sync takes.
const STALL: Duration = Duration::from_secs(3);

/// How long after the flood an innocent sender is accepted at the latest.
const WELCOME_WITHIN: Duration = Duration::from_secs(5);

/// How long a sender waits for an answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is bounded without being told to: requests under way, trips that wait for the disk, and what stays.
const BOUNDS_BYTES: u64 = ((256 + 64) << 20) + STAYS_BYTES;

/// The plugin's memory, which never shrinks, and what the store buffers.
const STAYS_BYTES: u64 = (64 + 40) << 20;

/// What the host may take for itself, and one message of the largest size.
const BESIDE_BYTES: u64 = (64 + 64) << 20;

/// With `memory_limiter`.
const LIMIT_MIB: u64 = 400;
const LARGEST_MESSAGE_BYTES: u64 = 64 << 20;

/// What is sent; built once.
struct Load {
    tiny: Vec<u8>,
    plain: Vec<u8>,
    huge: Vec<u8>,
    /// 60 MiB of a field that nobody knows.
    bomb: Vec<u8>,
    /// The huge one.
    packed: Bytes,
}

impl Load {
    fn new() -> Result<Load> {
        let points = |count: usize| payload::work("busy", Temporality::Delta, &vec![1; count]);
        let huge = points(200_000);
        let packed_huge = grpc::framed(1, &packed(&huge)?);
        Ok(Load { tiny: points(1), plain: points(5000), bomb: packed(&unknown_field())?, packed: packed_huge, huge })
    }

    /// One attempt of a sender. What becomes of it is not its concern.
    fn send(&self, host: &Host<'_>, sender: usize) -> Result<()> {
        let over_http = |body: &[u8]| http::export_within(PATIENCE, host.endpoints().http, "/v1/metrics", body);
        match sender % 7 {
            0 => {
                let mut client = host.grpc()?;
                // Given up once, it comes back on another connection.
                let mut sends = (0..100).map(|_| client.send_within(PATIENCE, grpc::METRICS, &self.tiny));
                sends.all(|outcome| outcome.is_acknowledged());
            }
            1 => drop(host.grpc()?.send_within(PATIENCE, grpc::METRICS, &self.plain)),
            2 => drop(over_http(&self.huge)?),
            3 => {
                let headers = [("content-type", "application/x-protobuf"), ("content-encoding", "gzip")];
                drop(http::post_within(PATIENCE, host.endpoints().http, "/v1/metrics", &headers, &self.bomb)?);
            }
            4 => {
                let headers = [("content-type", "application/grpc"), ("grpc-encoding", "gzip")];
                host.grpc()?.call_at_once_within(PATIENCE, 4, grpc::METRICS, &headers, self.packed.clone())?;
            }
            5 => drop(host.grpc()?.send_within(PATIENCE, grpc::METRICS, &self.huge)),
            _ => announce(host)?,
        }
        Ok(())
    }
}

/// Announces the largest message, sends a little of it, and waits.
fn announce(host: &Host<'_>) -> Result<()> {
    let mut stream = TcpStream::connect(host.endpoints().http)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let head = "POST /v1/metrics HTTP/1.1\r\nhost: h\r\ncontent-type: application/x-protobuf\r\ncontent-length: 67000000\r\n\r\n";
    stream.write_all(head.as_bytes())?;
    stream.write_all(&[0x0a; 100_000])?;
    // An answer, or the end of its patience.
    let _ = stream.read(&mut [0; 100]);
    Ok(())
}

fn configuration() -> Configuration {
    Configuration::aggregate().set("service/telemetry/logs/level", json!("warn"))
}

/// Floods a host whose disk stands still, and looks at health meanwhile. Returns the most memory it had.
fn flooded(host: &Host<'_>, disk: &FaultyDisk) -> Result<u64> {
    let (load, length) = (Load::new()?, length::seconds(FLOOD_S.0, FLOOD_S.1)?);
    let before = resident(host)?;
    disk.delay_syncs(u32::MAX, STALL)?;
    let done = AtomicBool::new(false);
    let took = std::thread::scope(|scope| {
        let health = scope.spawn(|| asked(host, || !done.load(Ordering::SeqCst)));
        again_and_again(length, SENDERS, |sender| {
            // Refused, cut off, given up or answered.
            let _ = load.send(host, sender);
        });
        done.store(true, Ordering::SeqCst);
        health.join().unwrap()
    })?;
    disk.delay_syncs(0, Duration::ZERO)?;
    let peak = host.peak_memory_bytes()?.unwrap_or_default();
    eprintln!("health: {took:?}; memory was {} MiB and {} MiB at the most", before >> 20, peak >> 20);
    ensure!(peak > before, "nothing was taken: was anything sent?");
    comes_back(host, before + STAYS_BYTES)?;
    // An innocent sender is welcome as soon as memory is.
    let sent = wait::within(WELCOME_WITHIN, "a request is accepted", || {
        let outcome = host.grpc()?.send(grpc::METRICS, &payload::work("innocent", Temporality::Delta, &[1]));
        Ok(outcome.is_acknowledged().then_some(()))
    });
    sent?;
    Ok(peak)
}

fn borrowed(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

#[test]
fn memory_stays_within_the_bounds_whatever_is_sent_while_the_disk_stands_still() -> Result<()> {
    let disk = FaultyDisk::new()?;
    let setup = Setup::with_aggregate(&configuration())?.launched_by(&borrowed(&disk.words()));
    let host = setup.start()?;
    let peak = flooded(&host, &disk)?;
    ensure!(peak <= BOUNDS_BYTES + BESIDE_BYTES, "{} MiB", peak >> 20);
    let refused = host.refused("http", "memory")? + host.refused("grpc", "memory")?;
    ensure!(refused > 0.0, "none was refused for want of memory");
    Ok(())
}

#[test]
fn memory_stays_below_the_limit_of_a_memory_limiter() -> Result<()> {
    let disk = FaultyDisk::new()?;
    let limiter = json!({"check_interval": "100ms", "limit_mib": LIMIT_MIB, "spike_limit_mib": 100});
    // The limiter alone is to keep it there.
    let configuration = configuration()
        .set("service/receivers/memory_bytes_max", json!(2_u64 << 30))
        .processor("memory_limiter", limiter)
        .pipeline("metrics", &["memory_limiter", "aggregate"], &["prometheus"]);
    let setup = Setup::with_aggregate(&configuration)?.launched_by(&borrowed(&disk.words()));
    let host = setup.start()?;
    let peak = flooded(&host, &disk)?;
    ensure!(peak <= (LIMIT_MIB << 20) + LARGEST_MESSAGE_BYTES, "{} MiB", peak >> 20);
    let refused = host.refused("http", "unavailable")? + host.refused("grpc", "unavailable")?;
    ensure!(refused > 0.0, "none was refused by the limiter");
    Ok(())
}
