//! A processor's place in its pipeline: a living instance, or the wait for the next try.

mod backoff;
mod strikes;
mod unflushed;

use std::time::{Duration, Instant};

use crate::contract::{Batch, OnTrap, Refusal};
use crate::processor::{Follower, Fork, Heir, Instance, InstanceError, Marked, Setup, Snapshot, Standing};
use crate::storage::Write;
use crate::telemetry::{Counter, Registry};

use backoff::Backoff;
use strikes::Strikes;
use unflushed::Unflushed;

/// A larger batch is not kept to be tried again.
const CONTROL_BYTES_MAX: usize = 4 << 20;

/// For so many times as long as a call of a flush took, requests that wait are processed before the next call.
const REQUESTS_FIRST: u32 = 3;

/// A flush that waits for so long after it failed, which is the third in a row, is told by health.
const FLUSHES_FAIL: Duration = Duration::from_secs(4);

/// How soon a flush that found no room on its way is tried again.
const STALLED_PAUSE: Duration = Duration::from_millis(20);

/// Where a processor stands.
pub struct Slot {
    setup: Setup,
    state: State,
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
    /// When the next flush is due, if there is an instance then.
    flush_at: Option<Instant>,
    /// The one that has begun and has more to do.
    flushing: Option<Flushing>,
    /// How many have come to their end.
    flushes: u64,
    /// What an instance without state has in its memory alone.
    unflushed: Unflushed,
}

/// A flush between two of its calls.
struct Flushing {
    /// Whether it is the last one of the instance.
    last: bool,
    /// Whether it found no room, or a processor behind it was down.
    is_stalled: bool,
}

/// What stood here before a version started that may be taken back.
pub struct Before {
    setup: Setup,
    /// When the next instance was to be built, and why none lived, where that was so.
    down: Option<(Instant, Blame)>,
}

enum State {
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

/// Items through one processor: in + emitted = out + absorbed + dropped.
#[derive(Clone)]
pub struct Ledger {
    /// Items that arrived.
    pub incoming: Counter,
    /// Items that went on.
    pub outgoing: Counter,
    /// Items the plugin made.
    pub emitted: Counter,
    /// Items taken into its state.
    pub absorbed: Counter,
    /// Items it dropped.
    pub dropped: Counter,
    /// Items that went on as they came, because nothing passes the plugin any more.
    pub unprocessed: Counter,
    /// Items dropped because the call trapped.
    pub dropped_trap: Counter,
    /// Items that it emitted without keeping them in any state, and that a processor behind it or the store refused.
    pub dropped_refused: Counter,
    /// Items that it absorbed without keeping them in any state, and that went with its instance.
    pub lost: Counter,
    /// Items on which the plugin breaks: dead letters.
    pub dropped_poison: Counter,
    /// Calls that trapped.
    pub traps: Counter,
}

impl Ledger {
    fn new(setup: &Setup, registry: &Registry) -> Ledger {
        let (id, items) = (setup.id.to_string(), setup.signal.items());
        let labels = [("processor", id.as_str()), ("items", items)];
        let count = |name, help| registry.counter(name, help, &labels);
        let dropped = |reason| {
            let labels = [("processor", id.as_str()), ("items", items), ("reason", reason)];
            registry.counter("otelier_processor_dropped_items", "Items dropped at a processor, by reason.", &labels)
        };
        Ledger {
            incoming: count("otelcol_processor_incoming_items", "Items passed to the processor."),
            outgoing: count("otelcol_processor_outgoing_items", "Items passed on by the processor."),
            emitted: count("otelier_processor_emitted_items", "Items the plugin emitted."),
            absorbed: count("otelier_processor_absorbed_items", "Items the plugin took into its state."),
            dropped: dropped("plugin"),
            unprocessed: count(
                "otelier_processor_unprocessed_items",
                "Items that went on as they came, because the plugin breaks on everything and `on_trap` is `pass`.",
            ),
            dropped_trap: dropped("trap"),
            dropped_refused: dropped("refused"),
            lost: count(
                "otelier_processor_lost_items",
                "Items that a processor without state had absorbed, and that went with its instance before it was flushed.",
            ),
            dropped_poison: dropped("poison"),
            traps: count("otelier_processor_traps", "Calls that ended in a trap."),
        }
    }
}

impl Slot {
    /// The place of a living instance.
    pub fn new(instance: Instance, registry: &Registry) -> Slot {
        let setup = instance.setup().clone();
        let ledger = Ledger::new(&setup, registry);
        let mut slot = Slot {
            setup,
            state: State::Living(Box::new(instance)),
            backoff: Backoff::default(),
            strikes: Strikes::default(),
            left_alone: None,
            control: None,
            flush_backoff: Backoff::default(),
            ledger,
            flush_at: None,
            flushing: None,
            flushes: 0,
            unflushed: Unflushed::default(),
        };
        slot.schedule_flush();
        slot
    }

