//! A batch on which a plugin breaks: its bad items become dead letters, the others count.
//!
//! Parts of the batch are tried on instances of their own, built from committed state, of which nothing is kept; that is no strike. What
//! passes goes through one more instance, in one call and in the batch's order: its results and writes are the trip's, and it takes the
//! place of the one that broke. So the good items of a batch commit once, together, or not at all.

mod search;

use std::ops::Range;
use std::time::{Duration, Instant};

use crate::clock::Moment;
use crate::contract::Batch;
use crate::otlp::select;
use crate::processor::{Instance, InstanceError, Processed, Setup};
use crate::pulse;
use crate::storage::Write;

use search::{Tried, search};

/// Parts that may break in one search. Each costs an instance.
const BROKEN_MAX: u32 = 64;
/// The same for a plugin on which nothing passed lately.
const BROKEN_MAX_SUSPECTED: u32 = 18;
/// So many calls of the plugin may last as long as they may; those of a search take no more time together.
const CALLS_MAX: u64 = 3;
/// Once an item has taken all the time that a call may take, the next ones are blamed after such a part of it.
const NEXT_SHARE: u64 = 4;
/// A part that takes so many times its share of what a call may take counts as broken.
const SLACK: u64 = 4;
/// But no call is ended earlier than this, in milliseconds.
const CALL_MS_MIN: u64 = 50;
/// The searches of a batch end after this, whatever takes so long: other batches wait meanwhile.
const SEARCH_MAX: Duration = Duration::from_secs(10);
/// Letters that one batch becomes; what broke the plugin in yet other ways is in the last of them.
const LETTERS_MAX: usize = 8;
/// The same for a batch that is larger than this: what its items stand in is in each letter.
const LARGE: usize = 4 << 20;

/// A batch on which a plugin broke.
pub struct Broken<'b> {
    /// What its instances are made from.
    pub setup: &'b Setup,
    /// Batches of the same trip that went through before it.
    pub before: &'b [Batch],
    /// The batch, which was checked.
    pub batch: &'b Batch,
    /// How the plugin broke.
    pub reason: String,
    /// Whether that was because the call took too long.
    pub overran: bool,
    /// Whether nothing passed lately.
    pub suspected: bool,
    /// A batch that passed lately.
    pub control: Option<&'b Batch>,
    /// The number of the trip.
    pub trip: u64,
    /// When the calls of the trip are made.
    pub moment: Moment,
}

/// The searches of one batch: one, or one for each part in which an instance broke. They share the time fairly.
#[derive(Debug)]
pub struct Searches {
    parts: usize,
    left: usize,
    until: Option<Instant>,
}

impl Searches {
    /// For so many parts.
    pub fn of(parts: usize) -> Searches {
        Searches { parts: parts.max(1), left: parts.max(1), until: None }
    }

    /// The share of the next one: until when, and how many letters.
    fn next(&mut self) -> (Instant, usize) {
        let now = Instant::now();
        let until = *self.until.get_or_insert(now + SEARCH_MAX);
        let share = until.saturating_duration_since(now) / u32::try_from(self.left).unwrap_or(u32::MAX);
        self.left = self.left.saturating_sub(1).max(1);
        (now + share, (LETTERS_MAX / self.parts).max(1))
    }
}

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
    /// What it has written so far, in place of what the trip has of the plugin.
    pub before: Vec<Write>,
    /// The calls: what went in, and what became of it.
    pub calls: Vec<(Batch, Processed)>,
}

/// What a batch was made of.
pub struct Separated {
    /// `None` where nothing passes, and nothing of the trip did before.
    pub survivors: Option<Survivors>,
    /// One for each way in which the plugin broke.
    pub poison: Vec<Poison>,
    /// Whether nothing passes, and the batch that passed lately does not either: it is the plugin and not the batch.
    pub plugin_is_broken: bool,
}

impl Separated {
    /// Items on which the plugin breaks.
    pub fn poisoned(&self) -> u64 {
        self.poison.iter().filter_map(|poison| poison.batch.items).sum()
    }
}

