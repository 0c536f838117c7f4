//! Generated metrics through the Collector's `prometheus` exporter and through the host's, the same bytes to both: what they show, as sets of
//! samples, in both formats. Every difference has its sentence in `allowed`, and every sentence there has a difference.

mod allowed;
mod compare;
mod generate;
mod kinds;
mod look;
mod renamed;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use anyhow::{Context, Result, bail, ensure};
use otelier_tests::certificates::Security;
use otelier_tests::collector::{Collector, Route};
use otelier_tests::exposition::{Exposition, Format};
use otelier_tests::grpc::Outcome;
use otelier_tests::host::{self, Configuration, Setup};
use otelier_tests::{grpc, length, scrape, wait};
use serde_json::{Value, json};

use self::compare::{Found, differences, samples};
use self::look::Sides;
use self::renamed::rename;
use crate::ways;

/// So many sets of senders, one seed each, in a run of the usual length.
const SEEDS: u32 = 40;

/// As many kinds of differences as an error shows.
const SHOWN: usize = 40;

/// What both exporters are configured with.
fn dressed() -> Value {
    json!({
        "namespace": "spaced",
        "const_labels": {"fixed": "label"},
        "send_timestamps": true,
        "resource_to_telemetry_conversion": {"enabled": true},
    })
}

/// Both sides after all requests: what the host shows, and what the Collector does.
struct Shown {
    format: Format,
    here: Exposition,
    there: Exposition,
}

fn shown(settings: &Value, seeds: u32) -> Result<Vec<Shown>> {
    let addresses = host::free(2)?;
    let (listen, there) = (addresses[0], addresses[1]);
    let with = |endpoint: Value| {
        let mut settings = settings.as_object().cloned().unwrap_or_default();
        settings.insert("endpoint".to_owned(), endpoint);
        settings
    };
    let mut ours = with(json!("${env:OTELIER_PROMETHEUS_ENDPOINT}"));
    ours.insert("enable_open_metrics".to_owned(), json!(true));
    let setup = Setup::without_plugins(&Configuration::passthrough().set("exporters/prometheus", Value::Object(ours)))?;
    let host = setup.start()?;
    let mut theirs = with(json!(there));
    theirs.insert("enable_open_metrics".to_owned(), json!(true));
    let collector = Collector::start(&[Route {
        name: "exposition".to_owned(),
        protocols: ways::PLAIN.receiver(listen, Security::Plain),
        listen,
        exporter: "prometheus",
        settings: Value::Object(theirs),
    }])?;
    let (mut to_host, mut to_collector) = (host.grpc()?, grpc::Client::connect(listen)?);
    let mut last = 0;
    for seed in 0..u64::from(seeds) {
        for (round, request) in generate::requests(seed).into_iter().enumerate() {
            for client in [&mut to_host, &mut to_collector] {
                let outcome = client.send(grpc::METRICS, &request);
                // The Collector always says something of a partial success.
                let is_taken = matches!(outcome, Outcome::Acknowledged(_));
                ensure!(is_taken, "seed {seed}: {outcome:?}\n{}\n{}", setup.log(), collector.log());
            }
            last = seed * generate::ROUNDS + round as u64;
        }
    }
    let here = setup.endpoints.prometheus;
    Format::ALL.into_iter().map(|format| of(format, here, there, last)).collect()
}

/// Waits for the last request, then reads: the host strictly, the Collector as far as the grammar goes. A scrape goes through the metrics while
/// requests come in, so the one that shows the last request first may have passed others of its metrics before.
fn of(format: Format, here: SocketAddr, there: SocketAddr, last: u64) -> Result<Shown> {
    let has_all = |text: &str| {
        let mut sentinels = text.lines().filter(|line| !line.starts_with('#') && line.contains(generate::SENTINEL));
        sentinels.any(|line| line.split(' ').nth(1).is_some_and(|value| value.parse() == Ok(last as f64)))
    };
    scrape::until("the host shows the last request", here, format, has_all)?;
    wait::until("the Collector shows the last request", || {
        let mut samples = scrape::foreign(there, format)?.samples.into_iter();
        let is_last = samples.any(|sample| sample.name.ends_with(generate::SENTINEL) && sample.value == last as f64);
        Ok(is_last.then_some(()))
    })?;
    Ok(Shown { format, here: scrape::page(here, format)?.exposition, there: scrape::foreign(there, format)? })
}

/// Every difference that no entry of the list allows, and which entries were needed.
fn compare(settings: &Value, seeds: u32, needed: &mut BTreeMap<&'static str, usize>) -> Result<Vec<Found>> {
    let mut left = Vec::new();
    for Shown { format, here, there } in shown(settings, seeds)? {
        let (here, there) = (samples(&here), rename(samples(&there), needed));
        ensure!(here.len() > 100 * seeds.min(10) as usize, "only {} samples", here.len());
        let (found, sides) = (differences(format, &here, &there), Sides { here, there });
        left.extend(found.into_iter().filter(|found| !allowed::is_allowed(found, &sides, needed)));
    }
    Ok(left)
}

#[test]
fn generated_metrics_are_shown_as_the_collector_shows_them() -> Result<()> {
    let seeds = length::rounds(SEEDS)?;
    let mut needed = BTreeMap::new();
    let mut left = compare(&json!({}), seeds, &mut needed).context("as both are by default")?;
    left.extend(compare(&dressed(), seeds, &mut needed).context("with settings")?);
    if !left.is_empty() {
        bail!("{} differences that nothing allows, such as:\n{}", left.len(), compare::summary(&left, SHOWN));
    }
    let stale: Vec<&str> = allowed::all().chain(renamed::all()).filter(|what| !needed.contains_key(what)).collect();
    ensure!(stale.is_empty(), "allowed, and nothing differs so any more: {stale:?}");
    Ok(())
}
