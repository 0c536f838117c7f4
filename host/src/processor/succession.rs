//! A new version of a plugin takes the place of a running instance, in one of two ways.
//!
//! A follower: nobody waits for it. The new version starts on a fork of the state, on a thread where no batch waits, and follows: every
//! call that counts at the running instance is recorded from the fork on and made at the follower as well, whose results are thrown away.
//! When it has caught up, the two are exchanged between two batches, and the difference between their states, mostly none, is committed.
//! So how long batches wait does not depend on how much state there is, and every batch counts in one state, which is written by one
//! version at any time.
//!
//! A follower is of no use any more once the instance it follows is gone, for whatever reason. And it costs the processor time of the
//! batches once more: without a core for it, it would never catch up.
//!
//! An heir: batches wait for its `start`, and for nothing else. The state and the dictionaries are the host's and are handed over as they
//! are; what `start` reads was read from the store beforehand.

use std::sync::mpsc::TryRecvError;

use crate::clock::Moment;
use crate::otlp::projection::{Projection, Projector};
use crate::storage::Write;

use super::dictionaries::restore_dictionaries;
use super::error::InstanceError;
use super::instance::Instance;
use super::plugin::Processor;
use super::recorder::{Call, Recorded, Recorder};
use super::setup::Setup;
use super::state::{Mark, Snapshot, State};
use super::trap::{CallError, TrapReason};

/// A version that has shown that it reads its configuration, starts and flushes.
pub struct Candidate {
    /// What instances of it are made from.
    pub setup: Setup,
    /// Whether it keeps state.
    pub is_stateful: bool,
}

/// An instance that knows its configuration and has not seen any state.
pub struct Heir {
    setup: Setup,
    processor: Box<dyn Processor>,
    snapshot: Option<Snapshot>,
    is_stateful: bool,
}

impl Heir {
    /// Whether it keeps state.
    pub fn is_stateful(&self) -> bool {
        self.is_stateful
    }

    /// Starts on what was read beforehand, if it is of the mark that the instance before it has then.
    pub fn rest_on(&mut self, snapshot: Option<Snapshot>) {
        self.snapshot = snapshot;
    }

    /// How much memory its guest has, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.processor.memory_bytes()
    }

    /// What it was made from.
    pub fn into_setup(self) -> Setup {
        self.setup
    }
}

impl Candidate {
    /// An instance that starts where batches wait, and for which an instance gives way that has so much memory.
    pub fn heir(&self, memory_bytes: usize) -> Result<Heir, InstanceError> {
        let setup = self.setup.clone();
        let processor = setup.described(State::detached(&setup.namespace()), memory_bytes)?;
        Ok(Heir { setup, processor, snapshot: None, is_stateful: self.is_stateful })
    }

    /// Lets an instance of the version start without state and flush: what is broken from the beginning is found before anything runs on
    /// it. Takes as long as the plugin takes, so not where batches wait.
    pub fn try_out(setup: Setup, moment: Moment) -> Result<Candidate, InstanceError> {
        let state = State::detached(&setup.namespace());
        let mut instance = Instance::build_on(setup.clone(), state)?;
        instance.start(0, moment)?;
        instance.flush(0, moment, true)?;
        instance.tell_unread_kinds();
        Ok(Candidate { setup, is_stateful: instance.is_stateful() })
    }
}

/// A state that is marked.
pub struct Marked {
    /// The moment.
    pub mark: Mark,
    /// How much memory the instance has that keeps it.
    pub memory_bytes: usize,
}

/// A copy of an instance's state, and the calls that it counts from then on.
pub struct Fork {
    state: State,
    /// What the instance reads.
    projection: Projection,
    /// What the steady clock showed in the last call that is in the state.
    steady: u64,
    recorded: Recorded,
}

/// An instance of a new version that makes the calls of a running one.
pub struct Follower {
    instance: Instance,
    recorded: Recorded,
    /// How many calls it has made, its start included.
    made: u64,
}