    /// What instances here are made from.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// The instance, or why there is none and when the next is tried.
    pub fn instance(&mut self) -> Result<&mut Instance, (&str, Duration)> {
        match &mut self.state {
            State::Living(instance) => Ok(instance),
            State::Broken { retry_at, reason, .. } => {
                Err((reason, retry_at.saturating_duration_since(Instant::now()).max(Duration::from_millis(100))))
            }
        }
    }

    /// Whether an instance lives here and keeps state.
    pub fn is_stateful(&self) -> bool {
        matches!(&self.state, State::Living(instance) if instance.is_stateful())
    }

    /// Whether an instance lives here that has what it emits in no other place than its memory.
    pub fn loses_what_is_not_flushed(&mut self) -> bool {
        matches!(&self.state, State::Living(instance) if !instance.is_stateful() && instance.flush_every().is_some())
    }

    /// Whether a rebuild is due.
    pub fn wants_rebuild(&self) -> bool {
        self.retry_at().is_some_and(|retry_at| retry_at <= Instant::now())
    }

    /// When the rebuild is due, if one is needed.
    pub fn retry_at(&self) -> Option<Instant> {
        match &self.state {
            State::Broken { retry_at, .. } => Some(*retry_at),
            State::Living(_) => None,
        }
    }

    /// What becomes of a batch while there is no instance. Only a plugin that failed is what `on_trap` is about: whatever else is in the way,
    /// an accepted batch would be lost, or go on as it came, for no fault of the plugin.
    pub fn on_down(&self) -> OnTrap {
        match &self.state {
            State::Broken { blame: Blame::Plugin, .. } => self.setup.on_trap,
            State::Broken { blame: Blame::Host, .. } | State::Living(_) => OnTrap::Refuse,
        }
    }

    /// A call failed, so the instance is of no more use; the next is built before the next trip.
    pub fn fail(&mut self, error: &InstanceError) {
        self.end(Duration::ZERO, Blame::of(error), &error.to_string());
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
        self.state = State::Broken { retry_at: Instant::now() + wait, blame, reason: reason.to_owned() };
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
        self.state = State::Living(Box::new(instance));
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

    /// A processor behind this one does not take what its flush emitted. Where there is state, that is emitted again later.
    pub fn flush_refused(&mut self, batch: u64, emitted: u64, refusal: &Refusal) {
        let error = format!("what its flush emitted is refused: {refusal}");
        if self.is_stateful() {
            self.say(batch, &error, "it is emitted again by an instance rebuilt from committed state");
            self.flush_backoff.fail();
            self.discard(batch, &error);
            return;
        }
        self.say(batch, &error, &format!("its {emitted} items are lost, as the processor keeps no state"));
        self.ledger.emitted.add(emitted);
        self.ledger.dropped_refused.add(emitted);
    }

    /// Makes a new instance from committed state; what its start wrote is to be committed with `trip`.
    pub fn rebuild(&mut self, trip: u64, now: u64) -> Result<Vec<Write>, InstanceError> {
        match Instance::build(self.setup.clone(), trip, now) {
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
                self.end(wait, Blame::of(&error), &error.to_string());
                Err(error)
            }
        }
    }

