//! What a breaker would have done with attempts that were recorded: the machine on a clock that the record sets.
//!
//! An attempt that the gate turns away is counted and skipped. In a lane it would wait; what it would have met then, nobody recorded.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;
use std::io::BufRead;

use serde::Deserialize;

use super::Breaker;
use super::machine::{Admission, Kind, Machine, Pressure, Transition, Verdict};
use super::state::BreakerState;
use crate::contract::{ComponentId, Ended};
use crate::telemetry::Registry;

const NS_PER_MS: f64 = 1e6;
/// A year: what is later is a mistake in the unit.
const TIME_MS_MAX: f64 = 366.0 * 86_400e3;
/// Attempts of one trace.
const RECORDS_MAX: usize = 10_000_000;

/// One attempt, as it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// When it was to begin, in nanoseconds since the beginning of the trace.
    pub at: u64,
    /// How it ended.
    pub ended: Ended,
    /// How long it took, in nanoseconds.
    pub latency: u64,
}

/// A trace that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The file.
    #[error("line {line}: {source}")]
    Read {
        /// From 1.
        line: usize,
        /// The operating system's words.
        source: std::io::Error,
    },
    /// A line that is no record.
    #[error("line {line}: {reason}; a line is `{{\"time_ms\": 1500, \"class\": \"ok\", \"latency_ms\": 20}}`")]
    Line {
        /// From 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// Time goes back.
    #[error("line {line}: it begins before the line above; sort the trace by `time_ms`")]
    Order {
        /// From 1.
        line: usize,
    },
    /// Too long.
    #[error("more than {RECORDS_MAX} lines; cut the trace")]
    Length,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    time_ms: f64,
    class: String,
    #[serde(default)]
    latency_ms: f64,
}

/// Reads a trace of JSON lines; empty ones are skipped.
pub fn read_trace(text: impl BufRead) -> Result<Vec<Record>, RecordError> {
    let mut records: Vec<Record> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let text = line.map_err(|source| RecordError::Read { line: number, source })?;
        if text.trim().is_empty() {
            continue;
        }
        let record = record(&text).map_err(|reason| RecordError::Line { line: number, reason })?;
        if records.last().is_some_and(|last| record.at < last.at) {
            return Err(RecordError::Order { line: number });
        }
        if records.len() == RECORDS_MAX {
            return Err(RecordError::Length);
        }
        records.push(record);
    }
    Ok(records)
}

fn record(text: &str) -> Result<Record, String> {
    let Raw { time_ms, class, latency_ms } = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let nanoseconds = |key: &str, ms: f64| match ms {
        0.0..=TIME_MS_MAX => Ok((ms * NS_PER_MS).round() as u64),
        _ => Err(format!("`{key}` must be from 0 to {TIME_MS_MAX}, not {ms}")),
    };
    let known = || Ended::ALL.map(Ended::name).join(", ");
    let ended =
        Ended::ALL.into_iter().find(|ended| ended.name() == class || (*ended == Ended::Delivered && class == "ok"));
    Ok(Record {
        at: nanoseconds("time_ms", time_ms)?,
        ended: ended.ok_or_else(|| format!("unknown `class` `{class}`; known here: ok, {}", known()))?,
        latency: nanoseconds("latency_ms", latency_ms)?,
    })
}

/// What was decided, and how attempts ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Attempts while the gate was closed.
    pub allowed: u64,
    /// Attempts while it was half-open.
    pub probes: u64,
    /// Attempts because work was held back for too long.
    pub forced: u64,
    /// Attempts turned away.
    pub rejected: u64,
    /// Outcomes that were no failures.
    pub succeeded: u64,
    /// Outcomes that were.
    pub failed: u64,
}

impl Summary {
    fn is_empty(&self) -> bool {
        *self == Summary::default()
    }

    fn add(&mut self, other: &Summary) {
        self.allowed += other.allowed;
        self.probes += other.probes;
        self.forced += other.forced;
        self.rejected += other.rejected;
        self.succeeded += other.succeeded;
        self.failed += other.failed;
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Summary { allowed, probes, forced, rejected, succeeded, failed } = self;
        write!(f, "{allowed} allowed, {probes} probes, {forced} forced, {rejected} rejected; ")?;
        write!(f, "{succeeded} succeeded, {failed} failed")
    }
}

