//! What a failed call was, in the host's words.

use wasmtime::{FrameInfo, WasmBacktrace};

use crate::processor::{CallError, Trap, TrapReason, Violation, cut};

/// What Rust puts on the stack between the code that fails and the trap.
const MACHINERY: [&str; 6] = ["core::", "std::", "alloc::", "rustc::", "__rust", "rust_"];

/// Of a guest's text in an error: it is told to senders, stands in the log and in dead letters.
const TEXT_BYTES_MAX: usize = 4096;
/// Of a function's name.
const NAME_BYTES_MAX: usize = 256;

/// A guest's text, as much of it as anybody reads.
pub(super) fn text(text: &str) -> String {
    cut(text, TEXT_BYTES_MAX).to_owned()
}

/// Sorts an error of the runtime. `panic` is what the guest's panic handler said, which is the reason where nothing else is.
pub(super) fn call_error(error: &wasmtime::Error, panic: Option<String>) -> CallError {
    let trap = error.chain().find_map(|cause| cause.downcast_ref()).or_else(|| error.downcast_ref());
    let violation = error.chain().find_map(|cause| cause.downcast_ref()).or_else(|| error.downcast_ref::<Violation>());
    // A violation may have a cause of its own, which does not say what it is the cause of.
    let detail = violation.map_or_else(|| error.root_cause().to_string(), Violation::to_string);
    let reason = match trap {
        _ if matches!(violation, Some(Violation::HostCalls(_))) => TrapReason::HostCalls,
        _ if matches!(violation, Some(Violation::Deadline)) => TrapReason::Deadline,
        _ if violation.is_some() || is_no_text(error) => TrapReason::Contract,
        Some(wasmtime::Trap::Interrupt) => TrapReason::Deadline,
        Some(wasmtime::Trap::StackOverflow) => TrapReason::Stack,
        Some(wasmtime::Trap::AllocationTooLarge) => TrapReason::Memory,
        // The Store's limiter has no error type of its own.
        None if detail.contains("growing memory") => TrapReason::Memory,
        _ => TrapReason::Other,
    };
    let detail = text(&panic.filter(|_| reason == TrapReason::Other).unwrap_or(detail));
    let frames = error.downcast_ref::<WasmBacktrace>().map(WasmBacktrace::frames).unwrap_or_default();
    let mut names: Vec<String> = frames.iter().map(name).collect();
    let is_machinery = |name: &String| MACHINERY.iter().any(|prefix| bare(name).starts_with(prefix));
    let innermost = names.iter().position(|name| !is_machinery(name));
    let function = innermost.and_then(|place| names.get(place)).cloned();
    names.drain(..innermost.unwrap_or(0));
    let stack: Vec<String> = names.iter().enumerate().map(|(depth, name)| format!("{depth:>4}: {name}")).collect();
    let stack = stack.join("\n");
    CallError::Trap(Box::new(Trap { reason, detail, function, stack }))
}

/// Whether a string of the guest is not UTF-8.
fn is_no_text(error: &wasmtime::Error) -> bool {
    error.root_cause().is::<std::str::Utf8Error>()
}

/// A function as its source calls it.
fn name(frame: &FrameInfo) -> String {
    match frame.func_name() {
        // Without the compiler's own hash.
        Some(name) => cut(&format!("{:#}", rustc_demangle::demangle(name)), NAME_BYTES_MAX).to_owned(),
        None => format!("function {}", frame.func_index()),
    }
}

/// `<core::iter::Map<I, F> as …>::next` is of the library as well.
fn bare(name: &str) -> &str {
    name.trim_start_matches('<')
}
