//! Processors as the host sees them, whatever runs them: what a plugin declares, sees, keeps and produces.
//!
//! A [`Processor`] is one living instance. Its [`Context`] answers the imports of the contract (`wit/`); the adapters in `wasm/`
//! and in the benchmark only translate. An [`Instance`] makes each call a transaction around the two.

mod context;
mod declared;
mod dictionaries;
mod error;
mod instance;
mod output;
mod partition;
mod plugin;
mod processed;
mod recorder;
mod secrets;
mod setup;
mod state;
mod succession;
mod telling;
mod telltale;
mod trap;

pub use context::edits::SetAttribute;
pub use context::emission::{Identity, Rows};
pub use context::log::{GuestLog, Severity, cut};
pub use context::rows::{NewKeys, Quantiles};
pub use context::violation::Violation;
pub use context::{Context, blob_strings};
pub use declared::{AnySource, Declared};
pub use error::InstanceError;
pub use instance::{Called, Instance};
pub use output::Output;
pub use partition::{Partition, PartitionError, check as check_partitions, partitions_of};
pub use plugin::{Plugin, Processor, Progress, Stored};
pub use processed::Processed;
pub use secrets::{KeyError, SecretKey, Secrets};
pub use setup::{Setup, describe};
pub use state::steady::stored_steady;
pub use state::{
    Entries, Extent, Kept, Mark, MergeOp, READ_MAX, SNAPSHOT_BYTES_MAX, Snapshot, State, StateError, Watermark,
};
pub use succession::{Candidate, Follower, Fork, Heir, Marked, Standing};
pub use telling::Telling;
pub use trap::{CallError, Trap, TrapReason};