/// A run of a breaker on a trace.
pub struct Replay<'w> {
    machine: Machine,
    registry: Registry,
    /// Attempts under way, the next to end first.
    under_way: BinaryHeap<Reverse<(u64, usize)>>,
    attempts: Vec<(Admission, Ended, u64)>,
    segment: Summary,
    segment_state: BreakerState,
    segment_start: u64,
    total: Summary,
    write: &'w mut dyn FnMut(String),
}

impl<'w> Replay<'w> {
    /// A breaker at the beginning of a trace. Lines for a person go to `write`.
    pub fn new(breaker: Breaker, write: &'w mut dyn FnMut(String)) -> Replay<'w> {
        let registry = Registry::default();
        let exporter: ComponentId = breaker.id.clone();
        let mut machine = breaker.machine(&exporter, &registry, 0);
        machine.record();
        Replay {
            segment_state: machine.state(),
            machine,
            registry,
            under_way: BinaryHeap::new(),
            attempts: Vec::new(),
            segment: Summary::default(),
            segment_start: 0,
            total: Summary::default(),
            write,
        }
    }

    /// Plays all of it: one line for each transition and for what was decided in between, and the sum of all.
    pub fn run(mut self, records: &[Record]) -> Summary {
        for record in records {
            self.end_until(record.at);
            self.begin(record);
        }
        self.end_until(u64::MAX);
        self.close_segment();
        let total = |name: &str| self.registry.total(name, &[]);
        let (stale, failures) = (total("otelier_breaker_stale_outcomes"), total("otelier_breaker_policy_failures"));
        let standing_in = if self.machine.is_fallback() { ", the built-in policy decides" } else { "" };
        (self.write)(format!("total: {}", self.total));
        (self.write)(format!("outcomes of an earlier state, dropped: {stale}; policy failures: {failures}"));
        (self.write)(format!("the gate is {} at the end{standing_in}", self.machine.state().name()));
        self.total
    }

    fn begin(&mut self, record: &Record) {
        let verdict = self.machine.ask(record.at, Pressure::default(), true);
        self.follow();
        match verdict {
            Verdict::Go(admission) => {
                match admission.kind {
                    Kind::Ordinary => self.segment.allowed += 1,
                    Kind::Probe => self.segment.probes += 1,
                    Kind::Forced => self.segment.forced += 1,
                }
                self.under_way.push(Reverse((record.at.saturating_add(record.latency), self.attempts.len())));
                self.attempts.push((admission, record.ended, record.latency));
            }
            Verdict::Wait { .. } => self.segment.rejected += 1,
        }
    }

    /// Attempts that end by then, in the order in which they do.
    fn end_until(&mut self, time: u64) {
        while let Some(Reverse((at, number))) = self.under_way.peek().copied()
            && at <= time
        {
            self.under_way.pop();
            let Some((admission, ended, latency)) = self.attempts.get(number).copied() else { continue };
            if ended.is_failure() {
                self.segment.failed += 1;
            } else {
                self.segment.succeeded += 1;
            }
            self.machine.report(admission, ended, latency, at);
            self.follow();
        }
    }

    /// Writes the transitions that have happened.
    fn follow(&mut self) {
        for Transition { at, from, to, reason } in self.machine.take_transitions() {
            self.close_segment();
            (self.write)(format!("{} {} -> {}: {reason}", time(at), from.name(), to.name()));
            (self.segment_state, self.segment_start) = (to, at);
        }
    }

    fn close_segment(&mut self) {
        if !self.segment.is_empty() {
            let (state, segment) = (self.segment_state.name(), &self.segment);
            (self.write)(format!("{} {state}: {segment}", time(self.segment_start)));
        }
        self.total.add(&self.segment);
        self.segment = Summary::default();
    }
}

fn time(ns: u64) -> String {
    format!("{:>6}.{:03}s", ns / 1_000_000_000, ns / 1_000_000 % 1000)
}
