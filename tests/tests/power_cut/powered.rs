//! A host on a disk whose power can be cut, and its end by such a cut.

use anyhow::{Context, Result, ensure};
use fastrand::Rng;
use otelier_tests::host::{Configuration, Host, Setup};
use otelier_tests::power_cut::{Disk, Loss, Luck, Tear};

use crate::reaper::{self, Death};

/// A host whose state directory will be below a directory of the disk; neither is made yet.
pub fn setup(config: &Configuration, disk: &Disk, directory: &str) -> Result<Setup> {
    let words = disk.words();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    Ok(Setup::with_aggregate(config)?.state_in(&disk.live().join(directory).join("state")).launched_by(&words))
}

/// SIGKILL, and the disk forgets.
pub struct PowerCut<'d> {
    disk: &'d Disk,
    random: Rng,
    /// Whether the disk may keep some of what was not synced.
    lucky: bool,
    losses: Vec<Loss>,
    /// How often a host did not start before its advice was followed.
    advised: u32,
}

impl PowerCut<'_> {
    pub fn new(disk: &Disk, lucky: bool) -> Result<PowerCut<'_>> {
        Ok(PowerCut { disk, random: reaper::random()?, lucky, losses: Vec::new(), advised: 0 })
    }

    /// Cuts between a write to the store's log and its sync are what this is about.
    pub fn fell_between(&self) -> Result<()> {
        let in_log = |loss: &&Loss| loss.bytes.keys().any(|name| name.ends_with(".log"));
        let (logs, names) = (self.losses.iter().filter(in_log), self.losses.iter().filter(|loss| loss.names > 0));
        let (cuts, logs, names, advised) = (self.losses.len(), logs.count(), names.count(), self.advised);
        println!("{cuts} cuts, {logs} with unsynced writes, {names} with unsynced names, {advised} starts as advised");
        ensure!(logs > 0, "no cut fell between a write and its sync");
        Ok(())
    }
}

impl Death for PowerCut<'_> {
    fn end(&mut self, host: Host<'_>) -> Result<()> {
        host.kill()?;
        // Every other disk is the worst that it may be.
        let luck = match self.lucky && self.random.bool() {
            true => Luck::Some(&mut self.random, &[Tear::Short, Tear::Zeros, Tear::Garbage]),
            false => Luck::None,
        };
        self.losses.push(self.disk.cut(luck)?);
        Ok(())
    }

    fn start<'s>(&mut self, setup: &'s Setup) -> Result<Host<'s>> {
        let error = match setup.start() {
            Ok(host) => return Ok(host),
            Err(error) => error,
        };
        let Some(advice) = advice(&error.to_string()) else {
            return Err(error);
        };
        self.advised += 1;
        follow(self.disk, &advice)?;
        setup.start().with_context(|| format!("after `{advice}`"))
    }
}

/// What a host that does not start says is to be done about a write that does not read.
pub fn advice(error: &str) -> Option<String> {
    let (_, advice) = error.rsplit_once("`truncate ")?;
    Some(format!("truncate {}", advice.split('`').next()?))
}

/// Does it, to last.
pub fn follow(disk: &Disk, advice: &str) -> Result<()> {
    let file = advice.split_whitespace().next_back().context("no file")?;
    disk.run(&format!("{advice}; sync {file}"))
}
