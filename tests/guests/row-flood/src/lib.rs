//! A guest that emits more points than any limit allows.

use otelier_sdk::{Batch, Failure, NO_KEY};
use serde::Deserialize;
use tally::{Shown, Tally, Vice};

#[derive(Debug, Default, Deserialize)]
struct Flood;

impl Vice for Flood {
    fn after_work(&self, batch: &mut Batch<'_>, shown: &Shown) -> Result<(), Failure> {
        let now = batch.now();
        for _ in 0..100 {
            shown.emit(&mut batch.output(), vec![NO_KEY; 1 << 20], now);
        }
        Ok(())
    }
}

otelier_sdk::export!(Tally<Flood>);
