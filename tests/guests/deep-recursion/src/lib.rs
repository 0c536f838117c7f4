//! A guest that calls itself until something stops it.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

use otelier_sdk::{Batch, Failure};
use serde::Deserialize;
use tally::{Tally, Vice};

#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Way {
    /// Nothing in a call has an address: the engine's stack is what ends.
    #[default]
    Stack,
    /// Each call has an array in the guest's memory, where compilers keep what has an address: that ends first.
    Memory,
}

impl Vice for Way {
    fn before_work(&self, _: &mut Batch<'_>) -> Result<(), Failure> {
        match self {
            Way::Stack => black_box(count_down(1)),
            Way::Memory => black_box(descend(0, &mut [0; 64])),
        };
        Ok(())
    }
}

/// So often `count_down` was called. Reaches its end in no time that anybody has; the compiler cannot know.
static CALLS: AtomicU64 = AtomicU64::new(0);

/// What it does with the result of its own call keeps it from becoming a loop.
#[inline(never)]
fn count_down(depth: u64) -> u64 {
    if CALLS.fetch_add(1, Ordering::Relaxed) == u64::MAX {
        return depth;
    }
    let below = count_down(depth.wrapping_mul(3));
    below.rotate_left(7).wrapping_mul(depth | 1) ^ CALLS.load(Ordering::Relaxed)
}

fn descend(depth: u64, above: &mut [u64; 64]) -> u64 {
    let mut frame = [depth; 64];
    if black_box(depth) == u64::MAX {
        return 0;
    }
    above[0] = descend(depth + 1, &mut frame);
    black_box(above[0] + frame[1])
}

otelier_sdk::export!(Tally<Way>);
