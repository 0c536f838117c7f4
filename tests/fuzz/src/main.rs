//! The fuzzer: libFuzzer around one property of `tests/properties`, named by `OTELIER_FUZZ_TARGET`.
//!
//! One program for all of them, so that a property is one file and one line in their table. Files given as arguments are
//! checked once each; folders are corpora to start from. `cargo xtask fuzz` sets the compiler's flags and all of this.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use otelier_properties::{TARGETS, Target};
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let wanted = std::env::var("OTELIER_FUZZ_TARGET").unwrap_or_default();
    let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    let found = TARGETS.iter().find(|target| target.name == wanted);
    *found.unwrap_or_else(|| panic!("OTELIER_FUZZ_TARGET is {wanted:?} and has to be one of {names:?}"))
});

fuzz_target!(|bytes: &[u8]| (TARGET.check)(bytes));
