//! What the bad guests are until they break: a processor that counts rows in its state.
//!
//! Every row it reads is absorbed and counted in storage, and each flush emits the count as the cumulative sum `rows_seen`. So a test can
//! see what a failed call left behind: the count must not have moved.
//!
//! ```text
//! way           in which way the guest breaks, where it has several: its crate says which
//! metrics       what it reads, default ["*"]
//! after         break in the n-th call of `process` of an instance and in every later one, counted from 1 (default 1)
//! when          break only for batches that have a row with this integer value; takes the place of `after`
//! keep          attributes of the items that its one keying keeps, default none
//! start_slowly  turns of a loop in `start` where there is state, so that batches come meanwhile
//! ```
//!
//! What breaks in `describe`, `start` or `flush` looks at neither `after` nor `when`.

use std::fmt::Debug;
use std::marker::PhantomData;

use otelier_sdk::aggregate::Number;
use otelier_sdk::{
    Attribute, Batch, Bitmap, Declare, Descriptor, EmittedRows, Failure, Flush, Keying, Level, MetricKind, NO_KEY,
    Output, Processor, Progress, Signal, Start, Storage, Temporality,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// What is wrong with a guest; without a method of its own it is not.
#[allow(unused_variables)] // Their names say what a method gets.
pub trait Vice: Debug + Default + DeserializeOwned {
    /// Before anything is declared.
    fn describe(&self, declare: &mut Declare<'_>) -> Result<(), Failure> {
        Ok(())
    }

    /// Before the state is read.
    fn start(&self, start: &mut Start<'_>) -> Result<(), Failure> {
        Ok(())
    }

    /// In every batch; `has` says whether a row has a value.
    fn judge(&self, has: impl Fn(i64) -> bool) -> Result<(), Failure> {
        Ok(())
    }

    /// In a batch that is due, before anything is written.
    fn before_work(&self, batch: &mut Batch<'_>) -> Result<(), Failure> {
        Ok(())
    }

    /// In a batch that is due, when its rows are counted and absorbed, and the count is written.
    fn after_work(&self, batch: &mut Batch<'_>, shown: &Shown) -> Result<(), Failure> {
        Ok(())
    }

    /// Before the count is emitted; says whether there is more to flush.
    fn flush(&self) -> Progress {
        Progress::Done
    }
}

/// What a guest does instead of going on, in whichever of its exports it is told to.
pub trait Breakage: Debug + Default {
    /// Ends the call, or does not return from it.
    fn happen() -> !;
}

/// Where it does.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Place {
    Describe,
    Start,
    /// In `start` when it finds state.
    State,
    #[default]
    Process,
    /// In `process` when it has written, absorbed and emitted.
    AfterWrite,
    Flush,
}

/// The vice of breaking in a place, which is the guest's way.
#[derive(Debug, Default, Deserialize)]
#[serde(from = "Place", bound = "")]
pub struct In<B: Breakage> {
    place: Place,
    breakage: PhantomData<B>,
}

impl<B: Breakage> From<Place> for In<B> {
    fn from(place: Place) -> In<B> {
        In { place, breakage: PhantomData }
    }
}

impl<B: Breakage> In<B> {
    fn pass(&self, place: &Place) {
        if self.place == *place {
            B::happen();
        }
    }
}

impl<B: Breakage> Vice for In<B> {
    fn describe(&self, _: &mut Declare<'_>) -> Result<(), Failure> {
        self.pass(&Place::Describe);
        Ok(())
    }

    fn start(&self, start: &mut Start<'_>) -> Result<(), Failure> {
        self.pass(&Place::Start);
        if start.previous().is_some() {
            self.pass(&Place::State);
        }
        Ok(())
    }

    fn before_work(&self, _: &mut Batch<'_>) -> Result<(), Failure> {
        self.pass(&Place::Process);
        Ok(())
    }

    fn after_work(&self, batch: &mut Batch<'_>, shown: &Shown) -> Result<(), Failure> {
        if self.place == Place::AfterWrite {
            let now = batch.now();
            shown.emit(&mut batch.output(), vec![NO_KEY], now);
            B::happen();
        }
        Ok(())
    }

