//! A guest that says a great deal when it declines a batch.

use otelier_sdk::{Batch, Failure};
use serde::Deserialize;
use tally::{Tally, Vice};

#[derive(Debug, Default, Deserialize)]
struct Talk;

impl Vice for Talk {
    fn before_work(&self, _: &mut Batch<'_>) -> Result<(), Failure> {
        Err(Failure::refused("never, and so on".repeat(1 << 20)))
    }
}

otelier_sdk::export!(Tally<Talk>);
