//! A processor's place in its pipeline: a living instance, or the wait for the next try.

mod backoff;
mod flushes;
mod ledger;
mod shown;
mod strikes;
mod succession;
mod unflushed;

use std::time::{Duration, Instant};

use crate::clock::Moment;
use crate::contract::{Batch, OnTrap};
use crate::processor::{Instance, InstanceError, Setup};
use crate::storage::Write;
use crate::telemetry::Registry;

use backoff::Backoff;
use flushes::Flushing;
pub use ledger::Ledger;
use shown::Shown;
use strikes::Strikes;
pub use succession::Before;
use unflushed::Unflushed;

/// A larger batch is not kept to be tried again.
const CONTROL_BYTES_MAX: usize = 4 << 20;

/// Where a processor stands.
pub struct Slot {
    setup: Setup,
    occupant: Occupant,
    backoff: Backoff,
    strikes: Strikes,
    /// Why, if it had too many.
    left_alone: Option<String>,
    /// A batch that passed: one that does shows that the plugin works.
    control: Option<Batch>,
    /// How long a flush waits after flushes that failed.
    flush_backoff: Backoff,
    /// What the ledger says of it.
    pub ledger: Ledger,
    /// What gauges say of it.
    shown: Shown,
    /// When the next flush is due, if there is an instance then.
    flush_at: Option<Instant>,
    /// The one that has begun and has more to do.
    flushing: Option<Flushing>,
    /// How many have come to their end.
    flushes: u64,
    /// What an instance without state has in its memory alone.
    unflushed: Unflushed,
}

enum Occupant {
    Living(Box<Instance>),
    /// The last instance is of no more use.
    Broken {
        retry_at: Instant,
        blame: Blame,
        reason: String,
    },
}

/// Who is to blame for a slot without an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blame {
    /// The plugin: its batches follow `on_trap`.
    Plugin,
    /// The store, or a trip that did not count: batches are refused, whatever `on_trap` says.
    Host,
}

impl Blame {
    fn of(error: &InstanceError) -> Blame {
        if error.is_of_plugin() { Blame::Plugin } else { Blame::Host }
    }
}

impl Slot {
    /// The place of a living instance.
    pub fn new(instance: Instance, registry: &Registry) -> Slot {
        let setup = instance.setup().clone();
        let (ledger, shown) = (Ledger::new(&setup, registry), Shown::new(&setup, registry));
        let mut slot = Slot {
            setup,
            occupant: Occupant::Living(Box::new(instance)),
            backoff: Backoff::default(),
            strikes: Strikes::default(),
            left_alone: None,
            control: None,
            flush_backoff: Backoff::default(),
            ledger,
            shown,
            flush_at: None,
            flushing: None,
            flushes: 0,
            unflushed: Unflushed::default(),
        };
        slot.schedule_flush();
        slot.show_kept();
        slot
    }

    /// Shows how much the instance keeps, as of its last call that counted.
    pub fn show_kept(&mut self) {
        if let Occupant::Living(instance) = &mut self.occupant
            && let Some(kept) = instance.kept()
        {
            self.shown.kept(&self.setup, kept);
        }
    }

    /// What instances here are made from.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// The instance, or why there is none and when the next is tried.
    pub fn instance(&mut self) -> Result<&mut Instance, (&str, Duration)> {
        match &mut self.occupant {
            Occupant::Living(instance) => Ok(instance),
            Occupant::Broken { retry_at, reason, .. } => {
                Err((reason, retry_at.saturating_duration_since(Instant::now()).max(Duration::from_millis(100))))
            }
        }
    }

    /// Whether an instance lives here and keeps state.
    pub fn is_stateful(&self) -> bool {
        matches!(&self.occupant, Occupant::Living(instance) if instance.is_stateful())
    }

    /// Whether a rebuild is due.
    pub fn wants_rebuild(&self) -> bool {
        self.retry_at().is_some_and(|retry_at| retry_at <= Instant::now())
    }

    /// When the rebuild is due, if one is needed.
    pub fn retry_at(&self) -> Option<Instant> {
        match &self.occupant {
            Occupant::Broken { retry_at, .. } => Some(*retry_at),
            Occupant::Living(_) => None,
        }
    }

    /// What becomes of a batch while there is no instance. Only a plugin that failed is what `on_trap` is about: whatever else is in the way,
    /// an accepted batch would be lost, or go on as it came, for no fault of the plugin.
    pub fn on_down(&self) -> OnTrap {
        if self.is_down_by_plugin() { self.setup.on_trap } else { OnTrap::Refuse }
    }

    /// Whether there is no instance because the plugin failed.
    pub fn is_down_by_plugin(&self) -> bool {
        matches!(&self.occupant, Occupant::Broken { blame: Blame::Plugin, .. })
    }

    /// A call failed, so the instance is of no more use; the next is built before the next trip.
    pub fn fail(&mut self, error: &InstanceError) {
        self.end(Duration::ZERO, Blame::of(error), &error.outside());
    }

