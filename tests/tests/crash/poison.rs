//! Requests with a row on which the plugin breaks. The good rows and the dead letter of the bad one are of one commit: whatever is killed
//! when, there are as many letters as there are thirds of what was counted.

use std::sync::atomic::Ordering;

use anyhow::{Result, ensure};
use otelier_tests::environment;
use otelier_tests::host::{Configuration, Setup, manifest};
use otelier_tests::payload::{self, Temporality};
use serde_json::json;

use crate::reaper::{self, Death, Patient, Progress, Reaper};
use crate::sender::{Known, Sender};

const SENDERS: usize = 2;
const BAD: i64 = 666;

fn send(mut connection: Sender<'_>) -> Result<Vec<Known>> {
    let mut known = Vec::new();
    while !connection.is_to_finish() {
        known.push(connection.send(&payload::work("a", Temporality::Delta, &[1, BAD, 2, 3]))?);
    }
    Ok(known)
}

pub fn counts_with_its_letter(kills: u32, death: &mut dyn Death) -> Result<()> {
    let body = json!({"way": "after-write", "when": BAD, "metrics": ["work.done"]});
    let config = Configuration::default().processor("trap", body).pipeline("metrics", &["trap"], &["prometheus"]);
    let guest = environment::guest("trap")?;
    let setup = Setup::new(&config.text(), &manifest(&[("trap", &guest, json!({}))]))?;
    let (progress, mut random) = (Progress::default(), reaper::random()?);
    let mut reaper = Reaper::new(&setup, &progress, kills, death);
    let (host, known) = std::thread::scope(|scope| {
        let sending = |_| {
            let connection = Sender::new(setup.endpoints.grpc, &progress);
            scope.spawn(move || send(connection))
        };
        let senders: Vec<_> = (0..SENDERS).map(sending).collect();
        let host = reaper.reap(&mut random, &mut Patient);
        let join = |sender: std::thread::ScopedJoinHandle<'_, Result<_>>| {
            sender.join().map_err(|_| anyhow::anyhow!("a sender panicked")).flatten()
        };
        (host, senders.into_iter().map(join).collect::<Result<Vec<_>>>())
    });
    let (host, known) = (host?, known?.concat());
    // One more life, so that what is shown is what is stored.
    reaper.end(host)?;
    let host = reaper.start(&mut Patient)?;
    let seen = host.scrape()?.value("rows_seen_total", &[]);
    let letters = setup.prints(&["dlq", "ls", "--json"])?.lines().count();
    ensure!(seen == Some(3.0 * letters as f64), "{seen:?} rows are counted, and {letters} letters are kept");
    let acknowledged = progress.acknowledged.load(Ordering::SeqCst) as usize;
    let in_doubt = known.iter().filter(|known| **known == Known::InDoubt).count();
    ensure!((acknowledged..=acknowledged + in_doubt).contains(&letters), "{letters} of {acknowledged} and {in_doubt}");
    println!("{acknowledged} requests acknowledged, {in_doubt} in doubt, {letters} letters");
    Ok(())
}
