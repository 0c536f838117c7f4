//! One batch's way through the pipelines of its receiver, before anything of it counts.

use std::time::{Duration, Instant};

use crate::clock::Moment;
use crate::contract::{Batch, OnTrap, PLUGIN, Refusal, SpanEnd, Trace, Unroutable};
use crate::delivery::Reserved;
use crate::delivery::dead_letters::Stage;
use crate::otlp::{Malformed, Strings, check};
use crate::processor::{CallError, InstanceError, Processed};
use crate::storage::Write;
use crate::telemetry::Counter;

use super::committer::{Committer, Generation};
use super::connected::{Exit, Outgoing, Pipeline};
use super::poison::{Broken, Poison, Searches, Separated, Survivors};
use super::slot::Slot;
use super::step::{Attempt, Outcome, Processors, Share, attempt, divide, merged, refusing, run};

/// What a sender is told to wait where nothing better is known.
pub const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Which instance a flush is of.
#[derive(Debug, Clone, Copy)]
pub struct FlushPlace {
    /// The step it stands in.
    pub step: usize,
    /// Its slot.
    pub index: usize,
}

/// A flush that does not count.
#[derive(Debug)]
pub struct FlushRefused {
    /// Why.
    pub refusal: Refusal,
    /// Whether there is more to flush, where the instance lives on without what it has emitted.
    pub more: Option<bool>,
}

/// What a trip has gathered so far.
#[derive(Default)]
pub struct Gathered {
    /// Its number.
    pub number: u64,
    /// Changes of state, in the order they were made.
    pub writes: Vec<Write>,
    /// What to count.
    pub tally: Vec<(Counter, u64)>,
    /// What to count where it is not committed, and nobody sends it again.
    pub unless_committed: Vec<(Counter, u64)>,
    /// Whether its sender waits for what becomes of it, behind lanes where senders do.
    pub waits: bool,
    /// What each lane gets.
    pub deliveries: Vec<(Reserved, Vec<Batch>)>,
    /// Items of the request.
    pub items: Option<u64>,
    /// Slots whose instance ran and keeps state, or absorbed without any: they know of this trip.
    pub touched: Vec<usize>,
    /// Batches that went through an instance that keeps state, by slot.
    pub seen: Vec<(usize, Batch)>,
    /// Items on which a plugin breaks.
    pub poison: Vec<(Stage, Poison)>,
    /// What is told of its way.
    pub trace: Trace,
}

/// The processors of a worker and the time, lent to one trip.
pub struct Run<'w> {
    /// All processors.
    pub processors: &'w mut Processors,
    /// All pipelines.
    pub pipelines: &'w [Pipeline],
    /// When its calls are made.
    pub moment: Moment,
    /// Where the trips before this one are committed, under which generation.
    pub commits: (&'w Committer, &'w Generation),
    /// Whether it is a dead letter that goes on: it counts whole, or stays one.
    pub resumed: bool,
}

