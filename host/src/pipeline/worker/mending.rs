//! What a worker rebuilds, leaves alone, and says of it.

use crate::contract::Durability;
use crate::pipeline::committer::STORE;
use crate::pipeline::slot::Slot;
use crate::pipeline::trip::RETRY_AFTER;
use crate::storage::told_to_senders;

use super::{Worker, position};

impl Worker {
    /// Rebuilds what broke, from what is committed.
    pub(super) fn mend(&mut self) {
        if self.generation.is_spoilt() {
            self.committer.barrier();
            self.generation.renew();
            let trouble = self.health.trouble(STORE).map(|trouble| trouble.message).unwrap_or_default();
            let reason = told_to_senders(&trouble);
            // Not at every request: a rebuild reads the whole state.
            for slot in &mut self.processors.slots {
                slot.discard_uncommitted(RETRY_AFTER, &reason);
            }
        }
        let broken: Vec<usize> = self
            .processors
            .slots
            .iter()
            .enumerate()
            .filter(|(_, slot)| slot.wants_rebuild())
            .map(|(index, _)| index)
            .collect();
        if broken.is_empty() {
            return;
        }
        // What ran before counts or does not: the new instance has to start from the answer.
        self.committer.barrier();
        for index in broken {
            self.rebuild(index);
        }
    }

    /// Says which plugins are left alone from now on, and which are not any more.
    pub(super) fn tell_left_alone(&mut self) {
        for index in 0..self.processors.slots.len() {
            let Some(slot) = self.processors.slots.get(index) else { continue };
            let was = self.left_alone.get(&index).map(String::as_str);
            if slot.left_alone() == was {
                continue;
            }
            let (component, on_trap) = (slot.setup().id.to_string(), slot.setup().on_trap);
            let (now, part) = (slot.left_alone().map(ToOwned::to_owned), self.part(index));
            match now {
                Some(reason) => {
                    tracing::error!(
                        component,
                        ?on_trap,
                        "the plugin is left alone, its batches follow `on_trap`: {reason}"
                    );
                    self.health.failed(&part, &reason);
                    self.left_alone.insert(index, reason);
                }
                None => {
                    tracing::info!(component, "the plugin works again");
                    self.health.recovered(&part);
                    self.left_alone.remove(&index);
                }
            }
        }
    }

    /// What health calls a processor: an id may stand in several pipelines, each with an instance of its own.
    pub(in crate::pipeline) fn part(&self, index: usize) -> String {
        let Some(setup) = self.processors.slots.get(index).map(Slot::setup) else { return String::new() };
        let part = format!("{} in {}", setup.id, self.pipeline(index));
        match &setup.partition {
            None => part,
            Some(partition) => format!("{part}, instance {} of {}", partition.number + 1, partition.of.count()),
        }
    }

    /// What health calls its flushes, which can fail while batches pass.
    pub(in crate::pipeline) fn flushes_of(&self, index: usize) -> String {
        format!("flushes of {}", self.part(index))
    }

    /// The pipeline of a processor.
    pub(in crate::pipeline) fn pipeline(&self, index: usize) -> String {
        position(&self.pipelines, &self.processors.steps, index)
            .map(|(pipeline, _)| pipeline.id.clone())
            .unwrap_or_default()
    }

    pub(super) fn rebuild(&mut self, index: usize) {
        let mut trip = self.trip();
        let moment = self.clock.moment();
        let part = self.part(index);
        let Some(slot) = self.processors.slots.get_mut(index) else { return };
        let (component, version) = (slot.setup().id.to_string(), slot.setup().version().to_owned());
        match slot.rebuild(trip.number, moment) {
            Ok(writes) => {
                // That it starts says nothing of batches.
                match slot.left_alone() {
                    Some(reason) => self.health.failed(&part, reason),
                    None => self.health.recovered(&part),
                }
                tracing::info!(component, version, "instance rebuilt");
                trip.writes = writes;
                self.conclude(trip, Durability::Sync, None);
            }
            Err(error) => {
                self.health.failed(&part, &error.to_string());
                tracing::error!(component, version, %error, "instance cannot be rebuilt; trying again later");
            }
        }
    }
}
