//! A full disk under a queue: requests are refused with the reason, and what was acknowledged is delivered when there is room again.

use std::ops::ControlFlow;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use otelier::storage::{Family, Store, Write};
use otelier_tests::downstream::{Downstream, Fate};
use otelier_tests::grpc::{self, Outcome, Refusal};
use otelier_tests::host::Setup;
use otelier_tests::mount::{Namespace, fill};
use otelier_tests::{length, payload, wait};
use serde_json::json;

use crate::forwarding;

/// Far more than the store has reserved before the disk became full.
const REQUESTS_MAX: usize = 20_000;

/// A record of some size, which tells its number first.
fn text(number: usize) -> String {
    format!("{number} {}", "x".repeat(20_000))
}

fn until_refused(client: &mut grpc::Client, acknowledged: &mut Vec<String>) -> Result<Refusal> {
    for _ in 0..REQUESTS_MAX {
        let text = text(acknowledged.len());
        match client.send(grpc::LOGS, &payload::logs(&[&text])) {
            Outcome::Acknowledged(_) => acknowledged.push(text),
            Outcome::Refused(refusal) => return Ok(refusal),
            Outcome::Lost(reason) => bail!("no answer: {reason}"),
        }
    }
    bail!("{REQUESTS_MAX} requests went onto a full disk")
}

#[test]
fn a_full_disk_refuses_and_what_was_acknowledged_is_delivered() -> Result<()> {
    length::repeat(a_disk_becomes_full)
}

fn a_disk_becomes_full() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mount = format!("mount -t tmpfs -o size=128m none {}", folder.path().display());
    let Some(disk) = Namespace::if_permitted(&mount)? else {
        println!("no file system may be mounted here: nothing is tried");
        return Ok(());
    };
    let downstream = Downstream::start(|_| Fate::Unavailable)?;
    let body = json!({"sending_queue": {"storage": "rocksdb", "queue_size": 1_000_000}});
    let setup = Setup::without_plugins(&forwarding("otlphttp", downstream.address(), &body))?;
    let setup = setup.state_in(&folder.path().join("state")).launched_by(&disk.enter());
    let mut host = setup.start()?;
    let (mut client, mut acknowledged) = (host.grpc()?, Vec::new());
    ensure!(client.send(grpc::LOGS, &payload::logs(&["first"])).is_acknowledged(), "there is room in the beginning");
    let fat = disk.outside(&folder.path().join("fat"));
    fill(&fat)?;
    let refusal = until_refused(&mut client, &mut acknowledged)?;
    ensure!(refusal.code == grpc::UNAVAILABLE && refusal.retry_after.is_some(), "{refusal:?}");
    ensure!(refusal.message.contains("No space left on device"), "{refusal:?}");
    std::fs::remove_file(&fat)?;
    downstream.follow(|_| Fate::Taken);
    // It opens its store again with the next requests.
    until_acknowledged(&mut client)?;
    host.wait_until_healthy()?;
    let arrived = || acknowledged.iter().filter(|text| downstream.memory().taken.contains_key(*text)).count();
    let all = wait::until("everything acknowledged arrives", || Ok((arrived() == acknowledged.len()).then_some(())));
    all.with_context(|| format!("{} of {} arrived", arrived(), acknowledged.len()))?;
    host.kill()
}

fn until_acknowledged(client: &mut grpc::Client) -> Result<()> {
    wait::until("a request is acknowledged again", || {
        Ok(client.send(grpc::LOGS, &payload::logs(&["again"])).is_acknowledged().then_some(()))
    })
}

/// Makes the heads of all entries of the queue on disk say another format.
fn say_format(state: &Path, format: u8) -> Result<usize> {
    let store = Store::open(state)?;
    let mut writes = Vec::new();
    store.backend().range(Family::Queue, &[], &[u8::MAX], &mut |key, head| {
        let rest = head.get(1..).unwrap_or_default();
        writes.push(Write::Put(Family::Queue, key, [&[format], rest].concat().into()));
        ControlFlow::Continue(())
    })?;
    store.commit(&writes, true)?;
    Ok(writes.len())
}

#[test]
fn a_queue_of_another_format_stops_the_start_and_is_left_as_it_is() -> Result<()> {
    let downstream = Downstream::start(|_| Fate::Unavailable)?;
    let setup = Setup::without_plugins(&forwarding("otlphttp", downstream.address(), &json!({})))?;
    let host = setup.start()?;
    for number in 0..3 {
        ensure!(host.grpc()?.send(grpc::LOGS, &payload::logs(&[&text(number)])).is_acknowledged());
    }
    host.kill()?;
    ensure!(say_format(setup.state(), 9)? == 3);
    let error = setup.fails_to_start()?;
    let words =
        "entry 0 of the queue of otlphttp has format 9, this version reads format 1: start the version that wrote it";
    ensure!(error.contains(words), "{error}");
    ensure!(say_format(setup.state(), 1)? == 3, "the start that failed has taken something");
    downstream.follow(|_| Fate::Taken);
    let _host = setup.start()?;
    wait::until("everything acknowledged arrives", || {
        Ok((0..3).all(|number| downstream.memory().taken.contains_key(&text(number))).then_some(()))
    })
}