impl Run<'_> {
    /// Sends a request through one pipeline, and those behind it. There is room in each lane that it reaches.
    pub fn request(
        &mut self,
        pipeline: &Pipeline,
        rooms: Vec<Reserved>,
        mut batch: Batch,
        trip: &mut Gathered,
    ) -> Result<(), Refusal> {
        if trip.items.is_none() && !self.is_checked_by(pipeline.steps.start, pipeline) {
            trip.items = Some(count(&batch)?);
        }
        batch.items = batch.items.or(trip.items);
        self.onwards(pipeline, pipeline.steps.start, rooms, vec![batch], trip)
    }

    /// Whether the first step of a pipeline walks every byte of a request.
    fn is_checked_by(&mut self, step: usize, pipeline: &Pipeline) -> bool {
        let Processors { slots, steps, .. } = &mut *self.processors;
        let Some(step) = steps.get(step).filter(|_| !pipeline.steps.is_empty()) else { return false };
        let checks = |slot: &mut Slot| slot.instance().is_ok_and(|instance| instance.checks_requests());
        step.divided.is_some() || slots.get_mut(step.slots.start).is_some_and(checks)
    }

    /// Sends batches through the processors from a step of the pipeline on, and into the lanes that it reaches.
    pub fn onwards(
        &mut self,
        pipeline: &Pipeline,
        first: usize,
        rooms: Vec<Reserved>,
        batches: Vec<Batch>,
        trip: &mut Gathered,
    ) -> Result<(), Refusal> {
        let mut out = Outgoing::of(pipeline);
        self.pass(pipeline, first, &mut out, batches, trip)?;
        trip.deliveries.extend(rooms.into_iter().zip(out.batches));
        Ok(())
    }

    /// Sends batches through the processors from a step of the pipeline on, out of it, and into the pipelines behind it.
    fn pass(
        &mut self,
        pipeline: &Pipeline,
        first: usize,
        out: &mut Outgoing<'_>,
        mut batches: Vec<Batch>,
        trip: &mut Gathered,
    ) -> Result<(), Refusal> {
        for step in first..pipeline.steps.end {
            let mut next = Vec::new();
            for batch in batches {
                let (began, items) = (trip.trace.start(), batch.items);
                let passed = self.process(pipeline, step, batch, trip);
                trip.trace.span(PLUGIN, began, || self.span(pipeline, step, items, &passed));
                next.append(&mut passed?);
            }
            batches = next;
        }
        // What has no item is nothing to send: OTLP's "SHOULD NOT create empty envelopes".
        batches.retain(|batch| batch.items != Some(0));
        pipeline.lanes.iter().for_each(|lane| out.add(lane, &batches));
        for exit in &pipeline.exits {
            self.connect(exit, out, &batches, trip)?;
        }
        Ok(())
    }

    /// What there is to say of a step that has ended.
    fn span(
        &self,
        pipeline: &Pipeline,
        step: usize,
        items: Option<u64>,
        passed: &Result<Vec<Batch>, Refusal>,
    ) -> SpanEnd {
        let Processors { slots, steps, .. } = &*self.processors;
        let slot = steps.get(step).and_then(|step| slots.get(step.slots.start));
        let outgoing = |batches: &Vec<Batch>| batches.iter().filter_map(|batch| batch.items).sum::<u64>();
        SpanEnd::default()
            .with("pipeline", pipeline.id.as_str())
            .with_some("processor", slot.map(|slot| slot.setup().id.to_string()))
            .with_some("items.incoming", items)
            .with_some("items.outgoing", passed.as_ref().ok().map(outgoing))
            .failed(passed.as_ref().err().map(ToString::to_string))
    }

    /// Sends batches into the pipelines behind a connector.
    fn connect(
        &mut self,
        exit: &Exit,
        out: &mut Outgoing<'_>,
        batches: &[Batch],
        trip: &mut Gathered,
    ) -> Result<(), Refusal> {
        let mut parts = vec![Vec::new(); exit.behind.len()];
        for batch in batches {
            let unroutable = |Unroutable { offset, reason }| Refusal::Malformed { offset, reason };
            let routed = exit.connector.route(batch).map_err(unroutable)?;
            let parts = parts.iter_mut().zip(routed.parts);
            parts.for_each(|(parts, part)| parts.extend(part.filter(|part| part.items != Some(0))));
            if routed.unrouted > 0 {
                trip.tally.push((exit.unrouted.clone(), routed.unrouted));
            }
        }
        let pipelines = self.pipelines;
        for (place, parts) in exit.behind.iter().zip(parts) {
            if let Some(next) = pipelines.get(*place) {
                self.pass(next, next.steps.start, out, parts, trip)?;
            }
        }
        Ok(())
    }

    /// Sends a batch through one step.
    fn process(
        &mut self,
        pipeline: &Pipeline,
        step: usize,
        batch: Batch,
        trip: &mut Gathered,
    ) -> Result<Vec<Batch>, Refusal> {
        let (moment, Processors { slots, steps, helpers }) = (self.moment, &mut *self.processors);
        let Some(step) = steps.get(step) else { return Ok(vec![batch]) };
        let Some(places) = slots.get_mut(step.slots.clone()) else { return Ok(vec![batch]) };
        let first = step.slots.start;
        let Some(partitions) = &step.divided else {
            let Some(slot) = places.first_mut() else { return Ok(vec![batch]) };
            let outcome = attempt(slot, &batch, trip.number, moment);
            return self.join(
                pipeline,
                Attempt { share: Share { index: first, batch }, outcome },
                &mut Searches::of(1),
                trip,
            );
        };
        let parts = divide(partitions, &batch).map_err(malformed)?;
        trip.items.get_or_insert(parts.iter().filter_map(|(_, part)| part.items).sum());
        if let Some(slot) = refusing(places, &parts) {
            return Err(down(slot));
        }
        let attempts = run(helpers.as_ref(), first, places, parts, trip.number, moment);
        let mut searches = Searches::of(attempts.iter().filter(|attempt| attempt.outcome.is_broken()).count());
        let (mut batches, mut attempts) = (Vec::new(), attempts.into_iter());
        while let Some(attempt) = attempts.next() {
            match self.join(pipeline, attempt, &mut searches, trip) {
                Ok(mut joined) => batches.append(&mut joined),
                Err(refusal) => {
                    attempts.for_each(|attempt| self.abandon(&attempt, trip));
                    return Err(refusal);
                }
            }
        }
        Ok(merged(batches))
    }

    /// Another part of the batch was refused: what this one has changed does not count.
    fn abandon(&mut self, attempt: &Attempt, trip: &Gathered) {
        let Some(slot) = self.processors.slots.get_mut(attempt.share.index) else { return };
        match &attempt.outcome {
            Outcome::Down => {}
            Outcome::Ran(Ok(processed)) if !slot.is_stateful() && processed.absorbed == 0 => {}
            Outcome::Ran(Ok(_)) => slot.discard(trip.number, "another part of a request was refused"),
            Outcome::Ran(Err(error)) => {
                slot.ledger.traps.add(u64::from(error.is_broken()));
                slot.tell(trip.number, error, "the request is refused for another part of it");
                slot.fail(error);
            }
        }
    }

    /// What became of a batch, or of a part of it, joins the trip.
    fn join(
        &mut self,
        pipeline: &Pipeline,
        attempt: Attempt,
        searches: &mut Searches,
        trip: &mut Gathered,
    ) -> Result<Vec<Batch>, Refusal> {
        let Attempt { share: Share { index, batch }, outcome } = attempt;
        let Some(slot) = self.processors.slots.get_mut(index) else { return Ok(vec![batch]) };
        let outcome = match outcome {
            Outcome::Ran(outcome) => outcome,
            Outcome::Down if self.resumed => return Err(down(slot)),
            Outcome::Down => {
                let (refusal, on_trap) = (down(slot), slot.on_down());
                return aside(slot, Uncalled { batch, on_trap, refusal }, trip);
            }
        };
        match outcome {
            Ok(mut processed) => {
                if processed.called {
                    slot.passed(&batch);
                }
                if slot.is_stateful() {
                    trip.seen.push((index, batch.clone()));
                }
                if !slot.instance().is_ok_and(|instance| instance.checks_requests()) {
                    processed.items = count(&batch)?;
                    // It does not read, so what came goes on.
                    processed.batches.iter_mut().for_each(|batch| batch.items = Some(processed.items));
                }
                Ok(keep(slot, index, processed, trip))
            }
            Err(InstanceError::Malformed(error)) => Err(malformed(error)),
            Err(InstanceError::Unreadable(error)) => {
                slot.discard(trip.number, "a request could not be read to its end");
                Err(malformed(error))
            }
            Err(InstanceError::Call(CallError::Failure { message, retryable })) => {
                Err(declined(slot, trip.number, message, retryable))
            }
            Err(error) if error.is_broken() => self.broken(pipeline, Share { index, batch }, &error, searches, trip),
            Err(error) => Err(unavailable(slot, trip.number, &error)),
        }
    }

    /// The instance broke on a batch: what of it passes counts, the rest becomes dead letters.
    fn broken(
        &mut self,
        pipeline: &Pipeline,
        share: Share,
        error: &InstanceError,
        searches: &mut Searches,
        trip: &mut Gathered,
    ) -> Result<Vec<Batch>, Refusal> {
        let Share { index, batch } = share;
        let items = count(&batch)?;
        let batch = Batch { items: Some(items), ..batch };
        let separated = match self.resumed {
            true => None,
            false => Some(self.separate(index, &batch, error, searches, trip)),
        };
        let Some(slot) = self.processors.slots.get_mut(index) else { return Ok(vec![batch]) };
        let refusal = failed(slot, error);
        slot.ledger.traps.add(1);
        slot.fail(error);
        match separated {
            None => {
                slot.tell(trip.number, error, "the instance is rebuilt from committed state");
                Err(refusal)
            }
            Some(Err(InstanceError::Call(CallError::Failure { message, retryable }))) => {
                slot.tell(trip.number, error, "the plugin declined the rest of the batch");
                Err(declined(slot, trip.number, message, retryable))
            }
            Some(Err(why)) if !why.is_of_plugin() => Err(unavailable(slot, trip.number, &why)),
            Some(Err(why)) => {
                slot.tell(trip.number, error, &format!("what of the batch breaks it cannot be found out: {why}"));
                aside(slot, Uncalled { batch, on_trap: slot.setup().on_trap, refusal }, trip)
            }
            Some(Ok(separated)) if separated.plugin_is_broken && slot.strike(&error.to_string()) => {
                slot.tell(trip.number, error, "nothing passes any more; batches follow `on_trap` for a while");
                aside(slot, Uncalled { batch, on_trap: slot.setup().on_trap, refusal }, trip)
            }
            Some(Ok(separated)) => {
                let poisoned = separated.poisoned();
                let outcome = match items - poisoned.min(items) {
                    0 if items == 1 => "its item is a dead letter (see `otelier dlq`)".to_owned(),
                    0 => format!("all {items} items are dead letters (see `otelier dlq`)"),
                    _ => format!("{poisoned} of {items} items are dead letters (see `otelier dlq`), the others count"),
                };
                slot.tell(trip.number, error, &outcome);
                trip.items.get_or_insert(items);
                self.keep_separated(pipeline, index, separated, trip)
            }
        }
    }

    /// Finds out what of a batch breaks the plugin, on instances that start from all trips before this one.
    fn separate(
        &self,
        index: usize,
        batch: &Batch,
        error: &InstanceError,
        searches: &mut Searches,
        trip: &Gathered,
    ) -> Result<Separated, InstanceError> {
        let (committer, generation) = self.commits;
        committer.barrier();
        let slot =
            self.processors.slots.get(index).filter(|_| !generation.is_spoilt()).ok_or(InstanceError::NotCommitted)?;
        let before: Vec<Batch> =
            trip.seen.iter().filter(|(slot, _)| *slot == index).map(|(_, batch)| batch.clone()).collect();
        let broken = Broken {
            setup: slot.setup(),
            before: &before,
            batch,
            reason: error.to_string(),
            overran: error.overran(),
            suspected: slot.is_suspected(),
            control: slot.control(),
            trip: trip.number,
            moment: self.moment,
        };
        broken.separate(searches)
    }

    /// The good items join the trip as any call's results do, the bad ones as dead letters.
    fn keep_separated(
        &mut self,
        pipeline: &Pipeline,
        index: usize,
        separated: Separated,
        trip: &mut Gathered,
    ) -> Result<Vec<Batch>, Refusal> {
        let Some(slot) = self.processors.slots.get_mut(index) else { return Ok(Vec::new()) };
        let poisoned = separated.poisoned();
        let Separated { survivors, poison, .. } = separated;
        let counts = [(slot.ledger.incoming.clone(), poisoned), (slot.ledger.dropped_poison.clone(), poisoned)];
        trip.tally.extend(counts);
        let stage = || Stage {
            pipeline: pipeline.id.clone(),
            processor: slot.setup().id.to_string(),
            plugin: slot.setup().plugin.version().to_owned(),
        };
        trip.poison.extend(poison.into_iter().map(|poison| (stage(), poison)));
        let Some(Survivors { instance, mut before, calls }) = survivors else {
            // The trip may have more for it.
            self.rebuild(index, trip);
            return Ok(Vec::new());
        };
        slot.replace(instance);
        // What an instance before this one wrote in this trip, this one has written again, behind its own start.
        trip.writes.retain(|write| !slot.setup().owns(write));
        trip.writes.append(&mut before);
        let mut batches = Vec::new();
        for (batch, processed) in calls {
            if processed.called {
                slot.passed(&batch);
            }
            if slot.is_stateful() {
                trip.seen.push((index, batch));
            }
            batches.append(&mut keep(slot, index, processed, trip));
        }
        Ok(batches)
    }

    /// An instance from committed state, in the middle of a trip; where that has seen batches of this trip, the next trip has one.
    fn rebuild(&mut self, index: usize, trip: &mut Gathered) {
        if trip.touched.contains(&index) {
            return;
        }
        let Some(slot) = self.processors.slots.get_mut(index).filter(|slot| slot.wants_rebuild()) else { return };
        // The next trip tries again, and tells why.
        if let Ok(mut started) = slot.rebuild(trip.number, self.moment) {
            if !started.is_empty() {
                // What it knows of itself is only true if the trip counts.
                trip.touched.push(index);
            }
            trip.writes.append(&mut started);
        }
    }

    /// Calls the flush of one slot and sends what it emits onwards, behind its step. True when the flush wants to be called again.
    pub fn flush(
        &mut self,
        pipeline: &Pipeline,
        place: FlushPlace,
        rooms: Vec<Reserved>,
        last: bool,
        trip: &mut Gathered,
    ) -> Result<bool, FlushRefused> {
        let FlushPlace { step, index } = place;
        let Some(slot) = self.processors.slots.get_mut(index) else { return Ok(false) };
        let Ok(instance) = slot.instance() else { return Ok(false) };
        let began = Instant::now();
        let flushed = instance.flush(trip.number, self.moment, last);
        slot.ledger.flushes.record(began.elapsed());
        slot.show_kept();
        let processed = match flushed {
            Ok(processed) => processed,
            Err(error) => {
                slot.ledger.traps.add(u64::from(error.is_broken()));
                slot.tell(trip.number, &error, "the flush is tried again on an instance rebuilt from committed state");
                slot.flush_failed(&error);
                let refusal = Refusal::Unavailable { reason: error.to_string(), retry_after: RETRY_AFTER };
                return Err(FlushRefused { refusal, more: None });
            }
        };
        let (more, emitted) = (processed.more, processed.emitted);
        if !slot.is_stateful() {
            let counts = [(slot.ledger.emitted.clone(), emitted), (slot.ledger.dropped_refused.clone(), emitted)];
            trip.unless_committed.extend(counts);
        }
        let batches = keep(slot, index, processed, trip);
        let passed = self.onwards(pipeline, step + 1, rooms, batches, trip);
        let Some(slot) = self.processors.slots.get_mut(index) else { return Ok(false) };
        match passed {
            Ok(()) => slot.flush_succeeded(),
            Err(refusal) => {
                slot.flush_refused(trip.number, emitted, &refusal);
                return Err(FlushRefused { more: slot.loses_what_is_not_flushed().then_some(more), refusal });
            }
        }
        Ok(more)
    }
}

