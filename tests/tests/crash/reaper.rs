//! The one who kills: starts the host, waits for a random moment, kills it, and looks at what the next one shows first.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use fastrand::Rng;
use otelier_tests::exposition::Exposition;
use otelier_tests::host::{Host, Setup};
use otelier_tests::wait;

/// How long a host lives where it has nothing else to do.
const LIFE_MAX: Duration = Duration::from_millis(60);
/// The longest a host lives that is killed while it starts.
const BIRTH_MAX: Duration = Duration::from_millis(150);

/// What senders and the reaper share.
#[derive(Debug, Default)]
pub struct Progress {
    /// Requests that were acknowledged so far.
    pub acknowledged: AtomicU64,
    /// Attempts that were refused so far.
    pub refused: AtomicU64,
    /// The last host is there to stay: finish.
    pub finish: AtomicBool,
    /// Something went wrong, and there will be no host to finish with.
    pub abandoned: AtomicBool,
}

/// How hosts die.
pub trait Death {
    /// The longest a host lives after its first acknowledgement.
    fn life_max(&self) -> Duration {
        LIFE_MAX
    }
    /// Ends a host, and takes what goes with it.
    fn end(&mut self, host: Host<'_>) -> Result<()>;
    /// Starts the next one.
    fn start<'s>(&mut self, setup: &'s Setup) -> Result<Host<'s>> {
        setup.start()
    }
}

/// Who looks on: told of each death, and shown the first scrape of each life.
pub trait Witness {
    /// The host is dead, the next is not there yet.
    fn killed(&mut self) {}
    /// What a host shows first.
    fn shown(&mut self, _scrape: &Exposition) -> Result<()> {
        Ok(())
    }
}

/// A witness that waits for the end.
pub struct Patient;

impl Witness for Patient {}

/// A seed, printed so that a run can be had again: `OTELIER_CRASH_SEED`.
pub fn random() -> Result<Rng> {
    let seed = match std::env::var("OTELIER_CRASH_SEED") {
        Ok(text) => text.parse().context("OTELIER_CRASH_SEED is no number")?,
        Err(_) => fastrand::u64(..),
    };
    println!("OTELIER_CRASH_SEED={seed}");
    Ok(Rng::with_seed(seed))
}

/// Kills one host after the other.
pub struct Reaper<'s> {
    setup: &'s Setup,
    progress: &'s Progress,
    /// How often the host is killed, the last one aside, and how.
    kills: u32,
    death: &'s mut dyn Death,
    /// The start time of each series. All of one instance have the same.
    since: BTreeMap<BTreeMap<String, String>, f64>,
}

impl<'s> Reaper<'s> {
    pub fn new(setup: &'s Setup, progress: &'s Progress, kills: u32, death: &'s mut dyn Death) -> Reaper<'s> {
        Reaper { setup, progress, kills, death, since: BTreeMap::new() }
    }

    /// Kills that many hosts and starts one more, which stays until the senders have finished. Tells them when they may, or
    /// that there is nothing to wait for.
    pub fn reap(&mut self, random: &mut Rng, witness: &mut impl Witness) -> Result<Host<'s>> {
        let kills = self.kills;
        let lived = (0..kills).try_for_each(|kill| {
            self.one_life(random, witness).with_context(|| format!("after {kill} kills"))?;
            witness.killed();
            Ok(())
        });
        let last = lived.and_then(|()| self.start(witness).with_context(|| format!("after {kills} kills")));
        self.progress.abandoned.store(last.is_err(), Ordering::SeqCst);
        self.progress.finish.store(true, Ordering::SeqCst);
        last
    }

    fn one_life(&mut self, random: &mut Rng, witness: &mut impl Witness) -> Result<()> {
        // One in five does not live to serve.
        if random.u32(0..5) == 0 {
            let host = self.setup.spawn()?;
            std::thread::sleep(BIRTH_MAX.mul_f64(random.f64()));
            return self.death.end(host);
        }
        let host = self.start(witness)?;
        let before = self.progress.acknowledged.load(Ordering::SeqCst);
        wait::until("a request is acknowledged", || {
            Ok((self.progress.acknowledged.load(Ordering::SeqCst) > before).then_some(()))
        })?;
        std::thread::sleep(self.death.life_max().mul_f64(random.f64()));
        self.death.end(host)
    }

    /// Ends a host as all others end.
    pub fn end(&mut self, host: Host<'_>) -> Result<()> {
        self.death.end(host)
    }

    /// Starts a host and looks at its first scrape: its start times are those of every life before.
    pub fn start(&mut self, witness: &mut impl Witness) -> Result<Host<'s>> {
        let host = self.death.start(self.setup)?;
        let scrape = host.scrape_open_metrics()?;
        for created in scrape.named("work_done_batched_created") {
            let since = *self.since.entry(created.labels.clone()).or_insert(created.value);
            ensure!(created.value == since, "the start time moved from {since} to {}: {created:?}", created.value);
        }
        let mut starts: Vec<u64> = self.since.values().map(|since| since.to_bits()).collect();
        starts.sort_unstable();
        starts.dedup();
        let instances = self.setup.instances();
        ensure!(starts.len() <= instances as usize, "{} start times of {instances} instances", starts.len());
        witness.shown(&scrape)?;
        Ok(host)
    }
}
