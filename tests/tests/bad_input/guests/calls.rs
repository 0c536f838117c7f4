//! Calls of `process` that are declined, cut off or told about; those that break are in `poison`.

use anyhow::{Result, ensure};
use otelier_tests::beside::{after, restarted};
use otelier_tests::grpc;
use otelier_tests::host::{Configuration, Host, aggregate};
use otelier_tests::payload::{self, Temporality};
use otelier_tests::wait;
use serde_json::json;

use super::{BAD, GUEST, SEEN, breaking, hasty, send_bad, send_good, setup, setup_with, traps};

/// Good, bad, good for a guest that says itself that it fails.
fn declines(guest: &str, code: u32, reason: &str, says: &str) -> Result<()> {
    let setup = setup(guest, hasty())?;
    let host = setup.start()?;
    send_good(&host)?;
    let refusal = send_bad(&host)?.refusal()?;
    ensure!(refusal.code == code && refusal.message.contains(says), "{refusal:?}");
    ensure!(refusal.retry_after.is_some() == (code == grpc::UNAVAILABLE), "{refusal:?}");
    ensure!(host.refused("grpc", reason)? == 1.0 && traps(&host)? == 0.0, "{reason} is not counted, or as a trap");
    send_good(&host)?;
    host.wait_for(SEEN, &[], 4.0)?;
    after(&host, &[("good", 6.0)])?;
    host.kill()?;
    let shown = restarted(&setup, &[("good", 6.0)])?.scrape()?.value(SEEN, &[]);
    ensure!(shown == Some(4.0), "{shown:?} after the kill");
    Ok(())
}

#[test]
fn a_guest_that_declines_is_heard() -> Result<()> {
    declines("decline/not-now", grpc::UNAVAILABLE, "unavailable", "processor guest: not now")?;
    declines("decline/never", grpc::INVALID_ARGUMENT, "declined", "processor guest: never")
}

#[test]
fn a_call_that_writes_more_than_it_may_is_declined() -> Result<()> {
    let setup = setup("storage-flood/call", hasty())?;
    let host = setup.start()?;
    send_good(&host)?;
    let refusal = send_bad(&host)?.refusal()?;
    assert!(refusal.message.contains("processor guest"), "{refusal:?}");
    send_good(&host)?;
    host.wait_for(SEEN, &[], 4.0)?;
    after(&host, &[("good", 6.0)])
}

#[test]
fn a_flood_of_log_lines_is_cut() -> Result<()> {
    let setup = setup("log-flood/lines", hasty())?;
    let host = setup.start()?;
    host.accepts(&payload::work("bad", Temporality::Delta, &[BAD]))?;
    host.wait_for(SEEN, &[], 1.0)?;
    let log = setup.log();
    assert!(log.contains("line 1") && !log.contains("line 999"), "{}", log.len());
    assert!(log.len() < 64 * 5 * 1024, "{} bytes of log", log.len());
    after(&host, &[("bad", 666.0)])
}

#[test]
fn a_gigabyte_of_log_is_cut_counted_and_told_once() -> Result<()> {
    let entry = json!({"limits": {"call_timeout": "60s", "log_bytes": 10_000}});
    let setup = setup("log-flood/gigabyte", entry)?;
    let host = setup.start()?;
    host.accepts(&payload::work("bad", Temporality::Delta, &[BAD]))?;
    send_good(&host)?;
    host.wait_for(SEEN, &[], 3.0)?;
    let log = wait::until("the log says what was left out", || {
        let log = setup.log();
        Ok(log.contains("`log_bytes` of the manifest").then_some(log))
    })?;
    assert!(log.matches("xxxx").count() > 0 && log.matches('x').count() < 11_000, "{} bytes of log", log.len());
    assert_eq!(log.matches("`log_bytes` of the manifest").count(), 1);
    let left_out = (1_u64 << 30) - 10_000;
    assert!(log.contains("lines=1024") && log.contains(&format!("bytes={left_out}")), "{}", log.replace("xxxx", ""));
    after(&host, &[("bad", 666.0), ("good", 3.0)])
}

