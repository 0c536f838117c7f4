//! Which changes of a file are versions, and when.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use otelier_tests::host::Configuration;
use otelier_tests::payload::{self, Temporality};

use crate::{Plugin, swaps, until_swaps};

#[test]
fn a_file_renamed_into_place_runs_and_goes_on_from_the_state() -> Result<()> {
    let plugin = Plugin::aggregate()?;
    let setup = plugin.setup("aggregate", &Configuration::aggregate())?;
    let host = setup.start()?;
    let total = |expected| host.wait_for("work_done_batched_total", &[("work_type", "a")], expected);
    host.accepts(&payload::work("a", Temporality::Delta, &[1, 2]))?;
    total(3.0)?;
    let created = || -> Result<Option<f64>> {
        Ok(host.scrape_open_metrics()?.value("work_done_batched_created", &[("work_type", "a")]))
    };
    let before = created()?;
    for number in 1..=5 {
        plugin.exchange(&plugin.version(&number.to_string()))?;
        until_swaps(&host, "aggregate", "swapped", f64::from(number))?;
        host.accepts(&payload::work("a", Temporality::Delta, &[10]))?;
    }
    total(53.0)?;
    ensure!(before.is_some() && created()? == before, "the start time has moved");
    // The same contents under another time are no other version.
    fs::write(&plugin.file, fs::read(&plugin.file)?)?;
    plugin.exchange(&plugin.version("6"))?;
    until_swaps(&host, "aggregate", "swapped", 6.0)?;
    host.kill()?;
    let host = setup.start()?;
    host.wait_for("work_done_batched_total", &[("work_type", "a")], 53.0)
}

#[test]
fn a_file_that_is_still_being_written_is_not_loaded() -> Result<()> {
    let plugin = Plugin::aggregate()?;
    let setup = plugin.setup("aggregate", &Configuration::aggregate())?;
    let host = setup.start()?;
    for attempt in 1_u8..=10 {
        let tried = setup.log().matches("changed plugin file").count();
        let paused = write_slowly(&plugin.file, &plugin.version(&format!("next {attempt}")))?;
        until_swaps(&host, "aggregate", "swapped", f64::from(attempt))?;
        if paused < STANDS_STILL {
            let log = setup.log();
            ensure!(log.matches("changed plugin file").count() == tried, "half a file was tried:\n{log}");
            return Ok(());
        }
        println!("the writer was held up for {paused:?}, and the file was the same for as long");
    }
    anyhow::bail!("the machine is too busy to write a file without pauses")
}

/// Less than a file has to be the same.
const STANDS_STILL: Duration = Duration::from_millis(80);

/// Writes a file in pieces, over what it was. Returns the longest time in which it did not change.
fn write_slowly(path: &Path, contents: &[u8]) -> Result<Duration> {
    let mut file = OpenOptions::new().write(true).truncate(true).open(path)?;
    let (mut last, mut longest) = (Instant::now(), Duration::ZERO);
    for piece in contents.chunks(contents.len() / 20 + 1) {
        std::thread::sleep(Duration::from_millis(15));
        file.write_all(piece)?;
        longest = longest.max(last.elapsed());
        last = Instant::now();
    }
    Ok(longest)
}

#[test]
fn half_a_file_that_stays_is_refused_and_the_whole_one_is_taken() -> Result<()> {
    let plugin = Plugin::aggregate()?;
    let setup = plugin.setup("aggregate", &Configuration::aggregate())?;
    let host = setup.start()?;
    let next = plugin.version("next");
    plugin.exchange(&next[..next.len() / 2])?;
    otelier_tests::wait::until("half a file is refused", || {
        Ok(setup.log().contains("changed plugin file").then_some(()))
    })?;
    until_swaps(&host, "aggregate", "refused", 1.0)?;
    let history = otelier::updates::read_history(setup.state())?;
    ensure!(history.len() == 1 && history[0]["outcome"] == "refused", "{history:?}");
    host.accepts(&payload::work("a", Temporality::Delta, &[1]))?;
    plugin.exchange(&next)?;
    until_swaps(&host, "aggregate", "swapped", 1.0)?;
    host.wait_for("work_done_batched_total", &[("work_type", "a")], 1.0)
}

#[test]
fn links_that_are_exchanged_as_in_a_mounted_volume_are_followed() -> Result<()> {
    let plugin = Plugin::aggregate()?;
    let folder = plugin.file.parent().unwrap().to_owned();
    for (version, contents) in [("..one", plugin.component.clone()), ("..two", plugin.version("two"))] {
        fs::create_dir(folder.join(version))?;
        fs::write(folder.join(version).join("plugin.wasm"), contents)?;
    }
    fs::remove_file(&plugin.file)?;
    std::os::unix::fs::symlink("..one", folder.join("..data"))?;
    std::os::unix::fs::symlink("..data/plugin.wasm", &plugin.file)?;
    let setup = plugin.setup("aggregate", &Configuration::aggregate())?;
    let host = setup.start()?;
    std::os::unix::fs::symlink("..two", folder.join("..data_tmp"))?;
    fs::rename(folder.join("..data_tmp"), folder.join("..data"))?;
    until_swaps(&host, "aggregate", "swapped", 1.0)
}

/// `current/plugin.wasm`, where `current` leads to the folder of a release: the system tells of changes in that folder, and not that the
/// link leads to another one.
#[test]
fn a_link_to_a_folder_that_leads_to_another_folder_is_followed() -> Result<()> {
    let plugin = Plugin::aggregate()?;
    let folder = plugin.file.parent().unwrap().to_owned();
    let lead = |release: &str| -> Result<()> {
        let next = folder.join("next");
        std::os::unix::fs::symlink(release, &next)?;
        Ok(fs::rename(next, folder.join("current"))?)
    };
    for release in ["one", "two", "three"] {
        fs::create_dir(folder.join(release))?;
        fs::write(folder.join(release).join("plugin.wasm"), plugin.version(release))?;
    }
    lead("one")?;
    let linked = Plugin { file: folder.join("current/plugin.wasm"), ..plugin };
    let setup = linked.setup("aggregate", &Configuration::aggregate())?;
    let host = setup.start()?;
    for (number, release) in (1..).zip(["two", "three"]) {
        host.accepts(&payload::work("a", Temporality::Delta, &[10]))?;
        lead(release)?;
        until_swaps(&host, "aggregate", "swapped", f64::from(number))?;
        // Who deploys like this removes old releases.
        fs::remove_dir_all(folder.join(if number == 1 { "one" } else { "two" }))?;
    }
    // In the folder where the link leads now, of which nobody tells either.
    linked.exchange(&linked.version("mended"))?;
    until_swaps(&host, "aggregate", "swapped", 3.0)?;
    ensure!(swaps(&host, "aggregate", "refused")? == 0.0, "{}", setup.log());
    host.accepts(&payload::work("a", Temporality::Delta, &[10]))?;
    host.wait_for("work_done_batched_total", &[("work_type", "a")], 30.0)
}
