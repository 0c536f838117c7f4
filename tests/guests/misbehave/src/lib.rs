//! A processor that counts rows in its state and, when told to, breaks in one of many ways.
//!
//! Until then it is honest: every row it reads is absorbed and counted in storage, and each flush emits the count as the
//! cumulative sum `rows_seen`. So a test can see what a failed call left behind: the count must not have moved.
//!
//! ```text
//! mode          one of the names of `Mode`, in kebab case
//! metrics       what it reads, default ["*"]
//! after         misbehave in the n-th call of `process` of an instance and in every later one, counted from 1 (default 1)
//! when          misbehave only for batches that have a row with this integer value; takes the place of `after`
//! start_slowly  turns of a loop in `start` where there is state
//! ```
//!
//! Modes that name `describe`, `start` or `flush` break there and look at neither `after` nor `when`.

use otelier_sdk::key::{KeyBuilder, Value};
use otelier_sdk::{
    Attribute, Batch, Bitmap, Declare, Descriptor, EmittedRows, Failure, Flush, Keying, Level, MetricKind, Output,
    Processor, Progress, Severity, Signal, Start, Storage, StorageError, Temporality, Values,
};
use serde::Deserialize;

/// How it breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Not at all.
    Behave,
    /// Panics at once.
    TrapInProcess,
    /// Panics after it has written, absorbed and emitted.
    TrapAfterWrite,
    /// Never returns.
    LoopInProcess,
    /// Never returns, after it has written.
    LoopAfterWrite,
    /// Allocates until something stops it.
    MemoryBomb,
    /// Calls itself until something stops it.
    DeepRecursion,
    /// Panics, and declines for good a batch that has a row of the value after the one to panic at, and not that one.
    TrapOrDecline,
    /// Declines, and says that the sender may try again.
    Fail,
    /// Declines for good, after it has written.
    FailForGood,
    /// Emits a point under a code that nobody gave out.
    EmitBadCode,
    /// Emits under a descriptor that was never described.
    EmitBadDescriptor,
    /// Emits more points than any limit allows.
    EmitTooMuch,
    /// Emits columns of different lengths.
    EmitUneven,
    /// Names a key whose text is not UTF-8.
    InternBadText,
    /// Hands over a string that is none.
    LogBadText,
    /// Pulls a column that it has not declared.
    UndeclaredColumn,
    /// Pulls a column twice.
    PullTwice,
    /// Drops a row that does not exist.
    DropBeyond,
    /// Drops and absorbs the same row.
    DropAndAbsorb,
    /// Names a key that is not in the canonical encoding.
    InternBadKey,
    /// Writes more than a call may.
    WriteTooMuch,
    /// Writes a thousand lines to the log, one of them of a megabyte; counts as usual.
    LogFlood,
    /// Writes a gigabyte to the log; counts as usual.
    LogGigabyte,
    /// Calls the host until something stops it.
    CallForEver,
    /// Calls the host for ever, and only reads.
    CallInStart,
    /// Writes ever new keys until its storage is full, then counts as usual.
    StoreUntilFull,
    /// Declares something while it processes.
    DeclareInProcess,
    /// Panics in `describe`.
    TrapInDescribe,
    /// Never returns from `describe`.
    LoopInDescribe,
    /// Declares two thousand patterns.
    DescribeTooMuch,
    /// Declares the same durable keying twice.
    DescribeTwice,
    /// Refuses its configuration.
    FailInDescribe,
    /// Declares a pattern that is no glob.
    BadPattern,
    /// Panics in `start`.
    TrapInStart,
    /// Never returns from `start`.
    LoopInStart,
    /// Refuses the state it finds; without any it starts.
    FailInStart,
    /// Panics in `start` when it finds state.
    TrapOnState,
    /// Never returns from `start` when it finds state.
    LoopOnState,
    /// Panics in `flush`.
    TrapInFlush,
    /// Never returns from `flush`.
    LoopInFlush,
    /// Says that there is more to flush, for ever.
    FlushForever,
}

/// The configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    mode: Mode,
    #[serde(default = "everything")]
    metrics: Vec<String>,
    #[serde(default = "first")]
    after: u64,
    #[serde(default)]
    when: Option<i64>,
    /// Attributes of its keys; none by default.
    #[serde(default)]
    keep: Vec<String>,
    /// Turns of a loop before it starts on state: batches come meanwhile.
    #[serde(default)]
    start_slowly: u64,
}

fn everything() -> Vec<String> {
    vec!["*".to_owned()]
}

fn first() -> u64 {
    1
}

const COUNT: &[u8] = b"count";
const CREATED: &[u8] = b"created";

/// The processor.
#[derive(Debug)]
pub struct Misbehave {
    config: Config,
    keying: Keying,
    /// Calls of `process` in this instance.
    calls: u64,
    count: u64,
    created: u64,
}

impl Processor for Misbehave {
    type Config = Config;

