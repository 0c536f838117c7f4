//! A guest that emits a point under a code that nobody gave out.

use otelier_sdk::{Batch, Failure};
use serde::Deserialize;
use tally::{Shown, Tally, Vice};

#[derive(Debug, Default, Deserialize)]
struct Code;

impl Vice for Code {
    fn after_work(&self, batch: &mut Batch<'_>, shown: &Shown) -> Result<(), Failure> {
        let now = batch.now();
        shown.emit(&mut batch.output(), vec![12_345_678], now);
        Ok(())
    }
}

otelier_sdk::export!(Tally<Code>);