    /// Whether everything on its way to the store has to be there before an heir starts.
    pub fn wants_stored(&mut self, heir: &mut Heir) -> bool {
        match &mut self.state {
            State::Living(instance) => instance.leaves_dictionaries(heir),
            State::Broken { .. } => true,
        }
    }

    /// An heir takes the place of the instance and goes on from its state; what its start wrote is to be committed with `trip`. When it does
    /// not start, the one that is here stays. Where none lives, another of its version starts on committed state. The one that is replaced
    /// comes back, to be dropped where no batch waits for its memory to be given back.
    pub fn start(
        &mut self,
        heir: Heir,
        trip: u64,
        now: u64,
    ) -> Result<(Vec<Write>, Option<Box<Instance>>), InstanceError> {
        let (instance, writes) = match &mut self.state {
            State::Living(instance) => instance.hand_over(heir, trip, now)?,
            State::Broken { .. } => Instance::build(heir.into_setup(), trip, now)?,
        };
        let retired = self.succeed(instance);
        self.flushing = None;
        self.resume_flush();
        Ok((writes, retired))
    }

    /// A follower of the instance makes the last calls, if there are not too many.
    pub fn catch_up(&mut self, follower: &mut Follower, behind_max: usize) -> Result<Standing, InstanceError> {
        let State::Living(instance) = &mut self.state else { return Ok(Standing::Lost) };
        if !instance.is_followed_by(follower) {
            return Ok(Standing::Lost);
        }
        follower.catch_up(behind_max)
    }

    /// The instance's state becomes what its follower, which has caught up, makes of it.
    pub fn adopt(&mut self, follower: &mut Follower) -> Result<(), InstanceError> {
        match &mut self.state {
            State::Living(instance) => instance.adopt(follower),
            State::Broken { .. } => Ok(()),
        }
    }

    /// The follower takes the place of the instance, whose state has adopted its. The first value is to be committed with `trip`; the one
    /// that is replaced comes back, as from [`start`](Slot::start).
    pub fn exchange(&mut self, mut follower: Box<Follower>, trip: u64) -> (Vec<Write>, Option<Box<Instance>>) {
        let State::Living(instance) = &mut self.state else { return (Vec::new(), None) };
        let writes = instance.give_way(&mut follower, trip);
        let retired = self.succeed(follower.into_instance());
        self.resume_flush();
        (writes, retired)
    }

    /// For [`take_back`](Slot::take_back).
    pub fn before(&self) -> Before {
        let down = match &self.state {
            State::Broken { retry_at, blame, .. } => Some((*retry_at, *blame)),
            State::Living(_) => None,
        };
        Before { setup: self.setup.clone(), down }
    }

    /// What has just started here does not run: the next instance is again what stood here before, from committed state.
    pub fn take_back(&mut self, Before { setup, down }: Before) {
        self.setup = setup;
        let (retry_at, blame) = down.unwrap_or_else(|| (Instant::now(), Blame::Host));
        let reason = "the new version does not start everywhere".to_owned();
        self.state = State::Broken { retry_at, blame, reason };
    }

    /// Another version runs here: how the one before failed says nothing of it.
    pub fn begin_anew(&mut self) {
        self.succeeded();
        self.flush_backoff.reset();
    }

    fn succeed(&mut self, heir: Instance) -> Option<Box<Instance>> {
        self.setup = heir.setup().clone();
        let before = std::mem::replace(&mut self.state, State::Living(Box::new(heir)));
        match before {
            State::Living(retired) => Some(retired),
            State::Broken { .. } => None,
        }
    }

