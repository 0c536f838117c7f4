//! What could not be delivered, or what a plugin breaks on, kept with the reason until a person decides: shown, sent again, or thrown away.
//!
//! Each letter is two records of the store under its number: the head as JSON, and the OTLP bytes. Heads are read at start and for a list, bytes
//! only for a letter that is looked at or sent again. The store is bounded in bytes and in letters: the oldest make room for new ones, which is
//! counted. `numbers` sees to it that no number is given out twice.
//!
//! Whoever wants to send a letter again or throw it away takes a [`Claim`] first. There is one at a time, so that each letter is sent
//! once, however many commands ask for it.

mod numbers;

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::contract::{Batch, ComponentId, Failure, InvalidUtf8, Metadata, Signal};
use crate::storage::{QueueStore, StoreError, Write};
use crate::telemetry::{Counter, Gauge, Registry};

use numbers::Numbers;

/// Letters that are kept at the most: their heads take room as well.
const LETTERS_MAX: usize = 100_000;

/// Bytes of a reason that are kept.
const REASON_BYTES_MAX: usize = 1024;

/// The class of a letter on which a plugin breaks.
const POISON: &str = "poison";

/// Where in a pipeline a plugin broke.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// The pipeline.
    pub pipeline: String,
    /// The processor.
    pub processor: String,
    /// The version of its plugin: the SHA-256 of the file, in hexadecimal digits.
    pub plugin: String,
}

/// Why a letter is dead, and what it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The exporter that could not deliver it; empty for one that did not come so far.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub exporter: String,
    /// The processor that breaks on it, whose input it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
    /// `metrics`, `traces` or `logs`.
    pub signal: String,
    /// Metric points, spans or log records.
    pub items: u64,
    /// Bytes of OTLP.
    pub bytes: u64,
    /// When it was given up, in nanoseconds since the Unix epoch.
    pub time_unix_nano: u64,
    /// The class of the last failure, or `poison`.
    pub class: String,
    /// Its words.
    pub reason: String,
    /// Whether strings that are not UTF-8 were let in.
    #[serde(default)]
    pub invalid_utf8_accepted: bool,
    /// What the receiver kept of the request's headers.
    #[serde(default)]
    pub metadata: Vec<(String, String)>,
}

impl Head {
    /// What it is, and not yet whose it is.
    fn of(batch: &Batch, reason: &str, now: u64) -> Head {
        Head {
            exporter: String::new(),
            stage: None,
            signal: batch.signal.name().to_owned(),
            items: batch.items.unwrap_or(0),
            bytes: batch.bytes.len() as u64,
            time_unix_nano: now,
            class: String::new(),
            reason: reason.get(..reason.floor_char_boundary(REASON_BYTES_MAX)).unwrap_or_default().to_owned(),
            invalid_utf8_accepted: batch.invalid_utf8 == InvalidUtf8::Accept,
            metadata: batch.metadata.entries().to_vec(),
        }
    }
}

/// Letters by number, each with its head or why that does not read.
pub type Heads = Vec<(u64, Result<Head, LetterError>)>;

/// A letter that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LetterError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is none of that number.
    #[error("there is no dead letter {0}: `otelier dlq ls` lists those there are")]
    Missing(u64),
    /// Somebody else sends it or throws it away at the moment.
    #[error("dead letter {0} is being sent: look again in a moment")]
    InHand(u64),
    /// Its head does not read: written by another version, or damaged.
    #[error("dead letter {number} does not read: {reason}; `otelier dlq drop {number}` removes it")]
    Unreadable {
        /// Its number.
        number: u64,
        /// What is wrong.
        reason: String,
    },
}

/// The dead letters of one store. Clones share them.
#[derive(Debug, Clone)]
pub struct DeadLetters(Arc<LettersCell>);

#[derive(Debug)]
struct LettersCell {
    store: QueueStore,
    bytes_max: u64,
    state: Mutex<KeptLetters>,
    letters: Gauge,
    bytes: Gauge,
    evicted: Counter,
}

#[derive(Debug, Default)]
struct KeptLetters {
    numbers: Numbers,
    /// Oldest first.
    kept: VecDeque<Kept>,
    bytes: u64,
    /// Letters that somebody has in hand: a command, a queue in memory, or a pipeline.
    claimed: HashSet<u64>,
    /// Letters that were taken back after others had taken their room: if those are taken back as well, these do not return.
    taken_back: HashSet<u64>,
}

/// A letter in hand. Dropped, it is given back: it stays a letter, unless it was removed meanwhile.
#[derive(Debug)]
pub struct Claim {
    number: u64,
    /// `None` once it was handed over.
    letters: Option<DeadLetters>,
}

