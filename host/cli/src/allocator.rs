//! mimalloc: how long it keeps what was given back to it.
//!
//! It keeps it for a second, because most of it is asked for again at once. While requests hold much that is too long: what one of them has
//! given back stays in memory beside what the next one takes, and the sum is bounded by nothing.

use std::ffi::{c_int, c_long};

/// `mi_option_purge_delay` of `mimalloc.h`, in versions 2 and 3; the bindings have no name for it.
const PURGE_DELAY: c_int = 15;

/// In milliseconds; the first is what mimalloc does by itself.
const USUAL_MS: c_long = 1000;
const PRESSED_MS: c_long = 10;

/// Gives memory back to the system sooner while requests hold much. That takes processor time: new memory has to be cleared.
pub fn hasten(is_pressed: bool) {
    let delay = if is_pressed { PRESSED_MS } else { USUAL_MS };
    set_delay(delay);
}

#[allow(unsafe_code, reason = "mimalloc is called in C")]
fn set_delay(milliseconds: c_long) {
    // SAFETY: sets one aligned integer in a table of options, which the allocator reads whenever it gives memory back; every value is allowed.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, milliseconds) }
}
