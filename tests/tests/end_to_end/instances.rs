//! Several instances of one processor, among which every batch is divided.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use otelier_tests::host::{Configuration, Host, Setup, aggregate, manifest};
use otelier_tests::payload::{self, Temporality};
use otelier_tests::{environment, grpc, wait};
use serde_json::{Value, json};

const TOTAL: &str = "work_done_batched_total";

/// One request with these points of each of so many work types, in turns.
fn many(types: u32, values: &[i64]) -> Vec<u8> {
    let point = |value: &i64, number: u32| payload::integer(*value, &[("work.type", &format!("type-{number}"))]);
    let points = values.iter().flat_map(|value| (0..types).map(move |number| point(value, number))).collect();
    payload::metrics(vec![payload::counter("work.done", Temporality::Delta, points)])
}

fn totals(host: &Host<'_>) -> Result<BTreeMap<String, f64>> {
    let scrape = host.scrape()?;
    let named = scrape.named(TOTAL);
    Ok(named.filter_map(|sample| Some((sample.labels.get("work_type")?.clone(), sample.value))).collect())
}

fn with_entry(config: &Configuration, entry: Value) -> Result<Setup> {
    Setup::new(&config.text(), &manifest(&[("aggregate", &environment::plugin("aggregate")?, entry)]))
}

/// Requests large enough to be divided among threads, and small ones; both before and after a kill.
#[test]
fn totals_are_those_of_one_instance() -> Result<()> {
    let setup = Setup::with_instances(&Configuration::aggregate(), 3)?;
    let mut host = setup.start()?;
    for life in 1..=2 {
        host.accepts(&many(100, &[1, 2, 3, 4, 5, 6]))?;
        host.accepts(&many(7, &[79]))?;
        let expected = (0..100).map(|number| {
            let each = if number < 7 { 100.0 } else { 21.0 };
            (format!("type-{number}"), each * f64::from(life))
        });
        wait::until_equal("every total", &expected.collect(), || totals(&host))?;
        let own = host.own_metrics()?;
        let of = |name| own.total(name, &[("processor", "aggregate")]);
        ensure!(of("otelcol_processor_incoming_items") == 607.0, "the ledger has each item once");
        ensure!(of("otelier_processor_absorbed_items") == 607.0);
        host.kill()?;
        host = setup.start()?;
    }
    Ok(())
}

/// Each instance has its own series for what finds no room, and says which.
#[test]
fn no_two_instances_emit_one_series() -> Result<()> {
    let mut body = aggregate();
    body["max_series"] = json!(2);
    let setup = Setup::with_instances(
        &Configuration::default().processor("aggregate", body).pipeline("metrics", &["aggregate"], &["prometheus"]),
        2,
    )?;
    let host = setup.start()?;
    host.accepts(&many(100, &[1]))?;
    wait::until("every point is in some series", || {
        let sum: f64 = host.scrape()?.named(TOTAL).map(|sample| sample.value).sum();
        Ok((sum == 100.0).then_some(()))
    })?;
    let scrape = host.scrape()?;
    let all = scrape.named(TOTAL).filter(|sample| sample.labels.contains_key("otel_metric_overflow"));
    let overflow: Vec<Option<&String>> = all.map(|sample| sample.labels.get("otelier_partition")).collect();
    ensure!(overflow.len() == 2, "{overflow:?}");
    let marked = overflow.iter().flatten().count();
    ensure!(marked == 1, "the instance that the key belongs to has it as it is: {overflow:?}");
    Ok(())
}

#[test]
fn state_is_not_read_under_another_division() -> Result<()> {
    let plugin = environment::plugin("aggregate")?;
    let setup = Setup::with_instances(&Configuration::aggregate(), 2)?;
    let host = setup.start()?;
    host.accepts(&many(5, &[1]))?;
    host.kill()?;
    for (entry, says) in [
        (json!({}), "for 2 of `instances`, and there are to be 1"),
        (json!({"instances": 3, "partition_by": ["work.type"]}), "for 2 of `instances`, and there are to be 3"),
    ] {
        setup.grant(&manifest(&[("aggregate", &plugin, entry.clone())]))?;
        let error = setup.fails_to_start()?;
        ensure!(error.contains(says), "{entry}: {error}");
    }
    setup.grant(&manifest(&[("aggregate", &plugin, json!({"instances": 2, "partition_by": ["work.type"]}))]))?;
    let host = setup.start()?;
    ensure!(totals(&host)?.values().sum::<f64>() == 5.0, "what was there is there");
    drop(host);
    // The other way round.
    let setup = Setup::with_aggregate(&Configuration::aggregate())?;
    let host = setup.start()?;
    host.accepts(&many(5, &[1]))?;
    host.kill()?;
    setup.grant(&manifest(&[("aggregate", &plugin, json!({"instances": 2, "partition_by": ["work.type"]}))]))?;
    let error = setup.fails_to_start()?;
    ensure!(error.contains("give the processor another id"), "{error}");
    Ok(())
}

