//! A processor's case, played in the sandbox.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::came::{self, Came, Stored, shown};
use super::case::{Action, Case, Step};
use super::difference;
use super::error::CaseError;
use super::heard::Heard;
use super::verdict::{CASE_FILE, Verdict, written};
use crate::clock::Moment;
use crate::config;
use crate::contract::{Batch, ComponentId, InvalidUtf8, Metadata, OnTrap, Signal};
use crate::otlp::json::AnyRequest;
use crate::processor::{CallError, Instance, InstanceError, Processed, Secrets, Setup, Watermark};
use crate::storage::{Section, Store, StoreError, Write};
use crate::wasm::ProcessorPlugin;

const EXPECTED_FILE: &str = "expected.json";
/// Calls of one flush: a plugin that never ends one is not waited for.
const FLUSH_CALLS_MAX: u32 = 100_000;
/// Flushes of one wait.
const FLUSHES_MAX: u32 = 10_000;

/// Runs it.
pub fn run(
    name: &ComponentId,
    plugin: &Arc<ProcessorPlugin>,
    folder: &Path,
    update: bool,
) -> Result<Verdict, CaseError> {
    let case = Case::read(folder)?;
    let heard = Heard::default();
    let came = heard.listen(|| Player::new(name, plugin, &case, heard.clone(), folder).play(&case))?;
    let path = folder.join(EXPECTED_FILE);
    if update {
        let text = serde_json::to_string_pretty(&came).unwrap_or_default();
        return written(&path, &format!("{text}\n"));
    }
    if !path.is_file() {
        return Ok(Verdict::Differs(vec![format!("there is no {EXPECTED_FILE}; `--update` writes it")]));
    }
    let expected: Came = config::load_plain(&path)?.parse().map_err(config::Errors::from)?;
    let differences = difference::of_cases(&case, &expected, &came);
    Ok(if differences.is_empty() { Verdict::Passed } else { Verdict::Differs(differences) })
}

/// A processor on a store in memory, and the case's clock.
struct Player<'a> {
    setup: Setup,
    store: Store,
    heard: Heard,
    keeps_log: bool,
    folder: &'a Path,
    /// The wall clock at the start, in nanoseconds.
    wall_clock: u64,
    /// Since the start.
    now: Duration,
    /// Of the step under way, from 1.
    step: usize,
    trip: u64,
    /// Nothing where the last call does not count, until the next.
    instance: Option<Instance>,
    /// When a flush falls due while time passes.
    flush_due: Option<Duration>,
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

