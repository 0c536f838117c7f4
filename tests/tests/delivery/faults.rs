//! A destination that fails by script while the host is killed: every acknowledged record arrives, at least once; twice only where
//! the host could not know that it had arrived.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use fastrand::Rng;
use otelier_tests::downstream::{Downstream, Fate, Memory};
use otelier_tests::grpc::{self, Client, Outcome};
use otelier_tests::host::{Host, Setup};
use otelier_tests::{length, payload, wait};
use serde_json::json;

use crate::forwarding;

const KILLS: u32 = 30;
const SENDERS: u64 = 3;
/// Records of one request.
const RECORDS: u64 = 5;
/// Attempts under way when a host is killed, at the most.
const CONSUMERS: u64 = 10;

/// Most requests are taken; the others meet every failure there is.
fn fate(random: &mut Rng) -> Fate {
    match random.u32(0..40) {
        0..3 => Fate::Unavailable,
        3 => Fate::Throttled(1),
        4 => Fate::Reset,
        5 => Fate::AnswerLost,
        6 => Fate::Stalled,
        7 => Fate::Partial,
        8 => Fate::Garbage,
        _ => Fate::Taken,
    }
}

fn seed() -> Result<u64> {
    let seed = match std::env::var("OTELIER_FAULT_SEED") {
        Ok(text) => text.parse()?,
        Err(_) => fastrand::u64(..),
    };
    println!("OTELIER_FAULT_SEED={seed}");
    Ok(seed)
}

/// Sends requests of a few records each until it is told to stop; returns the texts of those that were acknowledged.
fn send(sender: u64, setup: &Setup, stop: &AtomicBool, acknowledged: &AtomicU64) -> Vec<String> {
    let (mut client, mut known) = (None, Vec::new());
    for number in 0_u64.. {
        let texts: Vec<String> = (0..RECORDS).map(|record| format!("{sender}-{number}-{record}")).collect();
        let request = payload::logs(&texts.iter().map(String::as_str).collect::<Vec<_>>());
        loop {
            if stop.load(Ordering::SeqCst) {
                return known;
            }
            let Some(connected) = client.as_mut() else {
                client = Client::connect(setup.endpoints.grpc).ok();
                std::thread::sleep(Duration::from_millis(2));
                continue;
            };
            match connected.send(grpc::LOGS, &request) {
                Outcome::Acknowledged(_) => {
                    known.extend(texts);
                    acknowledged.fetch_add(1, Ordering::SeqCst);
                    break;
                }
                Outcome::Refused(_) => std::thread::sleep(Duration::from_millis(20)),
                Outcome::Lost(_) => {
                    client = None;
                    // In doubt: the next request has other records.
                    break;
                }
            }
        }
    }
    known
}

/// Everything that was taken, each arrival judged.
fn judge(memory: &Memory, acknowledged: &[String]) -> Result<()> {
    let arrived = |text: &String| memory.taken.contains_key(text) || memory.rejected.contains_key(text);
    let missing: Vec<&String> = acknowledged.iter().filter(|text| !arrived(text)).collect();
    ensure!(
        missing.is_empty(),
        "{} of {} acknowledged records are missing: {missing:?}",
        missing.len(),
        acknowledged.len()
    );
    let mut across_lives: HashSet<u64> = HashSet::new();
    let (mut unanswered, mut killed) = (0_u64, 0_u64);
    for (text, arrivals) in &memory.taken {
        for pair in arrivals.windows(2) {
            let [before, after] = pair else { continue };
            if !before.answered {
                unanswered += 1;
            } else {
                ensure!(after.life > before.life, "{text} was sent again by the life that had been told: {arrivals:?}");
                across_lives.insert(after.life);
                killed += 1;
            }
        }
    }
    let bound = u64::from(length::rounds(KILLS)?) * CONSUMERS * RECORDS;
    ensure!(killed <= bound, "{killed} records came twice because of kills, more than could be under way: {bound}");
    println!(
        "{} records acknowledged, {} arrived; again because no answer came: {unanswered}, because of a kill: {killed}; fates {:?}",
        acknowledged.len(),
        memory.taken.len(),
        memory.fates
    );
    Ok(())
}

fn one_life<'s>(
    setup: &'s Setup,
    downstream: &Downstream,
    random: &mut Rng,
    acknowledged: &AtomicU64,
) -> Result<Host<'s>> {
    downstream.next_life()?;
    let host = setup.start()?;
    let before = acknowledged.load(Ordering::SeqCst);
    wait::until("requests are acknowledged", || Ok((acknowledged.load(Ordering::SeqCst) >= before + 3).then_some(())))?;
    std::thread::sleep(Duration::from_millis(random.u64(0..200)));
    Ok(host)
}

fn nothing_is_lost(kind: &str) -> Result<()> {
    let mut random = Rng::with_seed(seed()?);
    let mut fates = random.fork();
    let downstream = Downstream::start(move |_| fate(&mut fates))?;
    let setup = Setup::without_plugins(&forwarding(kind, downstream.address(), &json!({})))?;
    let (stop, acknowledged) = (AtomicBool::new(false), AtomicU64::new(0));
    let known = std::thread::scope(|scope| -> Result<Vec<String>> {
        let (setup, stop, acknowledged) = (&setup, &stop, &acknowledged);
        let senders: Vec<_> =
            (0..SENDERS).map(|sender| scope.spawn(move || send(sender, setup, stop, acknowledged))).collect();
        let lived = (0..length::rounds(KILLS)?)
            .try_for_each(|_| one_life(setup, &downstream, &mut random, acknowledged)?.kill());
        stop.store(true, Ordering::SeqCst);
        let known = senders.into_iter().flat_map(|sender| sender.join().unwrap_or_default()).collect();
        lived.map(|()| known)
    })?;
    downstream.next_life()?;
    downstream.follow(|_| Fate::Taken);
    let host = setup.start()?;
    wait::until("the queue is empty", || {
        let size =
            host.own_metrics()?.value("otelcol_exporter_queue_size", &[("exporter", kind), ("sizer", "requests")]);
        Ok((size == Some(0.0)).then_some(()))
    })?;
    judge(&downstream.memory(), &known)
}

#[test]
fn thirty_kills_over_http() -> Result<()> {
    nothing_is_lost("otlphttp")
}

#[test]
fn thirty_kills_over_grpc() -> Result<()> {
    nothing_is_lost("otlp")
}