/// Checks a batch that no projection walks, and counts its items.
pub(super) fn count(batch: &Batch) -> Result<u64, Refusal> {
    if let Some(items) = batch.items {
        return Ok(items);
    }
    check(batch.signal, &batch.bytes, Strings::from(batch.invalid_utf8)).map_err(malformed)
}

/// A request that finds no instance that can take it: whoever is to blame decides how its sender is told.
fn without_instance(slot: &Slot, by_plugin: bool, details: String, retry_after: Duration) -> Refusal {
    let component = slot.setup().id.to_string();
    match by_plugin {
        true => Refusal::Down { component, details, retry_after },
        false => Refusal::Unavailable { reason: format!("processor {component}: {details}"), retry_after },
    }
}

/// A request on which a call failed.
fn failed(slot: &Slot, error: &InstanceError) -> Refusal {
    without_instance(slot, error.is_of_plugin(), error.outside(), RETRY_AFTER)
}

/// The store failed, and not the plugin: the request is refused, whatever `on_trap` says.
fn unavailable(slot: &mut Slot, trip: u64, error: &InstanceError) -> Refusal {
    slot.tell(trip, error, "the request is refused, and the instance rebuilt from committed state");
    slot.fail(error);
    failed(slot, error)
}

/// A slot without an instance.
fn down(slot: &mut Slot) -> Refusal {
    let (details, retry_after) = match slot.instance() {
        Ok(_) => (String::new(), RETRY_AFTER),
        Err((reason, retry_after)) => (format!("down: {reason}"), retry_after),
    };
    without_instance(slot, slot.is_down_by_plugin(), details, retry_after)
}

