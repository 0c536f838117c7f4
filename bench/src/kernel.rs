//! The kernel's side: which core a process runs on, the processor time it took, the memory it holds.

use std::fs;
use std::process::{Child, Command};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The unit of times in `/proc`: `USER_HZ` is 100 on every architecture we run on.
const TICK_MS: u64 = 10;

/// Binds the calling thread, and what it starts from then on, to one core.
pub fn pin(core: usize) -> Result<()> {
    let mut set = CpuSet::new();
    ensure!(core < CpuSet::MAX_CPU, "core {core} does not exist");
    set.set(core);
    sched_setaffinity(None, &set).with_context(|| format!("cannot run on core {core}"))
}

/// Does something on another core, and comes back.
pub fn on_core<T>(core: usize, work: impl FnOnce() -> T) -> Result<T> {
    let before = sched_getaffinity(None)?;
    pin(core)?;
    let done = work();
    sched_setaffinity(None, &before)?;
    Ok(done)
}

/// Starts a process on a core. It inherits the affinity of the thread that starts it, from its first instruction on.
pub fn spawn_on(core: usize, command: &mut Command) -> Result<Child> {
    on_core(core, || command.spawn())?.with_context(|| format!("cannot start {}", command.get_program().display()))
}

/// Processor time of all threads of a process, those that ended included; precise to 10 ms.
pub fn processor_time(pid: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The second field, a name in parentheses, may contain anything; the last parenthesis ends it.
    let (_, rest) = stat.rsplit_once(')').context("no name in stat")?;
    let ticks = |field: usize| rest.split_ascii_whitespace().nth(field).and_then(|text| text.parse::<u64>().ok());
    let (user, system) = (ticks(11).context("no utime")?, ticks(12).context("no stime")?);
    Ok(Duration::from_millis((user + system) * TICK_MS))
}

/// Resident memory now and at its largest, in MiB.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    /// `VmRSS`.
    pub now_mib: f64,
    /// `VmHWM`.
    pub most_mib: f64,
}

/// Reads the memory of a process.
pub fn memory(pid: u32) -> Result<Memory> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let mib = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        let kib: f64 = line.trim_start_matches(':').split_ascii_whitespace().next()?.parse().ok()?;
        Some(kib / 1024.0)
    };
    Ok(Memory { now_mib: mib("VmRSS").context("no VmRSS")?, most_mib: mib("VmHWM").context("no VmHWM")? })
}