impl Claim {
    /// Which letter.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// A queue in memory has it from now on: it stays in hand until it is settled there.
    pub fn hand_over(mut self) -> u64 {
        self.letters = None;
        self.number
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some(letters) = &self.letters {
            letters.0.lock().claimed.remove(&self.number);
        }
    }
}

/// A letter, and those that made room for it.
#[derive(Debug)]
pub struct Burial {
    number: u64,
    evicted: Vec<Kept>,
}

#[derive(Debug)]
struct Kept {
    number: u64,
    bytes: u64,
    is_poison: bool,
}

impl KeptLetters {
    /// Takes out the oldest: for items that break a plugin the oldest such, as long as there are any, so that who sends them does not
    /// take the room of what could not be delivered.
    fn oldest(&mut self, is_poison: bool) -> Option<Kept> {
        let place = self.kept.iter().position(|letter| letter.is_poison).filter(|_| is_poison).unwrap_or(0);
        let letter = self.kept.remove(place)?;
        self.bytes -= letter.bytes;
        Some(letter)
    }

    fn place(&self, number: u64) -> Option<usize> {
        self.kept.binary_search_by_key(&number, |letter| letter.number).ok()
    }

    /// False where it is not here.
    fn remove(&mut self, number: u64) -> bool {
        self.claimed.remove(&number);
        let removed = self.place(number).and_then(|place| self.kept.remove(place));
        self.bytes -= removed.as_ref().map_or(0, |letter| letter.bytes);
        removed.is_some()
    }
}

impl DeadLetters {
    /// Those in `store`, of which `bytes_max` bytes are kept.
    pub fn open(store: QueueStore, bytes_max: u64, registry: &Registry) -> Result<DeadLetters, LetterError> {
        let mut state = KeptLetters { numbers: Numbers::open(&store)?, ..KeptLetters::default() };
        store.each_letter(|number, text| {
            // Of one that does not read it is not known how much is behind it; it stays for a person to look at.
            let (payload, is_poison) =
                parse(number, text).map_or((0, false), |head| (head.bytes, head.stage.is_some()));
            let bytes = text.len() as u64 + payload;
            state.kept.push_back(Kept { number, bytes, is_poison });
            state.bytes += bytes;
            state.numbers.skip(number);
        })?;
        let shared = LettersCell {
            store,
            bytes_max,
            state: Mutex::new(state),
            letters: registry.gauge("otelier_dead_letters", "Batches that could not be delivered and are kept.", &[]),
            bytes: registry.gauge("otelier_dead_letter_bytes", "Bytes of those and of what is kept about them.", &[]),
            evicted: registry.counter(
                "otelier_dead_letters_evicted",
                "Dead letters removed because newer ones needed their room.",
                &[],
            ),
        };
        let help = "Bytes that dead letters may take.";
        registry.gauge("otelier_dead_letter_bytes_max", help, &[]).set(i64::try_from(bytes_max).unwrap_or(i64::MAX));
        shared.show(&shared.lock());
        Ok(DeadLetters(Arc::new(shared)))
    }

    /// The changes that keep a batch that could not be delivered, and make room for it. They count as made, and are shown once
    /// [`removed`](DeadLetters::removed) or [`buried`](DeadLetters::buried) says that they are.
    pub fn bury(&self, exporter: &ComponentId, batch: &Batch, failure: &Failure, now: u64) -> Vec<Write> {
        let mut writes = Vec::new();
        let head = Head {
            exporter: exporter.to_string(),
            class: failure.class.name().to_owned(),
            ..Head::of(batch, &failure.reason, now)
        };
        let burial = self.add(&head, batch, &mut writes);
        self.0.evicted.add(burial.evicted.len() as u64);
        writes
    }

    /// The same for items on which a plugin breaks, with the changes added to others; where those are not made, it is taken back.
    pub fn bury_poison(&self, stage: &Stage, batch: &Batch, reason: &str, now: u64, writes: &mut Vec<Write>) -> Burial {
        let head = Head { stage: Some(stage.clone()), class: POISON.to_owned(), ..Head::of(batch, reason, now) };
        self.add(&head, batch, writes)
    }