    fn describe(config: Config, _: Signal, declare: &mut Declare<'_>) -> Result<Misbehave, Failure> {
        match config.mode {
            Mode::TrapInDescribe => trap(),
            Mode::LoopInDescribe => spin(),
            Mode::FailInDescribe => {
                return Err(Failure::refused("`mode`: this configuration is refused, as it asks for"));
            }
            Mode::DescribeTooMuch => declare.metrics(vec!["a".repeat(1000); 2000]),
            Mode::DescribeTwice => {
                declare.keep(Vec::new(), true);
                declare.keep(Vec::new(), true);
            }
            Mode::BadPattern => declare.metrics(vec!["a[".to_owned()]),
            _ => {}
        }
        declare.metrics(config.metrics.clone());
        declare.values();
        let keep = config.keep.iter().map(|key| Attribute { level: Level::Item, key: key.clone() });
        let keying = declare.keep(keep.collect(), false);
        declare.state(1);
        declare.flush_every(std::time::Duration::from_millis(200))?;
        Ok(Misbehave { config, keying, calls: 0, count: 0, created: 0 })
    }

    fn start(&mut self, start: &mut Start<'_>) -> Result<(), Failure> {
        match self.config.mode {
            Mode::TrapInStart => trap(),
            Mode::LoopInStart => spin(),
            Mode::TrapOnState if start.previous().is_some() => trap(),
            Mode::LoopOnState if start.previous().is_some() => spin(),
            Mode::CallInStart => call_for_ever(start),
            Mode::FailInStart if start.previous().is_some() => {
                return Err(Failure::refused("this state is refused, as the configuration asks for"));
            }
            _ => {}
        }
        if start.previous().is_some() {
            (0..self.config.start_slowly).map(std::hint::black_box).for_each(|_| ());
        }
        let now = start.now();
        let mut storage = start.storage();
        self.count = number(&mut storage, COUNT)?.unwrap_or(0);
        match number(&mut storage, CREATED)? {
            Some(created) => self.created = created,
            None => {
                self.created = now;
                storage.set(CREATED, now.to_le_bytes().to_vec())?;
            }
        }
        Ok(())
    }

    fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), Failure> {
        let rows = batch.count();
        let values = batch.values();
        self.calls += 1;
        if self.is_due(&values, rows) {
            self.before_work(batch)?;
        }
        let next = self.config.when.map(|value| value + 1);
        if self.config.mode == Mode::TrapOrDecline && next.is_some_and(|next| has(&values, rows, next)) {
            return Err(Failure::refused("never, as the configuration asks for"));
        }
        self.count += rows as u64;
        batch.storage().set(COUNT, self.count.to_le_bytes().to_vec())?;
        batch.absorb(Bitmap::all(rows));
        if self.is_due(&values, rows) {
            self.after_work(batch)?;
        }
        Ok(())
    }

    fn flush(&mut self, flush: &mut Flush<'_>) -> Result<Progress, Failure> {
        match self.config.mode {
            Mode::TrapInFlush => trap(),
            Mode::LoopInFlush => spin(),
            _ => {}
        }
        let now = flush.now();
        self.emit(&mut flush.output(), vec![otelier_sdk::NO_KEY], now);
        Ok(if self.config.mode == Mode::FlushForever { Progress::More } else { Progress::Done })
    }
}

fn has(values: &Values, rows: usize, wanted: i64) -> bool {
    let wanted = otelier_sdk::aggregate::Number::Integer(wanted);
    (0..rows).any(|row| values.get(row) == Some(wanted))
}

fn number(storage: &mut Storage<'_>, key: &[u8]) -> Result<Option<u64>, Failure> {
    let value = storage.get(key)?;
    Ok(value.and_then(|value| value.first_chunk::<8>().copied()).map(u64::from_le_bytes))
}

impl Misbehave {
    fn is_due(&self, values: &Values, rows: usize) -> bool {
        match self.config.when {
            _ if cfg!(feature = "fixed") => false,
            Some(wanted) => has(values, rows, wanted),
            None => self.calls >= self.config.after,
        }
    }

