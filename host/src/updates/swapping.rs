//! One version into every place of its plugin, or into none: worker by worker, and in each between two batches.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use crate::clock::Clock;
use crate::contract::{PolicyError, PolicySource};
use crate::delivery::Gate;
use crate::pipeline::swap::{Claim, Successors, Swapped};
use crate::pipeline::{Crowded, Place};
use crate::plugins::AnyPlugin;
use crate::processor::{
    CallError, Candidate, Extent, Follower, Heir, InstanceError, Marked, Plugin, SNAPSHOT_BYTES_MAX, Setup, Snapshot,
    Standing, TrapReason,
};

/// Longer than a worker waits for the moment of a swap. One that searches a batch may take longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a version may take to catch up with the one that it follows.
const FOLLOW_WITHIN: Duration = Duration::from_secs(5);

/// How long it waits for a state to follow: the flush that is under way may never end.
const FORK_WITHIN: Duration = Duration::from_secs(10);

/// How often a version begins to follow before it starts where batches wait.
const FOLLOWS: usize = 3;

/// Calls that are made before it is looked at whether that takes too long.
const CALLS_AT_ONCE: usize = 16;

/// Why a version was not put into place.
#[derive(Debug, thiserror::Error)]
pub enum SwapError {
    /// It does not work with a processor's configuration, or not on its state.
    #[error("processor {part}: {source}")]
    Instance {
        /// The processor.
        part: String,
        /// Why.
        source: Box<InstanceError>,
    },
    /// It does not work with a breaker's configuration.
    #[error("breaker {part}: {source}")]
    Policy {
        /// The breaker.
        part: String,
        /// Why.
        source: PolicyError,
    },
    /// A lane has no room for what the old version has to emit, or a processor behind it cannot take it.
    #[error(
        "processor {part}: what it has to emit found no way on for long, because an exporter behind it is full or a processor is down; try again when they take data"
    )]
    NoRoom {
        /// The processor.
        part: String,
    },
    /// The worker did not find the time.
    #[error("processor {part}: its pipeline has been busy for {PATIENCE:?}; try again")]
    Busy {
        /// The processor.
        part: String,
    },
    /// Requests are answered, and ordered, as in a pipeline without state.
    #[error(
        "processor {part}: this version keeps state, and the collector was started with one that keeps none; restart the collector with it"
    )]
    BeginsState {
        /// The processor.
        part: String,
    },
    /// The process ends.
    #[error("the collector is shutting down")]
    GoingDown,
}

impl SwapError {
    /// Whether the same version may come to its place later.
    pub fn passes(&self) -> bool {
        matches!(self, SwapError::NoRoom { .. } | SwapError::Busy { .. })
    }
}

/// Where a policy decides.
pub struct GatePlace {
    /// The name of its plugin in the manifest.
    pub plugin: String,
    /// The gate.
    pub gate: Gate,
    /// For people: the breaker and its exporter.
    pub part: String,
}

/// The places of all plugins.
pub struct Swapping {
    pub places: Vec<Place>,
    pub gates: Vec<GatePlace>,
    pub clock: Clock,
    /// Whether there is a core on which a version can catch up with one that runs.
    pub can_follow: bool,
}

impl Swapping {
    /// Replaces `old` by `new` wherever the plugin stands. Returns the longest time that batches of a worker waited. After an error `old`
    /// runs everywhere.
    pub fn replace(&self, plugin: &str, old: &AnyPlugin, new: &AnyPlugin) -> Result<Duration, SwapError> {
        match (old, new) {
            (AnyPlugin::Processor(old), AnyPlugin::Processor(new)) => self.replace_processors(plugin, old, new),
            (_, AnyPlugin::Policy(new)) => self.replace_policies(plugin, new),
            // What a manifest's entry is of does not change while it is read.
            (AnyPlugin::Policy(_), AnyPlugin::Processor(_)) => Ok(Duration::ZERO),
        }
    }