    /// The instance knows of this trip, which does not count; the next is built before the next trip.
    pub fn discard(&mut self, trip: u64, reason: &str) {
        self.lose_unflushed(trip);
        self.end(Duration::ZERO, Blame::Host, reason);
    }

    /// A commit failed: an instance that knows of trips which do not count is of no more use, and no other is built before a while.
    pub fn discard_uncommitted(&mut self, wait: Duration, reason: &str) {
        let committed = self.setup.watermark.get();
        if self.is_stateful() || self.unflushed.is_pending(committed) {
            self.lose_unflushed(committed + 1);
            self.end(wait, Blame::Host, reason);
        }
    }

    fn end(&mut self, wait: Duration, blame: Blame, reason: &str) {
        self.lose_unflushed(u64::MAX);
        self.occupant = Occupant::Broken { retry_at: Instant::now() + wait, blame, reason: reason.to_owned() };
    }

    /// A call that counts absorbed so many items. An instance without state has them in its memory alone.
    pub fn absorbed(&mut self, trip: u64, items: u64) {
        if items > 0 && !self.is_stateful() {
            self.unflushed.add(trip, items, self.setup.watermark.get());
        }
    }

    /// What the instance has in its memory alone goes with it, but for what comes again: trips from the first refused one on.
    fn lose_unflushed(&mut self, first_refused: u64) {
        let lost = self.unflushed.lose(|trip| trip >= first_refused);
        if lost > 0 {
            self.ledger.lost.add(lost);
            let (component, version) = (&self.setup.id, self.setup.version());
            tracing::error!(%component, version, lost, "items that the processor had absorbed are lost, as it keeps no state");
        }
    }

    /// Nothing passed of a batch. True when that happened too often: no other instance is built for a while, each time for longer.
    pub fn strike(&mut self, reason: &str) -> bool {
        let out = self.strikes.add(Instant::now(), self.backoff.after_this());
        let wait = if out { self.backoff.fail() } else { Duration::ZERO };
        self.end(wait, Blame::Plugin, reason);
        if out {
            self.left_alone = Some(format!("nothing passes any more, left alone for {} s: {reason}", wait.as_secs()));
            self.shown.left_alone(true);
        }
        out
    }

    /// Whether nothing passed of the last batches.
    pub fn is_suspected(&self) -> bool {
        self.strikes.any()
    }

    /// Why it is left alone, or was until its next batch passes.
    pub fn left_alone(&self) -> Option<&str> {
        self.left_alone.as_deref()
    }

    /// A batch that the plugin was called for passed.
    pub fn passed(&mut self, batch: &Batch) {
        self.succeeded();
        if batch.bytes.len() <= CONTROL_BYTES_MAX {
            self.control = Some(batch.clone());
        }
    }

    /// A batch that passed lately.
    pub fn control(&self) -> Option<&Batch> {
        self.control.as_ref()
    }

    /// Another instance that was built from committed state takes the place of one that broke.
    pub fn replace(&mut self, instance: Instance) {
        self.occupant = Occupant::Living(Box::new(instance));
        self.show_kept();
        self.flushing = None;
        self.resume_flush();
    }

    /// Says in the log how the plugin broke, and what came of it. `batch` is the number of the trip.
    pub fn tell(&mut self, batch: u64, error: &InstanceError, outcome: &str) {
        if self.say(batch, &error.to_string(), outcome) && !error.stack().is_empty() {
            // Fields would stand at its end.
            let component = &self.setup.id;
            tracing::error!("stack of {component}, the innermost function first:\n{}", error.stack());
        }
    }

    /// False for what was said lately.
    fn say(&mut self, batch: u64, error: &str, outcome: &str) -> bool {
        let (component, version) = (&self.setup.id, self.setup.version());
        let Some(left_out) = self.setup.admit(error) else { return false };
        match left_out {
            0 => tracing::error!(%component, version, batch, "{error}; {outcome}"),
            _ => {
                tracing::error!(%component, version, batch, "{error}; {outcome}; {left_out} more troubles were not told")
            }
        }
        true
    }

    /// Makes a new instance from committed state; what its start wrote is to be committed with `trip`.
    pub fn rebuild(&mut self, trip: u64, moment: Moment) -> Result<Vec<Write>, InstanceError> {
        match Instance::build(self.setup.clone(), trip, moment) {
            Ok((instance, writes)) => {
                self.replace(instance);
                Ok(writes)
            }
            Err(error) => {
                // The store comes back when its disk does; a plugin that does not start is not asked all the time.
                let wait = match error {
                    InstanceError::State { .. } => self.backoff.after_this(),
                    _ => self.backoff.fail(),
                };
                self.end(wait, Blame::of(&error), &error.outside());
                Err(error)
            }
        }
    }

    /// A call counted: the instance is sound.
    fn succeeded(&mut self) {
        self.backoff.reset();
        self.strikes.clear();
        self.left_alone = None;
        self.shown.left_alone(false);
    }
}
