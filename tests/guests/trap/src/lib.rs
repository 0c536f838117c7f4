//! A guest that panics in one of its exports: on one row in a million, if `when` says so.

use tally::{Breakage, In, Tally};

#[derive(Debug, Default)]
struct Panic;

impl Breakage for Panic {
    #[allow(clippy::panic)] // What this guest is for.
    #[inline(never)] // Tests look for it on the stack.
    fn happen() -> ! {
        panic!("as the configuration asks for");
    }
}

otelier_sdk::export!(Tally<In<Panic>>);
