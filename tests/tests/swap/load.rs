//! Swaps while senders send, and while the host is killed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use otelier_tests::host::{Configuration, Host, Setup};
use otelier_tests::{environment, length, versions, wait};
use serde_json::json;

use crate::reaper::Death;
use crate::{Plugin, cumulative, delta, swaps, until_swaps};

/// How often the host is killed in one run of the usual length.
const KILLS: u32 = 30;
/// Of so many lives one waits for a swap; the others have none, or one, or three.
const LIVES_A_SWAP: u32 = 3;
const SWAPS: u32 = 200;
/// How long these, and a single one, may take on a machine that does much else; alone it is less than a third.
const SWAPS_WITHIN_S: u32 = 600;
/// Outcomes that the history has at least, where there were more.
const HISTORY_KEEPS: usize = 990;

/// SIGKILL, while versions go on changing.
#[derive(Default)]
struct Kill {
    lives: u32,
}

impl Death for Kill {
    /// Long enough for swaps, and so short that many a kill comes into the middle of one.
    fn life_max(&self) -> Duration {
        3 * PAUSE
    }

    fn end(&mut self, host: Host<'_>) -> Result<()> {
        self.lives += 1;
        if self.lives.is_multiple_of(LIVES_A_SWAP) {
            until_swapped(&host, 1, SWAPS_WITHIN_S)?;
        }
        host.kill()
    }
}

/// Lets so many hosts die at once, waits for all swaps before the next does, and kills all others at once.
struct Patience {
    before: u32,
}

impl Death for Patience {
    fn end(&mut self, host: Host<'_>) -> Result<()> {
        let is_next = self.before == 0;
        self.before = self.before.wrapping_sub(1);
        if !is_next {
            return host.kill();
        }
        until_swapped(&host, length::rounds(SWAPS)?, length::rounds(SWAPS_WITHIN_S)?)?;
        host.kill()
    }
}

/// Waits until so many versions have followed another in this life of `host`.
fn until_swapped(host: &Host<'_>, count: u32, within_s: u32) -> Result<()> {
    wait::within(Duration::from_secs(within_s.into()), "all swaps", || {
        Ok((swaps(host, "aggregate", "swapped")? >= f64::from(count)).then_some(()))
    })
}

/// Two files that take turns.
struct Turns {
    plugin: Plugin,
    versions: [Vec<u8>; 2],
}

/// Between two exchanges of the file: as long as it has to be the same to be taken, and as much again for the swap.
const PAUSE: Duration = Duration::from_millis(200);

impl Turns {
    /// The plugin, and the same in another file.
    fn labelled() -> Result<Turns> {
        let plugin = Plugin::aggregate()?;
        let versions = ["one", "two"].map(|label| plugin.version(label));
        Ok(Turns { plugin, versions })
    }

    /// Two builds that keep their state in different formats, and know each other's.
    fn of_two_formats() -> Result<Turns> {
        let plugin = Plugin::copy(&environment::guest("aggregate-2")?)?;
        let other = std::fs::read(environment::guest("aggregate-3")?)?;
        let versions = [other, plugin.component.clone()];
        Ok(Turns { plugin, versions })
    }

    fn setup(&self, configuration: &Configuration) -> Result<Setup> {
        self.plugin.setup("aggregate", configuration)
    }

    /// Without a core for it no version can follow another: it starts while batches wait.
    fn on_one_core(&self, configuration: &Configuration) -> Result<Setup> {
        Ok(self.setup(configuration)?.launched_by(&["taskset", "--cpu-list", "0"]))
    }

    fn divided(&self, configuration: &Configuration) -> Result<Setup> {
        let entry = json!({"instances": 3, "partition_by": ["work.type"]});
        Ok(self.plugin.setup_as("aggregate", configuration, entry)?.divided(3))
    }

    /// Exchanges the file while `work` runs, on a host that has machine code of both versions. Returns how many swaps there were; none was
    /// refused.
    fn during(&self, setup: &Setup, work: impl FnOnce() -> Result<u64>) -> Result<Swapped> {
        self.compile(setup)?;
        let before = outcomes(setup)?.len();
        let done = AtomicBool::new(false);
        let refused = std::thread::scope(|scope| {
            let turning = scope.spawn(|| -> Result<()> {
                for version in self.versions.iter().cycle() {
                    if done.load(Ordering::SeqCst) {
                        break;
                    }
                    versions::exchange(&self.plugin.file, version)?;
                    std::thread::sleep(PAUSE);
                }
                Ok(())
            });
            let worked = work();
            done.store(true, Ordering::SeqCst);
            turning.join().map_err(|_| anyhow::anyhow!("the exchange panicked"))??;
            worked
        })?;
        let outcomes = outcomes(setup)?.split_off(before);
        let other = outcomes.iter().find(|outcome| *outcome != "swapped");
        ensure!(other.is_none(), "a version was {}", other.map_or("", String::as_str));
        println!("{} swaps, {refused} attempts refused", outcomes.len());
        Ok(Swapped { swaps: outcomes.len(), refused })
    }

