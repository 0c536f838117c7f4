//! What `otelier dlq` does, in a running host or on the store of one that is not running.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use super::request::{Request, Selection};
use crate::contract::{Batch, ComponentId, Refusal};
use crate::delivery::dead_letters::{Claim, Head, Stage};
use crate::delivery::{DeadLetters, LetterError, PushLane, Size};
use crate::exporters::debug;
use crate::pipeline::{Handle, Place};
use crate::storage::{Store, StoreError, Write};
use crate::telemetry::Registry;

/// How much of a letter's content is shown, in bytes of text.
const SHOWN_MAX: usize = 1 << 20;

/// A command that was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum LettersError {
    /// A letter, or the store.
    #[error(transparent)]
    Letter(#[from] LetterError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Nothing named.
    #[error("name dead letters by number, or pass --exporter ID, --processor ID or --all")]
    Nothing,
    /// Nothing found.
    #[error("no dead letter is from {kind} `{id}`; there are letters from: {known}")]
    NoneOf {
        /// `exporter` or `processor`.
        kind: &'static str,
        /// What was asked for.
        id: String,
        /// From whom there are any.
        known: String,
    },
    /// No lane to send it by.
    #[error(
        "dead letter {number} is for exporter `{exporter}`, which the running configuration does not have; add it, or drop the letter"
    )]
    NoExporter {
        /// The letter.
        number: u64,
        /// What it is for.
        exporter: String,
    },
    /// No processor to send it through.
    #[error(
        "dead letter {number} is for processor `{processor}` of pipeline `{pipeline}`, which the running configuration does not have; add it, or drop the letter"
    )]
    NoProcessor {
        /// The letter.
        number: u64,
        /// What it is for.
        processor: String,
        /// Where that was.
        pipeline: String,
    },
    /// It did not get through.
    #[error("dead letter {number} stays: {reason}")]
    Refused {
        /// The letter.
        number: u64,
        /// Why not.
        reason: String,
    },
    /// The lane is full.
    #[error("the queue of exporter `{exporter}` is full; {done} letters were queued before: try again later")]
    Full {
        /// The exporter.
        exporter: String,
        /// Letters that went in.
        done: usize,
    },
    /// The process ends.
    #[error("the collector is shutting down")]
    GoingDown,
    /// Nobody to send it.
    #[error("no collector is running on this state directory; start it, then replay")]
    NotRunning,
}

/// The dead letters and where they can go.
#[derive(Clone)]
pub struct Letters {
    letters: DeadLetters,
    /// `None` where no host is running.
    ways: Option<Arc<Ways>>,
}

/// What became of a letter.
enum Replayed {
    /// It is in the queue of its exporter.
    Queued,
    /// It counts, and is gone.
    Processed,
}

/// Where letters can go.
struct Ways {
    /// By exporter.
    lanes: HashMap<ComponentId, PushLane>,
    /// By pipeline and processor: a worker and which of its places.
    processors: HashMap<(String, String), (Handle, usize)>,
}

/// Carries out a request on the store of a host that is not running.
pub fn offline(state_dir: &Path, request: &Request) -> Result<Value, LettersError> {
    let store = Store::open(state_dir)?;
    let letters = DeadLetters::open(store.queues(), u64::MAX, &Registry::default())?;
    Letters { letters, ways: None }.perform(request)
}

impl Letters {
    /// Those of a running host.
    pub fn running(letters: DeadLetters, lanes: HashMap<ComponentId, PushLane>, places: &[Place]) -> Letters {
        let key = |place: &Place| (place.pipeline.clone(), place.setup.id.to_string());
        let processors = places.iter().map(|place| (key(place), (place.handle.clone(), place.slot))).collect();
        Letters { letters, ways: Some(Arc::new(Ways { lanes, processors })) }
    }

    pub(super) fn perform(&self, request: &Request) -> Result<Value, LettersError> {
        match request {
            Request::DlqList => self.list(),
            Request::DlqShow { number } => self.show(*number),
            Request::DlqReplay { selection } => self.replay(selection),
            Request::DlqDrop { selection } => self.drop_letters(selection),
            Request::PluginSwap { .. }
            | Request::PluginRollback { .. }
            | Request::PluginList
            | Request::Status
            | Request::LogLevel { .. } => Err(LettersError::NotRunning),
        }
    }

    fn list(&self) -> Result<Value, LettersError> {
        let row = |(number, head): (u64, Result<Head, LetterError>)| match head {
            Ok(head) => json!({ "number": number, "head": head }),
            Err(error) => json!({ "number": number, "error": error.to_string() }),
        };
        Ok(self.letters.list()?.into_iter().map(row).collect())
    }

    fn show(&self, number: u64) -> Result<Value, LettersError> {
        let (head, batch) = self.letters.read(number)?;
        let mut text = debug::detailed_text(&batch);
        if text.len() > SHOWN_MAX {
            text.truncate(text.floor_char_boundary(SHOWN_MAX));
            text.push_str("\n… and more\n");
        }
        Ok(json!({ "number": number, "head": head, "content": text }))
    }