    fn flush(&self) -> Progress {
        self.pass(&Place::Flush);
        Progress::Done
    }
}

/// The configuration.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Config<V: Vice> {
    #[serde(default)]
    way: V,
    #[serde(default = "everything")]
    metrics: Vec<String>,
    #[serde(default = "first")]
    after: u64,
    #[serde(default)]
    when: Option<i64>,
    #[serde(default)]
    keep: Vec<String>,
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
pub struct Tally<V: Vice> {
    config: Config<V>,
    /// Calls of `process` in this instance.
    calls: u64,
    shown: Shown,
}

impl<V: Vice> Processor for Tally<V> {
    type Config = Config<V>;

    fn describe(config: Config<V>, _: Signal, declare: &mut Declare<'_>) -> Result<Tally<V>, Failure> {
        config.way.describe(declare)?;
        declare.metrics(config.metrics.clone());
        declare.values();
        let keep = config.keep.iter().map(|key| Attribute { level: Level::Item, key: key.clone() });
        let keying = declare.keep(keep.collect(), false);
        declare.state(1);
        declare.flush_every(std::time::Duration::from_millis(200))?;
        Ok(Tally { config, calls: 0, shown: Shown { keying, created: 0, count: 0 } })
    }

    fn start(&mut self, start: &mut Start<'_>) -> Result<(), Failure> {
        self.config.way.start(start)?;
        if start.previous().is_some() {
            (0..self.config.start_slowly).map(std::hint::black_box).for_each(|_| ());
        }
        let now = start.now();
        let mut storage = start.storage();
        self.shown.count = number(&mut storage, COUNT)?.unwrap_or(0);
        match number(&mut storage, CREATED)? {
            Some(created) => self.shown.created = created,
            None => {
                self.shown.created = now;
                storage.set(CREATED, now.to_le_bytes().to_vec())?;
            }
        }
        Ok(())
    }

    fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), Failure> {
        let (rows, values) = (batch.count(), batch.values());
        self.calls += 1;
        let has = |wanted| (0..rows).any(|row| values.get(row) == Some(Number::Integer(wanted)));
        self.config.way.judge(has)?;
        let is_due = self.config.when.map_or(self.calls >= self.config.after, has);
        if is_due {
            self.config.way.before_work(batch)?;
        }
        self.shown.count += rows as u64;
        batch.storage().set(COUNT, self.shown.count.to_le_bytes().to_vec())?;
        batch.absorb(Bitmap::all(rows));
        if is_due {
            self.config.way.after_work(batch, &self.shown)?;
        }
        Ok(())
    }

    fn flush(&mut self, flush: &mut Flush<'_>) -> Result<Progress, Failure> {
        let progress = self.config.way.flush();
        let now = flush.now();
        self.shown.emit(&mut flush.output(), vec![NO_KEY], now);
        Ok(progress)
    }
}

fn number(storage: &mut Storage<'_>, key: &[u8]) -> Result<Option<u64>, Failure> {
    let value = storage.get(key)?;
    Ok(value.and_then(|value| value.first_chunk::<8>().copied()).map(u64::from_le_bytes))
}

/// What is emitted.
#[derive(Debug)]
pub struct Shown {
    /// Of every row.
    pub keying: Keying,
    /// When the state was created, in nanoseconds since the Unix epoch.
    created: u64,
    count: u64,
}

impl Shown {
    /// A point for each of `keys`.
    pub fn emit(&self, output: &mut Output<'_>, keys: Vec<u32>, now: u64) {
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

/// The metric that is emitted.
pub fn rows_seen() -> Descriptor {
    Descriptor {
        name: "rows_seen".to_owned(),
        unit: String::new(),
        description: "Rows that the processor has absorbed.".to_owned(),
        kind: MetricKind::Sum,
        temporality: Temporality::Cumulative,
        monotonic: true,
    }
}
