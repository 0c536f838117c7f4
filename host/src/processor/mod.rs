//! Processors as the host sees them, whatever runs them: what a plugin declares, sees, keeps and produces.
//!
//! A [`Processor`] is one living instance. Its [`Context`] answers the imports of the contract (`wit/`); the adapters in `wasm/`
//! and in the benchmark only translate. An [`Instance`] makes each call a transaction around the two.

mod context;
mod declared;
mod dictionaries;
mod instance;
mod output;
mod partition;
mod secrets;
mod setup;
mod state;
mod succession;
mod telling;

pub use context::{
    Context, GuestLog, Identity, NewKeys, Quantiles, Rows, SetAttribute, Severity, Violation, blob_strings, cut,
};
pub use declared::{AnySource, Declared};
pub use instance::{Called, Instance, InstanceError, Processed};
pub use output::Output;
pub use partition::{Partition, PartitionError, check as check_partitions, partitions_of};
pub use secrets::{KeyError, SecretKey, Secrets};
pub use setup::{Setup, describe};
pub use state::{
    Entries, Extent, Mark, READ_MAX, SNAPSHOT_BYTES_MAX, Snapshot, State, StateError, Watermark, stored_steady,
};
pub use succession::{Candidate, Follower, Fork, Heir, Marked, Standing};
pub use telling::Telling;

use crate::contract::Signal;

/// A compiled plugin: makes instances.
pub trait Plugin: Send + Sync {
    /// What tells it from every other version: the SHA-256 of its file, in hexadecimal digits.
    fn version(&self) -> &str;
    /// A fresh instance around a context.
    fn instantiate(&self, context: Context) -> Result<Box<dyn Processor>, CallError>;
}

/// One instance of a plugin. Every function may leave results in the context; the caller decides whether they count.
pub trait Processor: Send {
    /// The instance's end of the imports.
    fn context(&mut self) -> &mut Context;
    /// `processor.describe` of the contract.
    fn describe(&mut self, signal: Signal, config: &str) -> Result<(), CallError>;
    /// `processor.start`.
    fn start(&mut self, previous: Option<Stored>, now: u64) -> Result<(), CallError>;
    /// `processor.process`.
    fn process(&mut self, signal: Signal, now: u64) -> Result<(), CallError>;
    /// `processor.flush`.
    fn flush(&mut self, now: u64, last: bool) -> Result<Progress, CallError>;
    /// How much memory the guest has, in bytes, where it has some of its own.
    fn memory_bytes(&self) -> usize {
        0
    }
    /// Calls may take no longer than this from now on, in milliseconds, where anything ends them at all.
    fn bound_calls(&mut self, _call_ms: u64) {}
}

/// What wrote the stored state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The plugin's own format number.
    pub format: u32,
    /// The configuration, as JSON.
    pub config: String,
}

/// Whether a flush is finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Nothing is left.
    Done,
    /// Call again.
    More,
}

/// A call that does not count.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum CallError {
    /// The guest said so itself.
    #[error("{message}")]
    Failure {
        /// The plugin's words.
        message: String,
        /// Whether the same may succeed later.
        retryable: bool,
    },
    /// The guest broke: a panic, a limit, a contract it did not keep. The instance is of no more use.
    #[error(transparent)]
    Trap(Box<Trap>),
}

/// How a guest broke.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {detail}{}", self.place())]
pub struct Trap {
    /// For a metric's label.
    pub reason: TrapReason,
    /// For a person: the panic's message, or the limit that was reached.
    pub detail: String,
    /// The guest's function that failed, where its file names it.
    pub function: Option<String>,
    /// The guest's functions under way, the innermost first, one a line. Empty where none was.
    pub stack: String,
}

impl Trap {
    /// One whose guest was not running.
    pub fn new(reason: TrapReason, detail: impl Into<String>) -> Box<Trap> {
        Box::new(Trap { reason, detail: detail.into(), function: None, stack: String::new() })
    }

    fn place(&self) -> String {
        self.function.as_ref().map(|function| format!(" (in {function})")).unwrap_or_default()
    }
}

/// Why a call trapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TrapReason {
    /// Longer than its deadline.
    #[error("deadline exceeded, which is `call_timeout` of the manifest")]
    Deadline,
    /// More memory than granted.
    #[error("more memory than `memory_mib` of the manifest grants")]
    Memory,
    /// Too deep.
    #[error("stack overflow")]
    Stack,
    /// More imports than granted.
    #[error("too many host calls")]
    HostCalls,
    /// Results or requests that the contract does not allow.
    #[error("contract violated")]
    Contract,
    /// A panic, or anything else.
    #[error("trapped")]
    Other,
}
