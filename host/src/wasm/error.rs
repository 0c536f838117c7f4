//! What a failed call was, in the host's words.

use wasmtime::{Trap, WasmBacktrace};

use crate::contract::ComponentId;
use crate::processor::{CallError, TrapReason, Violation};

/// Sorts an error of the runtime. The guest's stack, which names its functions, goes to the log.
pub(super) fn call_error(component: &ComponentId, error: &wasmtime::Error) -> CallError {
    let detail = error.root_cause().to_string();
    let trap = error.chain().find_map(|cause| cause.downcast_ref::<Trap>()).or_else(|| error.downcast_ref::<Trap>());
    let violation = error.chain().find_map(|cause| cause.downcast_ref()).or_else(|| error.downcast_ref::<Violation>());
    let reason = match trap {
        _ if matches!(violation, Some(Violation::HostCalls(_))) => TrapReason::HostCalls,
        _ if violation.is_some() => TrapReason::Contract,
        Some(Trap::Interrupt) => TrapReason::Deadline,
        Some(Trap::StackOverflow) => TrapReason::Stack,
        Some(Trap::AllocationTooLarge) => TrapReason::Memory,
        // The Store's limiter has no error type of its own.
        None if detail.contains("growing memory") => TrapReason::Memory,
        _ => TrapReason::Other,
    };
    if let Some(stack) = error.downcast_ref::<WasmBacktrace>() {
        tracing::warn!(%component, %reason, detail, "guest stack:\n{stack}");
    }
    CallError::Trap { reason, detail }
}
