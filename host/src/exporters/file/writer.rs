//! The thread that owns an exporter's files. It takes what waits, writes it in order, syncs once for all of it where `fsync` says so, and
//! only then answers.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::config::Fsync;
use super::frame::{Encoder, FrameError};
use super::groups::{Grouping, Part, Rejected};
use super::output::OutputError;
use super::outputs::{Mark, Outputs};
use crate::contract::{Batch, FailureClass, Outcome};
use crate::net::{Paced, bounded, failed};
use crate::otlp::count;

/// What the thread is told.
pub enum Job {
    /// The exporter begins: without groups its file is opened.
    Begin,
    /// A batch is to be written.
    Write {
        /// It.
        batch: Batch,
        /// For whom the answer is. Who has gone is not written for.
        answer: oneshot::Sender<Outcome>,
    },
}

/// Batches that are written before all of them are answered.
const TOGETHER_MAX: usize = 64;

/// The files, and how they are written.
pub struct Writer {
    /// Of all files.
    pub outputs: Outputs,
    /// Makes messages.
    pub encoder: Encoder,
    /// `path`.
    pub path: PathBuf,
    /// `group_by`.
    pub grouping: Option<Grouping>,
    /// `fsync`.
    pub fsync: Fsync,
    /// `flush_interval`.
    pub flush_interval: Duration,
    /// The exporter's name, for its lines.
    pub exporter: String,
    /// Of syncs that fail.
    pub told: Paced,
}

/// Why a batch is not in a file.
enum WriteError {
    Frame(FrameError),
    Output(OutputError),
}

/// What became of a batch.
type Written = Result<(Vec<Mark>, Rejected), WriteError>;

impl Writer {
    /// Works until nobody is left who could send.
    pub fn run(mut self, jobs: &Receiver<Job>) {
        let mut due: Option<Instant> = None;
        loop {
            let first = match due {
                None => jobs.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(due) => jobs.recv_timeout(due.saturating_duration_since(Instant::now())),
            };
            match first {
                Ok(job) => self.take(job, jobs),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if due.is_some_and(|due| due <= Instant::now()) {
                self.sync_sometime();
                due = None;
            }
            if self.fsync == Fsync::Interval && due.is_none() && self.outputs.is_dirty() {
                due = Some(Instant::now() + self.flush_interval);
            }
        }
        if self.fsync != Fsync::Never {
            self.sync_sometime();
        }
    }

    fn take(&mut self, first: Job, jobs: &Receiver<Job>) {
        let mut written = Vec::new();
        for job in std::iter::once(first).chain(jobs.try_iter().take(TOGETHER_MAX - 1)) {
            match job {
                Job::Begin => self.begin(),
                Job::Write { answer, .. } if answer.is_closed() => {}
                Job::Write { batch, answer } => written.push((self.write(&batch), answer)),
            }
        }
        let unsynced = if self.fsync == Fsync::Always { self.outputs.sync(true) } else { HashMap::new() };
        for (result, answer) in written {
            // Who has gone meanwhile asks again.
            let _ = answer.send(outcome(result, &unsynced));
        }
    }

    /// What is in the way now may be gone when the first batch comes, so it is told and nothing else.
    fn begin(&mut self) {
        if self.grouping.is_some() {
            return;
        }
        let path = self.path.clone();
        if let Err(error) = self.outputs.open(&path) {
            tracing::warn!(exporter = self.exporter, "{error}; it is tried again with each batch");
        }
    }

    /// A batch that reaches one of its files and not another one is taken back as a whole, because it comes again as a whole.
    fn write(&mut self, batch: &Batch) -> Written {
        let (parts, mut rejected) = match &self.grouping {
            None => (vec![Part { path: self.path.clone(), bytes: batch.bytes.to_vec() }], Rejected::default()),
            Some(grouping) => grouping.divide(batch).map_err(|error| WriteError::Frame(error.into()))?,
        };
        let mut marks = Vec::with_capacity(parts.len());
        for part in parts {
            match self.write_part(batch, &part) {
                Ok(mark) => marks.push(mark),
                // A sender chose that name, and nobody else must wait for it.
                Err(WriteError::Output(error)) if self.grouping.is_some() && error.is_of_name() => {
                    rejected.add(count(batch.signal, &part.bytes), error.to_string());
                }
                Err(error) => {
                    self.outputs.take_back(marks);
                    return Err(error);
                }
            }
        }
        Ok((marks, rejected))
    }

    fn write_part(&mut self, batch: &Batch, part: &Part) -> Result<Mark, WriteError> {
        let message = self.encoder.message(batch.signal, &part.bytes).map_err(WriteError::Frame)?;
        self.outputs.append(&part.path, &message).map_err(WriteError::Output)
    }

    /// Nobody waits for this sync.
    fn sync_sometime(&mut self) {
        for error in self.outputs.sync(false).into_values() {
            if let Some(left_out) = self.told.admit() {
                let exporter = &self.exporter;
                tracing::error!(
                    exporter,
                    left_out,
                    "{error}; a power cut may lose what was written since the last sync"
                );
            }
        }
    }
}

fn outcome(written: Written, unsynced: &HashMap<PathBuf, OutputError>) -> Outcome {
    let (marks, rejected) = match written {
        Ok(written) => written,
        Err(WriteError::Frame(error)) => return failed(FailureClass::Permanent, bounded(&error.to_string())),
        Err(WriteError::Output(error)) => return failed(class(&error), bounded(&error.to_string())),
    };
    if let Some(error) = marks.iter().find_map(|mark| unsynced.get(&mark.path)) {
        return failed(class(error), bounded(&error.to_string()));
    }
    match rejected {
        Rejected { items: 0, .. } => Outcome::Delivered,
        Rejected { items, reason } => Outcome::Partial { rejected: items, message: bounded(&reason) },
    }
}

fn class(error: &OutputError) -> FailureClass {
    match error {
        OutputError::Open { .. } | OutputError::Foreign { .. } | OutputError::Locked { .. } => {
            FailureClass::Unreachable
        }
        OutputError::Write { .. } | OutputError::Sync { .. } | OutputError::Rotate { .. } => FailureClass::Unavailable,
    }
}
