//! What `otelier dlq` does, in a running host or on the store of one that is not running.

use std::collections::HashMap;
use std::path::Path;

use serde_json::{Value, json};

use super::{Request, Selection};
use crate::contract::ComponentId;
use crate::delivery::dead_letters::{Head, removal};
use crate::delivery::{DeadLetters, Lane, LetterError, Size};
use crate::exporters::debug;
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
    #[error("name dead letters by number, or pass --exporter ID, or --all")]
    Nothing,
    /// Nothing found.
    #[error("no dead letter is from exporter `{0}`: `otelier dlq ls` lists those there are")]
    NoneOf(String),
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
    /// The lane is full.
    #[error("the queue of exporter `{exporter}` is full; {done} letters were queued before: try again later")]
    Full {
        /// The exporter.
        exporter: String,
        /// Letters that went in.
        done: usize,
    },
    /// It was replayed before and has not been settled.
    #[error("dead letter {0} is being sent: look again in a moment")]
    BeingSent(u64),
    /// Nobody to send it.
    #[error("no collector is running on this state directory; start it, then replay")]
    NotRunning,
}

/// The dead letters and where they can go.
#[derive(Clone)]
pub struct Letters {
    letters: DeadLetters,
    /// `None` where no host is running.
    lanes: Option<HashMap<ComponentId, Lane>>,
}

/// Carries out a request on the store of a host that is not running.
pub fn offline(state_dir: &Path, request: &Request) -> Result<Value, LettersError> {
    let store = Store::open(state_dir)?;
    let letters = DeadLetters::open(store, u64::MAX, &Registry::default())?;
    Letters { letters, lanes: None }.perform(request)
}

impl Letters {
    /// Those of a running host.
    pub fn running(letters: DeadLetters, lanes: HashMap<ComponentId, Lane>) -> Letters {
        Letters { letters, lanes: Some(lanes) }
    }

    pub(super) fn perform(&self, request: &Request) -> Result<Value, LettersError> {
        match request {
            Request::DlqList => self.list(),
            Request::DlqShow { number } => self.show(*number),
            Request::DlqReplay { selection } => self.replay(selection),
            Request::DlqDrop { selection } => self.drop_letters(selection),
            Request::PluginSwap { .. } | Request::PluginRollback { .. } => Err(LettersError::NotRunning),
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

    fn replay(&self, selection: &Selection) -> Result<Value, LettersError> {
        let lanes = self.lanes.as_ref().ok_or(LettersError::NotRunning)?;
        let mut done = 0;
        for number in self.select(selection)? {
            let (head, batch) = self.letters.read(number)?;
            let lane = lanes.iter().find(|(id, _)| id.to_string() == head.exporter).map(|(_, lane)| lane);
            let lane = lane.ok_or_else(|| LettersError::NoExporter { number, exporter: head.exporter.clone() })?;
            let full = |_| LettersError::Full { exporter: head.exporter.clone(), done };
            let mut reserved = lane.try_reserve(Size::of(&batch)).map_err(full)?;
            if lane.is_persistent() {
                let batches = vec![batch];
                let mut writes: Vec<Write> = removal(number).into();
                reserved.prepare(&batches, &mut writes);
                // A crash before this leaves the letter, one after it the entry of the queue.
                self.letters.remove(&[number], &writes)?;
                reserved.send(batches, None);
            } else if self.letters.begin_sending(number) {
                // It stays a letter until the destination has it.
                reserved.send_letter(batch, number);
            } else {
                return Err(LettersError::BeingSent(number));
            }
            done += 1;
        }
        Ok(json!({ "replayed": done }))
    }

    fn drop_letters(&self, selection: &Selection) -> Result<Value, LettersError> {
        let numbers = self.select(selection)?;
        let writes: Vec<Write> = numbers.iter().flat_map(|number| removal(*number)).collect();
        self.letters.remove(&numbers, &writes)?;
        Ok(json!({ "dropped": numbers.len() }))
    }

    fn select(&self, selection: &Selection) -> Result<Vec<u64>, LettersError> {
        let all = self.letters.list()?;
        if selection.all {
            return Ok(all.into_iter().map(|(number, _)| number).collect());
        }
        if let Some(exporter) = &selection.exporter {
            let is_of = |head: &Result<Head, LetterError>| head.as_ref().is_ok_and(|head| head.exporter == *exporter);
            let numbers: Vec<u64> = all.iter().filter(|(_, head)| is_of(head)).map(|(number, _)| *number).collect();
            return if numbers.is_empty() { Err(LettersError::NoneOf(exporter.clone())) } else { Ok(numbers) };
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