    /// The changes of these burials were made.
    pub fn buried<'b>(&self, burials: impl Iterator<Item = &'b Burial>) {
        let mut state = self.0.lock();
        for letter in burials.flat_map(|burial| &burial.evicted) {
            // One that was taken back since had never been kept.
            self.0.evicted.add(u64::from(!state.taken_back.remove(&letter.number)));
        }
        self.0.show(&state);
    }

    /// The changes were not made.
    pub fn unbury(&self, burial: Burial) {
        let Burial { number, evicted } = burial;
        let mut state = self.0.lock();
        for letter in evicted {
            // It was taken back itself after this one had taken its room.
            if state.taken_back.remove(&letter.number) {
                continue;
            }
            let place = state.kept.partition_point(|kept| kept.number < letter.number);
            state.bytes += letter.bytes;
            state.kept.insert(place, letter);
        }
        if !state.remove(number) {
            state.taken_back.insert(number);
        }
        self.0.show(&state);
    }

    fn add(&self, head: &Head, batch: &Batch, writes: &mut Vec<Write>) -> Burial {
        let mut state = self.0.lock();
        let number = state.numbers.give();
        let (is_poison, mut evicted) = (head.stage.is_some(), Vec::new());
        // A struct of texts and numbers always has a JSON form.
        let text = serde_json::to_vec(head).unwrap_or_default();
        let bytes = text.len() as u64 + head.bytes;
        while state.bytes + bytes > self.0.bytes_max || state.kept.len() >= LETTERS_MAX {
            let Some(letter) = state.oldest(is_poison) else { break };
            // The new letter covers its number.
            writes.extend(QueueStore::letter_removal(letter.number));
            evicted.push(letter);
        }
        state.bytes += bytes;
        state.kept.push_back(Kept { number, bytes, is_poison });
        writes.extend(QueueStore::put_letter(number, text.into(), batch.bytes.clone()));
        Burial { number, evicted }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.lock().kept.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Every letter, oldest first.
    pub fn list(&self) -> Result<Heads, LetterError> {
        heads(&self.0.store)
    }

    /// One letter.
    pub fn read(&self, number: u64) -> Result<(Head, Batch), LetterError> {
        read(&self.0.store, number)
    }

    /// The changes that remove a letter. They count once [`removed`](DeadLetters::removed) says that they are made.
    pub fn removal(&self, number: u64) -> Vec<Write> {
        let mut writes = self.0.lock().numbers.mark(number);
        writes.extend(QueueStore::letter_removal(number));
        writes
    }

    /// Applies changes, among which are the [`removal`](DeadLetters::removal)s of these letters.
    pub fn remove(&self, numbers: &[u64], writes: &[Write]) -> Result<(), StoreError> {
        self.0.store.commit(writes, true)?;
        self.removed(numbers);
        Ok(())
    }

    /// Letters are no longer in the store.
    pub fn removed(&self, numbers: &[u64]) {
        let mut state = self.0.lock();
        for number in numbers {
            state.numbers.marked(*number);
            state.remove(*number);
        }
        self.0.show(&state);
    }

    /// Takes a letter in hand, unless somebody else has it.
    pub fn claim(&self, number: u64) -> Result<Claim, LetterError> {
        let mut state = self.0.lock();
        state.place(number).ok_or(LetterError::Missing(number))?;
        match state.claimed.insert(number) {
            true => Ok(Claim { number, letters: Some(self.clone()) }),
            false => Err(LetterError::InHand(number)),
        }
    }
}

impl LettersCell {
    fn lock(&self) -> MutexGuard<'_, KeptLetters> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn show(&self, state: &KeptLetters) {
        self.letters.set(state.kept.len() as i64);
        self.bytes.set(i64::try_from(state.bytes).unwrap_or(i64::MAX));
    }
}

fn heads(store: &QueueStore) -> Result<Heads, LetterError> {
    let mut heads = Vec::new();
    store.each_letter(|number, text| heads.push((number, parse(number, text))))?;
    Ok(heads)
}

fn parse(number: u64, head: &[u8]) -> Result<Head, LetterError> {
    serde_json::from_slice(head).map_err(|error| LetterError::Unreadable { number, reason: error.to_string() })
}

fn read(store: &QueueStore, number: u64) -> Result<(Head, Batch), LetterError> {
    let missing = || LetterError::Missing(number);
    let head = parse(number, &store.letter_head(number)?.ok_or_else(missing)?)?;
    let bytes = store.letter_payload(number)?.ok_or_else(missing)?;
    let signal = Signal::ALL.into_iter().find(|signal| signal.name() == head.signal);
    let signal = signal.ok_or_else(|| {
        let reason = format!("`{}` is no signal", head.signal);
        LetterError::Unreadable { number, reason }
    })?;
    let invalid_utf8 = if head.invalid_utf8_accepted { InvalidUtf8::Accept } else { InvalidUtf8::Reject };
    let metadata = Metadata::new(head.metadata.clone());
    let batch = Batch { signal, bytes, items: Some(head.items), invalid_utf8, metadata };
    Ok((head, batch))
}

#[cfg(test)]
mod tests;
