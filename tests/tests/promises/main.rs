//! What an answer promises when the store fails, the disk stalls or the sender has gone: the table of the book's page of guarantees.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod failed_sync;
mod on_trap;
mod stateless;
mod withdrawn;

use anyhow::{Result, ensure};
use otelier_tests::grpc::{self, Outcome};
use otelier_tests::host::Host;
use otelier_tests::payload::{self, Temporality};

/// What the aggregate plugin shows `work.done` as.
const TOTAL: &str = "work_done_batched_total";
/// What each request of an [`Outcomes`] adds.
const VALUE: f64 = 3.0;

/// Requests that each make a series of their own, by what their sender was told.
#[derive(Default)]
struct Outcomes {
    acknowledged: Vec<String>,
    refused: Vec<String>,
    lost: Vec<String>,
}

impl Outcomes {
    /// Sends one more, with so long a name.
    fn send(&mut self, client: &mut grpc::Client, padding: usize) -> Outcome {
        let number = self.acknowledged.len() + self.refused.len() + self.lost.len();
        let name = format!("{number}-{}", "x".repeat(padding));
        let outcome = client.send(grpc::METRICS, &payload::work(&name, Temporality::Delta, &[1, 2]));
        match &outcome {
            Outcome::Acknowledged(_) => self.acknowledged.push(name),
            Outcome::Refused(_) => self.refused.push(name),
            Outcome::Lost(_) => self.lost.push(name),
        }
        outcome
    }

    /// What was acknowledged counts once, what was refused does not; of what got no answer each counts once, or not at all.
    fn check(&self, host: &Host<'_>) -> Result<()> {
        let scrape = host.scrape()?;
        let value = |name: &String| scrape.value(TOTAL, &[("work_type", name)]);
        let wrong = |names: &[String], right: &dyn Fn(Option<f64>) -> bool| -> Vec<String> {
            let wrong = names.iter().filter(|name| !right(value(name)));
            wrong.map(|name| format!("{:.8} shows {:?}", name, value(name))).collect()
        };
        let lost = wrong(&self.acknowledged, &|value| value == Some(VALUE));
        ensure!(lost.is_empty(), "acknowledged: {lost:?}");
        let extra = wrong(&self.refused, &|value| value.is_none());
        ensure!(extra.is_empty(), "refused: {extra:?}");
        let odd = wrong(&self.lost, &|value| value.is_none() || value == Some(VALUE));
        ensure!(odd.is_empty(), "without an answer: {odd:?}");
        Ok(())
    }
}

/// Words in front of a command line, as a launcher takes them.
fn borrowed(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}