#[test]
fn what_cannot_be_divided_is_refused_where_the_manifest_says_so() -> Result<()> {
    let cases = [
        (json!({"instances": 2}), "the plugin keeps state, and 2 instances of it need a `partition_by`"),
        (json!({"instances": 2, "partition_by": ["zone"]}), "`partition_by` names item attribute `zone`"),
        (
            json!({"instances": 2, "partition_by": [{"key": "work.type", "level": "resource"}]}),
            "`partition_by` names resource attribute `work.type`",
        ),
    ];
    for (entry, expected) in cases {
        let setup = with_entry(&Configuration::aggregate(), entry.clone())?;
        let output = setup.validate()?;
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(!output.status.success() && error.contains(expected), "{entry}: {error}");
        ensure!(error.contains("plugins.yaml:"), "{error}");
    }
    Ok(())
}

/// A plugin without state needs no attribute: items are divided by their place.
#[test]
fn a_plugin_without_state_is_divided_by_place() -> Result<()> {
    let mark = json!({"actions": [{"key": "seen", "action": "insert", "value": "yes"}]});
    let config = Configuration::default().processor("attributes", mark).pipeline("logs", &["attributes"], &["debug"]);
    let entry = json!({"instances": 2});
    let setup = Setup::new(&config.text(), &manifest(&[("attributes", &environment::plugin("attributes")?, entry)]))?;
    let host = setup.start()?;
    let bodies: Vec<String> = (0..1000).map(|number| format!("record-{number:04}")).collect();
    let request = payload::logs(&bodies.iter().map(String::as_str).collect::<Vec<_>>());
    let outcome = host.grpc()?.send(grpc::LOGS, &request);
    ensure!(outcome.is_acknowledged(), "{outcome:?}");
    let output = wait::until("all records are shown", || {
        let output = setup.output();
        Ok((output.matches("seen: Str(yes)").count() == bodies.len()).then_some(output))
    })?;
    let mut shown: Vec<&str> = output.lines().filter_map(|line| line.split("record-").nth(1)).collect();
    shown.sort_unstable();
    shown.dedup();
    ensure!(shown.len() == bodies.len(), "{} of {} records", shown.len(), bodies.len());
    let outgoing = host.own_metrics()?.total("otelcol_processor_outgoing_items", &[("processor", "attributes")]);
    ensure!(outgoing == bodies.len() as f64, "{outgoing}");
    Ok(())
}

/// A row on which one instance breaks: the others count it all, and the letter goes through its own instance again.
#[test]
fn one_instance_breaks_and_the_others_go_on() -> Result<()> {
    const SEEN: &str = "rows_seen_total";
    let body = json!({"way": "after-write", "when": 666, "metrics": ["work.done"], "keep": ["work.type"]});
    let config = Configuration::default().processor("trap", body).pipeline("metrics", &["trap"], &["prometheus"]);
    let entry = || json!({"instances": 3, "partition_by": ["work.type"]});
    let (guest, fixed) = (environment::guest("trap")?, environment::guest("honest")?);
    let setup = Setup::new(&config.text(), &manifest(&[("trap", &guest, entry())]))?;
    let host = setup.start()?;
    let mut values = vec![666];
    values.extend([1; 20]);
    let point = |(number, value): (usize, &i64)| payload::integer(*value, &[("work.type", &format!("type-{number}"))]);
    let points = values.iter().enumerate().map(point).collect();
    host.accepts(&payload::metrics(vec![payload::counter("work.done", Temporality::Delta, points)]))?;
    let seen = |host: &Host<'_>| -> Result<f64> { Ok(host.scrape()?.named(SEEN).map(|sample| sample.value).sum()) };
    wait::until_equal("the good rows count", &20.0, || seen(&host))?;
    ensure!(host.own_metrics()?.total("otelier_processor_traps", &[]) == 1.0);
    let letters = setup.prints(&["dlq", "ls", "--json"])?;
    let letter: Value = serde_json::from_str(letters.lines().next().context("no letter")?)?;
    ensure!(letter["head"]["items"] == 1 && letters.lines().count() == 1, "{letters}");
    host.kill()?;
    setup.grant(&manifest(&[("trap", &fixed, entry())]))?;
    let host = setup.start()?;
    ensure!(seen(&host)? == 20.0);
    setup.prints(&["dlq", "replay", "--processor", "trap"])?;
    wait::until_equal("the letter counts too", &21.0, || seen(&host))?;
    ensure!(setup.prints(&["dlq", "ls", "--json"])?.lines().count() == 0);
    Ok(())
}
