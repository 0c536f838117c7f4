//! Every request of the collection, over every transport, through the host: what comes out is what was sent.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use otelier::contract::Signal;
use otelier_tests::capture;
use otelier_tests::host::{Host, Setup};
use otelier_tests::recorder::Transport;
use otelier_tests::{grpc, http};

use crate::collection::{self, Entry};
use crate::programs::TRANSPORTS;

/// The host with the capturing exporter.
pub fn capturing_host() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_otelier-capture"))
}

/// Sends one entry, and fails unless all of it is acknowledged.
pub fn send(host: &Host<'_>, entry: &Entry, transport: Transport) -> Result<()> {
    let (method, path) = match entry.signal {
        Signal::Metrics => (grpc::METRICS, "/v1/metrics"),
        Signal::Traces => (grpc::TRACES, "/v1/traces"),
        Signal::Logs => (grpc::LOGS, "/v1/logs"),
    };
    let post = |content_type, body: &[u8], acknowledgement: &str| {
        let answer = http::post(host.endpoints().http, path, &[("content-type", content_type)], body)?;
        ensure!(answer.status == 200 && answer.text() == acknowledgement, "{}: {}", answer.status, answer.text());
        Ok(())
    };
    let sent = match transport {
        Transport::Grpc => {
            let outcome = host.grpc()?.send(method, &entry.protobuf);
            if outcome.is_acknowledged() { Ok(()) } else { Err(anyhow::anyhow!("{outcome:?}")) }
        }
        Transport::HttpProtobuf => post("application/x-protobuf", &entry.protobuf, ""),
        Transport::HttpJson => post("application/json", &entry.json, "{}"),
    };
    sent.with_context(|| format!("{} over {transport:?}", entry.name))
}

#[test]
fn what_clients_sent_comes_out_the_same_over_every_transport() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("captured");
    let setup = Setup::without_plugins(&capture::configuration(&file, &[]))?.run_by(capturing_host());
    let host = setup.start()?;
    let collection = collection::read()?;
    let ways = || collection.iter().flat_map(|entry| TRANSPORTS.map(|transport| (entry, transport)));
    for (entry, transport) in ways() {
        send(&host, entry, transport)?;
    }
    let arrived = capture::wait_for(&host, &file, ways().count())?;
    ensure!(arrived.len() == ways().count(), "{} were sent, {} arrived", ways().count(), arrived.len());
    let mut wrong = Vec::new();
    for ((entry, transport), arrived) in ways().zip(&arrived) {
        if let Err(difference) = entry.request()?.assert_arrived_as(arrived) {
            wrong.push(format!("{} over {transport:?}: {difference:#}", entry.name));
        }
    }
    ensure!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n\n"));
    Ok(())
}
