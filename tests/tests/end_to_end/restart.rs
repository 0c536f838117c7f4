//! Stopping and going on: state, totals and start times are those from before.

use anyhow::{Context, Result};
use otelier_tests::host::{Configuration, Host, Setup, aggregate};
use otelier_tests::payload::{self, Temporality};
use serde_json::json;

const TOTAL: &str = "work_done_batched_total";
const MANUAL: [(&str, &str); 1] = [("work_type", "manual")];

fn created(host: &Host<'_>) -> Result<f64> {
    host.scrape_open_metrics()?.value("work_done_batched_created", &MANUAL).context("no _created")
}

/// A flush interval that no test lives to see: what is shown was flushed at a start or an end.
fn never_flushing() -> Configuration {
    let mut body = aggregate();
    body["interval"] = json!("1h");
    Configuration::aggregate().set("processors/aggregate", body)
}

#[test]
fn sigterm_drains_flushes_persists_and_exits_with_0() -> Result<()> {
    let config = never_flushing().pipeline("metrics", &["aggregate"], &["prometheus", "debug"]);
    let setup = Setup::with_aggregate(&config)?;
    let host = setup.start()?;
    host.accepts(&payload::work("manual", Temporality::Delta, &[1, 2, 3]))?;
    assert_eq!(host.scrape()?.value(TOTAL, &MANUAL), None, "nothing is flushed yet");
    assert_eq!(host.terminate()?.code(), Some(0), "{}", setup.log());
    let output = setup.output();
    assert!(
        output.contains("work.done_batched") && output.contains("Value: 6"),
        "the last flush is exported: {output}"
    );
    let host = setup.start()?;
    assert_eq!(host.scrape()?.value(TOTAL, &MANUAL), Some(6.0), "at the first scrape");
    let since = created(&host)?;
    assert_eq!(host.terminate()?.code(), Some(0));
    let host = setup.start()?;
    assert_eq!(created(&host)?, since, "the start time moved");
    Ok(())
}

#[test]
fn sigkill_loses_no_acknowledged_point() -> Result<()> {
    let setup = Setup::with_aggregate(&never_flushing())?;
    let host = setup.start()?;
    host.accepts(&payload::work("manual", Temporality::Delta, &[1, 2, 3]))?;
    host.kill()?;
    let host = setup.start()?;
    assert_eq!(host.scrape()?.value(TOTAL, &MANUAL), Some(6.0), "at the first scrape");
    let since = created(&host)?;
    host.accepts(&payload::work("manual", Temporality::Delta, &[10]))?;
    host.kill()?;
    let host = setup.start()?;
    assert_eq!(host.scrape()?.value(TOTAL, &MANUAL), Some(16.0));
    assert_eq!(created(&host)?, since, "the start time moved");
    Ok(())
}

/// A plugin refuses keys that it does not know, so it has not seen this one; and it goes on as with an unchanged configuration.
#[test]
fn state_goes_on_where_a_processor_names_its_store_and_where_it_does_not() -> Result<()> {
    let setup = Setup::with_aggregate(&never_flushing())?;
    let host = setup.start()?;
    host.accepts(&payload::work("manual", Temporality::Delta, &[1, 2, 3]))?;
    host.kill()?;
    for (storage, total) in [(json!("file_storage/state"), 16.0), (json!("rocksdb"), 26.0)] {
        let named = never_flushing()
            .set("extensions/file_storage~1state", json!({}))
            .set("extensions/rocksdb", json!({}))
            .set("service/extensions", json!(["health_check", "rocksdb", "file_storage/state"]))
            .set("processors/aggregate/storage", storage);
        setup.reconfigure(&named)?;
        let host = setup.start()?;
        host.accepts(&payload::work("manual", Temporality::Delta, &[10]))?;
        host.kill()?;
        let host = setup.start()?;
        assert_eq!(host.scrape()?.value(TOTAL, &MANUAL), Some(total));
        host.kill()?;
    }
    setup.reconfigure(&never_flushing())?;
    let host = setup.start()?;
    assert_eq!(host.scrape()?.value(TOTAL, &MANUAL), Some(26.0), "at the first scrape");
    Ok(())
}

#[test]
fn a_start_time_is_the_moment_the_state_was_made_and_not_the_first_points() -> Result<()> {
    let setup = Setup::with_aggregate(&Configuration::aggregate())?;
    let before = payload::now() as f64 / 1e9;
    let host = setup.start()?;
    let started = payload::now() as f64 / 1e9;
    host.accepts(&payload::work("manual", Temporality::Delta, &[1]))?;
    host.wait_for(TOTAL, &MANUAL, 1.0)?;
    let created = created(&host)?;
    assert!(before <= created && created <= started, "{before} <= {created} <= {started}");
    Ok(())
}

#[test]
fn requests_under_way_at_sigterm_are_answered() -> Result<()> {
    let setup = Setup::with_aggregate(&Configuration::aggregate())?;
    let host = setup.start()?;
    let address = host.endpoints().grpc;
    let (first_sent, wait) = std::sync::mpsc::channel();
    let sender = std::thread::spawn(move || -> Result<f64> {
        let mut client = otelier_tests::grpc::Client::connect(address)?;
        let mut acknowledged = 0.0;
        loop {
            match client.send(otelier_tests::grpc::METRICS, &payload::work("manual", Temporality::Delta, &[1])) {
                outcome if outcome.is_acknowledged() => acknowledged += 1.0,
                _ => return Ok(acknowledged),
            }
            // The other end listens for the first one only.
            let _ = first_sent.send(());
        }
    });
    wait.recv()?;
    assert_eq!(host.terminate()?.code(), Some(0), "{}", setup.log());
    let acknowledged = sender.join().map_err(|_| anyhow::anyhow!("the sender panicked"))??;
    let host = setup.start()?;
    // A request of a connection that is being closed is answered, or was never taken.
    assert_eq!(host.scrape()?.value(TOTAL, &MANUAL), Some(acknowledged));
    Ok(())
}

#[test]
fn another_grouping_is_refused_and_the_state_stays() -> Result<()> {
    let setup = Setup::with_aggregate(&Configuration::aggregate())?;
    let host = setup.start()?;
    host.accepts(&payload::work("manual", Temporality::Delta, &[5]))?;
    host.terminate()?;
    let mut body = aggregate();
    body["group_by"] = json!(["work.id"]);
    setup.reconfigure(&Configuration::aggregate().set("processors/aggregate", body))?;
    let error = setup.fails_to_start()?;
    assert!(error.contains("processor aggregate: `group_by` was [work.type]"), "{error}");
    setup.reconfigure(&Configuration::aggregate())?;
    assert_eq!(setup.start()?.scrape()?.value(TOTAL, &MANUAL), Some(5.0));
    Ok(())
}
