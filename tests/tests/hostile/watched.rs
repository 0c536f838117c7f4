//! A host that is watched while it is attacked.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use otelier_tests::host::{Configuration, Host};
use otelier_tests::payload::{self, Temporality};
use otelier_tests::{grpc, length, wait};

/// How long an attack goes on, in seconds, beside other tests and alone.
const ATTACK_S: (u32, u32) = (3, 10);

/// Health that takes longer hangs.
const HANGS_AFTER: Duration = Duration::from_secs(5);

/// Of a hundred questions about health, ninety-nine are answered within this time where nobody else has the machine.
const HEALTH_P99_MAX: Duration = Duration::from_millis(200);

/// Between two questions about health.
const HEALTH_PAUSE: Duration = Duration::from_millis(100);

/// Between two requests of the innocent sender.
const INNOCENT_PAUSE: Duration = Duration::from_millis(50);

/// What requests under way may hold, by default, and what the host may take beside it: for itself, and for a largest message.
const BOUND_BYTES: u64 = (256 + 64 + 64) << 20;

/// How long memory may take to come back, and what may be kept of it.
const BACK_WITHIN: Duration = Duration::from_secs(10);
const KEPT_BYTES: u64 = 64 << 20;

/// Everything goes through without a plugin, and is shown to scrapers.
pub fn configuration() -> Configuration {
    Configuration::passthrough()
}

/// Attacks until the time is over; `attack` is called again and again by so many threads at a time.
pub fn attacked(host: &Host<'_>, threads: usize, attack: impl Fn() -> Result<()> + Sync) -> Result<()> {
    let length = length::seconds(ATTACK_S.0, ATTACK_S.1)?;
    watched(host, || {
        again_and_again(length, threads, |_| {
            // Refused, cut off or answered: it is not its turn to complain.
            let _ = attack();
        });
        Ok(())
    })
}

/// Calls `act` again and again for so long, from so many threads, with each thread's number.
pub fn again_and_again(length: Duration, threads: usize, act: impl Fn(usize) + Sync) {
    let until = Instant::now() + length;
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let act = &act;
            scope.spawn(move || {
                while Instant::now() < until {
                    act(thread);
                }
            });
        }
    });
}

/// Watches while `attack` goes on: every question about health is answered, every innocent request is accepted, and memory comes back.
pub fn watched(host: &Host<'_>, attack: impl FnOnce() -> Result<()>) -> Result<()> {
    let (before, done) = (resident(host)?, AtomicBool::new(false));
    let going = || !done.load(Ordering::SeqCst);
    std::thread::scope(|scope| {
        let health = scope.spawn(|| asked(host, going));
        let innocent = scope.spawn(|| -> Result<u64> {
            let (mut client, mut sent) = (host.grpc()?, 0);
            while going() {
                let outcome = client.send(grpc::METRICS, &payload::work("innocent", Temporality::Delta, &[1]));
                ensure!(outcome.is_acknowledged(), "after {sent} innocent requests: {outcome:?}");
                sent += 1;
                std::thread::sleep(INNOCENT_PAUSE);
            }
            Ok(sent)
        });
        let memory = scope.spawn(|| -> Result<u64> {
            let mut peak = 0;
            while going() {
                peak = peak.max(resident(host)?);
                std::thread::sleep(Duration::from_millis(10));
            }
            Ok(peak)
        });
        let attacked = attack();
        done.store(true, Ordering::SeqCst);
        let took = health.join().unwrap()?;
        let sent = innocent.join().unwrap()?;
        let grown = memory.join().unwrap()?.saturating_sub(before);
        attacked?;
        eprintln!("health: {took:?}; {sent} innocent requests; memory grew by {} MiB", grown >> 20);
        took.check()?;
        ensure!(sent > 0, "nothing innocent was sent");
        ensure!(grown <= BOUND_BYTES, "memory grew by {} MiB", grown >> 20);
        comes_back(host, before)
    })
}

/// How long questions about health took.
#[derive(Debug)]
pub struct Took {
    p99: Duration,
    longest: Duration,
}

impl Took {
    /// Fails where health hung, or where it was slow although nobody else had the machine.
    pub fn check(&self) -> Result<()> {
        ensure!(self.longest < HANGS_AFTER, "health: {self:?}");
        ensure!(!length::is_alone() || self.p99 <= HEALTH_P99_MAX, "health: {self:?}");
        Ok(())
    }
}

/// Asks for health while it goes on.
pub fn asked(host: &Host<'_>, going: impl Fn() -> bool) -> Result<Took> {
    let mut took = Vec::new();
    while going() {
        let asked = Instant::now();
        let answer = host.health("/livez").context("health did not answer")?;
        ensure!(answer.status == 200, "health is {}", answer.status);
        took.push(asked.elapsed());
        std::thread::sleep(HEALTH_PAUSE);
    }
    took.sort();
    let longest = took.last().copied().context("health was never asked for")?;
    let p99 = took.get(took.len() * 99 / 100).copied().unwrap_or(longest);
    Ok(Took { p99, longest })
}

/// Waits until memory is back to what it was before, or nearly.
pub fn comes_back(host: &Host<'_>, before: u64) -> Result<()> {
    let back =
        wait::within(BACK_WITHIN, "memory is back", || Ok((resident(host)? <= before + KEPT_BYTES).then_some(())));
    back.with_context(|| {
        format!("it was {} MiB, and is {:?} MiB", before >> 20, resident(host).map(|bytes| bytes >> 20))
    })
}

pub fn resident(host: &Host<'_>) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", host.id()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kib: u64 = line.split_whitespace().next().context("no number")?.parse()?;
    Ok(kib << 10)
}
