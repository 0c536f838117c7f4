//! mimalloc: how long it keeps what was given back to it.
//!
//! It keeps it for a second, because most of it is asked for again at once. While requests hold much that is too long: what one of them has
//! given back stays in memory beside what the next one takes, and the sum is bounded by nothing.
//!
//! It looks at what it keeps when memory is asked for, so a host that nobody sends to any more would keep a flood's memory for good. A thread
//! of its own asks it to look.

use std::ffi::{c_int, c_long};
use std::io;
use std::time::Duration;

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

/// Between two looks at what is kept.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Has kept memory given back in time from now on, also where none is asked for.
///
/// # Errors
///
/// If no thread can be started.
pub fn keep_looking() -> io::Result<()> {
    std::thread::Builder::new().name("memory".into()).spawn(|| {
        loop {
            std::thread::sleep(LOOK_EVERY);
            look();
        }
    })?;
    Ok(())
}

#[allow(unsafe_code, reason = "mimalloc is called in C")]
fn look() {
    // SAFETY: may be called from any thread at any time; it gives back what was kept longer than the delay.
    unsafe { libmimalloc_sys::mi_collect(false) }
}

#[allow(unsafe_code, reason = "mimalloc is called in C")]
fn set_delay(milliseconds: c_long) {
    // SAFETY: sets one aligned integer in a table of options, which the allocator reads whenever it gives memory back; every value is allowed.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, milliseconds) }
}
