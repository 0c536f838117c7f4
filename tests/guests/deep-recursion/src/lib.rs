//! A guest that calls itself until something stops it.

use std::hint::black_box;

use otelier_sdk::{Batch, Failure};
use serde::Deserialize;
use tally::{Tally, Vice};

#[derive(Debug, Default, Deserialize)]
struct Descent;

impl Vice for Descent {
    fn before_work(&self, _: &mut Batch<'_>) -> Result<(), Failure> {
        black_box(descend(0, &mut [0; 64]));
        Ok(())
    }
}

fn descend(depth: u64, above: &mut [u64; 64]) -> u64 {
    let mut frame = [depth; 64];
    if black_box(depth) == u64::MAX {
        return 0;
    }
    above[0] = descend(depth + 1, &mut frame);
    black_box(above[0] + frame[1])
}

otelier_sdk::export!(Tally<Descent>);
