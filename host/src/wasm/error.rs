//! What a failed call was, in the host's words.

use wasmtime::Trap;

use crate::processor::{CallError, TrapReason, Violation};

/// Sorts an error of the runtime. The detail keeps the guest's stack, which names its functions.
pub(super) fn call_error(error: &wasmtime::Error) -> CallError {
    let reason = if error.downcast_ref::<Violation>().is_some() {
        TrapReason::Contract
    } else {
        match error.downcast_ref::<Trap>() {
            Some(Trap::Interrupt) => TrapReason::Deadline,
            Some(Trap::StackOverflow) => TrapReason::Stack,
            Some(Trap::AllocationTooLarge) => TrapReason::Memory,
            // The Store's limiter has no error type of its own.
            None if format!("{error:#}").contains("growing memory") => TrapReason::Memory,
            _ => TrapReason::Other,
        }
    };
    CallError::Trap { reason, detail: format!("{error:#}") }
}
