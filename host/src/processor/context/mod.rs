//! The host's end of a plugin's imports: what a call may read, keep and produce.
//!
//! Adapters translate; every rule of the contract is kept here. A [`Violation`] is the guest's mistake and ends the call as a trap.

mod edits;
mod emission;
mod log;
mod results;
mod rows;
mod violation;

use crate::contract::{Batch, ComponentId, Limits, Signal};
use crate::otlp::Malformed;
use crate::otlp::columns::Columns;
use crate::otlp::descriptors::Descriptor;
use crate::otlp::projection::Projector;

use super::declared::Declared;
use super::output::Output;
use super::partition::Partition;
use super::state::State;

pub use edits::SetAttribute;
pub use emission::{Identity, Rows};
pub use log::{GuestLog, Severity};
pub use rows::{NewKeys, Quantiles};
pub use violation::Violation;

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
    /// Output metrics by number.
    described: Vec<Descriptor>,
    /// Bytes of their texts.
    described_bytes: usize,
    /// Explicit bounds for output, by number.
    bounds: Vec<std::sync::Arc<[f64]>>,
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
            described: Vec::new(),
            described_bytes: 0,
            bounds_bytes: 0,
            bounds: Vec::new(),
        }
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

    pub(super) fn begin(&mut self, phase: Phase, columns: Columns) {
        self.phase = phase;
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
    }

    /// `log.write`.
    pub fn log(&mut self, severity: Severity, message: &str) {
        self.log.write(severity, message);
    }

    /// Says nothing in the log from now on, or does again.
    pub(super) fn mute(&mut self, muted: bool) {
        self.log.mute(muted);
    }

    /// What a panic of the present call said.
    pub fn take_panic(&mut self) -> Option<String> {
        self.log.take_panic()
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
pub fn blob_strings<'b>(ends: &[u32], bytes: &'b [u8]) -> Result<Vec<&'b [u8]>, Violation> {
    let mut start = 0;
    let mut strings = Vec::with_capacity(ends.len());
    for end in ends {
        let end = *end as usize;
        strings.push(bytes.get(start..end).ok_or(Violation::Blob)?);
        start = end;
    }
    if start == bytes.len() { Ok(strings) } else { Err(Violation::Blob) }
}
