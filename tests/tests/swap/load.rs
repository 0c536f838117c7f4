//! Swaps while senders send, and while the host is killed.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use otelier_tests::host::{Configuration, Host, Setup};
use otelier_tests::{environment, versions, wait};
use serde_json::json;

use crate::reaper::Death;
use crate::{Plugin, cumulative, delta, swaps};

/// How often the host is killed.
const KILLS: u32 = 30;
const SWAPS: u64 = 200;

/// SIGKILL, while versions go on changing.
struct Kill;

impl Death for Kill {
    fn end(&mut self, host: Host<'_>) -> Result<()> {
        host.kill()
    }
}

/// Waits for so many swaps before it kills, once.
struct Patience;

impl Death for Patience {
    fn end(&mut self, host: Host<'_>) -> Result<()> {
        wait::within(Duration::from_secs(120), "all swaps", || {
            Ok((swaps(&host, "aggregate", "swapped")? >= SWAPS as f64).then_some(()))
        })?;
        ensure!(swaps(&host, "aggregate", "refused")? == 0.0);
        host.kill()
    }
}

/// Two files that take turns.
struct Turns {
    plugin: Plugin,
    versions: [Vec<u8>; 2],
    pause: Duration,
}

/// A little longer than a file has to be the same to be taken: many exchanges, of which some are.
const QUICK: Duration = Duration::from_millis(110);
/// Most are, on a machine that is busy as well.
const STEADY: Duration = Duration::from_millis(200);

impl Turns {
    /// The plugin, and the same in another file.
    fn labelled() -> Result<Turns> {
        let plugin = Plugin::aggregate()?;
        let versions = ["one", "two"].map(|label| plugin.version(label));
        Ok(Turns { plugin, versions, pause: QUICK })
    }

    /// Two builds that keep their state in different formats, and know each other's.
    fn of_two_formats() -> Result<Turns> {
        let plugin = Plugin::copy(&environment::guest("aggregate-2")?)?;
        let other = std::fs::read(environment::guest("aggregate-3")?)?;
        let versions = [plugin.component.clone(), other];
        Ok(Turns { plugin, versions, pause: QUICK })
    }

    /// The same, with turns of which most become swaps.
    fn steadily(self) -> Turns {
        Turns { pause: STEADY, ..self }
    }

    /// Exchanges the file while `work` runs on a host with the plugin.
    fn during(&self, configuration: &Configuration, work: impl FnOnce(&Setup) -> Result<()>) -> Result<u64> {
        self.during_on(self.plugin.setup("aggregate", configuration)?, work)
    }

    fn during_on(&self, setup: Setup, work: impl FnOnce(&Setup) -> Result<()>) -> Result<u64> {
        let (done, turns) = (AtomicBool::new(false), AtomicU64::new(0));
        std::thread::scope(|scope| {
            let turning = scope.spawn(|| -> Result<()> {
                while !done.load(Ordering::SeqCst) {
                    let turn = turns.fetch_add(1, Ordering::SeqCst);
                    let version = self.versions.get(turn as usize % 2).map(Vec::as_slice).unwrap_or_default();
                    versions::exchange(&self.plugin.file, version)?;
                    std::thread::sleep(self.pause);
                }
                Ok(())
            });
            let worked = work(&setup);
            done.store(true, Ordering::SeqCst);
            turning.join().map_err(|_| anyhow::anyhow!("the exchange panicked"))??;
            worked
        })?;
        Ok(turns.into_inner())
    }
}

#[test]
fn delta_points_count_once_over_swaps_and_kills() -> Result<()> {
    let turns =
        Turns::labelled()?.during(&delta::configuration(), |setup| delta::counts_once(setup, KILLS, &mut Kill))?;
    ensure!(turns > 20, "only {turns} exchanges");
    Ok(())
}

#[test]
fn cumulative_points_count_once_over_swaps_and_kills() -> Result<()> {
    let configuration = Configuration::aggregate();
    let turns = Turns::labelled()?.during(&configuration, |setup| cumulative::counts_once(setup, KILLS, &mut Kill))?;
    ensure!(turns > 20, "only {turns} exchanges");
    Ok(())
}

#[test]
fn delta_points_count_once_over_two_hundred_swaps() -> Result<()> {
    Turns::labelled()?
        .steadily()
        .during(&delta::configuration(), |setup| delta::counts_once(setup, 1, &mut Patience))
        .map(drop)
}

#[test]
fn cumulative_points_count_once_over_two_hundred_swaps() -> Result<()> {
    let configuration = Configuration::aggregate();
    Turns::labelled()?
        .steadily()
        .during(&configuration, |setup| cumulative::counts_once(setup, 1, &mut Patience))
        .map(drop)
}

#[test]
fn points_divided_among_instances_count_once_over_swaps_and_kills() -> Result<()> {
    let (turns, entry) = (Turns::labelled()?, json!({"instances": 3, "partition_by": ["work.type"]}));
    let setup = |configuration: Configuration| -> Result<Setup> {
        Ok(turns.plugin.setup_as("aggregate", &configuration, entry.clone())?.divided(3))
    };
    turns.during_on(setup(delta::configuration())?, |setup| delta::counts_once(setup, KILLS, &mut Kill))?;
    let cumulative = setup(Configuration::aggregate())?;
    turns.during_on(cumulative, |setup| cumulative::counts_once(setup, KILLS, &mut Kill)).map(drop)
}

/// Without a core for it no version can follow another: it starts while batches wait.
#[test]
fn points_count_once_over_swaps_and_kills_on_one_core() -> Result<()> {
    let turns = Turns::labelled()?;
    let on_one_core = |configuration: &Configuration| -> Result<Setup> {
        Ok(turns.plugin.setup("aggregate", configuration)?.launched_by(&["taskset", "--cpu-list", "0"]))
    };
    turns.during_on(on_one_core(&delta::configuration())?, |setup| delta::counts_once(setup, KILLS, &mut Kill))?;
    let cumulative = on_one_core(&Configuration::aggregate())?;
    turns.during_on(cumulative, |setup| cumulative::counts_once(setup, KILLS, &mut Kill)).map(drop)
}

#[test]
fn points_count_once_over_swaps_between_formats_and_kills() -> Result<()> {
    let turns = Turns::of_two_formats()?;
    turns.during(&delta::configuration(), |setup| delta::counts_once(setup, KILLS, &mut Kill))?;
    turns.during(&Configuration::aggregate(), |setup| cumulative::counts_once(setup, KILLS, &mut Kill)).map(drop)
}
