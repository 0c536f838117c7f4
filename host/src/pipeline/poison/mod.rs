//! A batch on which a plugin breaks: its bad items become dead letters, the others count.
//!
//! Parts of the batch are tried on instances of their own, built from committed state, of which nothing is kept; that is no strike. What
//! passes goes through one more instance, in one call and in the batch's order: its results and writes are the trip's, and it takes the
//! place of the one that broke. So the good items of a batch commit once, together, or not at all.

mod search;

use std::time::{Duration, Instant};

use crate::contract::Batch;
use crate::processor::{Instance, InstanceError, Processed, Setup};
use crate::storage::Write;

use search::{Failed, PARTS, Part, Patience, joined, search};

/// Parts that may break in one search. Each costs an instance.
const BROKEN_MAX: u32 = 64;

/// A search may take as long as so many calls of the plugin, and no longer than [`SEARCH_MAX`].
const CALLS_MAX: u64 = 5;

/// Other batches wait meanwhile.
const SEARCH_MAX: Duration = Duration::from_secs(30);

/// Items on which a plugin breaks.
#[derive(Debug)]
pub struct Poison {
    /// The items, with what the batch says of them.
    pub batch: Batch,
    /// How the plugin broke.
    pub reason: String,
}

/// The rest of the batch.
pub struct Survivors {
    /// Has seen them, and goes on.
    pub instance: Instance,
    /// What its start wrote.
    pub started: Vec<Write>,
    /// What became of them.
    pub processed: Vec<Processed>,
}

/// What a batch was made of.
pub struct Parted {
    /// `None` where nothing passes.
    pub survivors: Option<Survivors>,
    /// One for each way in which the plugin broke.
    pub poison: Vec<Poison>,
}

impl Parted {
    /// Items on which the plugin breaks.
    pub fn poisoned(&self) -> u64 {
        self.poison.iter().filter_map(|poison| poison.batch.items).sum()
    }
}

/// Parts a batch whose items are counted, on which an instance of `setup` broke for `reason`. Everything before it is committed. `suspected` is
/// whether the plugin broke on the whole of a batch lately: then fewer parts are tried. An error says nothing of the batch.
pub fn part(
    setup: &Setup,
    batch: &Batch,
    reason: String,
    suspected: bool,
    trip: u64,
    now: u64,
) -> Result<Parted, InstanceError> {
    let mut trial = Trial { setup: setup.silent(), batch, trip, now, instance: None };
    let time = Duration::from_millis(setup.limits.call_ms.saturating_mul(CALLS_MAX)).min(SEARCH_MAX);
    let broken_max = if suspected { PARTS as u32 } else { BROKEN_MAX };
    let patience = Patience { broken_max, until: Instant::now() + time };
    let found = search(batch, reason, patience, |part| trial.attempt(part))?;
    let survivors = match found.sound.as_slice() {
        [] => None,
        sound => Some(settle(setup, batch, sound, trip, now)?),
    };
    Ok(Parted { survivors, poison: by_reason(batch, found.poison) })
}

/// Tries parts. An instance is used until it breaks.
struct Trial<'b> {
    setup: Setup,
    batch: &'b Batch,
    trip: u64,
    now: u64,
    instance: Option<Instance>,
}

impl Trial<'_> {
    fn attempt(&mut self, part: &Part) -> Result<(), Failed<InstanceError>> {
        let mut instance = match self.instance.take() {
            Some(instance) => instance,
            None => Instance::build(self.setup.clone(), self.trip, self.now).map_err(Failed::Search)?.0,
        };
        match instance.process(request(self.batch, std::slice::from_ref(part)), self.trip, self.now) {
            Ok(_) => {
                self.instance = Some(instance);
                Ok(())
            }
            Err(error) if error.is_broken() => Err(Failed::Broken(error.to_string())),
            Err(error) => Err(Failed::Search(error)),
        }
    }
}

/// Lets sound parts count: in one call, or in one for each part where all together are too much for a call.
fn settle(setup: &Setup, batch: &Batch, sound: &[Part], trip: u64, now: u64) -> Result<Survivors, InstanceError> {
    let calls = |parts: usize| sound.chunks(parts).map(|parts| request(batch, parts)).collect();
    match process(setup, calls(sound.len()), trip, now) {
        Err(error) if error.is_broken() && sound.len() > 1 => process(setup, calls(1), trip, now),
        outcome => outcome,
    }
}

fn process(setup: &Setup, batches: Vec<Batch>, trip: u64, now: u64) -> Result<Survivors, InstanceError> {
    let (mut instance, started) = Instance::build(setup.clone(), trip, now)?;
    let processed = batches.into_iter().map(|batch| instance.process(batch, trip, now)).collect::<Result<_, _>>()?;
    Ok(Survivors { instance, started, processed })
}

fn request(batch: &Batch, parts: &[Part]) -> Batch {
    Batch { bytes: joined(parts), items: Some(parts.iter().map(|part| part.items).sum()), ..batch.clone() }
}

/// Parts that broke the plugin in the same way are one letter.
fn by_reason(batch: &Batch, parts: Vec<(Part, String)>) -> Vec<Poison> {
    let mut reasons: Vec<(String, Vec<Part>)> = Vec::new();
    for (part, reason) in parts {
        match reasons.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, parts)) => parts.push(part),
            None => reasons.push((reason, vec![part])),
        }
    }
    reasons.into_iter().map(|(reason, parts)| Poison { batch: request(batch, &parts), reason }).collect()
}
