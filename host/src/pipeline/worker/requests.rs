//! What a worker does with one request: room, processors, commit.

use tokio::sync::oneshot;

use crate::contract::{Accepted, Answer, Batch, Durability, Refusal, Request, SpanEnd, WAIT};
use crate::delivery::Reserved;
use crate::delivery::dead_letters::Stage;
use crate::pipeline::committer::{Trip, complete};
use crate::pipeline::connected::Pipeline;
use crate::pipeline::handle::Resumed;
use crate::pipeline::poison::Poison;
use crate::pipeline::room::reserve;
use crate::pipeline::trip::{Gathered, RETRY_AFTER, Run};

use super::{Worker, position};

/// A request that has room wherever it can go.
pub(super) struct Prepared {
    batch: Batch,
    /// By pipeline, in the order of the source's pipelines.
    rooms: Vec<Vec<Reserved>>,
}

impl Worker {
    /// A request stays where its sender can withdraw it until a plugin sees it: whoever has gone sends it again, and it would count twice.
    pub(super) fn request(&mut self, source: usize, request: &Request) {
        self.await_store(source, request);
        let Some(batch) = request.batch() else { return };
        let prepared = match self.reserve(source, batch, request) {
            Ok(Some(prepared)) => prepared,
            Ok(None) => return,
            Err(refusal) => return request.refuse(refusal),
        };
        // It may have taken long until there was room.
        self.await_store(source, request);
        let Some((_, answer)) = request.take() else { return };
        if let Some(waits) = self.waits.get(source) {
            waits.record(request.began().elapsed());
        }
        let mut trip = self.trip();
        trip.trace = request.trace().clone();
        trip.trace.span(WAIT, request.began(), SpanEnd::default);
        match self.pass(source, prepared, &mut trip) {
            Ok(durability) => self.conclude(trip, durability, Some(answer)),
            Err(refusal) => {
                self.discard(&trip);
                // The sender may have hung up.
                let _ = answer.send(Err(refusal));
            }
        }
    }

    /// Waits while the disk stalls, where senders wait for it, and mends what has failed meanwhile.
    fn await_store(&mut self, source: usize, request: &Request) {
        if self.is_synced(source) {
            self.committer.wait_while_stalled(|| request.is_withdrawn());
        }
        self.mend();
    }

    /// The pipelines behind a source.
    pub(super) fn behind(&self, source: usize) -> Vec<&Pipeline> {
        let places = self.sources.get(&source).map(Vec::as_slice).unwrap_or_default();
        places.iter().filter_map(|place| self.pipelines.get(*place)).collect()
    }

    /// Whether senders there wait for the disk.
    pub(super) fn is_synced(&self, source: usize) -> bool {
        self.behind(source).iter().any(|pipeline| pipeline.durability == Durability::Sync)
    }

    /// Room in all lanes behind the source. `None` where the request was withdrawn meanwhile.
    pub(super) fn reserve(
        &self,
        source: usize,
        mut batch: Batch,
        request: &Request,
    ) -> Result<Option<Prepared>, Refusal> {
        let reserved = reserve(&self.behind(source), &mut batch, &|| request.is_withdrawn())?;
        Ok(reserved.map(|rooms| Prepared { batch, rooms }))
    }

    pub(super) fn resume(&mut self, resumed: Resumed) {
        let Resumed { place, batch, writes, answer } = resumed;
        let mut trip = self.trip();
        trip.writes = writes;
        match self.pass_on(place, batch, &mut trip) {
            Ok(()) => {
                // Nobody has it who could send it again: what cannot be delivered is a dead letter, of the exporter.
                trip.waits = false;
                self.conclude(trip, Durability::Sync, Some(answer));
            }
            Err(refusal) => {
                self.discard(&trip);
                // Whoever asked may have given up waiting.
                let _ = answer.send(Err(refusal));
            }
        }
    }

