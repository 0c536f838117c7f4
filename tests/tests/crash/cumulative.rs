//! Cumulative input. Each sender has several streams, whose values only grow, and a work type of its own; it sends a
//! request again until it is acknowledged, as an SDK repeats its streams at the next collection. So a sender's total is at
//! every moment that of one of its requests, of all streams together: half a request, or one twice, is none of these.

use std::sync::Mutex;
use std::sync::atomic::Ordering;

use anyhow::{Result, ensure};
use otelier_tests::exposition::Exposition;
use otelier_tests::host::Setup;
use otelier_tests::payload::{self, Temporality};

use crate::reaper::{self, Death, Progress, Reaper, Witness};
use crate::sender::{Known, Sender};

const SENDERS: usize = 3;
const STREAMS: usize = 5;
const TOTAL: &str = "work_done_batched_total";

/// What a sender knows.
#[derive(Debug, Default)]
struct Account {
    /// The totals of all requests that were sent, in order.
    sent: Vec<i64>,
    /// The total of the last request that was acknowledged.
    acknowledged: i64,
}

/// Grows streams at random and sends them.
fn send(sender: usize, mut connection: Sender<'_>, account: &Mutex<Account>, seed: u64) -> Result<()> {
    let mut random = fastrand::Rng::with_seed(seed);
    let work_type = sender.to_string();
    let mut values = [0; STREAMS];
    let start = payload::now();
    loop {
        let finishing = connection.is_to_finish();
        values.iter_mut().for_each(|value| *value += random.i64(1..1000));
        let point = |(stream, value): (usize, &i64)| {
            let id = format!("{sender}-{stream}");
            payload::since(start, payload::integer(*value, &[("work.type", &work_type), ("work.id", &id)]))
        };
        let points = values.iter().enumerate().map(point).collect();
        let request = payload::metrics(vec![payload::counter("work.done", Temporality::Cumulative, points)]);
        let total = values.iter().sum();
        account.lock().unwrap().sent.push(total);
        while connection.send(&request)? == Known::InDoubt {}
        account.lock().unwrap().acknowledged = total;
        if finishing {
            return Ok(());
        }
    }
}

fn total(scrape: &Exposition, sender: usize) -> i64 {
    scrape.value(TOTAL, &[("work_type", &sender.to_string())]).unwrap_or(0.0) as i64
}

/// Compares each first scrape with what the senders know.
struct Auditor<'a> {
    accounts: &'a [Mutex<Account>],
    /// What was acknowledged at the last death.
    acknowledged: [i64; SENDERS],
}

impl Witness for Auditor<'_> {
    fn killed(&mut self) {
        for (account, acknowledged) in self.accounts.iter().zip(&mut self.acknowledged) {
            *acknowledged = account.lock().unwrap().acknowledged;
        }
    }

    fn shown(&mut self, scrape: &Exposition) -> Result<()> {
        for (sender, (account, least)) in self.accounts.iter().zip(&self.acknowledged).enumerate() {
            let shown = total(scrape, sender);
            let sent = &account.lock().unwrap().sent;
            ensure!(*least <= shown, "sender {sender}: {least} was acknowledged before the kill, {shown} is shown");
            let whole = shown == 0 || sent.binary_search(&shown).is_ok();
            ensure!(whole, "sender {sender}: {shown} is the total of none of its requests, {sent:?}");
        }
        Ok(())
    }
}

/// Kills hosts while senders send, and looks at each sender's total after every start. Returns how many
/// attempts were refused.
pub fn counts_once(setup: &Setup, kills: u32, death: &mut dyn Death) -> Result<u64> {
    let (progress, mut random) = (Progress::default(), reaper::random()?);
    let accounts: [Mutex<Account>; SENDERS] = Default::default();
    // The streams begin after the state was made, so that their first points count whole.
    death.end(setup.start()?)?;
    let mut auditor = Auditor { accounts: &accounts, acknowledged: [0; SENDERS] };
    let mut reaper = Reaper::new(setup, &progress, kills, death);
    let host = std::thread::scope(|scope| {
        let mut sending = |(sender, account)| {
            let (connection, seed) = (Sender::new(setup.endpoints.grpc, &progress), random.u64(..));
            scope.spawn(move || send(sender, connection, account, seed))
        };
        let senders: Vec<_> = accounts.iter().enumerate().map(&mut sending).collect();
        let host = reaper.reap(&mut random, &mut auditor);
        for sender in senders {
            let sent = sender.join().map_err(|_| anyhow::anyhow!("a sender panicked")).flatten();
            if host.is_ok() {
                sent?;
            }
        }
        host
    })?;
    reaper.end(host)?;
    auditor.killed();
    let host = reaper.start(&mut auditor)?;
    let scrape = host.scrape()?;
    for (sender, account) in accounts.iter().enumerate() {
        let account = account.lock().unwrap();
        assert_eq!(total(&scrape, sender), account.acknowledged, "sender {sender}");
        assert_eq!(account.sent.last(), Some(&account.acknowledged), "sender {sender} has finished");
    }
    println!("{} requests acknowledged", progress.acknowledged.load(Ordering::SeqCst));
    Ok(progress.refused.load(Ordering::SeqCst))
}
