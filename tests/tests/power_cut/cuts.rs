//! The crash tests with a power cut in the place of each kill, and the proof that the cuts take what is not synced.

use std::time::Duration;

use anyhow::{Context, Result};
use otelier_tests::host::{Configuration, Setup};
use otelier_tests::length;
use otelier_tests::payload::{self, Temporality};
use otelier_tests::power_cut::{Disk, Luck, Tear};
use serde_json::json;

use crate::powered::{self, PowerCut};
use crate::{cumulative, delta, reaper};

/// How often the power is cut in one run of the usual length.
const CUTS: u32 = 30;
/// How often where the first cuts decide.
const FEW_CUTS: u32 = 8;
/// The longest that a first start lives.
const BIRTH_MAX: Duration = Duration::from_millis(150);
const TOTAL: &str = "work_done_batched_total";
const MANUAL: [(&str, &str); 1] = [("work_type", "manual")];

fn answering(durability: &str) -> Configuration {
    Configuration::aggregate().set("service/pipelines/metrics/durability", json!(durability))
}

/// The end of what the hosts said.
fn tail(setup: &Setup) -> String {
    let log = setup.log();
    log.get(log.len().saturating_sub(4000)..).unwrap_or(&log).to_owned()
}

#[test]
fn delta_points_count_once_over_power_cuts() -> Result<()> {
    let disk = Disk::new()?;
    let (setup, mut death) = (powered::setup(&delta::configuration(), &disk, "new")?, PowerCut::new(&disk, true)?);
    delta::counts_once(&setup, length::rounds(CUTS)?, &mut death).with_context(|| tail(&setup))?;
    death.fell_between()
}

#[test]
fn cumulative_points_count_once_over_power_cuts() -> Result<()> {
    let disk = Disk::new()?;
    let (setup, mut death) = (powered::setup(&answering("sync"), &disk, "new")?, PowerCut::new(&disk, true)?);
    cumulative::counts_once(&setup, length::rounds(CUTS)?, &mut death).with_context(|| tail(&setup))?;
    death.fell_between()
}

/// The test above can fail: it does when requests are answered before the sync.
#[test]
fn without_sync_the_same_cuts_lose_what_was_acknowledged() -> Result<()> {
    let disk = Disk::new()?;
    let (setup, mut death) = (powered::setup(&answering("memory"), &disk, "new")?, PowerCut::new(&disk, false)?);
    let error = cumulative::counts_once(&setup, FEW_CUTS, &mut death).unwrap_err();
    let error = format!("{error:#}");
    // The state was made, and its start time shown, before anything was synced.
    assert!(error.contains("was acknowledged before the kill") || error.contains("the start time moved"), "{error}");
    Ok(())
}

/// What the next host shows of a request that was acknowledged just before a cut in which the disk had no luck.
fn shown_after_a_cut(durability: &str) -> Result<Option<f64>> {
    let disk = Disk::new()?;
    let setup = powered::setup(&answering(durability), &disk, "new")?;
    let host = setup.start()?;
    host.accepts(&payload::work("manual", Temporality::Delta, &[1, 2, 3]))?;
    host.kill()?;
    disk.cut(Luck::None)?;
    Ok(setup.start()?.scrape()?.value(TOTAL, &MANUAL))
}

#[test]
fn only_what_is_synced_before_the_acknowledgement_survives() -> Result<()> {
    assert_eq!(shown_after_a_cut("memory")?, None);
    assert_eq!(shown_after_a_cut("sync")?, Some(6.0));
    Ok(())
}

/// A store that was being made is made, or there was none: it never keeps the next host from starting.
#[test]
fn a_cut_during_the_first_start_leaves_a_whole_store_or_none() -> Result<()> {
    let (disk, mut random) = (Disk::new()?, reaper::random()?);
    for attempt in 0..length::rounds(FEW_CUTS)? {
        let setup = powered::setup(&answering("sync"), &disk, &attempt.to_string())?;
        let host = setup.spawn()?;
        std::thread::sleep(BIRTH_MAX.mul_f64(random.f64()));
        host.kill()?;
        disk.cut(Luck::Some(&mut random, &[Tear::Short, Tear::Zeros]))?;
        let host = setup.start().with_context(|| format!("attempt {attempt}"))?;
        host.accepts(&payload::work("manual", Temporality::Delta, &[1, 2, 3]))?;
        host.kill()?;
        disk.cut(Luck::None)?;
        let host = setup.start().with_context(|| format!("attempt {attempt}, second cut"))?;
        assert_eq!(host.scrape()?.value(TOTAL, &MANUAL), Some(6.0), "attempt {attempt}");
    }
    Ok(())
}
