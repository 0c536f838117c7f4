//! A guest that panics at a row of the value 666 (`when` says so), and declines for good what has one of 667 and none of 666: of a batch
//! with both, a part is declined once the other is found.

use otelier_sdk::{Batch, Failure};
use serde::Deserialize;
use tally::{Tally, Vice};

#[derive(Debug, Default, Deserialize)]
struct Either;

impl Vice for Either {
    fn judge(&self, has: impl Fn(i64) -> bool) -> Result<(), Failure> {
        match has(667) && !has(666) {
            true => Err(Failure::refused("never, as the configuration asks for")),
            false => Ok(()),
        }
    }

    #[allow(clippy::panic)] // What this guest is for.
    fn before_work(&self, _: &mut Batch<'_>) -> Result<(), Failure> {
        panic!("as the configuration asks for");
    }
}

otelier_sdk::export!(Tally<Either>);
