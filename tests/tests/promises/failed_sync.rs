//! A sync that fails leaves in doubt what was written: the process ends without an answer, and the next start reads what is there. What a
//! sender was told to send again never comes back by itself.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use otelier_tests::downstream::{Downstream, Fate};
use otelier_tests::faulty_disk::FaultyDisk;
use otelier_tests::grpc::{self, Outcome};
use otelier_tests::host::{Configuration, Host, Setup};
use otelier_tests::{payload, wait};
use serde_json::json;

use crate::{Outcomes, borrowed};

/// EX_IOERR of sysexits.h, as the book's page of guarantees says.
const EXIT_IN_DOUBT: i32 = 74;

fn ends_in_doubt(mut host: Host<'_>, setup: &Setup) -> Result<()> {
    let status = host.wait_for_end().with_context(|| setup.log())?;
    ensure!(status.code() == Some(EXIT_IN_DOUBT), "ended with {status}:\n{}", setup.log());
    ensure!(setup.log().contains("cannot be synced"), "{}", setup.log());
    Ok(())
}

#[test]
fn state_whose_sync_fails_is_neither_answered_nor_refused() -> Result<()> {
    let disk = FaultyDisk::new()?;
    let setup = Setup::with_aggregate(&Configuration::aggregate())?.launched_by(&borrowed(&disk.words()));
    let mut outcomes = Outcomes::default();
    for _ in 0..3 {
        let host = setup.start()?;
        let mut client = host.grpc()?;
        for _ in 0..5 {
            ensure!(outcomes.send(&mut client, 0) != Outcome::Lost(String::new()));
        }
        disk.fail_syncs(1)?;
        // A flush may have met the failure first: then it is this request that nobody answers all the same.
        let outcome = wait::until("a request gets no answer", || {
            let outcome = outcomes.send(&mut client, 0);
            Ok(matches!(outcome, Outcome::Lost(_)).then_some(outcome))
        });
        outcome.with_context(|| setup.log())?;
        ends_in_doubt(host, &setup)?;
        ensure!(outcomes.refused.is_empty(), "told that nothing has changed: {:?}", outcomes.refused);
    }
    let host = setup.start()?;
    wait::until("all of it is shown", || outcomes.check(&host).map(Some))?;
    Ok(())
}

#[test]
fn a_disk_that_goes_on_failing_takes_nothing() -> Result<()> {
    let disk = FaultyDisk::new()?;
    let setup = Setup::with_aggregate(&Configuration::aggregate())?.launched_by(&borrowed(&disk.words()));
    let mut outcomes = Outcomes::default();
    let host = setup.start()?;
    let mut client = host.grpc()?;
    ensure!(matches!(outcomes.send(&mut client, 0), Outcome::Acknowledged(_)));
    disk.fail_syncs(u32::MAX)?;
    wait::until("a request gets no answer", || {
        Ok(matches!(outcomes.send(&mut client, 0), Outcome::Lost(_)).then_some(()))
    })?;
    ends_in_doubt(host, &setup)?;
    for _ in 0..2 {
        let mut host = setup.spawn()?;
        // Where nothing has to be written at the start, the first request meets the disk.
        if host.wait_until_healthy().is_ok() {
            ensure!(matches!(outcomes.send(&mut host.grpc()?, 0), Outcome::Lost(_)));
        }
        ends_in_doubt(host, &setup)?;
    }
    disk.fail_syncs(0)?;
    let host = setup.start()?;
    wait::until("all of it is shown", || outcomes.check(&host).map(Some))?;
    Ok(())
}

#[test]
fn a_queue_whose_sync_fails_delivers_what_was_acknowledged_and_nothing_that_was_refused() -> Result<()> {
    let disk = FaultyDisk::new()?;
    let downstream = Downstream::start(|_| Fate::Unavailable)?;
    let exporter = json!({
        "endpoint": format!("http://{}", downstream.address()),
        "compression": "none",
        "sending_queue": {"storage": "rocksdb", "queue_size": 10_000},
        "retry_on_failure": {"initial_interval": "10ms", "max_interval": "50ms", "max_elapsed_time": "0s"},
    });
    let configuration = Configuration::default()
        .set("exporters/otlphttp", exporter)
        .set("extensions/rocksdb", json!({}))
        .set("service/extensions", json!(["health_check", "rocksdb"]))
        .pipeline("logs", &[], &["otlphttp"]);
    let setup = Setup::without_plugins(&configuration)?.launched_by(&borrowed(&disk.words()));
    let (mut acknowledged, mut number) = (Vec::new(), 0);
    for _ in 0..3 {
        let host = setup.start()?;
        let mut client = host.grpc()?;
        for failing in [false, false, false, true] {
            disk.fail_syncs(u32::from(failing))?;
            let text = format!("record {number}");
            number += 1;
            match client.send(grpc::LOGS, &payload::logs(&[&text])) {
                Outcome::Acknowledged(_) => acknowledged.push(text),
                Outcome::Refused(refusal) => anyhow::bail!("told that nothing has changed: {refusal:?}"),
                Outcome::Lost(_) => ensure!(failing, "{text} got no answer from a disk that works"),
            }
        }
        ends_in_doubt(host, &setup)?;
    }
    let _host = setup.start()?;
    downstream.follow(|_| Fate::Taken);
    wait::within(Duration::from_secs(30), "everything acknowledged arrives", || {
        Ok(acknowledged.iter().all(|text| downstream.memory().taken.contains_key(text)).then_some(()))
    })
}