    fn replace_policies(&self, plugin: &str, new: &Arc<dyn PolicySource>) -> Result<Duration, SwapError> {
        let mut prepared = Vec::new();
        for place in self.gates.iter().filter(|place| place.plugin == plugin) {
            let wrong = |source| SwapError::Policy { part: place.part.clone(), source };
            prepared.push((&place.gate, place.gate.prepare(new).map_err(wrong)?));
        }
        for (gate, next) in prepared {
            next.into_iter().for_each(|next| gate.replace(next));
        }
        Ok(Duration::ZERO)
    }

    fn replace_processors(
        &self,
        plugin: &str,
        old: &Arc<dyn Plugin>,
        new: &Arc<dyn Plugin>,
    ) -> Result<Duration, SwapError> {
        let places: Vec<&Place> = self.places.iter().filter(|place| place.plugin == plugin).collect();
        let mut groups = Vec::new();
        for places in places.chunk_by(|one, other| one.worker == other.worker) {
            groups.push(self.prepare_all(places, new)?);
        }
        let (mut done, mut longest) = (Vec::new(), Duration::ZERO);
        for group in groups {
            match self.swap(&group) {
                Ok(pause) => longest = longest.max(pause),
                Err(error) => {
                    done.iter().for_each(|group| self.restore(group, old));
                    return Err(error);
                }
            }
            done.push(group);
        }
        Ok(longest)
    }

    fn prepare_all<'p>(&self, places: &[&'p Place], plugin: &Arc<dyn Plugin>) -> Result<Group<'p>, SwapError> {
        let mut group = Vec::with_capacity(places.len());
        for place in places {
            group.push((*place, self.prepare(place, plugin)?));
        }
        Ok(Group(group))
    }

    fn prepare(&self, place: &Place, plugin: &Arc<dyn Plugin>) -> Result<Candidate, SwapError> {
        let setup = Setup { plugin: Arc::clone(plugin), ..place.setup.clone() };
        let candidate = Candidate::try_out(setup, self.clock.moment()).map_err(|source| refused(place, source))?;
        match candidate.is_stateful && !place.keeps_state {
            true => Err(SwapError::BeginsState { part: place.part.clone() }),
            false => Ok(candidate),
        }
    }

    fn restore(&self, group: &Group<'_>, old: &Arc<dyn Plugin>) {
        let restored = self.prepare_all(&group.places(), old).and_then(|before| self.swap(&before));
        if let Err(error) = restored {
            tracing::error!(
                processor = group.part(),
                "the new version runs here, though it was refused elsewhere: {error}; `otelier plugin swap` puts one version into all places, and so does a restart"
            );
        }
    }

    /// Puts a version into places of one worker. Where it cannot follow the running one, it starts while batches wait.
    fn swap(&self, group: &Group<'_>) -> Result<Duration, SwapError> {
        if self.can_follow && group.0.iter().all(|(_, candidate)| candidate.is_stateful) {
            for _ in 0..FOLLOWS {
                match self.follow(group)? {
                    Followed::Done(pause) => return Ok(pause),
                    Followed::Lost => {}
                    Followed::Impossible => break,
                }
            }
        }
        let swapped = group.heirs().and_then(|heirs| swapped(group, Successors::Heirs(heirs)));
        if !matches!(swapped, Ok(Swapped::Done { .. })) {
            group.withdraw();
        }
        match swapped? {
            Swapped::Done { pause, retired } => {
                drop(retired);
                Ok(pause)
            }
            Swapped::Refused(slot, source) => Err(group.refused(slot, *source)),
            Swapped::NoRoom(slot) => Err(SwapError::NoRoom { part: group.part_of(slot) }),
            Swapped::Withdrawn | Swapped::Behind(_) | Swapped::Lost(_) => Err(group.busy()),
        }
    }

    fn follow(&self, group: &Group<'_>) -> Result<Followed, SwapError> {
        let followed = self.follow_to_the_end(group);
        if !matches!(followed, Ok(Followed::Done(_))) {
            group.withdraw();
        }
        followed
    }

    /// Starts a version on forks of the states, lets it catch up everywhere, and exchanges it for the one that it has followed.
    fn follow_to_the_end(&self, group: &Group<'_>) -> Result<Followed, SwapError> {
        let (mut followers, mut room) = (Vec::new(), SNAPSHOT_BYTES_MAX);
        for (place, candidate) in &group.0 {
            let begun = self.begin(place, candidate, group.0.len(), &mut room)?;
            let Some(follower) = begun else { return Ok(Followed::Impossible) };
            followers.push((place.slot, follower));
            // The first ones go on while others begin.
            match group.catch_up(&mut followers)? {
                Standing::CaughtUp | Standing::Behind => {}
                Standing::Lost => return Ok(Followed::Lost),
                Standing::Differs => return Ok(Followed::Impossible),
            }
        }
        let began = Instant::now();
        // Mostly a call has been recorded by the time the worker looks: batches wait for none at first, then for a few.
        for behind_max in 0.. {
            loop {
                if began.elapsed() > FOLLOW_WITHIN {
                    return Ok(Followed::Impossible);
                }
                match group.catch_up(&mut followers)? {
                    Standing::CaughtUp => break,
                    Standing::Behind => {}
                    Standing::Lost => return Ok(Followed::Lost),
                    Standing::Differs => return Ok(Followed::Impossible),
                }
            }
            match swapped(group, Successors::Followers(followers, behind_max))? {
                Swapped::Done { pause, retired } => {
                    drop(retired);
                    return Ok(Followed::Done(pause));
                }
                Swapped::Behind(behind) => followers = behind,
                Swapped::Refused(_, source) if matches!(*source, InstanceError::State { .. }) => {
                    return Ok(Followed::Impossible);
                }
                Swapped::Refused(slot, source) => return Err(group.refused(slot, *source)),
                Swapped::Lost(_) | Swapped::NoRoom(_) | Swapped::Withdrawn => return Ok(Followed::Lost),
            }
        }
        Ok(Followed::Impossible)
    }

    /// A follower that has started; `None` where there is nothing to follow.
    fn begin(
        &self,
        place: &Place,
        candidate: &Candidate,
        among: usize,
        room: &mut usize,
    ) -> Result<Option<Box<Follower>>, SwapError> {
        let marked = mark(place, among)?;
        let Some(snapshot) = marked.and_then(|marked| read_ahead(place, Extent::Whole, marked, room)) else {
            return Ok(None);
        };
        let fork = place.handle.fork(place.slot, snapshot).map_err(|Crowded| busy(place))?;
        let Some(fork) = answer(&fork, FORK_WITHIN)? else { return Ok(None) };
        let started = Follower::start(candidate.setup.clone(), fork, self.clock.now());
        Ok(started.map_err(|source| refused(place, source))?.map(Box::new))
    }
}

