//! A plugin that stands in several places which one batch can reach: a version comes to all of them or to none.

use anyhow::{Result, ensure};
use otelier_tests::environment;
use otelier_tests::host::{Configuration, Host, Setup};
use otelier_tests::length;
use otelier_tests::payload::{self, Temporality};
use serde_json::{Value, json};

use crate::{Plugin, swaps, until_swaps, while_sent};

const SEEN: &str = "rows_seen_total";

/// The versions after the first break on a row of this value, in the first of the two places, once they run there.
const BAD: i64 = 666;

/// One plugin as two processors, what each reads, and where that goes.
const PLACES: [(&str, &str, &str); 2] = [("guest", "one", "prometheus"), ("guest/other", "other", "nop")];

fn setup(plugin: &Plugin, bodies: [Value; 2]) -> Result<Setup> {
    let mut configuration = Configuration::default().set("exporters/nop", json!({}));
    for ((id, metric, exporter), mut body) in PLACES.into_iter().zip(bodies) {
        body["metrics"] = json!([metric]);
        let pipeline = format!("metrics/{metric}");
        configuration = configuration.processor(id, body).pipeline(&pipeline, &[id], &[exporter]);
    }
    plugin.setup("guest", &configuration)
}

/// A request of which each of the two reads a row.
fn request(value: i64) -> Vec<u8> {
    let counter = |(_, metric, _): (&str, &str, &str)| {
        payload::counter(metric, Temporality::Delta, vec![payload::integer(value, &[])])
    };
    payload::metrics(PLACES.map(counter).into())
}

/// Both places have taken in so many rows.
fn have_absorbed(host: &Host<'_>, rows: f64) -> Result<()> {
    for (id, ..) in PLACES {
        let absorbed = host.own_metrics()?.total("otelier_processor_absorbed_items", &[("processor", id)]);
        ensure!(absorbed == rows, "{id}: {absorbed} of {rows}");
    }
    Ok(())
}

/// How many versions come, one after the other, in a run of the usual length.
const VERSIONS: u32 = 20;

/// As many versions while rows come. Returns how many each place has got.
fn over_many_versions(plugin: &Plugin, host: &Host<'_>) -> Result<f64> {
    let sent = while_sent(host, &request(1), || {
        for turn in 1..=length::rounds(VERSIONS)? {
            plugin.exchange(&plugin.version(&turn.to_string()))?;
            until_swaps(host, "guest", "swapped", f64::from(turn))?;
        }
        Ok(())
    })?;
    ensure!(swaps(host, "guest", "refused")? == 0.0);
    have_absorbed(host, sent)?;
    Ok(sent)
}

/// The version starts in the first place, and traps on the state of the second.
fn comes_to_no_place(launcher: &[&str], value: i64) -> Result<()> {
    let plugin = Plugin::copy(&environment::guest("honest")?)?;
    let setup = setup(&plugin, [json!({"way": "after-write", "when": BAD}), json!({"way": "state"})])?;
    let setup = setup.launched_by(launcher);
    let host = setup.start()?;
    host.accepts(&request(value))?;
    let sent = 1.0
        + while_sent(&host, &request(value), || {
            plugin.exchange(&std::fs::read(environment::guest("trap")?)?)?;
            until_swaps(&host, "guest", "refused", 1.0)
        })?;
    have_absorbed(&host, sent)?;
    ensure!(host.own_metrics()?.total("otelier_processor_traps", &[]) == 0.0, "the version ran in one of its places");
    ensure!(swaps(&host, "guest", "swapped")? == 0.0 && host.troubles()?.is_empty());
    // The first place goes on from what is committed, and so does the next host.
    host.accepts(&request(value))?;
    plugin.exchange(&plugin.component)?;
    host.kill()?;
    let host = setup.start()?;
    host.accepts(&request(value))?;
    host.wait_for(SEEN, &[], sent + 2.0)
}

#[test]
fn a_version_that_traps_in_one_place_comes_to_none_that_follows() -> Result<()> {
    comes_to_no_place(&[], 1)
}

/// Here it starts in one place after the other while batches wait.
#[test]
fn a_version_that_traps_in_one_place_comes_to_none_on_one_core() -> Result<()> {
    comes_to_no_place(&["taskset", "--cpu-list", "0"], BAD)
}

#[test]
fn a_version_comes_to_both_places_in_one_pause() -> Result<()> {
    let plugin = Plugin::copy(&environment::guest("honest")?)?;
    let setup = setup(&plugin, [json!({}), json!({})])?;
    let host = setup.start()?;
    over_many_versions(&plugin, &host).map(drop)
}

/// What these hold is in no store: the old ones are flushed for the last time before any new one runs.
#[test]
fn a_version_that_keeps_no_state_comes_to_both_places_and_nothing_that_the_old_one_held_is_lost() -> Result<()> {
    let plugin = Plugin::copy(&environment::guest("buffer")?)?;
    let setup = setup(&plugin, [json!({"page": 100}), json!({"page": 1})])?;
    let host = setup.start()?;
    let sent = over_many_versions(&plugin, &host)?;
    // The exporter adds up the deltas of the first; the other emits a point for each row.
    host.wait_for(SEEN, &[], sent)?;
    let labels = [("processor", "guest/other")];
    otelier_tests::wait::until_equal("points that the other has emitted", &sent, || {
        Ok(host.own_metrics()?.total("otelier_processor_emitted_items", &labels))
    })
}