    /// Marks the state of the instance that lives here and keeps any, for a version that comes to so many places at once.
    pub fn mark(&mut self, among: usize) -> Option<Marked> {
        match &mut self.state {
            State::Living(instance) => instance.mark(among),
            State::Broken { .. } => None,
        }
    }

    /// Forks that state, for a version that follows from now on.
    pub fn fork(&mut self, snapshot: Snapshot) -> Option<Fork> {
        match &mut self.state {
            State::Living(instance) => instance.fork(snapshot),
            State::Broken { .. } => None,
        }
    }

    /// Nobody follows the instance, and it has adopted nothing.
    pub fn forget_follower(&mut self) {
        if let State::Living(instance) = &mut self.state {
            instance.forget_adopted();
            instance.forget_follower();
        }
    }

    /// Whether a flush has begun that has more to do.
    pub fn is_flushing(&self) -> bool {
        self.flushing.is_some() && matches!(self.state, State::Living(_))
    }

    /// A flush failed. The next instance takes batches at once, and is not flushed before a while.
    pub fn flush_failed(&mut self, error: &InstanceError) {
        self.flush_backoff.fail();
        self.fail(error);
    }

    /// Whether several flushes failed, one after the other.
    pub fn flushes_fail(&self) -> bool {
        self.flush_backoff.wait() >= FLUSHES_FAIL
    }

    /// A flush counted.
    pub fn flush_succeeded(&mut self) {
        // It says nothing of batches.
        self.flush_backoff.reset();
    }

    /// A call counted: the instance is sound.
    fn succeeded(&mut self) {
        self.backoff.reset();
        self.strikes.clear();
        self.left_alone = None;
    }

    /// When the next flush is due. Nothing that is broken is flushed.
    pub fn flush_at(&self) -> Option<Instant> {
        self.flush_at.filter(|_| matches!(self.state, State::Living(_)))
    }

    /// Sets the next flush one interval from now.
    pub fn schedule_flush(&mut self) {
        let State::Living(instance) = &self.state else { return };
        self.flush_at = instance.flush_every().map(|interval| Instant::now() + interval.max(self.flush_backoff.wait()));
    }

    /// A call of the flush counts, which took so long. Where there is more to flush (`more` says whether of the last one), requests that wait
    /// go first for a while.
    pub fn flushed(&mut self, more: Option<bool>, took: Duration) {
        self.flushing = more.map(|last| Flushing { last, is_stalled: false });
        match self.flushing {
            Some(_) => self.flush_at = Some(Instant::now() + took * REQUESTS_FIRST),
            None => {
                self.flushes += 1;
                self.unflushed.clear();
            }
        }
    }

    /// Nobody waits: a flush that has more to do, and could do it the last time, goes on at once.
    pub fn hasten_flush(&mut self) {
        if self.flushing.as_ref().is_some_and(|flushing| !flushing.is_stalled) {
            self.flush_at = Some(Instant::now());
        }
    }

    /// A flush that cannot go on now is tried again soon, one that has not begun at its next time.
    pub fn put_off_flush(&mut self) {
        if let Some(flushing) = &mut self.flushing {
            flushing.is_stalled = true;
            self.flush_at = Some(Instant::now() + STALLED_PAUSE);
        }
    }

    /// Whether the last flush of the instance is under way.
    pub fn is_flushing_last(&self) -> bool {
        self.flushing.as_ref().is_some_and(|flushing| flushing.last)
    }

    /// How many flushes have come to their end here.
    pub fn flushes(&self) -> u64 {
        self.flushes
    }

    /// After another instance has taken over: a plugin that breaks again and again is flushed as often as any other.
    fn resume_flush(&mut self) {
        let before = self.flush_at;
        self.schedule_flush();
        let not_before = Instant::now() + self.flush_backoff.wait();
        self.flush_at = self.flush_at.map(|at| before.map_or(at, |before| before.min(at).max(not_before)));
    }
}
