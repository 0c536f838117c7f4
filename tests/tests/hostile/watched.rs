//! A host that is watched while it is attacked.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use otelier_tests::host::{Configuration, Host};
use otelier_tests::payload::{self, Temporality};
use otelier_tests::{grpc, length};

/// How long an attack of the usual length goes on.
const ATTACK_S: u32 = 3;

/// Health that takes longer hangs.
const HANGS_AFTER: Duration = Duration::from_secs(5);

/// Between two questions about health.
const HEALTH_PAUSE: Duration = Duration::from_millis(100);

/// Between two requests of the innocent sender.
const INNOCENT_PAUSE: Duration = Duration::from_millis(50);

/// What requests under way may hold, by default, and what the host may take beside it: for itself, and for a largest message.
const BOUND_BYTES: u64 = (256 + 64 + 64) << 20;

/// Everything goes through without a plugin, and is shown to scrapers.
pub fn configuration() -> Configuration {
    Configuration::passthrough()
}

/// Attacks until the time is over; `attack` is called again and again by so many threads at a time.
pub fn attacked(host: &Host<'_>, threads: usize, attack: impl Fn() -> Result<()> + Sync) -> Result<()> {
    let until = Instant::now() + Duration::from_secs(length::rounds(ATTACK_S)?.into());
    watched(host, || {
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    while Instant::now() < until {
                        // Refused, cut off or answered: it is not its turn to complain.
                        let _ = attack();
                    }
                });
            }
        });
        Ok(())
    })
}

/// Watches while `attack` goes on: every question about health is answered, every innocent request is accepted.
pub fn watched(host: &Host<'_>, attack: impl FnOnce() -> Result<()>) -> Result<()> {
    let (before, done) = (resident(host)?, AtomicBool::new(false));
    let going = || !done.load(Ordering::SeqCst);
    std::thread::scope(|scope| {
        let health = scope.spawn(|| -> Result<Duration> {
            let mut longest = Duration::ZERO;
            while going() {
                let asked = Instant::now();
                let answer = host.health("/livez").context("health did not answer")?;
                ensure!(answer.status == 200, "health is {}", answer.status);
                longest = longest.max(asked.elapsed());
                std::thread::sleep(HEALTH_PAUSE);
            }
            Ok(longest)
        });
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
        let longest = health.join().unwrap()?;
        let sent = innocent.join().unwrap()?;
        let grown = memory.join().unwrap()?.saturating_sub(before);
        attacked?;
        eprintln!("health took {longest:?} at the most, {sent} innocent requests, memory grew by {} MiB", grown >> 20);
        ensure!(longest < HANGS_AFTER, "health took {longest:?}");
        ensure!(sent > 0, "nothing innocent was sent");
        ensure!(grown <= BOUND_BYTES, "memory grew by {} MiB", grown >> 20);
        Ok(())
    })
}

fn resident(host: &Host<'_>) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", host.id()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kib: u64 = line.split_whitespace().next().context("no number")?.parse()?;
    Ok(kib << 10)
}