/// The places of a plugin in one worker, and the version for each. There is one at least: a worker without is none of the plugin's.
struct Group<'p>(Vec<(&'p Place, Candidate)>);

impl<'p> Group<'p> {
    fn places(&self) -> Vec<&'p Place> {
        self.0.iter().map(|(place, _)| *place).collect()
    }

    fn place(&self, slot: usize) -> Option<&'p Place> {
        self.0.iter().map(|(place, _)| *place).find(|place| place.slot == slot)
    }

    fn part_of(&self, slot: usize) -> String {
        self.place(slot).map(|place| place.part.clone()).unwrap_or_default()
    }

    /// The first of them.
    fn part(&self) -> String {
        self.0.first().map(|(place, _)| place.part.clone()).unwrap_or_default()
    }

    fn busy(&self) -> SwapError {
        SwapError::Busy { part: self.part() }
    }

    fn refused(&self, slot: usize, source: InstanceError) -> SwapError {
        SwapError::Instance { part: self.part_of(slot), source: Box::new(source) }
    }

    /// Nothing is kept for the new version any more.
    fn withdraw(&self) {
        if let Some((first, _)) = self.0.first() {
            first.handle.withdraw(self.0.iter().map(|(place, _)| place.slot).collect());
        }
    }

    /// Instances that start where batches wait.
    fn heirs(&self) -> Result<Vec<(usize, Box<Heir>)>, SwapError> {
        let (mut heirs, mut room) = (Vec::new(), SNAPSHOT_BYTES_MAX);
        for (place, candidate) in &self.0 {
            heirs.push((place.slot, Box::new(heir(place, candidate, self.0.len(), &mut room)?)));
        }
        Ok(heirs)
    }

    /// Each follower makes some of the calls that it has not made yet. How the one stands that is worst off.
    fn catch_up(&self, followers: &mut [(usize, Box<Follower>)]) -> Result<Standing, SwapError> {
        let mut behind = false;
        for (slot, follower) in followers {
            match follower.catch_up(CALLS_AT_ONCE).map_err(|source| self.refused(*slot, source))? {
                Standing::CaughtUp => {}
                Standing::Behind => behind = true,
                worse => return Ok(worse),
            }
        }
        Ok(if behind { Standing::Behind } else { Standing::CaughtUp })
    }
}

