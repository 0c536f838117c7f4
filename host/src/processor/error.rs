//! Instances that cannot be made, and calls of which nothing counts: whose doing it was decides what becomes of the batch.

use crate::contract::ComponentId;
use crate::otlp::Malformed;
use crate::otlp::edit::EditError;
use crate::otlp::emit::EmitError;
use crate::storage::told_to_senders;

use super::partition::PartitionError;
use super::state::StateError;
use super::trap::{CallError, TrapReason};

/// An instance that cannot be made, or a call that does not count.
#[derive(Debug, thiserror::Error)]
pub enum InstanceError {
    /// The guest's doing.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The stored state.
    #[error("state of {component}: {source}")]
    State {
        /// The component id.
        component: ComponentId,
        /// What is wrong.
        source: StateError,
    },
    /// A stored dictionary that does not read as one.
    #[error(
        "state of {component}: code {code} of a stored dictionary is out of place or beyond `dictionary_entries`; raise the limit, or restore the store from a backup"
    )]
    Dictionary {
        /// The component id.
        component: ComponentId,
        /// The code.
        code: u32,
    },
    /// Its state is divided in another way.
    #[error(
        "state of {component}: the store has it for {stored} of `instances`{}, and it cannot be divided anew; put back what the plugin's manifest entry had, or give the processor another id, which begins without state",
        if *stored == *asked { " under another `partition_by`".to_owned() } else { format!(", and there are to be {asked}") }
    )]
    Divided {
        /// The component id.
        component: ComponentId,
        /// How many instances have state there.
        stored: u32,
        /// How many there are now.
        asked: u32,
    },
    /// It cannot have several instances like this.
    #[error(transparent)]
    Partition(#[from] PartitionError),
    /// What came before it is not in the store.
    #[error("state cannot be written")]
    NotCommitted,
    /// Its plugin was not compiled.
    #[error("its plugin was not loaded")]
    NotLoaded,
    /// The request's bytes.
    #[error("malformed request at {0}")]
    Malformed(#[from] Malformed),
    /// The request's bytes, found during a call: the instance is of no more use.
    #[error("request that cannot be read at {0}")]
    Unreadable(Malformed),
    /// What was emitted cannot be written.
    #[error("emission that cannot be written: {0}")]
    Emission(#[from] EmitError),
    /// What the plugin asked for cannot be done to this request.
    #[error("edits of {component}: {source}")]
    Edit {
        /// The component id.
        component: ComponentId,
        /// What is wrong.
        source: EditError,
    },
}

impl InstanceError {
    /// Whether the plugin broke: a trap, or results that the host cannot use.
    pub fn is_broken(&self) -> bool {
        matches!(
            self,
            InstanceError::Call(CallError::Trap(_)) | InstanceError::Emission(_) | InstanceError::Edit { .. }
        )
    }

    /// Whether the plugin failed, by breaking or in its own words. What else can fail is the host's: the store, or what it holds.
    pub fn is_of_plugin(&self) -> bool {
        self.is_broken() || matches!(self, InstanceError::Call(_))
    }

    /// Its words where they leave the process: of a store, no more than what its kind of failure is.
    pub fn outside(&self) -> String {
        if self.is_of_plugin() { self.to_string() } else { told_to_senders(&self.to_string()) }
    }

    /// Whether the call took too long.
    pub fn overran(&self) -> bool {
        matches!(self, InstanceError::Call(CallError::Trap(trap)) if trap.reason == TrapReason::Deadline)
    }

    /// The guest's stack where it trapped.
    pub fn stack(&self) -> &str {
        match self {
            InstanceError::Call(CallError::Trap(trap)) => &trap.stack,
            _ => "",
        }
    }
}
