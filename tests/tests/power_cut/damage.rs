//! The end of the last write and everything else: a torn end was never acknowledged, and what was synced is damaged when it
//! does not read. `bad_input` has the damage of whole files.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use otelier_tests::host::{Configuration, Setup};
use otelier_tests::length;
use otelier_tests::payload::{self, Temporality};
use otelier_tests::power_cut::{Disk, Luck, Tear, torn};

use crate::powered;
use crate::reaper;

/// How often each kind of damage is tried in a run of the usual length, each time elsewhere.
const TRIES: u32 = 6;
const TOTAL: &str = "work_done_batched_total";

/// The file of the database whose name begins or ends so.
fn file(setup: &Setup, wanted: &str) -> Result<PathBuf> {
    for entry in fs::read_dir(setup.state().join("db"))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if (name.starts_with(wanted) || name.ends_with(wanted)) && fs::metadata(&path)?.len() > 0 {
            return Ok(path);
        }
    }
    anyhow::bail!("no {wanted}")
}

fn work(number: u32) -> Vec<u8> {
    payload::work(&name(number), Temporality::Delta, &[1, 2])
}

/// Long, so that a write takes more than a sector.
fn name(number: u32) -> String {
    format!("{number}-{}", "x".repeat(3000))
}

/// Whether a host shows the first requests, and how many of them.
fn shown(setup: &Setup) -> Result<u32> {
    let host = setup.start()?;
    let scrape = host.scrape()?;
    let count = (0..).take_while(|number| scrape.value(TOTAL, &[("work_type", &name(*number))]) == Some(3.0)).count();
    host.kill()?;
    Ok(count as u32)
}

/// Puts a copy of a directory in another's place.
fn put(from: &Path, to: &Path) -> Result<()> {
    if to.exists() {
        fs::remove_dir_all(to)?;
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (target, kind) = (to.join(entry.file_name()), entry.file_type()?);
        if kind.is_dir() {
            put(&entry.path(), &target)?;
        } else if kind.is_file() {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

#[test]
fn a_bit_that_turns_in_what_was_synced_is_refused_wherever_it_is() -> Result<()> {
    let (disk, mut random) = (Disk::new()?, reaper::random()?);
    let setup = powered::setup(&Configuration::aggregate(), &disk, "new")?;
    let host = setup.start()?;
    (0..5).try_for_each(|number| host.accepts(&work(number)))?;
    host.kill()?;
    // Now nothing is there but what was synced.
    disk.cut(Luck::None)?;
    for wanted in [".log", "MANIFEST", "CURRENT"] {
        let path = file(&setup, wanted)?;
        let whole = fs::read(&path)?;
        for _ in 0..length::rounds(TRIES)? {
            let (at, bit) = (random.usize(..whole.len()), random.u32(..8));
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << bit;
            if wanted == "CURRENT" && path.with_file_name(String::from_utf8_lossy(&bytes).trim_end()).exists() {
                // The name of another manifest that is still there: only RocksDB could tell.
                continue;
            }
            fs::write(&path, &bytes)?;
            let error = setup.fails_to_start().with_context(|| format!("{wanted}: bit {bit} of byte {at}"))?;
            let named = error.contains(&path.file_name().unwrap_or_default().to_string_lossy().into_owned());
            ensure!(named && error.contains("is damaged") && error.contains("backup"), "byte {at}, bit {bit}: {error}");
            fs::write(&path, &whole)?;
        }
    }
    assert_eq!(shown(&setup)?, 5);
    Ok(())
}

/// A host with four requests that are there and one whose write is torn in this way, again and again.
fn with_a_torn_end(tear: Tear, mut look: impl FnMut(&Disk, &Setup) -> Result<u32>) -> Result<()> {
    let (disk, mut random) = (Disk::new()?, reaper::random()?);
    let setup = powered::setup(&Configuration::aggregate(), &disk, "new")?;
    let host = setup.start()?;
    (0..4).try_for_each(|number| host.accepts(&work(number)))?;
    let log = file(&setup, ".log")?;
    let synced = fs::read(&log)?;
    host.accepts(&work(4))?;
    host.kill()?;
    let (written, kept) = (fs::read(&log)?, setup.folder().join("kept"));
    put(setup.state(), &kept)?;
    for _ in 0..length::rounds(TRIES)? {
        put(&kept, setup.state())?;
        let end = torn(&synced, &written, &mut random, &[tear]);
        fs::write(&log, &end)?;
        let shown = look(&disk, &setup).with_context(|| format!("{tear:?} from {} to {}", synced.len(), end.len()))?;
        ensure!(shown == 4 || shown == 5, "{shown} requests are shown");
    }
    Ok(())
}

#[test]
fn a_log_that_stops_short_is_read_to_there() -> Result<()> {
    with_a_torn_end(Tear::Short, |_, setup| shown(setup))
}

#[test]
fn a_log_that_ends_in_zeros_is_read_to_there() -> Result<()> {
    with_a_torn_end(Tear::Zeros, |_, setup| shown(setup))
}

#[test]
fn a_log_that_ends_in_garbage_is_refused_and_read_once_it_is_cut_as_advised() -> Result<()> {
    let mut advised = 0;
    with_a_torn_end(Tear::Garbage, |disk, setup| {
        // Garbage that looks like the beginning of a long record is one that stops short.
        let Err(error) = setup.start().map(|host| host.kill()) else {
            return shown(setup);
        };
        let advice = powered::advice(&error.to_string()).context(error)?;
        advised += 1;
        powered::follow(disk, &advice)?;
        shown(setup)
    })?;
    ensure!(advised > 0, "no end was refused");
    Ok(())
}
