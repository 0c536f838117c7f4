//! Calls that take more than the manifest or the host allows: each limit ends its call, and says that it was this one.

use anyhow::{Context, Result, ensure};
use otelier_tests::beside::{after, restarted};
use otelier_tests::host::{Configuration, Host, Setup, manifest};
use otelier_tests::payload::{self, Temporality};
use otelier_tests::{environment, wait};
use serde_json::json;

use super::alone::{breaks_alone, letters, poisoned};
use super::{SEEN, hasty, send_bad, send_good, setup};

#[test]
fn a_call_that_never_returns_is_ended() -> Result<()> {
    for guest in ["endless-loop/process", "endless-loop/after-write"] {
        breaks_alone(guest, hasty(), "deadline exceeded").context(guest)?;
    }
    Ok(())
}

#[test]
fn a_call_that_allocates_for_ever_is_ended() -> Result<()> {
    breaks_alone("memory-bomb", hasty(), "more memory than `memory_mib`")
}

/// A guest has two stacks: the engine's, which has a limit, and its own for what it takes addresses of, in its memory.
#[test]
fn a_call_that_calls_itself_for_ever_is_ended() -> Result<()> {
    breaks_alone("deep-recursion/stack", hasty(), "stack overflow: ").context("stack")?;
    breaks_alone("deep-recursion/memory", hasty(), "trapped: wasm trap: out of bounds memory access").context("memory")
}

#[test]
fn a_call_that_asks_for_ever_is_ended() -> Result<()> {
    let entry = json!({"limits": {"call_timeout": "60s", "host_calls": 10_000}});
    breaks_alone("endless-calls/process", entry, "too many host calls: more than 10000 imports")
}

/// The points are few bytes, and fewer than may be without a limit in the manifest.
#[test]
fn a_call_that_emits_more_points_than_the_manifest_grants_is_ended() -> Result<()> {
    let entry = json!({"limits": {"call_timeout": "10s", "emitted_rows": 1000}});
    breaks_alone("row-flood/points", entry, "contract violated: more than 1000 points emitted in one call")
}

/// The points are fewer than the manifest grants.
#[test]
fn a_call_whose_results_are_too_many_bytes_is_ended() -> Result<()> {
    let entry = json!({"limits": {"call_timeout": "10s"}});
    let says = format!("contract violated: the results of one call take more than {} bytes", 256 << 20);
    breaks_alone("row-flood/bytes", entry, &says)
}

/// A list of 2,048 strings, all of them the same megabyte of the guest's memory: the host would copy two gigabytes.
#[test]
fn strings_that_are_one_and_the_same_are_not_copied_for_ever() -> Result<()> {
    let entry = json!({"limits": {"call_timeout": "10s"}});
    breaks_alone("aliased-strings", entry, "too much data is being copied between the host and the guest")
}

/// A point is few bytes for the guest; the host writes the text of its metric once for each resource.
#[test]
fn points_that_would_fill_the_hosts_memory_are_refused() -> Result<()> {
    let setup = setup("emission-flood", json!({"limits": {"call_timeout": "20s"}}))?;
    let host = setup.start()?;
    send_good(&host)?;
    ensure!(send_bad(&host)?.is_acknowledged());
    send_good(&host)?;
    host.wait_for(SEEN, &[], 6.0)?;
    ensure!(poisoned(&host)? == 1.0, "{} items are poison", poisoned(&host)?);
    let peak = host.peak_memory_bytes()?;
    ensure!(peak.is_none_or(|peak| peak < 1 << 30), "{peak:?} bytes of memory at the peak");
    let sums = [("good", 6.0), ("bad", 669.0)];
    after(&host, &sums)?;
    host.kill()?;
    let kept = letters(&setup)?;
    let reason = kept[0]["head"]["reason"].as_str().unwrap_or_default();
    ensure!(reason.contains("with the texts of their metrics"), "{kept:#?}");
    let shown = restarted(&setup, &sums)?.scrape()?.value(SEEN, &[]);
    ensure!(shown == Some(6.0), "{shown:?} after the kill");
    Ok(())
}

/// Three keys have a place in the dictionary; what comes under others is in the overflow series and in the log, to the point.
#[test]
fn keys_beyond_the_dictionary_go_into_the_overflow_series() -> Result<()> {
    let plugin = environment::plugin("aggregate")?;
    let entry = json!({"limits": {"dictionary_entries": 3}});
    let setup = Setup::new(&Configuration::aggregate().text(), &manifest(&[("aggregate", &plugin, entry)]))?;
    let total = "work_done_batched_total";
    let shows = |host: &Host<'_>| -> Result<()> {
        for (work_type, value) in [("type-1", 101.0), ("type-2", 102.0), ("type-3", 103.0)] {
            host.wait_for(total, &[("work_type", work_type)], value)?;
        }
        let others: i64 = (4..=10).map(|number| 100 + number).sum();
        host.wait_for(total, &[("otel_metric_overflow", "true")], others as f64)?;
        ensure!(host.scrape()?.named(total).count() == 4, "{:#?}", host.scrape()?);
        Ok(())
    };
    let host = setup.start()?;
    for number in 1..=10 {
        let work_type = format!("type-{number}");
        host.accepts(&payload::work(&work_type, Temporality::Delta, &[number, 100]))?;
    }
    shows(&host)?;
    wait::until_equal("the log says how many points went there", &14, || overflowed(&setup.log()))?;
    host.kill()?;
    shows(&setup.start()?)
}

/// The numbers in front of what the log says at each flush, added up.
fn overflowed(log: &str) -> Result<u64> {
    let says = " went into the overflow series: `max_series` or `dictionary_entries` is reached";
    let numbers = log.split(says).filter_map(|before| before.rsplit(|c: char| !c.is_ascii_digit()).next());
    numbers.filter(|number| !number.is_empty()).map(|number| Ok(number.parse::<u64>()?)).sum()
}
