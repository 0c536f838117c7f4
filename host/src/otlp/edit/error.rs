//! Why edits cannot be made.

use crate::otlp::wire::{Fault, Malformed};

/// Edits that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// The request is not the one that was projected.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// Resources were split so often, values so large, or edits so many, that it is out of proportion to what came.
    #[error("the edited request takes more than {0} bytes, or as much work")]
    TooLarge(usize),
}

/// The same before the offset of a fault is known.
#[derive(Debug)]
pub enum Stop {
    /// The request is not the one that was projected.
    Fault(Fault),
    /// More bytes than that.
    TooLarge(usize),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Stop {
        Stop::Fault(fault)
    }
}