impl Broken<'_> {
    /// Separates the items. Everything before the trip is committed. An error says that it could not be found out: the plugin declined, the
    /// store failed.
    pub fn separate(&self, searches: &mut Searches) -> Result<Separated, InstanceError> {
        let units = select::units(self.batch.signal, &self.batch.bytes)?;
        let (until, letters_max) = searches.next();
        let mut trial = Trial::new(self, &units, until);
        // What took all the time once is not given it again as a whole: its parts have enough where it was not the batch.
        let is_whole_tried = !self.overran || units.len() == 1;
        let found = search(units.len(), self.reason.clone(), is_whole_tried, |part| trial.attempt(part))?;
        let plugin_is_broken = found.sound.is_empty() && !trial.control_passes()?;
        drop(trial);
        let survivors = match found.sound.as_slice() {
            [] if self.before.is_empty() => None,
            // What went through before it counts, and the trip may have more.
            [] => Some(self.process(&[], &units)?),
            sound => Some(self.process_sound(sound, &units)?),
        };
        let poison = self.letters(found.poison, &units, letters_max)?;
        Ok(Separated { survivors, poison, plugin_is_broken })
    }

    fn request(&self, parts: &[Range<usize>], units: &[u64]) -> Result<Batch, InstanceError> {
        let items = |part: &Range<usize>| units.get(part.clone()).map_or(0, |units| units.iter().sum::<u64>());
        let bytes = match parts {
            [part] if part.len() == units.len() => self.batch.bytes.clone(),
            parts => select::select(self.batch.signal, &self.batch.bytes, parts)?.into(),
        };
        Ok(Batch { bytes, items: Some(parts.iter().map(items).sum()), ..self.batch.clone() })
    }

    /// An instance that has seen the trip as far as this batch, and what it wrote on the way. Its start may have written keys anew that the
    /// trip has from the instance before it: this takes the place of all that the trip has of the plugin so far.
    fn instance(&self, setup: Setup) -> Result<(Instance, Vec<Write>), InstanceError> {
        let (mut instance, mut writes) = Instance::build(setup, self.trip, self.moment)?;
        for batch in self.before {
            // The trip has its results.
            writes.append(&mut instance.process(batch.clone(), self.trip, self.moment)?.writes);
        }
        Ok((instance, writes))
    }

    /// Lets sound parts count: in one call, or in one for each part where all together are too much for a call.
    fn process_sound(&self, sound: &[Range<usize>], units: &[u64]) -> Result<Survivors, InstanceError> {
        match self.process(&[sound], units) {
            Err(error) if error.is_broken() && sound.len() > 1 => {
                self.process(&sound.chunks(1).collect::<Vec<_>>(), units)
            }
            outcome => outcome,
        }
    }

    fn process(&self, calls: &[&[Range<usize>]], units: &[u64]) -> Result<Survivors, InstanceError> {
        let (mut instance, before) = self.instance(self.setup.clone())?;
        let mut process = |parts: &&[Range<usize>]| {
            let batch = self.request(parts, units)?;
            Ok((batch.clone(), instance.process(batch, self.trip, self.moment)?))
        };
        let calls = calls.iter().map(&mut process).collect::<Result<_, InstanceError>>()?;
        Ok(Survivors { instance, before, calls })
    }

    /// Parts that broke the plugin in the same way are one letter.
    fn letters(
        &self,
        parts: Vec<(Range<usize>, String)>,
        units: &[u64],
        letters_max: usize,
    ) -> Result<Vec<Poison>, InstanceError> {
        let letters_max = if self.batch.bytes.len() > LARGE { 1 } else { letters_max };
        let mut reasons: Vec<(String, Vec<Range<usize>>)> = Vec::new();
        for (part, reason) in parts {
            let is_full = reasons.len() == letters_max;
            match reasons.iter_mut().find(|(known, _)| *known == reason) {
                Some((_, parts)) => parts.push(part),
                None if is_full => {
                    reasons.iter_mut().last().into_iter().for_each(|(_, parts)| parts.push(part.clone()))
                }
                None => reasons.push((reason, vec![part])),
            }
        }
        let letter = |(reason, parts): (String, Vec<_>)| Ok(Poison { batch: self.request(&parts, units)?, reason });
        reasons.into_iter().map(letter).collect()
    }
}