/// The quota is reached, and what was there before can still be written over: the count goes on, and after a kill as well.
#[test]
fn a_store_that_is_full_goes_on() -> Result<()> {
    let entry = json!({"limits": {"call_timeout": "10s", "storage_mib": 4}});
    let setup = setup("storage-flood/quota", entry)?;
    let host = setup.start()?;
    for _ in 0..3 {
        send_good(&host)?;
        host.accepts(&payload::work("bad", Temporality::Delta, &[BAD]))?;
    }
    host.wait_for(SEEN, &[], 9.0)?;
    let sums = [("good", 9.0), ("bad", 3.0 * 666.0)];
    after(&host, &sums)?;
    host.kill()?;
    let host = restarted(&setup, &sums)?;
    host.accepts(&payload::work("bad", Temporality::Delta, &[BAD]))?;
    send_good(&host)?;
    host.wait_for(SEEN, &[], 12.0)?;
    ensure!(traps(&host)? == 0.0, "it went on writing");
    after(&host, &[("good", 12.0), ("bad", 4.0 * 666.0)])
}

/// What it says is told as far as anybody reads it, and once.
#[test]
fn a_text_without_an_end_is_cut() -> Result<()> {
    let setup = setup("long-text", hasty())?;
    let host = setup.start()?;
    send_good(&host)?;
    for _ in 0..3 {
        let refusal = send_bad(&host)?.refusal()?;
        ensure!(refusal.code == grpc::INVALID_ARGUMENT && refusal.message.contains("never, and so on"), "{refusal:?}");
        ensure!(refusal.message.len() < 5000, "{} bytes", refusal.message.len());
    }
    send_good(&host)?;
    host.wait_for(SEEN, &[], 4.0)?;
    ensure!(setup.log().len() < 100_000, "{} bytes of log", setup.log().len());
    after(&host, &[("good", 6.0)])
}

/// What a flush emits is refused further on: it comes again, from the state, when that takes it.
#[test]
fn what_a_flush_emitted_is_not_lost_where_a_processor_behind_it_declines() -> Result<()> {
    let declining = json!({"way": "never", "when": 3, "metrics": ["work.done_batched"]});
    let config = Configuration::default().processor(GUEST, declining).processor("aggregate", aggregate()).pipeline(
        "metrics",
        &["aggregate", GUEST],
        &["prometheus"],
    );
    let setup = setup_with("decline", &config, hasty())?;
    let host = setup.start()?;
    send_good(&host)?;
    wait::until("the refusal is told", || {
        let told = "what its flush emitted is refused: processor guest";
        Ok(setup.log().contains(told).then_some(()))
    })?;
    ensure!(host.scrape()?.value(SEEN, &[]).is_none_or(|seen| seen == 0.0), "a declined point is counted");
    host.accepts(&payload::work("good", Temporality::Delta, &[10]))?;
    wait::until("the total is taken", || Ok(host.scrape()?.value(SEEN, &[]).filter(|seen| *seen > 0.0)))?;
    let own = host.own_metrics()?;
    let lost = own.total("otelier_processor_dropped_items", &[("processor", "aggregate"), ("reason", "refused")]);
    ensure!(lost == 0.0, "{lost} items are lost");
    Ok(())
}

/// A request goes through two pipelines; when the second refuses it, the first has not counted it.
#[test]
fn a_request_counts_in_all_pipelines_or_in_none() -> Result<()> {
    let config = breaking("decline/not-now").pipeline("metrics", &["aggregate"], &["prometheus"]).pipeline(
        "metrics/neighbour",
        &[GUEST],
        &["prometheus"],
    );
    let setup = setup_with("decline", &config, hasty())?;
    let host = setup.start()?;
    send_good(&host)?;
    let refusal = send_bad(&host)?.refusal()?;
    assert_eq!(refusal.code, grpc::UNAVAILABLE, "{refusal:?}");
    send_good(&host)?;
    let check = |host: &Host<'_>| -> Result<()> {
        let scrape = host.scrape()?;
        let total = |work_type| scrape.value("work_done_batched_total", &[("work_type", work_type)]);
        ensure!((total("good"), total("bad")) == (Some(6.0), None), "{scrape:#?}");
        ensure!(scrape.value(SEEN, &[]) == Some(4.0), "{scrape:#?}");
        Ok(())
    };
    wait::until("both have counted the good ones", || check(&host).map(Some))?;
    host.kill()?;
    check(&setup.start()?)
}
