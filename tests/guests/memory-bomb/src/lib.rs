//! A guest that allocates until something stops it.

use std::hint::black_box;

use otelier_sdk::{Batch, Failure};
use serde::Deserialize;
use tally::{Tally, Vice};

#[derive(Debug, Default, Deserialize)]
struct Bomb;

impl Vice for Bomb {
    fn before_work(&self, _: &mut Batch<'_>) -> Result<(), Failure> {
        let mut all = Vec::new();
        loop {
            all.push(black_box(vec![1_u8; 1 << 20]));
        }
    }
}

otelier_sdk::export!(Tally<Bomb>);