impl<'a> Player<'a> {
    fn new(
        name: &ComponentId,
        plugin: &Arc<ProcessorPlugin>,
        case: &Case,
        heard: Heard,
        folder: &'a Path,
    ) -> Player<'a> {
        let store = Store::in_memory();
        let setup = Setup {
            id: name.clone(),
            plugin: plugin.clone(),
            config: case.config.to_string(),
            secrets: Secrets::default(),
            signal: case.signal(),
            connects: case.connector,
            limits: case.limits.granted(),
            on_trap: OnTrap::default(),
            store: store.state(),
            watermark: Watermark::default(),
            partition: None,
            telling: None,
            registry: None,
        };
        Player {
            setup,
            store,
            heard,
            keeps_log: case.log,
            folder,
            wall_clock: nanoseconds(case.wall_clock),
            now: Duration::ZERO,
            step: 0,
            trip: 0,
            instance: None,
            flush_due: None,
        }
    }

    fn play(mut self, case: &Case) -> Result<Came, CaseError> {
        let mut start = came::Step::default();
        if let Err(error) = self.build()? {
            tell(&mut start, &error);
        }
        let has_started = self.instance.is_some();
        start.log = self.log();
        let mut steps = Vec::new();
        for step in case.steps.iter().filter(|_| has_started) {
            self.step += 1;
            steps.push(self.take(step)?);
        }
        Ok(Came { start, steps })
    }

    /// A new instance on what is stored.
    fn build(&mut self) -> Result<Result<(), InstanceError>, CaseError> {
        self.trip += 1;
        self.instance = None;
        match Instance::build(self.setup.clone(), self.trip, self.moment()) {
            Ok((instance, writes)) => {
                self.flush_due = instance.flush_every().map(|every| self.now.saturating_add(every));
                self.instance = Some(instance);
                self.commit(&writes)?;
                Ok(Ok(()))
            }
            Err(error) => Ok(Err(error)),
        }
    }

    fn take(&mut self, step: &Step) -> Result<came::Step, CaseError> {
        let at = step.at.unwrap_or(self.now);
        if at < self.now {
            return Err(self.wrong(format!("`at: {at:?}` is before the step above, which is at {:?}", self.now)));
        }
        self.now = at;
        let mut came = came::Step::default();
        match &step.action {
            Action::Send(AnyRequest { signal, bytes }, metadata) => {
                self.send(*signal, bytes, metadata, step.commit, &mut came)?;
            }
            // Read with the case.
            Action::SendFile(..) => {}
            Action::Flush { last } => {
                let mut emitted = Vec::new();
                self.flush(*last, &mut emitted, &mut came)?;
                came.emitted = self.emitted(&emitted)?;
            }
            Action::Wait(time) => self.wait(*time, &mut came)?,
            Action::Restart(config) => {
                if let Some(config) = config {
                    self.setup.config = config.to_string();
                }
                if let Err(error) = self.build()? {
                    tell(&mut came, &error);
                }
            }
        }
        if step.state {
            came.state = Some(self.stored()?);
        }
        came.log = self.log();
        Ok(came)
    }

    fn send(
        &mut self,
        signal: Signal,
        bytes: &bytes::Bytes,
        metadata: &Metadata,
        commit: bool,
        came: &mut came::Step,
    ) -> Result<(), CaseError> {
        if signal != self.setup.signal {
            let (own, sent) = (self.setup.signal, signal);
            return Err(self.wrong(format!("it sends {sent}, and the case is one of {own}")));
        }
        let batch = Batch {
            signal,
            bytes: bytes.clone(),
            items: None,
            invalid_utf8: InvalidUtf8::Reject,
            metadata: metadata.clone(),
        };
        self.trip += 1;
        let (trip, moment) = (self.trip, self.moment());
        let called = match self.living(came)? {
            None => return Ok(()),
            Some(instance) => instance.process(batch, trip, moment),
        };
        match called {
            Ok(processed) => self.count(processed, commit, came),
            Err(error) => {
                tell(came, &error);
                self.instance = None;
                Ok(())
            }
        }
    }

    /// A batch that passed the plugin.
    fn count(&mut self, processed: Processed, commit: bool, came: &mut came::Step) -> Result<(), CaseError> {
        let Processed { mut batches, writes, dropped, absorbed, emitted, .. } = processed;
        (came.dropped, came.absorbed) = (dropped, absorbed);
        let made = if emitted > 0 { batches.pop() } else { None };
        came.emitted = self.emitted(&made.into_iter().collect::<Vec<_>>())?;
        // What a connector lets through ends there.
        if let Some(rest) = batches.pop().filter(|_| !self.setup.connects) {
            came.output = Some(shown(rest.signal, &rest.bytes)?);
        }
        match commit {
            true => self.commit(&writes),
            false => {
                self.instance = None;
                Ok(())
            }
        }
    }

    fn flush(&mut self, last: bool, emitted: &mut Vec<Batch>, came: &mut came::Step) -> Result<(), CaseError> {
        for _ in 0..FLUSH_CALLS_MAX {
            self.trip += 1;
            let (trip, moment) = (self.trip, self.moment());
            let called = match self.living(came)? {
                None => return Ok(()),
                Some(instance) => instance.flush(trip, moment, last),
            };
            match called {
                Ok(Processed { batches, writes, more, .. }) => {
                    emitted.extend(batches);
                    self.commit(&writes)?;
                    if !more {
                        return Ok(());
                    }
                }
                Err(error) => {
                    tell(came, &error);
                    self.instance = None;
                    return Ok(());
                }
            }
        }
        Err(self.wrong(format!("the flush does not end: {FLUSH_CALLS_MAX} calls said that there is more")))
    }

    fn wait(&mut self, time: Duration, came: &mut came::Step) -> Result<(), CaseError> {
        let end = self.now.saturating_add(time);
        let mut emitted = Vec::new();
        let mut flushes = 0;
        while let Some(due) = self.flush_due.filter(|due| *due <= end) {
            flushes += 1;
            if flushes > FLUSHES_MAX {
                return Err(self.wrong(format!("more than {FLUSHES_MAX} flushes fall due; wait for less")));
            }
            self.now = due.max(self.now);
            self.flush(false, &mut emitted, came)?;
            let every = self.instance.as_ref().and_then(Instance::flush_every);
            self.flush_due = every.map(|every| due.saturating_add(every.max(Duration::from_millis(1))));
        }
        self.now = end;
        came.emitted = self.emitted(&emitted)?;
        Ok(())
    }

    /// The instance; a new one after a call that did not count, as the collector makes it.
    fn living(&mut self, came: &mut came::Step) -> Result<Option<&mut Instance>, CaseError> {
        if self.instance.is_none() {
            let due = self.flush_due;
            if let Err(error) = self.build()? {
                tell(came, &error);
            }
            self.flush_due = due;
        }
        Ok(self.instance.as_mut())
    }

    fn commit(&mut self, writes: &[Write]) -> Result<(), CaseError> {
        self.store.commit(writes, false).map_err(|error| self.failed(&error))?;
        self.setup.watermark.advance(self.trip);
        Ok(())
    }

    /// Batches of points as one: requests in a row are one with the parts of all.
    fn emitted(&self, batches: &[Batch]) -> Result<Option<serde_json::Value>, CaseError> {
        let bytes: Vec<u8> = batches.iter().flat_map(|batch| batch.bytes.iter().copied()).collect();
        if bytes.is_empty() { Ok(None) } else { Ok(Some(shown(Signal::Metrics, &bytes)?)) }
    }

    fn stored(&self) -> Result<Stored, CaseError> {
        let namespace = self.setup.namespace();
        let section = |section| namespace.key(section, b"");
        let (meta, codes, data) = (section(Section::Meta), section(Section::Dictionary), section(Section::Data));
        let mut stored = Stored { format: None, codes: 0, entries: BTreeMap::new() };
        let (start, end) = namespace.range();
        let read = self.setup.store.range(&start, &end, |key, value| {
            if key == meta {
                stored.format = value.first_chunk().map(|format| u32::from_le_bytes(*format));
            } else if key.starts_with(&codes) {
                stored.codes += 1;
            } else if let Some(own) = key.strip_prefix(&data[..]) {
                stored.entries.insert(own.escape_ascii().to_string(), value.escape_ascii().to_string());
            }
            ControlFlow::Continue(())
        });
        read.map_err(|error| self.failed(&error))?;
        Ok(stored)
    }

    fn log(&self) -> Vec<String> {
        let lines = self.heard.take();
        if self.keeps_log { lines } else { Vec::new() }
    }

    fn moment(&self) -> Moment {
        let steady = nanoseconds(self.now);
        Moment { now: self.wall_clock.saturating_add(steady), steady }
    }

    fn wrong(&self, reason: String) -> CaseError {
        CaseError::Step { path: self.folder.join(CASE_FILE), step: self.step, reason }
    }

    fn failed(&self, error: &StoreError) -> CaseError {
        self.wrong(error.to_string())
    }
}

/// What of an error is expected; the first one of a step tells.
fn tell(came: &mut came::Step, error: &InstanceError) {
    if came.error.is_none() {
        came.error = Some(error.to_string());
        came.retryable = matches!(error, InstanceError::Call(CallError::Failure { retryable: true, .. }));
    }
}