    fn compile(&self, setup: &Setup) -> Result<()> {
        versions::exchange(&self.plugin.file, &self.plugin.component)?;
        let host = setup.start()?;
        for (swap, version) in (1_u8..).zip(&self.versions) {
            versions::exchange(&self.plugin.file, version)?;
            until_swaps(&host, "aggregate", "swapped", f64::from(swap))?;
        }
        host.kill()
    }

    fn counts_deltas_between_kills(&self, setup: &Setup) -> Result<()> {
        self.during(setup, || delta::counts_once(setup, length::rounds(KILLS)?, &mut Kill::default()))?.between_kills()
    }

    fn counts_cumulative_points_between_kills(&self, setup: &Setup) -> Result<()> {
        self.during(setup, || cumulative::counts_once(setup, length::rounds(KILLS)?, &mut Kill::default()))?
            .between_kills()
    }

    fn counts_deltas_over_swaps(&self, setup: &Setup) -> Result<()> {
        self.during(setup, || delta::counts_once(setup, 1, &mut Patience { before: 0 }))?.all()
    }

    fn counts_cumulative_points_over_swaps(&self, setup: &Setup) -> Result<()> {
        // The first one makes the state, and nobody sends.
        self.during(setup, || cumulative::counts_once(setup, 1, &mut Patience { before: 1 }))?.all()
    }
}

/// What happened while versions took turns.
struct Swapped {
    swaps: usize,
    /// Attempts of senders.
    refused: u64,
}

impl Swapped {
    /// Senders may meet a host that comes up.
    fn between_kills(&self) -> Result<()> {
        let waited_for = (length::rounds(KILLS)? / LIVES_A_SWAP) as usize;
        ensure!(self.swaps >= waited_for.min(HISTORY_KEEPS), "{} swaps, {waited_for} waited for", self.swaps);
        Ok(())
    }

    /// All have been waited for; the history keeps the last thousand, and those of the preparation.
    fn all(&self) -> Result<()> {
        let all = (length::rounds(SWAPS)? as usize).min(HISTORY_KEEPS);
        ensure!(self.swaps >= all && self.refused == 0, "{} swaps, {} refused", self.swaps, self.refused);
        Ok(())
    }
}

/// What became of every version that was tried, in all lives of the host.
fn outcomes(setup: &Setup) -> Result<Vec<String>> {
    let history = setup.prints(&["plugin", "history", "--json"])?;
    let outcome = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line)?;
        Ok(line["outcome"].as_str().context("a line without outcome")?.to_owned())
    };
    history.lines().map(outcome).collect()
}

#[test]
fn delta_points_count_once_over_swaps_and_kills() -> Result<()> {
    let turns = Turns::labelled()?;
    turns.counts_deltas_between_kills(&turns.setup(&delta::configuration())?)
}

#[test]
fn cumulative_points_count_once_over_swaps_and_kills() -> Result<()> {
    let turns = Turns::labelled()?;
    turns.counts_cumulative_points_between_kills(&turns.setup(&Configuration::aggregate())?)
}

#[test]
fn points_divided_among_instances_count_once_over_swaps_and_kills() -> Result<()> {
    let turns = Turns::labelled()?;
    turns.counts_deltas_between_kills(&turns.divided(&delta::configuration())?)?;
    turns.counts_cumulative_points_between_kills(&turns.divided(&Configuration::aggregate())?)
}

#[test]
fn points_count_once_over_swaps_and_kills_on_one_core() -> Result<()> {
    let turns = Turns::labelled()?;
    turns.counts_deltas_between_kills(&turns.on_one_core(&delta::configuration())?)?;
    turns.counts_cumulative_points_between_kills(&turns.on_one_core(&Configuration::aggregate())?)
}

#[test]
fn points_count_once_over_swaps_between_formats_and_kills() -> Result<()> {
    let turns = Turns::of_two_formats()?;
    turns.counts_deltas_between_kills(&turns.setup(&delta::configuration())?)?;
    turns.counts_cumulative_points_between_kills(&turns.setup(&Configuration::aggregate())?)
}

#[test]
fn delta_points_count_once_over_two_hundred_swaps() -> Result<()> {
    let turns = Turns::labelled()?;
    turns.counts_deltas_over_swaps(&turns.setup(&delta::configuration())?)
}

#[test]
fn cumulative_points_count_once_over_two_hundred_swaps() -> Result<()> {
    let turns = Turns::labelled()?;
    turns.counts_cumulative_points_over_swaps(&turns.setup(&Configuration::aggregate())?)
}

#[test]
fn points_count_once_over_two_hundred_swaps_between_formats() -> Result<()> {
    let turns = Turns::of_two_formats()?;
    turns.counts_deltas_over_swaps(&turns.setup(&delta::configuration())?)?;
    turns.counts_cumulative_points_over_swaps(&turns.setup(&Configuration::aggregate())?)
}

#[test]
fn points_divided_among_instances_count_once_over_two_hundred_swaps() -> Result<()> {
    let turns = Turns::labelled()?;
    turns.counts_cumulative_points_over_swaps(&turns.divided(&Configuration::aggregate())?)
}

#[test]
fn points_count_once_over_two_hundred_swaps_on_one_core() -> Result<()> {
    let turns = Turns::labelled()?;
    turns.counts_deltas_over_swaps(&turns.on_one_core(&delta::configuration())?)
}
