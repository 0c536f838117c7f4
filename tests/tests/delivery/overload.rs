//! More comes than the destination takes: senders are told when to come back, nothing acknowledged is lost, and memory is flat.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use otelier_tests::downstream::{Downstream, Fate};
use otelier_tests::grpc::{self, Outcome};
use otelier_tests::host::Setup;
use otelier_tests::{payload, wait};
use serde_json::json;

use crate::forwarding;

/// What one request of the senders holds.
const RECORDS: usize = 50;

#[test]
fn a_full_queue_says_when_to_come_back() -> Result<()> {
    let downstream = Downstream::start(|_| Fate::Taken)?;
    downstream.pace(Duration::from_millis(20));
    let body = json!({"timeout": "30s", "sending_queue": {"queue_size": 20, "num_consumers": 2}});
    let setup = Setup::without_plugins(&forwarding("otlphttp", downstream.address(), &body))?;
    let host = setup.start()?;
    let (stop, accepted) = (AtomicBool::new(false), AtomicU64::new(0));
    let delays = std::thread::scope(|scope| -> Result<Vec<Duration>> {
        let (host, stop, accepted) = (&host, &stop, &accepted);
        let sender = |sender: usize| {
            scope.spawn(move || -> Result<Vec<Duration>> {
                let (mut client, mut delays) = (host.grpc()?, Vec::new());
                for number in 0.. {
                    if stop.load(Ordering::SeqCst) {
                        break;
                    }
                    let texts: Vec<String> = (0..RECORDS).map(|record| format!("{sender}-{number}-{record}")).collect();
                    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
                    match client.send(grpc::LOGS, &payload::logs(&texts)) {
                        Outcome::Acknowledged(_) => drop(accepted.fetch_add(RECORDS as u64, Ordering::SeqCst)),
                        Outcome::Refused(refusal) => {
                            ensure!(refusal.code == grpc::UNAVAILABLE, "{refusal:?}");
                            delays.extend(refusal.retry_after);
                        }
                        Outcome::Lost(reason) => anyhow::bail!("no answer: {reason}"),
                    }
                }
                Ok(delays)
            })
        };
        let senders: Vec<_> = (0..4).map(sender).collect();
        std::thread::sleep(Duration::from_secs(5));
        stop.store(true, Ordering::SeqCst);
        let mut delays = Vec::new();
        for sender in senders {
            delays.extend(sender.join().map_err(|_| anyhow::anyhow!("a sender panicked"))??);
        }
        Ok(delays)
    })?;
    ensure!(delays.len() > 100, "only {} refusals", delays.len());
    // Twenty requests of 20 ms each: a tenth of it is free after some 40 ms, and no wait is shorter than 100 ms.
    let last = delays.iter().rev().take(20).max().copied().unwrap_or_default();
    ensure!(last >= Duration::from_millis(100) && last <= Duration::from_secs(2), "told to wait {last:?}");
    let accepted = accepted.load(Ordering::SeqCst);
    wait::until("everything accepted arrives", || {
        Ok((downstream.memory().taken.len() as u64 == accepted).then_some(()))
    })?;
    Ok(())
}

#[test]
fn one_lane_that_drops_is_no_trouble_for_the_other() -> Result<()> {
    let stuck = Downstream::start(|_| Fate::Stalled)?;
    let body = json!({"timeout": "60s", "on_full": "drop", "sending_queue": {"queue_size": 2, "num_consumers": 1}});
    let configuration = forwarding("otlphttp", stuck.address(), &body).pipeline("logs", &[], &["otlphttp", "debug"]);
    let setup = Setup::without_plugins(&configuration)?;
    let host = setup.start()?;
    let mut client = host.grpc()?;
    for number in 0..10 {
        let outcome = client.send(grpc::LOGS, &payload::logs(&[&format!("record {number}")]));
        ensure!(outcome.is_acknowledged(), "{number}: {outcome:?}");
    }
    wait::until("the other lane has all of them", || Ok(setup.output().contains("record 9").then_some(())))?;
    let dropped = host.own_metrics()?.value(
        "otelier_exporter_dropped_items",
        &[("exporter", "otlphttp"), ("items", "log_records"), ("reason", "queue_full")],
    );
    ensure!(dropped == Some(8.0), "{dropped:?}");
    host.kill()
}

#[test]
fn pipelines_that_share_an_exporter_with_room_for_one_go_on() -> Result<()> {
    let downstream = Downstream::start(|_| Fate::Taken)?;
    let bytes = payload::logs(&["record 00"]).len();
    for queue in [
        json!({"queue_size": 1, "block_on_overflow": true}),
        // Room for one and a half.
        json!({"queue_size": bytes * 3 / 2, "sizer": "bytes", "block_on_overflow": true}),
        json!({"queue_size": 1, "sizer": "items", "block_on_overflow": true}),
    ] {
        let configuration = forwarding("otlphttp", downstream.address(), &json!({"sending_queue": queue}))
            .pipeline("logs/one", &[], &["otlphttp"])
            .pipeline("logs/two", &[], &["otlphttp"]);
        let setup = Setup::without_plugins(&configuration)?;
        let host = setup.start()?;
        let mut client = host.grpc()?;
        for number in 0..10 {
            let outcome = client.send(grpc::LOGS, &payload::logs(&[&format!("record {number:02}")]));
            ensure!(outcome.is_acknowledged(), "{number} with {queue}: {outcome:?}");
        }
        wait::until("both copies of everything arrive", || {
            let memory = downstream.memory();
            let both = |number| memory.taken.get(&format!("record {number:02}")).is_some_and(|all| all.len() >= 2);
            Ok((0..10).all(both).then_some(()))
        })?;
        host.kill()?;
        downstream.memory().taken.clear();
    }
    Ok(())
}
