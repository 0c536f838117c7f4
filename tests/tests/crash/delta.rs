//! Delta input. Every request can be told from every other in the totals: each has a digit of its own, in base 8, in two
//! series. A request adds 1 twice to its digit of the first series and 1 to that of the second, so it is absent (0, 0) or
//! there (2, 1); half of it, or twice, is anything else.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::thread::ScopedJoinHandle;

use anyhow::{Result, bail, ensure};
use otelier_tests::exposition::Exposition;
use otelier_tests::host::{Configuration, Setup, aggregate};
use otelier_tests::payload::{self, Temporality};
use serde_json::json;

use crate::reaper::{self, Death, Patient, Progress, Reaper};
use crate::sender::{Known, Sender};

const SENDERS: u64 = 3;
/// Digits that a double holds exactly: 17 times three bits.
const DIGITS: u64 = 17;
const TOTAL: &str = "work_done_batched_total";

/// The work types of a request's two series.
fn series(sender: u64, number: u64) -> [String; 2] {
    let group = number / DIGITS;
    [format!("{sender}-{group}-first"), format!("{sender}-{group}-second")]
}

fn request(sender: u64, number: u64) -> Vec<u8> {
    let value = 1 << (3 * (number % DIGITS));
    let [first, second] = series(sender, number);
    let point = |id: u64, work_type: &str| {
        payload::integer(value, &[("work.type", work_type), ("work.id", &format!("{sender}-{number}-{id}"))])
    };
    let points = vec![point(0, &first), point(1, &second), point(2, &first)];
    payload::metrics(vec![payload::counter("work.done", Temporality::Delta, points)])
}

/// Sends one request after the other, never the same one twice, and remembers what became of each.
fn send(sender: u64, mut connection: Sender<'_>) -> Result<Vec<Known>> {
    let mut known = Vec::new();
    while !connection.is_to_finish() {
        known.push(connection.send(&request(sender, known.len() as u64))?);
    }
    Ok(known)
}

/// A request's digits in the totals.
fn digits(scrape: &BTreeMap<String, u64>, sender: u64, number: u64) -> [u64; 2] {
    series(sender, number).map(|work_type| scrape.get(&work_type).copied().unwrap_or(0) >> (3 * (number % DIGITS)) & 7)
}

fn totals(scrape: &Exposition) -> BTreeMap<String, u64> {
    let named = scrape.named(TOTAL);
    named.filter_map(|sample| Some((sample.labels.get("work_type")?.clone(), sample.value as u64))).collect()
}

/// Room for the series of all requests.
pub fn configuration() -> Configuration {
    let mut body = aggregate();
    body["max_series"] = json!(500_000);
    Configuration::aggregate().set("processors/aggregate", body)
}

/// Kills hosts while senders send, and looks in the end for each request. Returns how many attempts were refused.
pub fn counts_once(setup: &Setup, kills: u32, death: &mut dyn Death) -> Result<u64> {
    let (progress, mut random) = (Progress::default(), reaper::random()?);
    let mut reaper = Reaper::new(setup, &progress, kills, death);
    let (host, known) = std::thread::scope(|scope| {
        let sending = |sender| {
            let connection = Sender::new(setup.endpoints.grpc, &progress);
            scope.spawn(move || send(sender, connection))
        };
        let senders: Vec<_> = (0..SENDERS).map(sending).collect();
        let host = reaper.reap(&mut random, &mut Patient);
        let join = |sender: ScopedJoinHandle<'_, Result<_>>| {
            sender.join().map_err(|_| anyhow::anyhow!("a sender panicked")).flatten()
        };
        (host, senders.into_iter().map(join).collect::<Result<Vec<_>>>())
    });
    let (host, known) = (host?, known?);
    // One more life, so that what is shown is what is stored.
    reaper.end(host)?;
    let host = reaper.start(&mut Patient)?;
    let scrape = totals(&host.scrape()?);
    let mut in_doubt = [0, 0];
    for (sender, known) in (0..).zip(&known) {
        for (number, known) in (0..).zip(known) {
            let counted = match digits(&scrape, sender, number) {
                [0, 0] => false,
                [2, 1] => true,
                other => bail!("request {number} of sender {sender} ({known:?}) is counted as {other:?}"),
            };
            match known {
                Known::Acknowledged => {
                    ensure!(counted, "request {number} of sender {sender} was acknowledged, and is lost")
                }
                Known::InDoubt => in_doubt[usize::from(counted)] += 1,
            }
        }
    }
    let acknowledged = progress.acknowledged.load(Ordering::SeqCst);
    println!("{acknowledged} requests acknowledged; in doubt and not counted, and counted: {in_doubt:?}");
    Ok(progress.refused.load(Ordering::SeqCst))
}