    /// What goes wrong before anything is written.
    fn before_work(&self, batch: &mut Batch<'_>) -> Result<(), Failure> {
        match self.config.mode {
            Mode::TrapInProcess | Mode::TrapOrDecline => trap(),
            Mode::LoopInProcess => spin(),
            Mode::MemoryBomb => bomb(),
            Mode::DeepRecursion => {
                recurse(0, &mut [0; 64]);
            }
            Mode::Fail => return Err(Failure::retry("not now, as the configuration asks for")),
            Mode::UndeclaredColumn => drop(batch.times()),
            Mode::PullTwice => drop(batch.values()),
            Mode::CallForEver => loop {
                std::hint::black_box(otelier_sdk::bindings::otelier::plugin::rows::count());
            },
            Mode::LogGigabyte => {
                let text = "x".repeat(1 << 20);
                (0..1024).for_each(|_| batch.log().info(&text));
            }
            Mode::LogFlood => {
                for line in 0..1000 {
                    let text = if line == 3 { "x".repeat(1 << 20) } else { format!("line {line}") };
                    batch.log().info(&text);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// What goes wrong when results and writes are there already.
    fn after_work(&mut self, batch: &mut Batch<'_>) -> Result<(), Failure> {
        let (rows, now) = (batch.count(), batch.now());
        match self.config.mode {
            Mode::TrapAfterWrite => {
                self.emit(&mut batch.output(), vec![otelier_sdk::NO_KEY], now);
                trap();
            }
            Mode::LoopAfterWrite => spin(),
            Mode::FailForGood => return Err(Failure::refused("never, as the configuration asks for")),
            Mode::EmitBadCode => self.emit(&mut batch.output(), vec![12_345_678], now),
            Mode::EmitBadDescriptor => bad_descriptor(self.keying),
            Mode::EmitTooMuch => {
                for _ in 0..100 {
                    self.emit(&mut batch.output(), vec![otelier_sdk::NO_KEY; 1 << 20], now);
                }
            }
            Mode::EmitUneven => {
                let metric = batch.output().describe(rows_seen());
                let uneven = EmittedRows { keys: vec![0, 0], start_times: vec![], times: vec![now], values: vec![1] };
                batch.output().emit_integers(metric, self.keying, uneven);
            }
            Mode::DropBeyond => {
                let mut beyond = Bitmap::new();
                beyond.set(rows);
                batch.drop_rows(beyond);
            }
            Mode::DropAndAbsorb => batch.drop_rows(Bitmap::all(1)),
            Mode::InternBadKey => drop(batch.output().intern(self.keying, vec![1, 2, 200])),
            Mode::InternBadText => {
                let text = Value::String(&[0xff, 0xfe]);
                let key = KeyBuilder::default().attribute(Level::Item, "work.type", text).finish();
                batch.output().intern(self.keying, key);
            }
            Mode::LogBadText => log_bad_text(),
            Mode::WriteTooMuch => {
                for part in 0..10_u8 {
                    batch.storage().set(&[b'x', part], vec![part; 8 << 20])?;
                }
            }
            Mode::DeclareInProcess => declare_late(),
            Mode::StoreUntilFull => fill(&mut batch.storage())?,
            _ => {}
        }
        Ok(())
    }

    fn emit(&self, output: &mut Output<'_>, keys: Vec<u32>, now: u64) {
        let metric = output.describe(rows_seen());
        let rows = EmittedRows {
            start_times: vec![self.created; keys.len()],
            times: vec![now; keys.len()],
            values: vec![self.count.cast_signed(); keys.len()],
            keys,
        };
        output.emit_integers(metric, self.keying, rows);
    }
}

/// The contract's imports without the SDK around them: what the SDK cannot be made to do.
fn bad_descriptor(keying: Keying) {
    otelier_sdk::bindings::otelier::plugin::output::emit_integers(999_999, keying.number(), &[0], &[], &[1], &[1]);
}

fn declare_late() {
    otelier_sdk::bindings::otelier::plugin::projection::times();
}

/// A language whose strings are no more than bytes can do this.
#[allow(unsafe_code)]
fn log_bad_text() {
    // Safety: there is none; the host is what is tested, and nothing in the guest reads the string.
    let text = unsafe { std::str::from_utf8_unchecked(std::hint::black_box(b"\xff\xfe")) };
    otelier_sdk::bindings::otelier::plugin::log::write(Severity::Info, text);
}

fn rows_seen() -> Descriptor {
    Descriptor {
        name: "rows_seen".to_owned(),
        unit: String::new(),
        description: "Rows that the processor has absorbed.".to_owned(),
        kind: MetricKind::Sum,
        temporality: Temporality::Cumulative,
        monotonic: true,
    }
}

#[allow(clippy::panic)] // What this guest is for.
fn trap() -> ! {
    panic!("as the configuration asks for");
}

fn spin() -> ! {
    let mut turns = 0_u64;
    loop {
        turns = std::hint::black_box(turns.wrapping_add(1));
    }
}

fn call_for_ever(start: &mut Start<'_>) -> ! {
    loop {
        drop(std::hint::black_box(start.storage().get(COUNT)));
    }
}

/// Fails when its storage takes more than the tests' manifests grant.
fn fill(storage: &mut Storage<'_>) -> Result<(), Failure> {
    for part in 0..60_u8 {
        match storage.set(&[b'f', part], vec![part; 1 << 20]) {
            Ok(()) => {}
            Err(StorageError::Quota(_)) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
    trap()
}

fn bomb() {
    let mut all = Vec::new();
    loop {
        all.push(std::hint::black_box(vec![1_u8; 1 << 20]));
    }
}

fn recurse(depth: u64, above: &mut [u64; 64]) -> u64 {
    let mut frame = [depth; 64];
    if std::hint::black_box(depth) == u64::MAX {
        return 0;
    }
    let below = recurse(depth + 1, &mut frame);
    above[0] = below;
    std::hint::black_box(above[0] + frame[1])
}

otelier_sdk::export!(Misbehave);
