//! The host's end of a plugin's imports: what a call may read, keep and produce.
//!
//! Adapters translate; every rule of the contract is kept here. A [`Violation`] is the guest's mistake and ends the call as a trap.

pub(super) mod edits;
pub(super) mod emission;
pub(super) mod log;
pub(super) mod maxima;
mod numbered;
mod results;
pub(super) mod rows;
pub(super) mod violation;

use std::time::Instant;

use crate::clock::Moment;
use crate::contract::{Batch, ComponentId, Limits, Signal};
use crate::otlp::Malformed;
use crate::otlp::columns::Columns;
use crate::otlp::descriptors::Descriptor;
use crate::otlp::projection::Projector;

use super::declared::Declared;
use super::output::Output;
use super::partition::Partition;
use super::secrets::Secrets;
use super::state::State;

use log::{GuestLog, Severity};
use numbered::{Bounds, Numbered};
use violation::Violation;

/// Which export is running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Describe,
    Start,
    Process,
    Flush,
}

/// Everything an instance may touch.
#[derive(Debug)]
pub struct Context {
    pub(super) component: ComponentId,
    pub(super) limits: Limits,
    pub(super) phase: Phase,
    pub(super) declared: Declared,
    pub(super) projector: Option<Projector>,
    pub(super) columns: Columns,
    /// The batch that the columns are of.
    pub(super) batch: Option<Batch>,
    /// Why a column could not be filled: the request's doing and not the guest's.
    pub(super) unreadable: Option<Malformed>,
    /// Columns of values that were filled when they were pulled.
    pulled_late: Vec<usize>,
    /// Bitmaps that were pulled.
    pulled_bitmaps: Vec<&'static str>,
    pub(super) output: Output,
    /// Of several instances, which one.
    pub(super) partition: Option<Partition>,
    pub(super) state: State,
    signal: Signal,
    /// Whether it may emit points whatever its signal is.
    pub(super) connects: bool,
    /// When the call under way was made, or the last one.
    moment: Moment,
    pub(super) expected_memory: usize,
    /// Output metrics by number.
    described: Numbered<Descriptor>,
    /// Bytes of their texts.
    described_bytes: usize,
    /// Explicit bounds for output, by number.
    bounds: Numbered<Bounds>,
    bounds_bytes: usize,
    log: GuestLog,
}

impl Context {
    /// A context for an instance that has not been described yet.
    pub fn new(component: ComponentId, signal: Signal, limits: Limits, state: State) -> Context {
        Context {
            log: GuestLog::new(&component, limits.log_bytes),
            state: state.with_quota(limits.storage_bytes),
            component,
            limits,
            phase: Phase::Describe,
            declared: Declared::default(),
            projector: None,
            columns: Columns::default(),
            batch: None,
            unreadable: None,
            pulled_late: Vec::new(),
            pulled_bitmaps: Vec::new(),
            output: Output::default(),
            partition: None,
            signal,
            connects: false,
            moment: Moment::default(),
            expected_memory: 0,
            described: Numbered::default(),
            described_bytes: 0,
            bounds_bytes: 0,
            bounds: Numbered::default(),
        }
    }

    /// What is not to be told of the component's configuration.
    pub fn hide(&mut self, secrets: &Secrets) {
        self.log.hide(secrets);
    }

    /// Whose context this is.
    pub fn component(&self) -> &ComponentId {
        &self.component
    }

    /// The same with the number of the partition, where there are several.
    pub fn name(&self) -> String {
        match &self.partition {
            None => self.component.to_string(),
            Some(partition) => format!("{}#{}", self.component, partition.number),
        }
    }

    /// What the manifest grants.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    pub(super) fn begin(&mut self, phase: Phase, columns: Columns, moment: Moment) {
        self.phase = phase;
        self.moment = moment;
        self.columns = columns;
        self.batch = None;
        self.unreadable = None;
        self.pulled_late.clear();
        self.pulled_bitmaps.clear();
        self.output = Output::default();
        self.log.begin();
        match phase {
            Phase::Start => self.state.begin_start(),
            _ => self.state.begin(),
        }
        self.state.set_steady(moment.steady);
    }

    /// When the call under way was made, or the last one.
    pub fn moment(&self) -> Moment {
        self.moment
    }

    /// `clock.steady`.
    pub fn steady(&self) -> Result<u64, Violation> {
        if self.phase == Phase::Describe { Err(Violation::Phase("clock")) } else { Ok(self.moment.steady) }
    }

    /// `log.write`.
    pub fn log(&mut self, severity: Severity, message: &str) {
        self.log.write(severity, message);
    }

    /// The call under way has to have ended then, whatever it asks of its state. `None` once it has returned.
    pub fn bound(&mut self, until: Option<Instant>) {
        self.state.bound(until);
    }

    /// Says nothing in the log from now on, or does again.
    pub(super) fn mute(&mut self, muted: bool) {
        self.log.mute(muted);
    }

    /// What a panic of the present call said.
    pub fn take_panic(&mut self) -> Option<String> {
        self.log.take_panic()
    }

    /// Of the instance that this one takes over from, in bytes.
    pub fn expected_memory(&mut self) -> Result<usize, Violation> {
        self.declare()?;
        Ok(self.expected_memory)
    }

    /// The declarations, open inside `describe` only.
    pub fn declare(&mut self) -> Result<&mut Declared, Violation> {
        if self.phase == Phase::Describe { Ok(&mut self.declared) } else { Err(Violation::Phase("projection")) }
    }

    /// The signal of its batches.
    pub fn signal(&self) -> Signal {
        self.signal
    }

    /// The component's storage, for a component that said that it keeps state.
    pub fn storage(&mut self) -> Result<&mut State, Violation> {
        let open = self.phase != Phase::Describe && self.declared.state_format.is_some();
        if open { Ok(&mut self.state) } else { Err(Violation::Phase("storage")) }
    }
}

/// The strings of a blob.
pub fn blob_strings<'b>(
    ends: &'b [u32],
    bytes: &'b [u8],
) -> Result<impl ExactSizeIterator<Item = &'b [u8]> + Clone, Violation> {
    if !ends.is_sorted() || ends.last().map_or(0, |end| *end as usize) != bytes.len() {
        return Err(Violation::Blob);
    }
    let mut start = 0;
    Ok(ends.iter().map(move |end| {
        let string = bytes.get(start..*end as usize).unwrap_or_default();
        start = *end as usize;
        string
    }))
}
