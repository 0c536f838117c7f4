//! A guest that does not return from one of its exports.

use std::hint::black_box;

use tally::{Breakage, In, Tally};

#[derive(Debug, Default)]
struct Loop;

impl Breakage for Loop {
    fn happen() -> ! {
        let mut turns = 0_u64;
        loop {
            turns = black_box(turns.wrapping_add(1));
        }
    }
}

otelier_sdk::export!(Tally<In<Loop>>);