    /// Each letter is sent once, however many commands ask for it: one that another has in hand is told, and left to it.
    fn replay(&self, selection: &Selection) -> Result<Value, LettersError> {
        let ways = self.ways.as_ref().ok_or(LettersError::NotRunning)?;
        let (mut queued, mut processed, mut refused, mut elsewhere) = (0, 0, Vec::new(), Vec::new());
        for number in self.select(selection)? {
            match self.replay_one(ways, number, queued + processed) {
                Ok(Replayed::Queued) => queued += 1,
                Ok(Replayed::Processed) => processed += 1,
                // What keeps one back may let others pass.
                Err(error @ LettersError::Refused { .. }) => refused.push(error.to_string()),
                // The list is a moment old.
                Err(LettersError::Letter(LetterError::InHand(number) | LetterError::Missing(number))) => {
                    elsewhere.push(number);
                }
                Err(error) => return Err(error),
            }
        }
        let count = |what: &str, count: usize| (count > 0).then(|| (what.to_owned(), json!(count)));
        let list = |what: &str, list: Value| list.get(0).is_some().then(|| (what.to_owned(), list));
        let counts = [count("replayed", queued), count("processed", processed)];
        let lists = [list("elsewhere", json!(elsewhere)), list("refused", json!(refused))];
        Ok(counts.into_iter().chain(lists).flatten().collect())
    }

    fn replay_one(&self, ways: &Ways, number: u64, done: usize) -> Result<Replayed, LettersError> {
        let claim = self.letters.claim(number)?;
        let (head, batch) = self.letters.read(number)?;
        match &head.stage {
            Some(stage) => self.process_again(ways, number, stage, batch).map(|()| Replayed::Processed),
            None => self.send_again(ways, claim, &head.exporter, batch, done).map(|()| Replayed::Queued),
        }
    }

    /// Into the lane of its exporter.
    fn send_again(
        &self,
        ways: &Ways,
        claim: Claim,
        exporter: &str,
        batch: Batch,
        done: usize,
    ) -> Result<(), LettersError> {
        let number = claim.number();
        let lane = ways.lanes.iter().find(|(id, _)| id.to_string() == exporter).map(|(_, lane)| lane);
        let lane = lane.ok_or_else(|| LettersError::NoExporter { number, exporter: exporter.to_owned() })?;
        let full = |_| LettersError::Full { exporter: exporter.to_owned(), done };
        let mut reserved = lane.try_reserve(Size::of(&batch)).map_err(full)?;
        if lane.is_persistent() {
            let batches = vec![batch];
            let mut writes: Vec<Write> = self.letters.removal(number);
            reserved.prepare(&batches, &mut writes);
            // A crash before this leaves the letter, one after it the entry of the queue.
            self.letters.remove(&[number], &writes)?;
            reserved.send(batches, None);
        } else {
            // It stays a letter until the destination has it.
            reserved.send_letter(batch, claim.hand_over());
        }
        Ok(())
    }

    /// Through the processor that broke on it, with the version that runs now. It leaves the dead letters in the commit in which it counts.
    fn process_again(&self, ways: &Ways, number: u64, stage: &Stage, batch: Batch) -> Result<(), LettersError> {
        let Stage { pipeline, processor, .. } = stage.clone();
        let way = ways.processors.get(&(pipeline.clone(), processor.clone()));
        let (worker, place) = way.ok_or(LettersError::NoProcessor { number, processor, pipeline })?;
        match worker.resume(*place, batch, self.letters.removal(number)).blocking_recv() {
            Ok(Ok(_)) => self.letters.removed(&[number]),
            Ok(Err(Refusal::Down { component, details, .. })) => {
                let reason = format!("processor {component} breaks on it, or is left alone: {details}");
                return Err(LettersError::Refused { number, reason });
            }
            Ok(Err(Refusal::Unavailable { reason, .. })) => return Err(LettersError::Refused { number, reason }),
            Ok(Err(refusal)) => return Err(LettersError::Refused { number, reason: refusal.to_string() }),
            Err(_) => return Err(LettersError::GoingDown),
        }
        Ok(())
    }

    fn drop_letters(&self, selection: &Selection) -> Result<Value, LettersError> {
        let numbers = self.select(selection)?;
        let _claims: Vec<Claim> = numbers.iter().map(|number| self.letters.claim(*number)).collect::<Result<_, _>>()?;
        let writes: Vec<Write> = numbers.iter().flat_map(|number| self.letters.removal(*number)).collect();
        self.letters.remove(&numbers, &writes)?;
        Ok(json!({ "dropped": numbers.len() }))
    }

    fn select(&self, selection: &Selection) -> Result<Vec<u64>, LettersError> {
        let all = self.letters.list()?;
        if selection.all {
            return Ok(all.into_iter().map(|(number, _)| number).collect());
        }
        type Of = fn(&Head) -> Option<&str>;
        let exporter: Of = |head| Some(&head.exporter);
        let processor: Of = |head| Some(&head.stage.as_ref()?.processor);
        let wanted = [("exporter", &selection.exporter, exporter), ("processor", &selection.processor, processor)];
        for (kind, id, of) in wanted {
            let Some(id) = id else { continue };
            let is_of = |head: &Result<Head, LetterError>| head.as_ref().is_ok_and(|head| of(head) == Some(id));
            let numbers: Vec<u64> = all.iter().filter(|(_, head)| is_of(head)).map(|(number, _)| *number).collect();
            if !numbers.is_empty() {
                return Ok(numbers);
            }
            let heads = || all.iter().filter_map(|(_, head)| of(head.as_ref().ok()?));
            let known: BTreeSet<&str> = heads().filter(|known| !known.is_empty()).collect();
            let known = if known.is_empty() { "none".into() } else { known.into_iter().collect::<Vec<_>>().join(", ") };
            return Err(LettersError::NoneOf { kind, id: id.clone(), known });
        }
        if selection.numbers.is_empty() {
            return Err(LettersError::Nothing);
        }
        match selection.numbers.iter().find(|number| !all.iter().any(|(known, _)| known == *number)) {
            Some(missing) => Err(LetterError::Missing(*missing).into()),
            None => Ok(selection.numbers.clone()),
        }
    }
}