/// How a follower stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It has made every call that is recorded.
    CaughtUp,
    /// There are more.
    Behind,
    /// There is nothing to follow any more, or it cannot be kept.
    Lost,
    /// It drops, absorbs or emits other items than the running version: both cannot be right about where they are.
    Differs,
}

impl Follower {
    /// Starts a version on a fork. What it logs is heard; what it logs while it follows is not, because another version logs that already.
    /// `None` where it carries over more than is held for an exchange, or other items are its rows: then the two cannot be compared.
    pub fn start(setup: Setup, fork: Fork, now: u64) -> Result<Option<Follower>, InstanceError> {
        // The calls that it makes from here on were made later than that, and perhaps earlier than now.
        let Fork { state, projection, steady, recorded } = fork;
        let mut instance = Instance::build_on(setup, state)?;
        if !instance.context().declared.projection.has_the_rows_of(&projection) {
            return Ok(None);
        }
        instance.follows = true;
        let made = 1;
        instance.start(made, Moment { now, steady })?;
        let context = instance.context();
        context.state.keep(made);
        context.mute(true);
        Ok(if context.state.is_overgrown() { None } else { Some(Follower { instance, recorded, made }) })
    }

    /// Makes recorded calls, so many at the most. An error is the version's: it breaks on a call that the running one has made.
    pub fn catch_up(&mut self, calls: usize) -> Result<Standing, InstanceError> {
        for _ in 0..calls {
            let call = match self.recorded.calls.try_recv() {
                Ok(call) => call,
                Err(TryRecvError::Empty) => return Ok(self.standing()),
                Err(TryRecvError::Disconnected) => return Ok(Standing::Lost),
            };
            self.made += 1;
            let bytes = call.bytes();
            let (made, expected) = match call {
                Call::Process { batch, moment, came_of_it } => {
                    (self.instance.process(batch, self.made, moment), came_of_it)
                }
                Call::Flush { moment, last, came_of_it } => (self.instance.flush(self.made, moment, last), came_of_it),
            };
            match made {
                Ok(made) if expected.is_that_of(&made) => {}
                // What it declines, its senders were told is stored.
                Ok(_) | Err(InstanceError::Call(CallError::Failure { .. })) => return Ok(Standing::Differs),
                // It may have waited for a core.
                Err(InstanceError::Call(CallError::Trap(trap))) if trap.reason == TrapReason::Deadline => {
                    return Ok(Standing::Lost);
                }
                Err(error) => {
                    if let InstanceError::Call(error) = &error {
                        self.instance.setup().tell_trap(error);
                    }
                    return Err(error);
                }
            }
            let state = &mut self.instance.context().state;
            state.keep(self.made);
            if state.is_overgrown() {
                return Ok(Standing::Lost);
            }
            self.recorded.made(bytes);
        }
        Ok(self.standing())
    }

    fn standing(&self) -> Standing {
        if self.recorded.is_all_made() { Standing::CaughtUp } else { Standing::Behind }
    }

    /// The instance of the new version.
    pub fn into_instance(self) -> Instance {
        self.instance
    }
}

impl Instance {
    /// Marks the present state, for a version that starts in so many places on what is read from now on. `None` where it keeps none.
    pub fn mark(&mut self, among: usize) -> Option<Marked> {
        let memory_bytes = self.memory_bytes();
        self.is_stateful().then(|| Marked { mark: self.context().state.mark(among), memory_bytes })
    }

    /// Whether an heir needs a stored dictionary that this instance has not in use: then everything that is on its way to the store has to
    /// be there before [`hand_over`](Instance::hand_over).
    pub fn leaves_dictionaries(&mut self, heir: &mut Heir) -> bool {
        let ours = self.context().declared.projection.keyings.clone();
        let theirs = &heir.processor.context().declared.projection.keyings;
        let has = |identity: Vec<u8>| ours.iter().any(|keying| keying.durable && keying.identity() == identity);
        !theirs.iter().filter(|keying| keying.durable).all(|keying| has(keying.identity()))
    }

