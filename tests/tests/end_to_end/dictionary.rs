//! A dictionary that is full: what a plugin does not see a code for is counted by the host, by name, and told.

use anyhow::{Result, ensure};
use otelier_tests::host::{Configuration, Setup, manifest};
use otelier_tests::payload::{self, Temporality};
use otelier_tests::{environment, wait};
use serde_json::json;

#[test]
fn items_without_a_code_are_counted_by_keying_and_told_once() -> Result<()> {
    let configuration = Configuration::default()
        .processor("honest", json!({"metrics": ["work.*"], "keep": ["work.id"]}))
        .pipeline("metrics", &["honest"], &["prometheus"]);
    let entry = json!({"limits": {"dictionary_entries": 10}});
    let plugins = manifest(&[("honest", &environment::guest("honest")?, entry)]);
    let setup = Setup::new(&configuration.text(), &plugins)?;
    let host = setup.start()?;
    // Each has a work.id of its own.
    host.accepts(&payload::work("a", Temporality::Delta, &[1; 10]))?;
    let labels = [("processor", "honest"), ("otel_signal", "metrics"), ("keying", "keep work.id")];
    let count = || Ok(host.own_metrics()?.value("otelier_processor_items_without_code", &labels).unwrap_or(0.0));
    ensure!(count()? == 0.0, "there is room for ten");
    for _ in 0..3 {
        host.accepts(&payload::work("a", Temporality::Delta, &[1; 10]))?;
    }
    wait::until_equal("they are counted", &30.0, count)?;
    let told = setup.log().matches("the dictionary is full").count();
    ensure!(told == 1, "told {told} times: {}", setup.log());
    Ok(())
}