    pub(super) fn pass_on(&mut self, place: usize, mut batch: Batch, trip: &mut Gathered) -> Result<(), Refusal> {
        let signal = batch.signal;
        let Some((pipeline, step)) = position(&self.pipelines, &self.processors.steps, place) else {
            return Err(Refusal::NoPipeline { signal });
        };
        trip.items = batch.items;
        let reserved = reserve(&[pipeline], &mut batch, &|| false)?;
        let rooms = reserved.and_then(|mut reserved| reserved.pop()).unwrap_or_default();
        if rooms.iter().any(Reserved::drops) {
            return Err(Refusal::Full { queue: "the queue of an exporter".to_owned(), retry_after: RETRY_AFTER });
        }
        let commits = (&self.committer, &self.generation);
        let (processors, pipelines) = (&mut self.processors, self.pipelines.as_slice());
        let mut run = Run { processors, pipelines, moment: self.clock.moment(), commits, resumed: true };
        run.onwards(pipeline, step, rooms, vec![batch], trip)
    }

    /// Processes, in that order over all pipelines of the source.
    pub(super) fn pass(
        &mut self,
        source: usize,
        Prepared { batch, rooms }: Prepared,
        trip: &mut Gathered,
    ) -> Result<Durability, Refusal> {
        let places = self.sources.get(&source).map(Vec::as_slice).unwrap_or_default();
        let pipelines = places.iter().filter_map(|place| self.pipelines.get(*place));
        let commits = (&self.committer, &self.generation);
        let (processors, all) = (&mut self.processors, self.pipelines.as_slice());
        let mut run = Run { processors, pipelines: all, moment: self.clock.moment(), commits, resumed: false };
        let mut durability = Durability::Memory;
        for (pipeline, rooms) in pipelines.zip(rooms) {
            run.request(pipeline, rooms, batch.clone(), trip)?;
            durability = durability.max(pipeline.durability);
        }
        Ok(durability)
    }

    /// Hands a processed trip to the commit, or ends it here when there is nothing to wait for.
    pub(in crate::pipeline) fn conclude(
        &mut self,
        trip: Gathered,
        durability: Durability,
        answer: Option<oneshot::Sender<Answer>>,
    ) {
        let accepted = Accepted { items: trip.items.unwrap_or(0), ..Accepted::default() };
        let Gathered { mut writes, mut deliveries, poison, waits, unless_committed, trace, .. } = trip;
        // Whatever the pipeline promises: nobody else has them.
        let durability = if poison.is_empty() { durability } else { Durability::Sync };
        let bury = |(stage, Poison { batch, reason }): (Stage, Poison)| {
            self.letters.bury_poison(&stage, &batch, &reason, self.clock.now(), &mut writes)
        };
        let letters = poison.into_iter().map(bury).collect();
        for (reserved, batches) in &mut deliveries {
            reserved.prepare(batches, &mut writes);
            reserved.follow(&trace);
        }
        let waits = waits && deliveries.iter().any(|(reserved, batches)| reserved.waits() && !batches.is_empty());
        let mut trip = Trip {
            generation: self.generation.clone(),
            number: trip.number,
            writes,
            durability,
            deliveries,
            tally: trip.tally,
            unless_committed,
            answer: answer.map(|answer| (answer, accepted)),
            told: 0,
            waits,
            letters,
            trace: (trace, None),
        };
        let memory = durability == Durability::Memory && !waits;
        if memory && trip.writes.is_empty() && !self.stateful && self.is_all_decided() {
            return complete(trip);
        }
        if let Some((answer, accepted)) = trip.answer.take_if(|_| memory) {
            trip.told = accepted.items;
            // The sender may have hung up.
            let _ = answer.send(Ok(accepted));
        }
        self.handed_over = trip.number;
        trip.trace.1 = trip.trace.0.start();
        self.committer.commit(trip);
    }

    /// Whether every trip that was handed to the commit counts: what comes behind may have been made of one that is refused yet, and would
    /// otherwise be delivered before it.
    fn is_all_decided(&self) -> bool {
        !self.generation.is_spoilt() && self.generation.watermark.get() >= self.handed_over
    }

    /// A trip that does not count: instances that have seen it are rebuilt.
    pub(super) fn discard(&mut self, trip: &Gathered) {
        for index in &trip.touched {
            if let Some(slot) = self.processors.slots.get_mut(*index) {
                slot.discard(trip.number, "a request that it had seen was refused");
            }
        }
    }
}