    /// The heir starts on this instance's state and dictionaries, which are the host's and are handed over as they are. The second value is
    /// what it wrote, for `trip`. When it does not start, this instance goes on as if it had never been asked.
    pub fn hand_over(
        &mut self,
        heir: Heir,
        trip: u64,
        moment: Moment,
    ) -> Result<(Instance, Vec<Write>), InstanceError> {
        let Heir { setup, processor, snapshot, .. } = heir;
        let mut heir = Instance::new(setup, processor);
        let standings = self.context().projector.as_ref().map(Projector::standings).unwrap_or_default();
        let given = self.give(&mut heir);
        if let Some(snapshot) = snapshot {
            heir.context().state.rest_on(snapshot);
        }
        let started = given.and_then(|()| heir.start(trip, moment));
        self.forgotten = heir.context().state.forget_mark();
        match started {
            Ok(writes) => Ok((heir, writes)),
            Err(error) => {
                self.forgotten = None;
                let context = heir.context();
                std::mem::swap(&mut self.context().state, &mut context.state);
                if let (Some(ours), Some(mut theirs)) = (self.context().projector.as_mut(), context.projector.take()) {
                    ours.take_back(&mut theirs, standings);
                }
                Err(error)
            }
        }
    }

    fn give(&mut self, heir: &mut Instance) -> Result<(), InstanceError> {
        let (id, limits) = (heir.setup().id.clone(), heir.setup().limits);
        let context = heir.context();
        let projection = context.declared.projection.clone();
        std::mem::swap(&mut self.context().state, &mut context.state);
        let Some(ours) = self.context().projector.as_mut() else { return Ok(()) };
        let mut theirs = ours.beside(projection, limits.dictionary_entries);
        let alone = ours.exchange(&mut theirs);
        let restored = restore_dictionaries(&id, &mut theirs, &context.state, &alone);
        theirs.forget_sent();
        context.projector = Some(theirs);
        restored
    }

    /// Nobody follows.
    pub fn forget_follower(&mut self) {
        self.recorder = None;
        self.context().state.forget_mark();
    }

    /// Forks the state, and records calls from now on. `None` where the snapshot is not of the mark that is set.
    pub fn fork(&mut self, snapshot: Snapshot) -> Option<Fork> {
        let state = self.context().state.fork(snapshot)?;
        let (recorder, recorded) = Recorder::new(self.context().state.marked_among());
        self.recorder = Some(recorder);
        let projection = self.context().declared.projection.clone();
        let steady = self.context().moment().steady;
        Some(Fork { state, projection, steady, recorded })
    }

    /// Whether it is this instance that the other one follows, as of this moment, with all that has changed since.
    pub fn is_followed_by(&mut self, follower: &mut Follower) -> bool {
        let is_recorded = self.recorder.is_some();
        let ours = &mut self.context().state;
        // What has arrived meanwhile may be more than is kept.
        ours.begin();
        is_recorded && ours.marked() == follower.instance.context().state.marked()
    }

    /// Takes into this instance's state what the one that follows it, and has caught up, has otherwise. This instance has made no call since
    /// [`is_followed_by`](Instance::is_followed_by).
    pub fn adopt(&mut self, follower: &mut Follower) -> Result<(), InstanceError> {
        let component = self.id().clone();
        let adopted = self.context().state.adopt(&follower.instance.context().state);
        adopted.map_err(|source| InstanceError::State { component, source })
    }

    /// This instance goes on after all.
    pub fn forget_adopted(&mut self) {
        self.context().state.begin();
    }

    /// Gives the state to the one that follows this instance, directly behind [`adopt`](Instance::adopt): what that took is to be committed
    /// with `trip`.
    pub fn give_way(&mut self, follower: &mut Follower, trip: u64) -> Vec<Write> {
        let theirs = &mut follower.instance.context().state;
        let ours = &mut self.context().state;
        let writes = ours.finish(trip);
        let forgotten = ours.forget_mark();
        std::mem::swap(ours, theirs);
        self.forgotten = forgotten;
        follower.instance.context().mute(false);
        follower.instance.follows = false;
        writes
    }
}