/// Tries parts. An instance is used until it breaks.
struct Trial<'b> {
    broken: &'b Broken<'b>,
    units: &'b [u64],
    setup: Setup,
    /// With whether it has been used.
    instance: Option<(Instance, bool)>,
    breaks_left: u32,
    /// Of the time that calls may take.
    calls_left: Duration,
    /// Whether an item has taken all the time that a call may take.
    has_endless: bool,
    until: Instant,
}

impl<'b> Trial<'b> {
    fn new(broken: &'b Broken<'b>, units: &'b [u64], until: Instant) -> Trial<'b> {
        Trial {
            broken,
            units,
            setup: broken.setup.silent(),
            instance: None,
            breaks_left: if broken.suspected { BROKEN_MAX_SUSPECTED } else { BROKEN_MAX },
            calls_left: Duration::from_millis(broken.setup.limits.call_ms.saturating_mul(CALLS_MAX)),
            has_endless: false,
            until,
        }
    }

    fn attempt(&mut self, part: Range<usize>) -> Result<Tried, InstanceError> {
        loop {
            let is_used = self.instance.as_ref().is_some_and(|(_, used)| *used);
            pulse::beat();
            let Some(call_ms) = self.granted_ms(&part, is_used) else { return Ok(Tried::OutOfPatience) };
            if self.breaks_left == 0 || Instant::now() >= self.until {
                return Ok(Tried::OutOfPatience);
            }
            let (mut instance, used) = match self.instance.take() {
                Some(instance) => instance,
                None => (self.broken.instance(self.setup.clone())?.0, false),
            };
            let request = self.broken.request(std::slice::from_ref(&part), self.units)?;
            instance.bound_calls(call_ms);
            let start = Instant::now();
            let outcome = instance.process(request, self.broken.trip, self.broken.moment);
            let overran = outcome.as_ref().is_err_and(InstanceError::overran);
            // Not how much later it was ended: where that decides, an item is blamed because the machine is busy. `until` bounds the rest.
            let took = if overran { Duration::from_millis(call_ms) } else { start.elapsed() };
            self.calls_left = self.calls_left.saturating_sub(took);
            self.has_endless |= overran && call_ms == self.broken.setup.limits.call_ms;
            match outcome {
                Ok(_) => {
                    self.instance = Some((instance, true));
                    return Ok(Tried::Passes);
                }
                Err(error) if error.is_broken() => {
                    self.breaks_left -= 1;
                    // A single unit is not blamed for what parts before it have left behind, nor for being slow.
                    if !used || part.len() > 1 {
                        return Ok(Tried::Breaks(error.to_string()));
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// How long a part may take of what calls have left together. The first item that is blamed for being slow gets all that it may take,
    /// the next ones make do with the rest.
    fn granted_ms(&self, part: &Range<usize>, used: bool) -> Option<u64> {
        let wanted = self.call_ms(part, used);
        let left = u64::try_from(self.calls_left.as_millis()).unwrap_or(u64::MAX);
        let least = if self.has_endless { CALL_MS_MIN.min(wanted) } else { wanted };
        (left >= least).then_some(wanted.min(left))
    }

    /// How long a part may take: its share of what the whole may, and some more, so that one that never ends is found while senders still
    /// wait. The first item that is blamed for being slow has had all the time there is.
    fn call_ms(&self, part: &Range<usize>, used: bool) -> u64 {
        let call_ms = self.broken.setup.limits.call_ms;
        let share = call_ms.saturating_mul(SLACK * part.len() as u64) / self.units.len().max(1) as u64;
        let is_last = part.len() == 1 && !used;
        let least = if is_last && self.has_endless { call_ms / NEXT_SHARE } else { CALL_MS_MIN };
        if is_last && !self.has_endless { call_ms } else { share.max(least).max(CALL_MS_MIN).min(call_ms) }
    }

    /// Whether the batch that passed lately still does. An error says that it could not be found out, for no fault of the plugin.
    fn control_passes(&self) -> Result<bool, InstanceError> {
        let Some(control) = self.broken.control else { return Ok(false) };
        let called = self
            .broken
            .instance(self.setup.clone())
            .and_then(|(mut instance, _)| instance.process(control.clone(), self.broken.trip, self.broken.moment));
        match called {
            Ok(_) => Ok(true),
            Err(error) if error.is_of_plugin() => Ok(false),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests;