/// An instance that starts where batches wait, on what is read ahead of that.
fn heir(place: &Place, candidate: &Candidate, among: usize, room: &mut usize) -> Result<Heir, SwapError> {
    let marked = if candidate.is_stateful { mark(place, among)? } else { None };
    let memory_bytes = marked.as_ref().map_or(0, |marked| marked.memory_bytes);
    let heir = candidate.heir(memory_bytes).or_else(|error| match error {
        // To get so much memory took too long: then it is got when it is needed.
        InstanceError::Call(CallError::Trap(trap)) if memory_bytes > 0 && trap.reason == TrapReason::Deadline => {
            candidate.heir(0)
        }
        error => Err(error),
    });
    let mut heir = heir.map_err(|source| refused(place, source))?;
    heir.rest_on(marked.and_then(|marked| read_ahead(place, Extent::Data, marked, room)));
    Ok(heir)
}

/// Marks the state in one of so many places. `None` where there is none.
fn mark(place: &Place, among: usize) -> Result<Option<Marked>, SwapError> {
    let marked = place.handle.mark(place.slot, among).map_err(|Crowded| busy(place))?;
    answer(&marked, PATIENCE)
}

/// Reads the state that a version starts on, while batches go on. `None` where there is more than is to be held, of which `room` is left.
fn read_ahead(place: &Place, extent: Extent, marked: Marked, room: &mut usize) -> Option<Snapshot> {
    let read = Snapshot::read(&place.setup.store, &place.setup.namespace(), extent, marked.mark, *room);
    let snapshot = read.unwrap_or_else(|error| {
        tracing::warn!(processor = place.part, %error, "state cannot be read ahead of a swap");
        None
    })?;
    *room = room.saturating_sub(snapshot.bytes());
    Some(snapshot)
}

/// What the worker made of a version: nothing, once nobody waits for it any more.
fn swapped(group: &Group<'_>, successors: Successors) -> Result<Swapped, SwapError> {
    let claim = Claim::default();
    let Some((first, _)) = group.0.first() else { return Ok(Swapped::Withdrawn) };
    let told = first.handle.swap(successors, &claim).map_err(|Crowded| group.busy())?;
    match told.recv_timeout(PATIENCE) {
        Ok(swapped) => Ok(swapped),
        Err(RecvTimeoutError::Timeout) if claim.take() => Err(group.busy()),
        // It is about to come to its place.
        Err(RecvTimeoutError::Timeout) => told.recv().map_err(|_| SwapError::GoingDown),
        Err(RecvTimeoutError::Disconnected) => Err(SwapError::GoingDown),
    }
}

fn busy(place: &Place) -> SwapError {
    SwapError::Busy { part: place.part.clone() }
}

/// What came of following.
enum Followed {
    /// The new version runs; batches waited so long.
    Done(Duration),
    /// What was followed is gone; there is another.
    Lost,
    /// Nothing can be followed here.
    Impossible,
}

/// What a worker says; nothing where it does not find the time.
fn answer<T>(told: &Receiver<Option<T>>, within: Duration) -> Result<Option<T>, SwapError> {
    match told.recv_timeout(within) {
        Ok(answer) => Ok(answer),
        Err(RecvTimeoutError::Timeout) => Ok(None),
        Err(RecvTimeoutError::Disconnected) => Err(SwapError::GoingDown),
    }
}

fn refused(place: &Place, source: InstanceError) -> SwapError {
    SwapError::Instance { part: place.part.clone(), source: Box::new(source) }
}