fn malformed(error: Malformed) -> Refusal {
    Refusal::Malformed { offset: error.offset, reason: error.reason }
}

/// A call counts: its results join the trip.
fn keep(slot: &mut Slot, index: usize, mut processed: Processed, trip: &mut Gathered) -> Vec<Batch> {
    trip.writes.append(&mut processed.writes);
    if processed.items > 0 && trip.items.is_none() {
        trip.items = Some(processed.items);
    }
    slot.absorbed(trip.number, processed.absorbed);
    if (slot.is_stateful() || processed.absorbed > 0) && !trip.touched.contains(&index) {
        trip.touched.push(index);
    }
    let ledger = &slot.ledger;
    let passed = processed.items - processed.absorbed - processed.dropped;
    let counts = [
        (&ledger.incoming, processed.items),
        (&ledger.emitted, processed.emitted),
        (&ledger.absorbed, processed.absorbed),
        (&ledger.dropped, processed.dropped),
        (&ledger.unread, processed.unread),
        (&ledger.outgoing, passed + processed.emitted),
    ];
    trip.tally
        .extend(counts.into_iter().filter(|(_, count)| *count > 0).map(|(counter, count)| (counter.clone(), count)));
    processed.batches
}

/// The plugin declined: the request is refused. An instance that keeps state may have changed on the way, and so has one without that had
/// absorbed some of it by then.
fn declined(slot: &mut Slot, trip: u64, message: String, retryable: bool) -> Refusal {
    let component = slot.setup().id.to_string();
    if slot.is_stateful() || slot.instance().is_ok_and(|instance| instance.has_absorbed()) {
        slot.discard(trip, &message);
    }
    match retryable {
        true => Refusal::Unavailable { reason: format!("processor {component}: {message}"), retry_after: RETRY_AFTER },
        false => Refusal::Declined { component, message },
    }
}

/// A batch for which no call counts, because the plugin failed.
struct Uncalled {
    batch: Batch,
    on_trap: OnTrap,
    /// What its sender is told, with `on_trap: refuse`.
    refusal: Refusal,
}

/// It follows the manifest's `on_trap`.
fn aside(slot: &Slot, uncalled: Uncalled, trip: &mut Gathered) -> Result<Vec<Batch>, Refusal> {
    let Uncalled { batch, on_trap, refusal } = uncalled;
    if on_trap == OnTrap::Refuse {
        return Err(refusal);
    }
    let items = count(&batch)?;
    trip.items.get_or_insert(items);
    let (outcome, batches) = match on_trap {
        OnTrap::Pass => {
            trip.tally.push((slot.ledger.unprocessed.clone(), items));
            (&slot.ledger.outgoing, vec![Batch { items: Some(items), ..batch }])
        }
        OnTrap::Drop | OnTrap::Refuse => (&slot.ledger.dropped_trap, Vec::new()),
    };
    trip.tally.extend([(slot.ledger.incoming.clone(), items), (outcome.clone(), items)]);
    Ok(batches)
}
