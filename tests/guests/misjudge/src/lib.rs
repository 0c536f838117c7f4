//! A breaker policy that allows everything and, when told to, breaks in one of many ways.
//!
//! ```text
//! mode   one of the names of `Mode`, in kebab case
//! after  misbehave in the n-th question of an instance and in every later one, counted from 1 (default 1)
//! ```

use std::sync::atomic::{AtomicU64, Ordering};

use otelier_sdk::Failure;
use otelier_sdk::policy::{Decision, Outcome, Policy, Question};
use serde::Deserialize;

/// How it breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Not at all.
    Behave,
    /// Panics when it is asked.
    TrapInAdmit,
    /// Panics when it is told an outcome.
    TrapInOutcome,
    /// Never answers.
    LoopInAdmit,
    /// Never takes note of an outcome.
    LoopInOutcome,
    /// Allocates until something stops it.
    MemoryBomb,
    /// Calls itself until something stops it, with an array in its memory for each call.
    DeepRecursion,
    /// The same without anything in its memory.
    StackOverflow,
    /// Rejects until the end of time.
    RejectForEver,
    /// Rejects until a time that has passed.
    RejectUntilThePast,
    /// Rejects for a second, always.
    RejectOnAndOn,
    /// Half-open, without a probe.
    NoProbe,
    /// Refuses its configuration.
    RefuseConfiguration,
    /// Panics on its configuration.
    TrapInConfigure,
    /// Never has done with its configuration.
    LoopInConfigure,
}

/// The configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    mode: Mode,
    #[serde(default = "first")]
    after: u64,
}

fn first() -> u64 {
    1
}

/// The policy.
#[derive(Debug)]
pub struct Misjudge {
    config: Config,
    questions: u64,
}

impl Policy for Misjudge {
    type Config = Config;

    fn configure(config: Config) -> Result<Misjudge, Failure> {
        match config.mode {
            Mode::RefuseConfiguration => Err(Failure::refused("`mode` is not to my liking")),
            Mode::TrapInConfigure => trap(),
            Mode::LoopInConfigure => spin(),
            _ => Ok(Misjudge { config, questions: 0 }),
        }
    }

    fn admit(&mut self, question: &Question) -> Decision {
        self.questions += 1;
        if self.questions < self.config.after {
            return Decision::Allow;
        }
        match self.config.mode {
            Mode::TrapInAdmit => trap(),
            Mode::LoopInAdmit => spin(),
            Mode::MemoryBomb => Decision::Probe(hoard()),
            Mode::DeepRecursion => Decision::Probe(descend(question.now)),
            Mode::StackOverflow => Decision::Probe(count_down(question.now) as u32),
            Mode::RejectForEver => Decision::Reject(u64::MAX),
            Mode::RejectUntilThePast => Decision::Reject(question.now.saturating_sub(1)),
            Mode::RejectOnAndOn => Decision::Reject(question.now + 1_000_000_000),
            Mode::NoProbe => Decision::Probe(0),
            _ => Decision::Allow,
        }
    }

    fn on_outcome(&mut self, _: Outcome, _: u64, _: u64) {
        match self.config.mode {
            Mode::TrapInOutcome => trap(),
            Mode::LoopInOutcome => spin(),
            _ => {}
        }
    }
}

#[allow(clippy::panic)] // What it is for.
fn trap() -> ! {
    panic!("as told");
}

fn spin() -> ! {
    loop {
        std::hint::spin_loop();
    }
}

fn hoard() -> u32 {
    let mut hoard: Vec<Vec<u8>> = Vec::new();
    loop {
        hoard.push(vec![1; 1 << 20]);
        std::hint::black_box(&hoard);
    }
}

fn descend(depth: u64) -> u32 {
    let frame = [depth; 64];
    if std::hint::black_box(&frame).iter().sum::<u64>() == 1 { 1 } else { descend(depth.wrapping_add(1)) + 1 }
}

/// So often `count_down` was called. Reaches its end in no time that anybody has; the compiler cannot know.
static CALLS: AtomicU64 = AtomicU64::new(0);

/// Nothing here has an address, and what is done with the result keeps it from becoming a loop.
#[inline(never)]
fn count_down(depth: u64) -> u64 {
    if CALLS.fetch_add(1, Ordering::Relaxed) == u64::MAX {
        return depth;
    }
    let below = count_down(depth.wrapping_mul(3));
    below.rotate_left(7).wrapping_mul(depth | 1) ^ CALLS.load(Ordering::Relaxed)
}

otelier_sdk::export_policy!(Misjudge);
